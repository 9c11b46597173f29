"""Eastmoney's klines: raw bars of one share, fund or index; data_apis §1.5.

"2024-12-18,6.11,6.18,6.28,6.10,842743,542829495.00,…" is date, open, close, high, low, lots, amount ──► BAR_SCHEMA
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from engine.feeds.bar_rows import RAW_BARS, bar_table
from engine.feeds.eastmoney_lists import SOURCE, data_of
from engine.feeds.fields import LOT, json_object, not_data, numbers, split
from engine.feeds.source import Fault, FeedError, Request

KLINE_TYPES = {"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "1d": "101"}
_PATH = "/api/qt/stock/kline/get"
_RAW = "0"
"""fqt: unadjusted. Adjusted prices stand beside raw volume and amount, and change after every ex-date."""
_COLUMNS = {0: "ends", 1: "open", 2: "close", 3: "high", 4: "low", 5: "volume", 6: "amount", 9: "change"}
_FIGURES = tuple(name for name in _COLUMNS.values() if name != "ends")
_FEWEST, _MOST = 7, 11


def request(host: str, headers: Mapping[str, str], secid: str, interval: str, first: date, last: date) -> Request:
    """The request for raw bars from `first` to `last`. Raises FeedError(EMPTY) for an interval that Eastmoney does not serve."""
    kind = KLINE_TYPES.get(interval)
    if kind is None:
        raise FeedError(SOURCE, Fault.EMPTY, f"serves no {interval} bars")
    span = (("beg", f"{first:%Y%m%d}"), ("end", f"{last:%Y%m%d}"), ("lmt", "1000000"))
    fields = (("fields1", "f1,f2,f3,f4,f5,f6"), ("fields2", "f51,f52,f53,f54,f55,f56,f57,f58,f59,f60,f61"))
    return Request(host, _PATH, (("secid", secid), ("klt", kind), ("fqt", _RAW), *span, *fields, ("rtntype", "6")), headers)


def parse(body: bytes, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
    """BAR_SCHEMA of a kline body for `symbol`. Raises FeedError: also UNKNOWN_SYMBOL when the body is about another code."""
    return bar_table(SOURCE, raw_bars(body, symbol.rpartition(".")[0]), symbol, interval, first, last, now)


def raw_bars(body: bytes, code: str) -> pl.DataFrame:
    """RAW_BARS of a kline body about `code`, lots as shares. Raises FeedError."""
    data = data_of(json_object(SOURCE, body))
    if data.get("code") != code:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"bars of {data.get('code')!r} for {code}")
    lines = data.get("klines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise not_data(SOURCE, "klines is not a list of rows")
    if not lines and type(data.get("dktotal")) is int and data["dktotal"]:
        return pl.DataFrame(schema=RAW_BARS)  # it has bars, none of them of these days: a suspension
    if not lines:
        raise FeedError(SOURCE, Fault.EMPTY, f"no bars of {code}; dktotal {data.get('dktotal')!r}")
    widths = {line.count(",") + 1 for line in lines}
    if len(widths) > 1 or not _FEWEST <= min(widths) <= _MOST:
        raise not_data(SOURCE, "klines of several widths")
    table = numbers(SOURCE, split(SOURCE, lines, ",", _COLUMNS), _FIGURES)
    return table.with_columns(volume=pl.col("volume") * LOT, gone_ex=pl.lit(False))
