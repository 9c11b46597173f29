"""What only Binance's perpetuals have: funding as it was paid, the premium of the moment, open interest now and in the past month.

premiumIndex ──► Premium      fundingRate (always from a start) ──► FUNDING_TABLE      openInterest(Hist) ──► OPEN_INTEREST_TABLE
Endpoints and limits: data_apis §7. Funding instants jitter by some milliseconds over the hour and are rounded to the minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from engine.feeds.binance import USD_M, Binance
from engine.feeds.candles import CODE, E8, INTERVAL_MS, SUFFIX, answer, code_of, interval_ms
from engine.feeds.exact import entry, instant, known, midnight, milliseconds, record, records, table, units
from engine.feeds.source import FUNDING_TABLE, OPEN_INTEREST_TABLE, PREMIUM_TABLE, Fault, FeedError, Fetch, Request

FUNDING_HOURS = (1, 2, 4, 8)
"""The intervals at which Binance pays funding; 8 unless a symbol was given another."""
SAMPLED_BEFORE = timedelta(minutes=5)
"""Open interest carries the instant it was sampled at; it is held to be known one sampling period later."""
REMEMBERED = timedelta(days=29)
"""How far back openInterestHist answers; older samples are in the archive only."""
_MINUTE_MS = 60_000
_ALL = 10
"""The premiums of all perpetuals weigh as much as those of so many."""
_HOUR = timedelta(hours=1)
_FUNDING_PAGE, _INTEREST_PAGE, _MAX_PAGES = 1_000, 500, 1_000


@dataclass(frozen=True, slots=True)
class Premium:
    """A perpetual's mark and index (1e-8 quote; 0 unknown), the rate it would pay next (× 1e8) and when, as of `at`."""

    symbol: str
    at: datetime
    mark: int
    index: int
    rate_e8: int
    next_funding_at: datetime | None


class BinanceUsdM(Binance):
    """USD-M perpetuals: everything of Binance, and a FundingSource."""

    def __init__(self, *, host: str = "", quote: str = "USDT") -> None:
        super().__init__(USD_M, host=host, quote=quote)

    def funding(self, fetch: Fetch, symbol: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """FUNDING_TABLE of the UTC days `first` to `last`. Raises FeedError.

        Asked from eight hours before, so that the payment before the first one tells its interval.
        """
        code = code_of(self.name, symbol)
        since = milliseconds(midnight(first))
        until = min(milliseconds(midnight(last)) + INTERVAL_MS["1d"], milliseconds(now) + 1)
        rows: list[dict[str, Any]] = []
        start = since - INTERVAL_MS["8h"] - _MINUTE_MS
        for _ in range(_MAX_PAGES):
            params = (("symbol", code), ("startTime", str(start)), ("endTime", str(until - 1)), ("limit", str(_FUNDING_PAGE)))
            body = fetch(self.name, Request(self.host, f"{self.venue.root}/fundingRate", params))
            page = parse_funding(self.name, body, symbol, now)
            if page and rows and page[0]["known_at"] <= rows[-1]["known_at"]:
                raise FeedError(self.name, Fault.NOT_DATA, f"{symbol}: funding pages overlap")
            if page and not start - _MINUTE_MS <= milliseconds(page[0]["known_at"]) <= milliseconds(page[-1]["known_at"]) <= until:
                raise FeedError(self.name, Fault.NOT_DATA, f"{symbol}: funding outside of what was asked")
            rows += page
            if not page or (start := milliseconds(page[-1]["known_at"]) + _MINUTE_MS) >= until:
                break
        paid = [row for row in with_intervals(rows) if row["known_at"] >= midnight(first)]
        if not paid:
            raise FeedError(self.name, Fault.EMPTY, f"{symbol} paid no funding from {first} to {last}")
        return table(self.name, paid, FUNDING_TABLE, ["symbol", "known_at"])

    def premiums(self, fetch: Fetch, now: datetime, symbol: str = "") -> tuple[Premium, ...]:
        """Of one symbol, or of every perpetual, sorted by symbol. Raises FeedError."""
        params = (("symbol", code_of(self.name, symbol)),) if symbol else ()
        body = fetch(self.name, Request(self.host, f"{self.venue.root}/premiumIndex", params, weight=1 if symbol else 10))
        return parse_premiums(self.name, body, now)

    def marks(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """PREMIUM_TABLE of `symbols`, asked for one by one where they are few. Raises FeedError, also when one is missing."""
        single = [code_of(self.name, symbol) + SUFFIX for symbol in symbols]
        told = [self.premiums(fetch, now, symbol)[0] for symbol in single] if len(single) < _ALL else self.premiums(fetch, now)
        found = [item for item in told if item.symbol in set(symbols)]
        if len(found) < len(set(symbols)):
            missing = sorted(set(symbols) - {item.symbol for item in found})
            raise FeedError(self.name, Fault.INCOMPLETE, f"no premium of {', '.join(missing[:5])}")
        rows = [
            {
                "symbol": item.symbol,
                "known_at": item.at,
                "mark": item.mark,
                "index": item.index,
                "rate_e8": item.rate_e8,
                "next_at": item.next_funding_at,
            }
            for item in found
        ]
        return table(self.name, rows, PREMIUM_TABLE, ["symbol"])

    def open_interest_now(self, fetch: Fetch, symbol: str, now: datetime) -> pl.DataFrame:
        """OPEN_INTEREST_TABLE with the one row of this moment. Raises FeedError."""
        params = (("symbol", code_of(self.name, symbol)),)
        row = record(
            self.name, answer(self.name, fetch(self.name, Request(self.host, f"{self.venue.root}/openInterest", params))), "OI"
        )
        return parse_open_interest(self.name, row, symbol, now)

    def open_interest(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """OPEN_INTEREST_TABLE of the last month only. Raises FeedError."""
        code, step = code_of(self.name, symbol), interval_ms(self.name, interval)
        start = max(milliseconds(midnight(first)), milliseconds(now - REMEMBERED))
        until = min(milliseconds(midnight(last)) + INTERVAL_MS["1d"], milliseconds(now) + 1)
        rows: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES):
            if start >= until:
                break
            # A page is bounded at both ends: with a start alone the latest rows come, not the first.
            end = min(until - 1, start + (_INTEREST_PAGE - 1) * step)
            params = (
                ("symbol", code),
                ("period", interval),
                ("startTime", str(start)),
                ("endTime", str(end)),
                ("limit", str(_INTEREST_PAGE)),
            )
            body = fetch(self.name, Request(self.host, "/futures/data/openInterestHist", params))
            rows += parse_open_interest_history(self.name, body, symbol, step, start, end)
            start = end + 1
        seen = [row for row in rows if row["known_at"] <= now]
        if not seen:
            raise FeedError(
                self.name, Fault.EMPTY, f"{symbol}: no open interest from {first} to {last}; the source remembers a month"
            )
        return table(self.name, seen, OPEN_INTEREST_TABLE, ["symbol", "known_at"])


def parse_funding(source: str, body: bytes, symbol: str, now: datetime) -> list[dict[str, Any]]:
    """Payments in rising order, instants rounded to the minute, intervals not yet known (0). Raises FeedError."""
    rows: list[dict[str, Any]] = []
    for item in records(source, answer(source, body), "funding"):
        row = record(source, item, "a payment")
        if entry(source, row, "symbol") != symbol.removesuffix(SUFFIX):
            raise FeedError(source, Fault.NOT_DATA, f"funding of {str(row['symbol'])[:20]}, not of {symbol}")
        at = known(source, to_minute(instant(source, entry(source, row, "fundingTime"), "fundingTime")), now, "funding")
        mark = row.get("markPrice") or "0"  # empty for payments before 2023
        rate, price = units(source, entry(source, row, "fundingRate"), E8, "fundingRate"), units(source, mark, E8, "markPrice")
        if abs(rate) > E8 // 10 or price < 0 or (rows and rows[-1]["known_at"] >= at):
            raise FeedError(source, Fault.NOT_DATA, f"{symbol}: a payment at {at:%Y-%m-%d %H:%M} that cannot be")
        rows.append({"symbol": symbol, "known_at": at, "rate_e8": rate, "interval_hours": 0, "mark": price})
    return rows


def with_intervals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each payment's interval: the hours since the one before it, 8 where there is none or the gap is no interval of Binance's."""
    named = []
    for place, row in enumerate(rows):
        hours = round((row["known_at"] - rows[place - 1]["known_at"]) / _HOUR) if place else 0
        named.append({**row, "interval_hours": hours if hours in FUNDING_HOURS else 8})
    return named


def to_minute(at: datetime) -> datetime:
    """The nearest whole minute."""
    return (at + timedelta(seconds=30)).replace(second=0, microsecond=0)


def parse_premiums(source: str, body: bytes, now: datetime) -> tuple[Premium, ...]:
    """One premium, or a list of them without the delivery contracts. Raises FeedError."""
    value = answer(source, body)
    rows = [
        record(source, row, "a premium") for row in ([value] if isinstance(value, Mapping) else records(source, value, "premiums"))
    ]
    made = [_premium(source, row, now) for row in rows if CODE.fullmatch(str(entry(source, row, "symbol")))]
    if not made:
        raise FeedError(source, Fault.EMPTY, "no premium at all")
    if len({item.symbol for item in made}) < len(made):
        raise FeedError(source, Fault.NOT_DATA, "a premium appears twice")
    return tuple(sorted(made, key=lambda item: item.symbol))


def _premium(source: str, row: Mapping[str, Any], now: datetime) -> Premium:
    names = ("markPrice", "indexPrice", "lastFundingRate")
    mark, index, rate = (units(source, entry(source, row, name) or "0", E8, name) for name in names)
    following = entry(source, row, "nextFundingTime")
    if mark <= 0 or index < 0 or abs(rate) > E8 // 10:
        raise FeedError(source, Fault.NOT_DATA, f"{row['symbol']}: a premium that cannot be")
    at = known(source, instant(source, entry(source, row, "time"), "time"), now, "a premium")
    return Premium(
        f"{row['symbol']}{SUFFIX}", at, mark, index, rate, instant(source, following, "nextFundingTime") if following else None
    )


def parse_open_interest(source: str, row: Mapping[str, Any], symbol: str, now: datetime) -> pl.DataFrame:
    """OPEN_INTEREST_TABLE of one present reading. Raises FeedError."""
    if entry(source, row, "symbol") != symbol.removesuffix(SUFFIX):
        raise FeedError(source, Fault.NOT_DATA, f"open interest of {str(row['symbol'])[:20]}, not of {symbol}")
    at = known(source, instant(source, entry(source, row, "time"), "time"), now, "open interest")
    quantity = units(source, entry(source, row, "openInterest"), E8, "openInterest")
    if quantity < 0:
        raise FeedError(source, Fault.NOT_DATA, f"{symbol}: negative open interest")
    made = {"symbol": symbol, "known_at": at, "quantity": quantity, "source": source}
    return table(source, [made], OPEN_INTEREST_TABLE, ["symbol", "known_at"])


def parse_open_interest_history(source: str, body: bytes, symbol: str, step: int, since: int, until: int) -> list[dict[str, Any]]:
    """Samples of one page in rising order, all within [since, until] and on the grid of `step`. Raises FeedError."""
    rows: list[dict[str, Any]] = []
    before = since - 1
    for item in records(source, answer(source, body), "open interest"):
        row = record(source, item, "a sample")
        stamp = entry(source, row, "timestamp")
        at = instant(source, stamp, "timestamp")
        quantity = units(source, entry(source, row, "sumOpenInterest"), E8, "sumOpenInterest")
        if (
            entry(source, row, "symbol") != symbol.removesuffix(SUFFIX)
            or stamp % step
            or not before < stamp <= until
            or quantity < 0
        ):
            raise FeedError(source, Fault.NOT_DATA, f"{symbol}: a sample at {at:%Y-%m-%d %H:%M} that was not asked for")
        before = stamp
        rows.append({"symbol": symbol, "known_at": at + SAMPLED_BEFORE, "quantity": quantity, "source": source})
    return rows
