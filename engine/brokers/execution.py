"""From a print to booked fills: the pure half of the paper broker, which a replay runs again from what the ledger recorded.

working order + PrintMet ──► matching kernel ──► quantity, price ──► fees by date ──► tax on dividends ──► Filled + the book after
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from engine.brokers.broker import Book, Working, traded
from engine.brokers.margined import book_margined, reservation
from engine.core.bookkeeping import Filled, PrintMet
from engine.core.errors import KanpanError, RuleUnknown
from engine.core.ids import fill_id
from engine.core.instrument import Board, Instrument
from engine.core.order import OPEN_STATUSES, Fill, OrderStatus, OrderType, Side
from engine.core.units import Market
from engine.exchange import (
    Booking,
    Calendar,
    Charged,
    FeeSchedule,
    PerpTerms,
    apply_booking,
    book_fill,
    fees,
    kernel,
    settles_on,
    worst_case_cost,
)
from engine.exchange.corporate import CorporateAction, book_sale_tax
from engine.exchange.fees import plus


@dataclass(frozen=True, slots=True)
class Venue:
    """What does not change during a desk's life: its instruments, calendar, fee schedule, and its terms for perpetuals if any."""

    desk: str
    instruments: Mapping[str, Instrument]
    calendar: Calendar
    schedule: FeeSchedule
    perps: PerpTerms | None = None

    def terms_of(self, instrument: Instrument) -> PerpTerms | None:
        """The terms on which an instrument trades on margin; None where it trades against cash."""
        return self.perps if instrument.board is Board.PERP else None


_KINDS = {OrderType.MARKET: kernel.MARKET, OrderType.LIMIT: kernel.LIMIT, OrderType.STOP: kernel.STOP}


def meet(working: Working, met: PrintMet) -> tuple[int, int]:
    """How much of an order trades at a print, and at what price; (0, 0) when nothing does."""
    order = working.order
    side = kernel.BUY if order.side is Side.BUY else kernel.SELL
    kind, up, down = _KINDS[order.order_type], met.limit_up, met.limit_down
    if met.kind == "auction":
        quantity, price, _ = kernel.match_print(
            side, kind, working.remaining, order.limit_price, order.stop_price, met.close, met.available, up, down, met.lot
        )
        return quantity, price
    prices = (met.open, met.high, met.low, met.close)
    quantity, price, _ = kernel.match_bar(
        side,
        kind,
        working.remaining,
        order.limit_price,
        order.stop_price,
        *prices,
        met.available,
        up,
        down,
        met.slippage,
        met.lot,
    )
    return quantity, price


def execute(
    venue: Venue, book: Book, working: Working, met: PrintMet, day: date, at: datetime, source: str
) -> tuple[Filled, Book] | None:
    """The fill of one order at one print with its whole booking; None when nothing trades or the books cannot take it."""
    quantity, price = meet(working, met)
    if not quantity:
        return None
    order, instrument = working.order, venue.instruments[working.order.instrument]
    charge = fees(instrument, order.side, price, quantity, day, venue.schedule, working.charged)
    fill = Fill(
        fill_id=fill_id(order.order_id, working.fills + 1),
        order_id=order.order_id,
        desk=order.desk,
        cycle_id=order.cycle_id,
        instrument=order.instrument,
        side=order.side,
        quantity=quantity,
        price=price,
        notional=instrument.units.notional(price, quantity),
        fees=charge,
        trading_day=day,
        at=at,
        source=source,
    )
    terms = venue.terms_of(instrument)
    try:
        if terms is not None:
            booking = book_margined(terms, book, fill)
        else:
            booking = _with_tax(book, fill, book_fill(book.account, fill, sellable_on=settles_on(instrument, day, venue.calendar)))
        account = apply_booking(book.account, booking)
    except KanpanError:
        return None  # the books cannot take it: no fill, the order stays and expires
    moved = replace(book, account=account)
    after = _advanced(venue, moved, working, fill, instrument)
    open_orders = {key: value for key, value in book.working.items() if key != order.order_id}
    if after.status in OPEN_STATUSES:
        open_orders[order.order_id] = after
    if terms is not None:
        moved = traded(moved, order.instrument, at, quantity if order.side is Side.BUY else -quantity)
    filled = Filled(fill, after.status, after.reserved, booking.lots, booking.postings, met, booking.perps)
    return filled, claimed(replace(moved, working=open_orders))


def _advanced(venue: Venue, book: Book, working: Working, fill: Fill, instrument: Instrument) -> Working:
    order, before = working.order, working.charged
    charged = Charged(before.quantity + fill.quantity, before.notional + fill.notional, plus(before.fees, fill.fees))
    remaining = working.remaining - fill.quantity
    reserved = 0
    terms = venue.terms_of(instrument)
    if remaining and terms is not None:
        reserved = _still_reserved(venue.schedule, terms, book, working, instrument, remaining)
    elif remaining and order.side is Side.BUY:
        # What was held back covered the whole order at its dearest; what is spent of it is free of it.
        reserved = max(0, working.reserved - fill.notional - fill.fees.total)
        if order.limit_price:
            whole = worst_case_cost(instrument, order.quantity, order.limit_price, order.trading_day, venue.schedule)
            reserved = max(0, whole - charged.notional - charged.fees.total)
    status = OrderStatus.PARTIALLY_FILLED if remaining else OrderStatus.FILLED
    filled = working.filled + fill.quantity
    return replace(working, status=status, filled=filled, fills=working.fills + 1, reserved=reserved, charged=charged)


def _still_reserved(
    schedule: FeeSchedule, terms: PerpTerms, book: Book, working: Working, instrument: Instrument, remaining: int
) -> int:
    """For the rest of an order in a perpetual: what it would open from here, as far as free cash goes."""
    others = sum(item.reserved for key, item in book.working.items() if key != working.order.order_id)
    try:
        needed = reservation(terms, schedule, book, instrument, working.order, remaining)
    except RuleUnknown:
        return 0  # beyond the brackets from here on: it will not fill
    return min(needed, book.account.cash - others)


def _with_tax(book: Book, fill: Fill, booking: Booking) -> Booking:
    """A sale of A shares pays the tax on dividends received since the purchase (财税〔2015〕101号), as part of the same booking."""
    actions = book.actions.get(fill.instrument, ())
    if fill.side is not Side.SELL or not actions:
        return booking
    tax = book_sale_tax(book.account, booking, fill.instrument, fill.trading_day, actions)
    return Booking(booking.lots, (*booking.postings, *tax.postings), booking.realized)


def with_action(book: Book, action: CorporateAction) -> Book:
    """Remember a distribution for as long as a lot that received it is held."""
    known = book.actions.get(action.symbol, ())
    return replace(book, actions={**book.actions, action.symbol: (*known, action)})


def claimed(book: Book) -> Book:
    """The book with its reservations and claims counted again from the open orders."""
    reserved = sum(item.reserved for item in book.working.values())
    claims: dict[str, int] = {}
    for item in book.working.values():
        if item.order.side is Side.SELL:
            claims[item.order.instrument] = claims.get(item.order.instrument, 0) + item.remaining
    return replace(book, account=replace(book.account, reserved=reserved, pending_sells=claims))


def lot_of(instrument: Instrument) -> int:
    """Partial fills come in whole lots, as they do where the other side's orders are whole lots."""
    return 100 if instrument.market is Market.ASHARE else instrument.step
