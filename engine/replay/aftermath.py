"""What came after a past cycle, booked again: fills from the prints they met, distributions, funding, liquidations."""

from __future__ import annotations

from engine.brokers import Fold, execute
from engine.brokers.fold import action_of
from engine.brokers.settling import funding_settled, liquidated
from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated
from engine.core.errors import KanpanError
from engine.exchange.corporate import book_dividend
from engine.replay.past import Past
from engine.replay.sources import Sources
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


def check_funding(latest: Past, fold: Fold, record: FundingSettled) -> None:
    """Settle funding again, from the rate and mark that the record names and what the books before it held."""
    again = funding_settled(record.desk, fold.book, record.instrument, record.at, record.mark, record.rate_e8, record.hours)
    latest.same("funding", encode(record).text, "nothing due" if again is None else encode(again).text)


def check_liquidation(latest: Past, sources: Sources, fold: Fold, record: Liquidated) -> None:
    """Liquidate again, at the mark that the record names and on the terms then in force: it had to be, and cost this."""
    try:
        terms = sources.mandate_in_force().perps
        if terms is None:
            latest.differ("liquidation", record.liquidation_id, "a desk without perpetuals")
            return
        again = liquidated(record.desk, terms, fold.book, record.instrument, record.at, record.mark, record.trading_day)
    except KanpanError as error:
        latest.differ("liquidation", record.liquidation_id, str(error))
        return
    latest.same("liquidation", encode(record).text, "margin suffices" if again is None else encode(again).text)
