"""Funding and liquidation at the paper broker: pure, so that a replay books them again from what the record says.

funding ──► what was held at its settlement pays or earns, once
mark    ──► a margin that no longer covers its maintenance ──► its open orders cancelled, the position closed at the mark
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from engine.brokers.broker import Book, Effects, traded
from engine.brokers.execution import claimed
from engine.brokers.margined import contract_of
from engine.core.account import PerpPosition
from engine.core.bookkeeping import FundingSettled, Liquidated, OrderMoved
from engine.core.ids import instant_id
from engine.core.market import Funding
from engine.core.order import OrderStatus
from engine.exchange import Booking, PerpTerms, apply_booking, book_payment, funding_payment, liquidate, must_liquidate

LIQUIDATED = "LIQUIDATED"
"""The code of orders that a liquidation withdraws."""


def held_at(book: Book, instrument: str, at: datetime) -> int:
    """The signed quantity held at `at`: what is held now less what was traded since.

    A trade at that very instant counts: the fills of a bar carry the instant at which it ended.
    """
    position = book.account.perps.get(instrument)
    now = position.quantity if position is not None else 0
    return now - sum(signed for when, signed in book.trades.get(instrument, ()) if when > at)


def funding_settled(
    desk: str, book: Book, instrument: str, at: datetime, mark: int, rate_e8: int, hours: int
) -> FundingSettled | None:
    """What a settlement books: cash pays first, then the margin; None where nothing was held then or it is booked already."""
    held = held_at(book, instrument, at)
    last = book.settled.get(instrument)
    if not held or (last is not None and last >= at):
        return None
    position = book.account.perps.get(instrument)
    amount = funding_payment(PerpPosition(instrument, held, 0, 0), mark, rate_e8)
    spendable = replace(book.account, cash=book.account.cash - book.account.reserved)
    booking = book_payment(spendable, position or PerpPosition(instrument, 0, 0, 0), amount)
    perps = booking.perps if position is not None else ()
    name = instant_id(desk, instrument, "funding", at)
    return FundingSettled(desk, name, instrument, at, mark, rate_e8, hours, perps, booking.postings)


def after_funding(book: Book, record: FundingSettled) -> Book:
    """The book once a settlement is booked."""
    account = apply_booking(book.account, Booking((), record.postings, perps=record.perps))
    return replace(book, account=account, settled={**book.settled, record.instrument: record.at})


def settle(desk: str, book: Book, fundings: Sequence[Funding]) -> Effects:
    """Every settlement that is due and not yet booked, oldest first."""
    records: list[FundingSettled] = []
    for due in sorted(fundings, key=lambda funding: (funding.at, funding.symbol)):
        record = funding_settled(desk, book, due.symbol, due.at, due.mark, due.rate_e8, due.hours)
        if record is not None:
            records.append(record)
            book = after_funding(book, record)
    return Effects(tuple(records), book)


def liquidated(desk: str, terms: PerpTerms, book: Book, instrument: str, at: datetime, mark: int, day: date) -> Liquidated | None:
    """What the exchange closes at this mark; None where nothing is held or its margin suffices."""
    position = book.account.perps.get(instrument)
    if position is None:
        return None
    contract = contract_of(terms, instrument)
    if not must_liquidate(position, contract, mark):
        return None
    booking = liquidate(position, contract, mark).booking
    name = instant_id(desk, instrument, "liquidation", at)
    return Liquidated(desk, name, instrument, at, mark, day, booking.perps, booking.postings)


def after_liquidation(book: Book, record: Liquidated) -> Book:
    """The book once a liquidation is booked."""
    gone = book.account.perps[record.instrument].quantity
    account = apply_booking(book.account, Booking((), record.postings, perps=record.perps))
    return traded(replace(book, account=account), record.instrument, record.at, -gone)


def watch_margins(desk: str, terms: PerpTerms, book: Book, marks: Mapping[str, int], at: datetime, day: date) -> Effects:
    """Liquidate what must be at these marks (price units); a name without a mark is not looked at."""
    records: list[OrderMoved | Liquidated] = []
    for instrument in sorted(book.account.perps):
        record = liquidated(desk, terms, book, instrument, at, mark, day) if (mark := marks.get(instrument, 0)) else None
        if record is None:
            continue
        # An open order would open again what the exchange has just closed.
        orders = [order_id for order_id, item in book.working.items() if item.order.instrument == instrument]
        records += [OrderMoved(order_id, desk, OrderStatus.CANCELLED, LIQUIDATED) for order_id in orders]
        working = {order_id: item for order_id, item in book.working.items() if order_id not in orders}
        book = claimed(after_liquidation(replace(book, working=working), record))
        records.append(record)
    return Effects(tuple(records), book)
