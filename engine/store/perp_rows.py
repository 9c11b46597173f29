"""What the journal says of perpetuals: positions on margin, funding, liquidations; each change held against its postings."""

from __future__ import annotations

from engine.core.errors import LedgerError
from engine.store.codec import Payload
from engine.store.rows import Rows

_MARGIN = "margin:"


class Perpetuals:
    """The rows of a desk's perpetuals inside one transaction. `moved` is always what each posting account moved by."""

    def __init__(self, perps: Rows, fundings: Rows, liquidations: Rows) -> None:
        self._perps, self._fundings, self._liquidations = perps, fundings, liquidations

    def change(self, seq: int, desk: str, changes: list[Payload], moved: dict[str, int]) -> dict[str, int]:
        """Set the positions; their margins must move exactly as the margin accounts did. Returns the signed quantity moved."""
        quantities: dict[str, int] = {}
        margins = {account[len(_MARGIN) :]: amount for account, amount in moved.items() if account.startswith(_MARGIN)}
        for change in changes:
            instrument, quantity, entry, margin = change["instrument"], change["quantity"], change["entry"], change["margin"]
            if entry < 0 or margin < 0 or (quantity == 0 and (entry or margin)):
                raise LedgerError(
                    f"a perpetual {instrument} cannot hold {quantity} units entered at {entry} on a margin of {margin}"
                )
            old = self._perps.get(desk, instrument)
            had, kept = (old[2], old[4]) if old is not None else (0, 0)
            quantities[instrument] = quantities.get(instrument, 0) + quantity - had
            margins[instrument] = margins.get(instrument, 0) - (margin - kept)
            if quantity:
                self._perps.put(desk, instrument, quantity, entry, margin, seq)
            elif old is not None:
                self._perps.drop(desk, instrument)
        for instrument, difference in margins.items():
            if difference:
                raise LedgerError(f"margins and books of {desk} {instrument} differ by {difference} units")
        return quantities

    def settled(self, seq: int, p: Payload, moved: dict[str, int]) -> None:
        """Funding moves cash and margin, never a quantity."""
        quantities = self.change(seq, p["desk"], p["perps"], moved)
        if any(quantities.values()):
            raise LedgerError(f"funding {p['settlement_id']} moves a quantity: {quantities}")
        paid = -moved.get(f"funding:{p['instrument']}", 0)
        self._fundings.add(p["settlement_id"], p["desk"], p["instrument"], p["at"], p["mark"], p["rate_e8"], p["hours"], paid, seq)

    def liquidated(self, seq: int, p: Payload, moved: dict[str, int]) -> None:
        """A liquidation closes the whole of one position."""
        desk, instrument = p["desk"], p["instrument"]
        old = self._perps.get(desk, instrument)
        quantities = self.change(seq, desk, p["perps"], moved)
        if old is None or quantities != {instrument: -old[2]}:
            raise LedgerError(f"liquidation {p['liquidation_id']} does not close what is held: it moves {quantities}")
        gain, fee = -moved.get(f"realized:{instrument}", 0), moved.get("fees:liquidation", 0)
        self._liquidations.add(
            p["liquidation_id"], desk, instrument, p["at"], p["mark"], p["trading_day"], old[2], old[3], old[4], gain, fee, seq
        )
