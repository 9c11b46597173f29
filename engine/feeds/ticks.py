"""From two looks at a market to what happened between them: rows that changed, and the volume that traded from one to the next.

table of a poll + rows of the poll before ──► Quote by symbol ──► QuoteEvent (with the print that lies between, if any)

A poll says what traded since the last one and at which price it stands now, not how it got there. So the print between two polls is
one price, the newest, with the volume by which the day's total grew: nothing is filled at a price that nobody was seen to trade.
Where volume is no running total of the day (crypto tells the last 24 hours), polls make no prints; closed bars do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from engine.core.market import Bar, Quote
from engine.core.units import Market
from engine.exchange import Phase, calendar
from engine.feeds.remembered import ARRIVED
from engine.feeds.tape import QuoteEvent

BETWEEN_POLLS = "poll"
"""The interval that the bar between two polls carries."""
RUNNING_TOTALS = frozenset({Market.ASHARE, Market.US})
"""Markets whose quotes tell the volume of the session so far."""

_COLUMNS = (
    *("symbol", "name", "trading_day", "last", "pre_close", "open", "high", "low", "volume", "amount"),
    *("bid", "ask", "bid_size", "ask_size", "limit_up", "limit_down", "suspended", "source", "turnover_ppm"),
)
_BEFORE_OPENING_PRINT = frozenset({Phase.CLOSED, Phase.OPEN_CALL, Phase.OPEN_CALL_NO_CANCEL})
_AFTER_CLOSING_CALL = frozenset({Phase.CLOSED, Phase.AFTER_HOURS_FIXED})


def said_at(table: pl.DataFrame, arrived: datetime) -> datetime:
    """How far the source's own clock had come: the newest time in its rows, never later than when they arrived.

    A source that lags says so in its rows; what arrived just now may still be old.
    """
    newest = table["known_at"].max()
    return min(newest.astimezone(UTC), arrived) if isinstance(newest, datetime) else arrived


def recalled(remembered: pl.DataFrame, day: date, now: datetime) -> dict[str, Quote]:
    """Remembered rows (remembered.REMEMBERED) of the session `day` as quotes by symbol, each as old as the look that brought it."""
    found: dict[str, Quote] = {}
    known = remembered.filter(pl.col("trading_day") == day, pl.col(ARRIVED) <= now)
    for (arrived,), look in known.partition_by(ARRIVED, as_dict=True).items():
        assert isinstance(arrived, datetime)
        found |= rows(look, said_at(look, arrived.astimezone(UTC)))
    return found


def rows(table: pl.DataFrame, at: datetime) -> dict[str, Quote]:
    """A QUOTE_TABLE as quotes by symbol, all confirmed at `at`."""
    found: dict[str, Quote] = {}
    for row in table.select(_COLUMNS).iter_rows():
        symbol, name, day, last, pre_close, opened, high, low, volume, amount, *told = row
        bid, ask, bids, asks, up, down, halted, source, turnover = told
        found[symbol] = Quote(
            symbol=symbol,
            name=name,
            trading_day=day,
            known_at=at,
            last=last,
            pre_close=pre_close,
            open=opened,
            high=high,
            low=low,
            volume=volume,
            amount=amount,
            source=source,
            bid=bid,
            ask=ask,
            bid_size=bids,
            ask_size=asks,
            limit_up=up,
            limit_down=down,
            suspended=halted,
            turnover_ppm=turnover or 0,
        )
    return found


def between(before: Mapping[str, Quote], after: Mapping[str, Quote], market: Market, arrived: datetime) -> Iterator[QuoteEvent]:
    """What changed from one poll to the next, by symbol; a name seen for the first time, or from another source, has no print."""
    for symbol, quote in after.items():
        old = before.get(symbol)
        if old is not None and replace(old, known_at=quote.known_at) == quote:
            continue
        known = old is not None and old.source == quote.source and old.known_at < quote.known_at
        if old is None or not known or market not in RUNNING_TOTALS:
            yield QuoteEvent(quote, None, arrived)
            continue
        for made, bar in _prints(old, quote, market):
            yield QuoteEvent(made, bar, arrived)


def _prints(old: Quote, new: Quote, market: Market) -> Iterator[tuple[Quote, Bar | None]]:
    """The row with the print that lies between it and the one before: an auction's, or a bar of one price, or none."""
    traded = new.volume - (old.volume if old.trading_day == new.trading_day else 0)
    if traded <= 0 or not new.last:
        yield new, None
        return
    if market is Market.ASHARE:
        days = calendar(market)
        was, now = days.phase(old.known_at), days.phase(new.known_at)
        fresh = old.trading_day != new.trading_day or not old.volume
        if fresh and was in _BEFORE_OPENING_PRINT and new.open:
            if now is Phase.PRE_OPEN_GAP:
                yield replace(new, auction=True, print_volume=traded), None
                return
            # The look came after trading had begun: the auction's price is known, its volume is not any more.
            yield replace(new, last=new.open, auction=True), None
            yield new, None
            return
        if was is Phase.CLOSE_CALL_NO_CANCEL and now in _AFTER_CLOSING_CALL:
            yield replace(new, auction=True, print_volume=traded), None
            return
    spent = max(0, new.amount - (old.amount if old.trading_day == new.trading_day else 0))
    start = old.known_at
    price = new.last
    yield (
        new,
        Bar(
            new.symbol,
            BETWEEN_POLLS,
            new.trading_day,
            start,
            new.known_at,
            price,
            price,
            price,
            price,
            traded,
            spent,
            new.pre_close,
        ),
    )
