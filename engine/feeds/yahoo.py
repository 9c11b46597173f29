"""Yahoo's chart endpoint for US shares: daily and intraday bars as they were traded, quotes, dividends and splits; no key.

GET v8/finance/chart/AAPL ──► rows without nulls ──► splits undone ──► BAR_SCHEMA (daily with dividend and split factors)
                          └─► meta ──► QUOTE_TABLE      └─► events ──► Distribution
Yahoo scales all prices, volumes and dividends of the past to today's shares; they are scaled back by every split after the day.
Its prices are 32-bit floats written out: a price within the precision of such a float to a whole cent is that cent. Endpoint:
data_apis §8.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from engine.core.units import PPM, UNITS, Market
from engine.feeds.exact import decimal, entry, known, loaded, midnight, record, records, table
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Fetch, Request, passing
from engine.store.snapshot import BAR_SCHEMA

SOURCE = "yahoo"
HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")
SUFFIX = ".US"
INTERVALS: Mapping[str, tuple[str, timedelta]] = {
    "1m": ("1m", timedelta(minutes=1)),
    "5m": ("5m", timedelta(minutes=5)),
    "15m": ("15m", timedelta(minutes=15)),
    "30m": ("30m", timedelta(minutes=30)),
    "1h": ("60m", timedelta(hours=1)),
    "1d": ("1d", timedelta(days=1)),
}
"""Yahoo's word for each interval, and its length. Reach: 1m 7 days, 5m to 30m 60 days, 1h 730 days, 1d all."""
CLOSE = time(16, 0)
_NEW_YORK = ZoneInfo("America/New_York")
_HEADERS = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", "Accept": "*/*"}
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,5}([.-][A-Z]{1,2})?")
_UNITS = UNITS[Market.US]
_CENT = Decimal("0.01")
_FLOAT32 = Decimal(2) ** -23


@dataclass(frozen=True, slots=True)
class Distribution:
    """A dividend in 1e-6 USD a share as paid then, or a split of `numerator` new for `denominator` old shares, ex on `ex_date`."""

    symbol: str
    ex_date: date
    cash_e6: int
    numerator: int
    denominator: int


class Yahoo:
    """A QuoteSource and BarSource for `CODE.US`; BRK.B.US is asked for as BRK-B."""

    name = SOURCE

    def __init__(self, *, host: str = HOSTS[0]) -> None:
        self.host = host

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA of New York days, as traded. Raises FeedError.

        Daily bars are always asked for from the listing on: their factors count every dividend and split since then, so that a
        bar's factor depends on its past alone and is the same in every fetch. Intraday bars have factor 1,000,000.
        """
        chart = self._chart(fetch, symbol, interval, date(1970, 1, 2) if interval == "1d" else first, now)
        made = chart_bars(chart, symbol, interval, now)
        rows = [row for row in made if first <= row["trading_day"] <= last]
        if not rows:
            raise FeedError(SOURCE, Fault.EMPTY, f"{symbol} has no closed {interval} bar from {first} to {last}")
        return table(SOURCE, rows, BAR_SCHEMA, ["symbol", "interval", "known_at"])

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE, one request a symbol; there is no whole market here. Raises FeedError."""
        if not symbols:
            raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, "Yahoo gives quotes of named symbols only")
        arrived = passing(fetch, now)
        rows = [
            chart_quote(self._chart(fetch, symbol, "1d", now.date() - timedelta(days=7), arrived()), symbol, arrived())
            for symbol in symbols
        ]
        return table(SOURCE, rows, QUOTE_TABLE, ["symbol"])

    def distributions(self, fetch: Fetch, symbol: str, now: datetime) -> tuple[Distribution, ...]:
        """Every dividend and split since the listing, oldest first. Raises FeedError."""
        return chart_distributions(self._chart(fetch, symbol, "1d", date(1970, 1, 2), now), symbol)

    def _chart(self, fetch: Fetch, symbol: str, interval: str, first: date, now: datetime) -> Mapping[str, Any]:
        if interval not in INTERVALS:
            raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"no interval {interval}; there are {', '.join(INTERVALS)}")
        params = (
            ("interval", INTERVALS[interval][0]),
            ("period1", str(int(midnight(first).timestamp()))),
            ("period2", str(int(now.timestamp()))),
            ("events", "div,splits"),
            ("includeAdjustedClose", "true"),
        )
        path = f"/v8/finance/chart/{code_of(symbol)}"
        return parse_chart(fetch(SOURCE, Request(self.host, path, params, _HEADERS)), symbol)


def code_of(symbol: str) -> str:
    """Yahoo's spelling of `CODE.US`. Raises FeedError(UNKNOWN_SYMBOL)."""
    code = symbol.removesuffix(SUFFIX)
    if code == symbol or not _CODE.fullmatch(code):
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"{symbol} is no US share")
    return code.replace(".", "-")


def parse_chart(body: bytes, symbol: str) -> Mapping[str, Any]:
    """The one result of a chart body, in US dollars and of that symbol. Raises FeedError."""
    chart = record(SOURCE, entry(SOURCE, record(SOURCE, loaded(SOURCE, body), "the body"), "chart"), "chart")
    if chart.get("error"):
        error = record(SOURCE, chart["error"], "error")
        fault = Fault.UNKNOWN_SYMBOL if error.get("code") == "Not Found" else Fault.SERVER
        raise FeedError(SOURCE, fault, f"{symbol}: {str(error.get('code'))[:40]}: {str(error.get('description'))[:80]}")
    results = records(SOURCE, entry(SOURCE, chart, "result"), "result")
    if len(results) != 1:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{len(results)} results for {symbol}")
    result = record(SOURCE, results[0], "result")
    meta = record(SOURCE, entry(SOURCE, result, "meta"), "meta")
    if meta.get("symbol") != code_of(symbol) or meta.get("currency") != _UNITS.currency:
        raise FeedError(
            SOURCE, Fault.NOT_DATA, f"a chart of {str(meta.get('symbol'))[:20]} in {str(meta.get('currency'))[:8]}, not {symbol}"
        )
    return result


def chart_bars(chart: Mapping[str, Any], symbol: str, interval: str, now: datetime) -> list[dict[str, Any]]:
    """Closed bars as rows of BAR_SCHEMA, oldest first; a row of nulls is a bar that never was. Raises FeedError."""
    events = chart_distributions(chart, symbol)
    splits = [(item.ex_date, Fraction(item.numerator, item.denominator)) for item in events if item.numerator != item.denominator]
    cash = {item.ex_date: item.cash_e6 for item in events if item.cash_e6}
    made: list[dict[str, Any]] = []
    factor, before = Fraction(PPM), 0
    for start, prices, volume in _rows(chart, symbol, interval):
        day = start.astimezone(_NEW_YORK).date()
        ends = start + INTERVALS[interval][1] if interval != "1d" else datetime.combine(day, CLOSE, _NEW_YORK).astimezone(UTC)
        known(SOURCE, start, now, f"a bar of {symbol}")
        if ends > now:
            break
        later = _product(ratio for ex_date, ratio in splits if ex_date > day)
        opened, high, low, close = (_price(value, later, f"{symbol} {day}") for value in prices)
        if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
            raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol} {day}: prices that no bar has")
        shares = Fraction(volume) * _UNITS.quantity / later
        reference = before or opened
        if interval == "1d" and before:
            since = made[-1]["trading_day"]
            paid = sum(amount for ex_date, amount in cash.items() if since < ex_date <= day)
            split = _product(ratio for ex_date, ratio in splits if since < ex_date <= day)
            reference = round((Fraction(before) - Fraction(paid * _UNITS.price, 1_000_000)) / split)
            if reference <= 0:
                raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol} {day}: a distribution larger than the price")
            factor = factor * before / reference if paid or split != 1 else factor
        made.append(
            {
                "symbol": symbol,
                "interval": interval,
                "trading_day": day,
                "start": start,
                "known_at": ends,
                "open": opened,
                "high": high,
                "low": low,
                "close": close,
                "volume": round(shares),
                # Yahoo gives no turnover: volume at the middle of the bar stands for it.
                "amount": round(shares * (high + low) / 2 * _UNITS.money / (_UNITS.price * _UNITS.quantity)),
                "pre_close": reference,
                "factor_ppm": round(factor) if interval == "1d" else PPM,
            }
        )
        before = close
    return made


def chart_quote(chart: Mapping[str, Any], symbol: str, now: datetime) -> dict[str, Any]:
    """A row of QUOTE_TABLE from the chart's meta; `pre_close` is the last close before its day. Raises FeedError."""
    meta = chart["meta"]
    at = known(SOURCE, _instant(entry(SOURCE, meta, "regularMarketTime")), now, symbol)
    day = at.astimezone(_NEW_YORK).date()
    names = ("regularMarketPrice", "regularMarketDayHigh", "regularMarketDayLow")
    last, high, low = (_price(decimal(SOURCE, entry(SOURCE, meta, name), name), Fraction(1), name) for name in names)
    days = {start.astimezone(_NEW_YORK).date(): prices for start, prices, _ in _rows(chart, symbol, "1d")}
    earlier = [prices[3] for other, prices in sorted(days.items()) if other < day]
    opened = _price(days[day][0], Fraction(1), "open") if day in days else 0
    before = _price(earlier[-1], Fraction(1), "close") if earlier else 0
    if not 0 < low <= last <= high:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol}: prices that no day has")
    volume = _count(entry(SOURCE, meta, "regularMarketVolume")) * _UNITS.quantity
    return {
        "symbol": symbol,
        "name": str(meta.get("longName") or meta.get("shortName") or symbol),
        "trading_day": day,
        "known_at": at,
        "last": last,
        "pre_close": before,
        "open": opened,
        "high": high,
        "low": low,
        "volume": volume,
        "amount": _UNITS.notional((high + low) // 2, volume),
        **dict.fromkeys(("bid", "ask", "bid_size", "ask_size", "limit_up", "limit_down"), 0),
        "suspended": False,
        "source": SOURCE,
        "industry": "",
        "turnover_ppm": None,
        "float_cap": None,
        "list_date": None,
    }


def chart_distributions(chart: Mapping[str, Any], symbol: str) -> tuple[Distribution, ...]:
    """Dividends as paid then and splits, oldest first. Raises FeedError."""
    events = record(SOURCE, chart.get("events") or {}, "events")
    splits: list[Distribution] = []
    for item in record(SOURCE, events.get("splits") or {}, "splits").values():
        row = record(SOURCE, item, "a split")
        ratio = [_ratio(entry(SOURCE, row, name), symbol) for name in ("numerator", "denominator")]
        exact = ratio[0] / ratio[1]
        splits.append(Distribution(symbol, _day(entry(SOURCE, row, "date")), 0, exact.numerator, exact.denominator))
    paid: list[Distribution] = []
    for item in record(SOURCE, events.get("dividends") or {}, "dividends").values():
        row = record(SOURCE, item, "a dividend")
        day = _day(entry(SOURCE, row, "date"))
        amount = decimal(SOURCE, entry(SOURCE, row, "amount"), "amount")
        if not 0 <= amount < 1_000_000:
            raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol} {day}: a dividend of {amount}")
        later = _product(Fraction(one.numerator, one.denominator) for one in splits if one.ex_date > day)
        paid.append(Distribution(symbol, day, round(Fraction(amount) * later * 1_000_000), 1, 1))
    return tuple(sorted(splits + paid, key=lambda item: (item.ex_date, item.cash_e6)))


def _rows(chart: Mapping[str, Any], symbol: str, interval: str) -> Iterator[tuple[datetime, tuple[Decimal, ...], int]]:
    """(start, open high low close, volume) of each row that is not null, in rising order."""
    stamps = records(SOURCE, chart.get("timestamp") or [], "timestamp")
    blocks = records(SOURCE, entry(SOURCE, record(SOURCE, entry(SOURCE, chart, "indicators"), "indicators"), "quote"), "quote")
    if not stamps:
        return
    if len(blocks) != 1:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol}: {len(blocks)} blocks of prices")
    block = record(SOURCE, blocks[0], "prices")
    columns = [records(SOURCE, entry(SOURCE, block, name), name) for name in ("open", "high", "low", "close", "volume")]
    if any(len(column) != len(stamps) for column in columns):
        raise FeedError(SOURCE, Fault.INCOMPLETE, f"{symbol}: columns of different lengths")
    starts = [_instant(stamp) for stamp in stamps]
    if any(before >= after for before, after in itertools.pairwise(starts)):
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol}: bars out of order")
    days = [start.astimezone(_NEW_YORK).date() for start in starts]
    for place, start in enumerate(starts):
        cells = [column[place] for column in columns]
        if all(cell is None for cell in cells):
            continue
        if any(cell is None for cell in cells):
            raise FeedError(SOURCE, Fault.INCOMPLETE, f"{symbol} {start:%Y-%m-%d}: half a bar")
        # The row under way is given twice: on its day, and again at the instant of the last trade.
        if interval == "1d" and place + 1 < len(days) and days[place + 1] == days[place]:
            continue
        yield start, tuple(decimal(SOURCE, cell, "price") for cell in cells[:4]), _count(cells[4])


def _price(value: Decimal, later: Fraction, what: str) -> int:
    """Price units as traded: undo `later` splits, then take the cent, or else the 1e-4, that a 32-bit float of it means."""
    if not 0 < value < 10_000_000:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{what}: a price of {value:.8g}")
    traded = value * later.numerator / later.denominator
    cent = traded.quantize(_CENT, ROUND_HALF_UP)
    near = abs(traded - cent) <= traded * _FLOAT32
    return int(cent * _UNITS.price) if near else int((traded * _UNITS.price).to_integral_value(ROUND_HALF_UP))


def _instant(seconds: object) -> datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not -(10**9) < seconds < 4_102_444_800:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{str(seconds)[:20]!r} is no time")
    return datetime.fromtimestamp(seconds, UTC)


def _day(seconds: object) -> date:
    return _instant(seconds).astimezone(_NEW_YORK).date()


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**12:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"a volume of {str(value)[:20]}")
    return value


def _ratio(value: object, symbol: str) -> Fraction:
    number = decimal(SOURCE, value, "a split")
    if not 0 < number < 100_000:
        raise FeedError(SOURCE, Fault.NOT_DATA, f"{symbol}: a split of {number:.8g}")
    return Fraction(number)


def _product(ratios: Iterator[Fraction]) -> Fraction:
    made = Fraction(1)
    for ratio in ratios:
        made *= ratio
    return made
