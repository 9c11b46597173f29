"""Perpetuals as the contract's records: each position with its side, margin and where it dies, and what funding came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core.account import PerpPosition
from engine.core.units import Units, from_units, plain
from engine.exchange import Contract, liquidation_price
from engine.store import Books

Json = dict[str, Any]
Contracts = Mapping[str, Contract]
"""A desk's contracts by symbol, which alone tell liquidation prices; none where nobody knows the desk's terms."""
NO_CONTRACTS: Contracts = {}


def perp_records(books: Books, desk: str, units: Units, contracts: Contracts) -> list[Json]:
    """Every perpetual held, at its last recorded mark; quantities and weights of short ones are below zero."""
    marks = books.marks(desk)
    perps = books.account(desk).perps
    return [_record(perp, marks.get(symbol, 0), units, contracts.get(symbol)) for symbol, perp in sorted(perps.items())]


def _record(perp: PerpPosition, mark: int, units: Units, contract: Contract | None) -> Json:
    size = abs(perp.quantity)
    dies = liquidation_price(perp, contract) if contract is not None else 0
    return {
        "instrument": perp.instrument,
        "side": "long" if perp.quantity > 0 else "short",
        "quantity": plain(perp.quantity, units.quantity, places=0),
        "leverage": f"{from_units(perp.entry * 100 // perp.margin, 100):.1f}" if perp.margin else None,
        "entry_price": plain(entry_price(perp, units), units.price),
        "mark": plain(mark, units.price) if mark else None,
        "liquidation_price": plain(dies, units.price) if dies else None,
        "notional": plain(units.notional(mark, size) if mark else perp.entry, units.money),
        "margin": plain(perp.margin, units.money),
        "market_value": plain(perp.worth(mark), units.money),
        "unrealized_pnl": plain(perp.unrealized(mark) if mark else 0, units.money),
    }


def entry_price(perp: PerpPosition, units: Units) -> int:
    """What a unit was entered at on average, in price units."""
    return perp.entry * units.price * units.quantity // (abs(perp.quantity) * units.money)


def margin_fields(books: Books, desk: str, units: Units) -> Json:
    """What an account of perpetuals says beside any other: margin set aside, funding (below zero: paid), liquidations.

    Nothing for an account that never had any of them.
    """
    perps = books.account(desk).perps
    fundings, closed = books.funding_received(desk), books.liquidations(desk, limit=10_000)
    if not perps and not fundings and not closed:
        return {}
    return {
        "margin": plain(sum(perp.margin for perp in perps.values()), units.money),
        "funding": plain(fundings, units.money),
        "liquidations": len(closed),
    }
