"""From the kept bars of one day to the rows of its tape, whatever the market: nothing is invented between two prints.

shares   pre-open reference ──► opening auction (the day's open) ──► each intraday bar ──► closing auction (the day's close)
crypto   the price at which the UTC day began ──► each bar
A share with daily bars only is silent between its opening and its closing print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import polars as pl

from engine.core.market import Bar, Quote
from engine.exchange import Session
from engine.feeds.tape import QuoteEvent


@dataclass(frozen=True, slots=True)
class Day:
    """One session of a market that closes: what its bars say, each name's close before it, and who tells."""

    session: Session
    daily: Mapping[str, Bar]
    intraday: Mapping[str, Sequence[Bar]]
    last_close: Mapping[str, int]
    names: Mapping[str, str]
    source: str


def bars_of(table: pl.DataFrame) -> Iterator[Bar]:
    """BAR_SCHEMA as bars, in the order in which they became known."""
    for row in table.sort("known_at", "symbol").iter_rows(named=True):
        yield Bar(**{**row, "start": row["start"].astimezone(UTC), "known_at": row["known_at"].astimezone(UTC)})


def by_symbol(table: pl.DataFrame) -> dict[str, list[Bar]]:
    """BAR_SCHEMA as bars by name, oldest first."""
    found: dict[str, list[Bar]] = {}
    for bar in bars_of(table):
        found.setdefault(bar.symbol, []).append(bar)
    return found


def session_prints(day: Day) -> Iterator[QuoteEvent]:
    """The prints of a session with an open and a close. A name without any bar of the day gives no quote."""
    for symbol in sorted({*day.daily, *day.intraday}):
        whole, parts = day.daily.get(symbol), list(day.intraday.get(symbol, ()))
        first = whole or parts[0]
        known_before = day.last_close.get(symbol, 0)
        # A day without its daily bar has no reference price of the exchange: yesterday's close stands for it.
        reference = whole.pre_close if whole is not None and whole.pre_close else known_before or first.pre_close
        before = _quote(symbol, day.names[symbol], day.session.day, day.session.first_order, reference, day.source)
        before = replace(before, last=known_before or reference)
        if before.known_at < _utc(day.session.open_print):
            yield QuoteEvent(before)
        opened = replace(
            before,
            known_at=_utc(day.session.open_print),
            last=first.open,
            open=first.open,
            high=first.open,
            low=first.open,
            auction=True,
        )
        yield QuoteEvent(opened)
        quote = replace(opened, auction=False)
        for bar in parts:
            quote = after(quote, bar)
            yield QuoteEvent(quote, bar)
        if whole is not None:
            closed = replace(
                opened,
                known_at=whole.known_at,
                last=whole.close,
                high=whole.high,
                low=whole.low,
                volume=whole.volume,
                amount=whole.amount,
            )
            yield QuoteEvent(closed, whole)


def endless_prints(
    day: date,
    begins: datetime,
    bars: Mapping[str, Sequence[Bar]],
    last_close: Mapping[str, int],
    names: Mapping[str, str],
    source: str,
) -> Iterator[QuoteEvent]:
    """The prints of one day of a market that never closes; `bars` are those that became known on it, `last_close` the price before.

    The day begins at the price that was, and the bar that ended as it began still shows what traded in it.
    """
    for symbol in sorted({*bars, *last_close}):
        parts = list(bars.get(symbol, ()))
        ended = parts.pop(0) if parts and parts[0].known_at <= begins else None
        price = ended.close if ended is not None else last_close.get(symbol, 0)
        if not price and not parts:
            continue
        quote = _quote(symbol, names[symbol], day, begins, price, source)
        if price:
            quote = replace(quote, last=price, open=price, high=price, low=price)
            yield QuoteEvent(quote, ended)
        for bar in parts:
            if not quote.open:
                quote = replace(quote, pre_close=bar.open, open=bar.open, high=bar.open, low=bar.open)
            quote = after(quote, bar)
            yield QuoteEvent(quote, bar)


def after(quote: Quote, bar: Bar) -> Quote:
    """The row once `bar` has traded: running totals from the first print of the day on."""
    return replace(
        quote,
        known_at=bar.known_at,
        last=bar.close,
        high=max(quote.high, bar.high),
        low=min(quote.low, bar.low),
        volume=quote.volume + bar.volume,
        amount=quote.amount + bar.amount,
    )


def earlier(bar: Bar, name: str, source: str) -> Quote:
    """The row of a name that gives no quote today: its newest bar, whose day tells its age."""
    quote = _quote(bar.symbol, name, bar.trading_day, bar.known_at, bar.pre_close, source)
    return replace(
        quote, last=bar.close, open=bar.open, high=bar.high, low=bar.low, volume=bar.volume, amount=bar.amount, auction=True
    )


def _quote(symbol: str, name: str, day: date, at: datetime, reference: int, source: str) -> Quote:
    """What is known before the first print. Limits are left to the exchange room."""
    return Quote(
        symbol=symbol,
        name=name,
        trading_day=day,
        known_at=_utc(at),
        last=0,
        pre_close=reference,
        open=0,
        high=0,
        low=0,
        volume=0,
        amount=0,
        source=source,
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
