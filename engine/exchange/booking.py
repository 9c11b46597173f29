"""Double entry for everything that moves an account: opening, fills, flows; shared by the paper broker and by replay.

fill -> Booking(lots, perpetuals after, postings that sum to zero, realized) -> apply_booking -> account, conserved() always 0

Signs: a posting adds its amount to its account. A purchase takes N + F from cash, puts N into the position and F into fees; a sale
brings N - F to cash, takes the lots' cost C out of the position and books the gain N - C as minus that amount in `realized`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from engine.core.account import Account, Lot, PerpPosition, Position
from engine.core.bookkeeping import LotChange, PerpChange, Posting
from engine.core.errors import KanpanError
from engine.core.order import Fees, Fill, Side
from engine.core.units import UNITS, Market


class BookingRefused(KanpanError):
    """The books cannot take this: more sold than held, or cash that would go below zero."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What one event does to the books: lots and perpetuals as they stand afterwards, postings that sum to zero, gain realized."""

    lots: tuple[LotChange, ...]
    postings: tuple[Posting, ...]
    realized: int = 0
    perps: tuple[PerpChange, ...] = ()

    def __post_init__(self) -> None:
        """Raises BookingRefused when the postings do not balance."""
        if sum(posting.amount for posting in self.postings) != 0:
            raise BookingRefused(f"postings do not sum to zero: {self.postings}")


def open_account(desk: str, market: Market, cash: int) -> tuple[Posting, ...]:
    """The postings that open a desk's account with `cash` money units. Raises BookingRefused unless cash is positive."""
    if cash <= 0:
        raise BookingRefused(f"{desk}: an account opens with positive cash, not {cash} {UNITS[market].currency} units")
    return (Posting("cash", cash), Posting("capital", -cash))


def new_account(desk: str, market: Market, cash: int) -> Account:
    """The account that `open_account` opens."""
    open_account(desk, market, cash)
    return Account(desk=desk, currency=UNITS[market].currency, cash=cash, initial_cash=cash, fees=0, realized=0)


def book_fill(account: Account, fill: Fill, *, sellable_on: date) -> Booking:
    """Book one execution of a long-only account: a purchase makes one lot, a sale uses up the oldest sellable lots (FIFO).

    `sellable_on` is the day from which a bought lot may be sold (settlement.settles_on). A fee in the base asset (spot purchases)
    shrinks the lot and leaves its cost whole. Raises BookingRefused for overselling and for cash below zero.
    """
    if fill.quantity <= 0 or fill.price <= 0 or fill.notional < 0:
        raise BookingRefused(f"{fill.fill_id}: a fill needs a positive quantity and price")
    booking = _purchase(fill, sellable_on) if fill.side is Side.BUY else _sale(account, fill)
    left = account.cash + cash_of(booking.postings)
    # A sale worth less than its five-yuan commission must not eat what open purchases have reserved.
    floor = account.reserved if fill.side is Side.SELL and cash_of(booking.postings) < 0 else 0
    if left < floor:
        raise BookingRefused(f"{fill.fill_id}: cash would fall to {left} units, {floor} are needed")
    return booking


def _purchase(fill: Fill, sellable_on: date) -> Booking:
    received = fill.quantity - fill.fees.base
    if received <= 0:
        raise BookingRefused(f"{fill.fill_id}: the fee takes the whole purchase")
    lot = LotChange(fill.fill_id, fill.instrument, received, fill.notional, fill.trading_day, sellable_on)
    postings = (
        Posting("cash", -fill.notional - fill.fees.total),
        Posting(f"position:{fill.instrument}", fill.notional),
        *fee_postings(fill.fees),
    )
    return Booking((lot,), postings)


def _sale(account: Account, fill: Fill) -> Booking:
    position = account.positions.get(fill.instrument)
    settled = position.settled(fill.trading_day) if position is not None else 0
    if position is None or fill.quantity > settled:
        raise BookingRefused(f"{fill.fill_id}: sells {fill.quantity} of {fill.instrument}, {settled} settled")
    changes, cost = take_lots(fill.instrument, position.lots, fill.quantity, fill.trading_day)
    gain = fill.notional - cost
    postings = (
        Posting("cash", fill.notional - fill.fees.total),
        Posting(f"position:{fill.instrument}", -cost),
        Posting(f"realized:{fill.instrument}", -gain),
        *fee_postings(fill.fees),
    )
    return Booking(changes, postings, gain)


def take_lots(instrument: str, lots: Sequence[Lot], quantity: int, day: date) -> tuple[tuple[LotChange, ...], int]:
    """The lots as they stand once `quantity` is taken from the oldest that are sellable on `day`, and the cost taken out.

    A part of a lot carries its share of the cost rounded down; the last part carries all the rest, so no unit is lost.
    """
    changes: list[LotChange] = []
    cost = 0
    wanted = quantity
    for lot in lots:
        if wanted == 0:
            break
        if lot.sellable_on > day:
            continue
        taken = min(wanted, lot.quantity)
        part = lot.cost * taken // lot.quantity
        cost += part
        wanted -= taken
        changes.append(LotChange(lot.lot_id, instrument, lot.quantity - taken, lot.cost - part, lot.bought_on, lot.sellable_on))
    if wanted:
        raise BookingRefused(f"{instrument}: {wanted} more wanted than the lots hold on {day}")
    return tuple(changes), cost


def fee_postings(fees: Fees) -> tuple[Posting, ...]:
    """One posting for each kind of fee that is not zero."""
    kinds = ("commission", "stamp", "transfer", "handling", "regulatory")
    return tuple(Posting(f"fees:{kind}", getattr(fees, kind)) for kind in kinds if getattr(fees, kind))


def book_flow(account: Account, kind: str, amount: int) -> Booking:
    """Money that comes (positive) or goes for another reason than a fill; `kind` is `tax:dividend`, `funding:SYMBOL`, `capital`.

    Raises BookingRefused when cash would fall below zero.
    """
    if account.cash + amount < 0:
        raise BookingRefused(f"{kind}: {amount} units would take cash below zero")
    return Booking((), (Posting("cash", amount), Posting(kind, -amount)) if amount else ())


def cash_of(postings: Sequence[Posting]) -> int:
    """What the postings add to cash."""
    return _total(postings, "cash")


def _total(postings: Sequence[Posting], name: str) -> int:
    return sum(posting.amount for posting in postings if posting.account.partition(":")[0] == name)


_OWN = ("cash", "position", "fees", "realized", "margin")


def apply_booking(account: Account, booking: Booking) -> Account:
    """The account after a booking. Fees and gains go to their totals, margin to its position, every other account is a flow."""
    positions = dict(account.positions)
    for change in booking.lots:
        held = positions.get(change.instrument, Position(change.instrument, ()))
        lots = _with_change(held.lots, change)
        if lots:
            positions[change.instrument] = replace(held, lots=lots)
        else:
            positions.pop(change.instrument, None)
    postings = booking.postings
    return replace(
        account,
        cash=account.cash + cash_of(postings),
        fees=account.fees + _total(postings, "fees"),
        realized=account.realized - _total(postings, "realized"),
        flows=account.flows - sum(p.amount for p in postings if p.account.partition(":")[0] not in _OWN),
        positions=positions,
        perps=_with_perps(account.perps, booking.perps) if booking.perps else account.perps,
    )


def _with_change(lots: tuple[Lot, ...], change: LotChange) -> tuple[Lot, ...]:
    fresh = Lot(change.lot_id, change.quantity, change.cost, change.bought_on, change.sellable_on)
    if any(lot.lot_id == change.lot_id for lot in lots):
        lots = tuple(fresh if lot.lot_id == change.lot_id else lot for lot in lots)
    else:
        lots = (*lots, fresh)
    return tuple(lot for lot in lots if lot.quantity)


def _with_perps(perps: Mapping[str, PerpPosition], changes: Sequence[PerpChange]) -> dict[str, PerpPosition]:
    after = dict(perps)
    for change in changes:
        if change.quantity:
            after[change.instrument] = PerpPosition(change.instrument, change.quantity, change.entry, change.margin)
        else:
            after.pop(change.instrument, None)
    return after


def conserved(account: Account) -> int:
    """cash + positions at cost + margin + fees - realized - initial - flows: 0 as long as nothing was lost or made up."""
    held = account.margin + sum(position.cost for position in account.positions.values())
    return account.cash + held + account.fees - account.realized - account.initial_cash - account.flows
