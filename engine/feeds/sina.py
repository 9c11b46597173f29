"""Sina (新浪): quotes, rankings and unadjusted bars; the third rung for A-shares, data_apis §5.

quotes(symbols) ──► hq.sinajs.cn, GBK lines of `,`, volume in shares ──► QUOTE_TABLE     bars ──► getKLineData ──► BAR_SCHEMA
Rankings and the whole market take the symbols from its lists, then their quotes: a list has a time of day but no date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from engine.feeds.bar_rows import bar_table
from engine.feeds.fields import Ranking, gbk, json_value, not_data, numbers, objects, quoted_lines, split
from engine.feeds.quote_rows import batched, quote_table, whole_market
from engine.feeds.source import Fault, FeedError, Fetch, Request
from engine.feeds.tencent import FEWEST_SHARES, beijing_instant

SOURCE = "sina"
QUOTE_HOST = "hq.sinajs.cn"
LIST_HOST = "vip.stock.finance.sina.com.cn"
HEADERS = {"User-Agent": "Mozilla/5.0 (kanpan)", "Referer": "https://finance.sina.com.cn/"}
"""Without the Referer it answers 403 or 456."""
BATCH = 400
LIST_ROWS, MAX_PAGES = 80, 120
BAR_ROWS = 1023
SCALES = {"5m": "5", "15m": "15", "30m": "30", "1h": "60", "1d": "240"}
_SORTS: dict[Ranking, str] = {"amount": "amount", "volume": "volume", "turnover": "turnoverratio", "change": "changepercent"}
_API = "/quotes_service/api/json_v2.php/"
_FEWEST_FIELDS = 32
_SHARE = re.compile(r"(sh|sz|bj)([0-9]{6})")
_FIELDS = {
    0: "name",
    1: "open",
    2: "pre_close",
    3: "last",
    4: "high",
    5: "low",
    6: "bid",
    7: "ask",
    8: "volume",
    9: "amount",
    10: "bid_size",
    20: "ask_size",
    30: "day",
    31: "time",
    32: "status",
}
_FIGURES = tuple(name for name in _FIELDS.values() if name not in ("name", "day", "time", "status"))
_SUSPENDED = "03"


@dataclass(frozen=True, slots=True)
class Sina:
    """A QuoteSource and a BarSource."""

    name: str = SOURCE
    batch: int = BATCH

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of `symbols`, or of every A-share when there are none (some 85 requests). Raises FeedError.

        A symbol that it does not quote is missing from the table; it is for the ladder to say how many may be.
        """
        if symbols:
            return batched(self, fetch, symbols, now)
        return whole_market(self, fetch, self.listed(fetch), now)

    def quotes_request(self, symbols: Sequence[str]) -> Request:
        """The request for at most BATCH quotes."""
        return Request(QUOTE_HOST, "/list=" + ",".join(sina_symbol(symbol) for symbol in symbols), headers=HEADERS)

    def parse_quotes(self, body: bytes, now: datetime, *, asked: Sequence[str] = ()) -> pl.DataFrame:
        """QUOTE_TABLE of a body of lines; `asked` keeps these symbols only. Raises FeedError."""
        return quote_table(self.name, raw_quotes(body), now, asked=asked)

    def ranking(self, fetch: Fetch, by: Ranking, top: int, now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of the `top` shares by `by`, sorted by symbol. Raises FeedError."""
        return self.quotes(fetch, self._pages(fetch, _SORTS[by], top)[:top], now)

    def listed(self, fetch: Fetch) -> list[str]:
        """The symbols of every A-share. Raises FeedError(INCOMPLETE) when there are too few to be all."""
        found = self._pages(fetch, "symbol", LIST_ROWS * MAX_PAGES)
        if len(found) < FEWEST_SHARES:
            raise FeedError(self.name, Fault.INCOMPLETE, f"a list of {len(found)} shares is not the whole market")
        return sorted(found)

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA, raw prices, closed bars only; intervals 5m 15m 30m 1h 1d, the last 1023 bars, no amount (0).

        Raises FeedError: INCOMPLETE when it does not remember back to `first`.
        """
        scale = SCALES.get(interval)
        if scale is None:
            raise FeedError(self.name, Fault.EMPTY, f"serves no {interval} bars")
        rows = raw_bars(fetch(self.name, bars_request(sina_symbol(symbol), scale)), daily=interval == "1d")
        table = bar_table(self.name, rows, symbol, interval, first, last, now)
        oldest = rows["ends"].str.slice(0, 10).min()
        if rows.height >= BAR_ROWS and isinstance(oldest, str) and oldest > first.isoformat():
            raise FeedError(self.name, Fault.INCOMPLETE, f"remembers {rows.height} bars of {symbol}, not back to {first}")
        return table

    def _pages(self, fetch: Fetch, by: str, rows: int) -> list[str]:
        """Symbols in the order of the list until there are `rows` or no more."""
        found: dict[str, None] = {}
        for page in range(1, MAX_PAGES + 1):
            symbols = parse_list(fetch(self.name, _list_request(by, page)))
            found.update(dict.fromkeys(symbols))
            if len(symbols) < LIST_ROWS or len(found) >= rows:
                break
        return list(found)


def sina_symbol(symbol: str) -> str:
    """`600519.SH` as `sh600519`. Raises FeedError(UNKNOWN_SYMBOL) for a symbol of another market."""
    code, _, home = symbol.rpartition(".")
    if home not in ("SH", "SZ", "BJ"):
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"{symbol} does not end in .SH, .SZ or .BJ")
    return f"{home.lower()}{code}"


def bars_request(key: str, scale: str) -> Request:
    """The request for the latest bars of `scale` minutes."""
    params = (("symbol", key), ("scale", scale), ("ma", "no"), ("datalen", str(BAR_ROWS)))
    return Request(LIST_HOST, f"{_API}CN_MarketData.getKLineData", params, HEADERS)


def _list_request(by: str, page: int) -> Request:
    order = (("sort", by), ("asc", "1" if by == "symbol" else "0"), ("node", "hs_a"))
    return Request(LIST_HOST, f"{_API}Market_Center.getHQNodeData", (("page", str(page)), ("num", str(LIST_ROWS)), *order), HEADERS)


def parse_list(body: bytes) -> list[str]:
    """The symbols on one page of a list; only `symbol` is read. Raises FeedError(NOT_DATA)."""
    value = json_value(SOURCE, body)
    keys = [_SHARE.fullmatch(str(row.get("symbol"))) for row in objects(SOURCE, [] if value is None else value, "the list")]
    if not all(keys):
        raise not_data(SOURCE, "a row of the list without a symbol")
    return [f"{key[2]}.{key[1].upper()}" for key in keys if key]


def raw_quotes(body: bytes) -> pl.DataFrame:
    """RAW_QUOTES of the lines of a body that say something. Raises FeedError."""
    shares = [(key, line) for key, line in _lines(body) if line]
    if not shares:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, "no line of an A-share or fund that is known")
    if any(line.count(",") + 1 < _FEWEST_FIELDS for _, line in shares):
        raise not_data(SOURCE, f"a line of fewer than {_FEWEST_FIELDS} fields")
    table = numbers(SOURCE, split(SOURCE, [line for _, line in shares], ",", _FIELDS), _FIGURES)
    none = pl.lit(None, pl.Float64)
    return table.select(
        "name",
        *_FIGURES,
        code=pl.Series([key[2] for key, _ in shares], dtype=pl.String),
        home=pl.Series([key[1].upper() for key, _ in shares], dtype=pl.String),
        at=beijing_instant(pl.concat_str("day", pl.lit(" "), "time"), "%Y-%m-%d %H:%M:%S"),
        **dict.fromkeys(("limit_up", "limit_down", "turnover", "float_cap", "list_day"), none),
        industry=pl.lit(None, pl.String),
        halted=pl.col("status").str.starts_with(_SUSPENDED),
    )


def raw_bars(body: bytes, *, daily: bool) -> pl.DataFrame:
    """RAW_BARS of a getKLineData body, a list of {day, open, high, low, close, volume}. Raises FeedError."""
    value = json_value(SOURCE, body)
    if value is None or value == []:
        raise FeedError(SOURCE, Fault.EMPTY, "no bars")
    rows = objects(SOURCE, value, "the bars")
    names = ("day", "open", "high", "low", "close", "volume")
    if not all(isinstance(row.get(name), str) for row in rows for name in names):
        raise not_data(SOURCE, "a bar with a field that is no text")
    table = pl.DataFrame({name: [row[name] for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String()))
    table = numbers(SOURCE, table, names[1:])
    none = pl.lit(None, pl.Float64)
    return table.select(
        *names[1:],
        ends=pl.col("day") if daily else pl.col("day").str.replace(r":00$", ""),
        amount=none,
        change=none,
        gone_ex=pl.lit(False),
    )


def _lines(body: bytes) -> list[tuple[re.Match[str], str]]:
    """Each A-share line of a body with its key. Raises FeedError(NOT_DATA) for anything but whole lines."""
    lines = quoted_lines(SOURCE, gbk(SOURCE, body), "var hq_str_")
    return [(key, line) for name, line in lines if (key := _SHARE.fullmatch(name))]
