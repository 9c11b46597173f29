"""What came after a past cycle, booked again: the fills of its orders from the prints they met, and distributions."""

from __future__ import annotations

from engine.brokers import Fold, execute
from engine.brokers.fold import action_of
from engine.core.journal import Adjusted, Filled
from engine.exchange.corporate import book_dividend
from engine.replay.past import Past
from engine.store.codec import encode


def check_fill(past: Past, fold: Fold, record: Filled) -> None:
    """Execute a fill again: the print that it recorded against the order as the books before it held it."""
    fill = record.fill
    if past.venue is None:
        return
    working = fold.book.working.get(fill.order_id)
    if working is None:
        past.differ("fill", fill.fill_id, "the order was not working")
        return
    again = execute(past.venue, fold.book, working, record.met, fill.trading_day, fill.at, fill.source)
    computed = "no fill" if again is None else encode(again[0]).text
    past.same("fill", encode(record).text, computed)


def check_distribution(latest: Past, fold: Fold, record: Adjusted) -> None:
    """Book a distribution again; a difference is told with the latest cycle, since no cycle caused it."""
    booking = book_dividend(fold.book.account, action_of(record))
    latest.same("distribution", record.postings, booking.postings)
    latest.same("distribution lots", record.lots, booking.lots)
