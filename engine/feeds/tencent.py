"""Tencent (腾讯): quotes with published price limits, daily and minute bars; the second rung for A-shares, data_apis §4.

quotes(symbols) ──► qt.gtimg.cn, 60 a request, GBK lines of `~` ──► QUOTE_TABLE     bars ──► newfqkline · mkline ──► BAR_SCHEMA
The whole market is its ranking list for the codes, then those quotes: the list itself says neither time nor opening price.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from engine.feeds.bar_rows import bar_table
from engine.feeds.fields import BEIJING, LOT, gbk, json_object, not_data, numbers, objects, quoted_lines, split
from engine.feeds.quote_rows import TOLERANCE, batched, quote_table, whole_market
from engine.feeds.source import Fault, FeedError, Fetch, Request

SOURCE = "tencent"
QUOTE_HOST = "qt.gtimg.cn"
PROXY_HOST = "proxy.finance.qq.com"
MINUTE_HOST = "ifzq.gtimg.cn"
HEADERS = {"User-Agent": "Mozilla/5.0 (kanpan)", "Referer": "https://gu.qq.com/"}
BATCH = 60
RANK_ROWS, MAX_PAGES = 200, 60
FEWEST_SHARES = 4_000
"""There have been more A-shares than this since 2020: a shorter list of the whole market is only a part of it."""
DAYS_A_REQUEST = 900
"""Calendar days of daily bars asked for at once: some 620 sessions, and the server gives at most 640."""
MINUTE_ROWS = 320
_MINUTE_KINDS = {"1m": "m1", "5m": "m5", "15m": "m15", "30m": "m30", "1h": "m60"}
_FEWEST_FIELDS = 49
_SHARE = re.compile(r"(sh|sz|bj)([0-9]{6})")
_FIELDS = {
    1: "name",
    2: "code",
    3: "last",
    4: "pre_close",
    5: "open",
    6: "lots",
    9: "bid",
    10: "bid_lots",
    19: "ask",
    20: "ask_lots",
    30: "time",
    33: "high",
    34: "low",
    35: "totals",
    37: "ten_thousands",
    38: "turnover",
    44: "cap_one",
    45: "cap_two",
    47: "limit_up",
    48: "limit_down",
}
_FIGURES = tuple(name for name in _FIELDS.values() if name not in ("name", "code", "time", "totals"))


@dataclass(frozen=True, slots=True)
class Tencent:
    """A QuoteSource and a BarSource."""

    name: str = SOURCE
    batch: int = BATCH

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of `symbols`, or of every A-share when there are none (some 120 requests). Raises FeedError.

        A symbol that it does not quote is missing from the table; it is for the ladder to say how many may be.
        """
        if symbols:
            return batched(self, fetch, symbols, now)
        return whole_market(self, fetch, self.listed(fetch), now)

    def quotes_request(self, symbols: Sequence[str]) -> Request:
        """The request for at most BATCH quotes."""
        return Request(QUOTE_HOST, "/q=" + ",".join(tencent_symbol(symbol) for symbol in symbols), headers=HEADERS)

    def parse_quotes(self, body: bytes, now: datetime, *, asked: Sequence[str] = ()) -> pl.DataFrame:
        """QUOTE_TABLE of a body of lines; `asked` keeps these symbols only. Raises FeedError."""
        return quote_table(self.name, raw_quotes(body), now, asked=asked)

    def listed(self, fetch: Fetch) -> list[str]:
        """The symbols of every A-share in the ranking list. Raises FeedError(INCOMPLETE) when it is too short to be all."""
        found: dict[str, None] = {}
        for page in range(MAX_PAGES):
            symbols = parse_rank(fetch(self.name, _rank_request(page * RANK_ROWS)))
            found.update(dict.fromkeys(symbols))
            if len(symbols) < RANK_ROWS:
                break
        if len(found) < FEWEST_SHARES:
            raise FeedError(self.name, Fault.INCOMPLETE, f"a list of {len(found)} shares is not the whole market")
        return sorted(found)

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA, raw prices, closed bars only; intervals 1m 5m 15m 30m 1h (the last 320 bars) and 1d. Raises FeedError.

        Minute bars have no amount (0); a day's `pre_close` is the close before it, 0 on the day a share goes ex.
        """
        key = tencent_symbol(symbol)
        if interval == "1d":
            rows = self._daily(fetch, key, first, last)
        else:
            kind = _MINUTE_KINDS.get(interval)
            if kind is None:
                raise FeedError(self.name, Fault.EMPTY, f"serves no {interval} bars")
            rows = raw_bars(fetch(self.name, minutes_request(key, kind)), key, kind)
        table = bar_table(self.name, rows, symbol, interval, first, last, now)
        oldest = rows["ends"].str.slice(0, 10).min()
        if interval != "1d" and rows.height >= MINUTE_ROWS and isinstance(oldest, str) and oldest > first.isoformat():
            raise FeedError(self.name, Fault.INCOMPLETE, f"remembers {rows.height} bars of {symbol}, not back to {first}")
        return table

    def _daily(self, fetch: Fetch, key: str, first: date, last: date) -> pl.DataFrame:
        """Daily rows in spans short enough for one answer; a span before the listing may be empty."""
        parts: list[pl.DataFrame] = []
        begin = first
        while begin <= last:
            end = min(last, begin + timedelta(days=DAYS_A_REQUEST - 1))
            try:
                parts.append(raw_bars(fetch(self.name, daily_request(key, begin, end)), key, "day"))
            except FeedError as error:
                if error.fault is not Fault.EMPTY:
                    raise
            begin = end + timedelta(days=1)
        if not parts:
            raise FeedError(self.name, Fault.EMPTY, f"no bars of {key} from {first} to {last}")
        return pl.concat(parts)


def tencent_symbol(symbol: str) -> str:
    """`600519.SH` as `sh600519`. Raises FeedError(UNKNOWN_SYMBOL) for a symbol of another market."""
    code, _, home = symbol.rpartition(".")
    if home not in ("SH", "SZ", "BJ"):
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"{symbol} does not end in .SH, .SZ or .BJ")
    return f"{home.lower()}{code}"


def daily_request(key: str, first: date, last: date) -> Request:
    """The request for raw daily bars."""
    return Request(PROXY_HOST, "/ifzqgtimg/appstock/app/newfqkline/get", (("param", f"{key},day,{first},{last},640,"),), HEADERS)


def minutes_request(key: str, kind: str) -> Request:
    """The request for the latest minute bars."""
    return Request(MINUTE_HOST, "/appstock/app/kline/mkline", (("param", f"{key},{kind},,{MINUTE_ROWS}"),), HEADERS)


def _rank_request(offset: int) -> Request:
    order = (("sort_type", "price"), ("direct", "down"), ("offset", str(offset)), ("count", str(RANK_ROWS)))
    return Request(
        PROXY_HOST,
        "/cgi/cgi-bin/rank/hs/getBoardRankList",
        (("_appver", "11.17.0"), ("board_code", "aStock"), *order),
        HEADERS,
    )


def parse_rank(body: bytes) -> list[str]:
    """The symbols on one page of the ranking list; only `code` is read. Raises FeedError(NOT_DATA)."""
    data = json_object(SOURCE, body).get("data")
    rows = objects(SOURCE, data.get("rank_list") if isinstance(data, dict) else None, "rank_list")
    keys = [_SHARE.fullmatch(str(row.get("code"))) for row in rows]
    if not all(keys):
        raise not_data(SOURCE, "a row of the ranking list without a code")
    return [f"{key[2]}.{key[1].upper()}" for key in keys if key]


def raw_quotes(body: bytes) -> pl.DataFrame:
    """RAW_QUOTES of the A-share lines of a body: lots to shares, caps to CNY. Raises FeedError."""
    lines = quoted_lines(SOURCE, gbk(SOURCE, body), "v_")
    shares = [(key, line) for name, line in lines if (key := _SHARE.fullmatch(name))]
    if not shares:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, "no line of an A-share or fund")
    if any(line.count("~") + 1 < _FEWEST_FIELDS for _, line in shares):
        raise not_data(SOURCE, f"a line of fewer than {_FEWEST_FIELDS} fields")
    table = split(SOURCE, [line for _, line in shares], "~", _FIELDS)
    if table["code"].to_list() != [key[2] for key, _ in shares]:
        raise not_data(SOURCE, "a line about another code than its name")
    exact = pl.col("totals").str.split("/").list.get(2, null_on_oob=True).alias("exact")
    table = numbers(SOURCE, table.with_columns(exact), (*_FIGURES, "exact"))
    amount = pl.coalesce("exact", pl.col("ten_thousands") * 1e4)
    # Some say that STAR rows come in shares, not lots: the amount decides.
    in_shares = pl.col("code").str.contains("^68[89]") & ((amount / pl.col("lots") / pl.col("last") - 1).abs() < TOLERANCE)
    none = pl.lit(None, pl.Float64)
    return table.select(
        "code",
        *("name", "last", "open", "high", "low", "pre_close", "bid", "ask", "turnover"),
        *(pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in ("limit_up", "limit_down")),
        home=pl.Series([key[1].upper() for key, _ in shares], dtype=pl.String),
        at=beijing_instant(pl.col("time"), "%Y%m%d%H%M%S"),
        volume=pl.when(in_shares).then(pl.col("lots")).otherwise(pl.col("lots") * LOT),
        amount=amount,
        bid_size=pl.col("bid_lots") * LOT,
        ask_size=pl.col("ask_lots") * LOT,
        # Sources disagree which of the two is the float; it can never be the larger.
        float_cap=pl.min_horizontal("cap_one", "cap_two") * 1e8,
        list_day=none,
        industry=pl.lit(None, pl.String),
        halted=pl.lit(None, pl.Boolean),
    )


def beijing_instant(text: pl.Expr, pattern: str) -> pl.Expr:
    """Beijing wall time written in `pattern` as an instant; null where it is none."""
    local = text.str.to_datetime(pattern, strict=False, time_unit="us")
    return local.dt.replace_time_zone(str(BEIJING), ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def raw_bars(body: bytes, key: str, kind: str) -> pl.DataFrame:
    """RAW_BARS of a kline body: [date, open, close, high, low, lots, {dividend}, turnover, amount in 1e4 CNY]. Raises FeedError."""
    answer = json_object(SOURCE, body)
    data = answer.get("data")
    if answer.get("code") != 0:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"code {str(answer.get('code'))[:20]} for {key}")
    about = data.get(key) if isinstance(data, dict) else None
    if not isinstance(about, dict):
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"no bars about {key}")
    rows = about.get(kind)
    if not isinstance(rows, list):
        raise not_data(SOURCE, f"no list of {kind} bars")
    if not rows:
        raise FeedError(SOURCE, Fault.EMPTY, f"no {kind} bars of {key}")
    if not all(isinstance(row, list) and len(row) >= 6 and all(isinstance(cell, str) for cell in row[:6]) for row in rows):
        raise not_data(SOURCE, "a bar that is not a row of texts")
    table = pl.DataFrame(
        [[*row[:6], row[8] if len(row) > 8 and isinstance(row[8], str) else None, _goes_ex(row)] for row in rows],
        schema={**dict.fromkeys(("ends", "open", "close", "high", "low", "lots", "amount"), pl.String()), "gone_ex": pl.Boolean()},
        orient="row",
    )
    table = numbers(SOURCE, table, ("open", "close", "high", "low", "lots", "amount"))
    minute = pl.col("ends").str.replace(r"^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})$", "$1-$2-$3 $4:$5")
    amount = pl.col("amount") * 1e4
    in_shares = pl.lit(key[2:5] in ("688", "689")) & ((amount / pl.col("lots") / pl.col("close") - 1).abs() < TOLERANCE)
    return table.select(
        *("open", "high", "low", "close", "gone_ex"),
        ends=minute,
        volume=pl.when(in_shares).then(pl.col("lots")).otherwise(pl.col("lots") * LOT),
        amount=amount,
        change=pl.lit(None, pl.Float64),
    )


def _goes_ex(row: Sequence[Any]) -> bool:
    """Whether a daily row says that the share went ex on that day."""
    return len(row) > 6 and isinstance(row[6], dict) and bool(row[6])
