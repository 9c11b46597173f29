"""Eastmoney's list bodies: one page of the market, a batch of quotes, the industry boards; data_apis §1.2 and §1.3.

{"rc":0,"data":{"total":5535,"diff":[{"f2":10.47,"f12":"000001",…},…]}} ──► Page(total, rows) ──► QUOTE_TABLE · SECURITY_TABLE
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from pydantic_core import to_json

from engine.core.units import Market
from engine.exchange.boards import board_of, name_flags
from engine.feeds.fields import (
    LOT,
    PERCENT_PPM,
    clean,
    day_number,
    figures,
    integers,
    json_object,
    not_data,
    price,
    rounded,
    rows_of,
    unwrapped,
)
from engine.feeds.quote_rows import named_rows
from engine.feeds.source import SECURITY_TABLE, Fault, FeedError

SOURCE = "eastmoney"
TAXONOMY = "em"
QUOTE_FIELDS = "f2,f5,f6,f8,f12,f13,f14,f15,f16,f17,f18,f21,f26,f100,f124"
SECURITY_FIELDS = "f12,f13,f14,f26,f100"
BOARD_FIELDS = "f2,f3,f4,f12,f14"
_NUMBERS = {"f2", "f3", "f5", "f6", "f8", "f13", "f15", "f16", "f17", "f18", "f21", "f26", "f124"}
_SCHEMA = {
    name: pl.Float64() if name in _NUMBERS else pl.String()
    for name in (*("f2", "f3", "f5", "f6", "f8", "f12", "f13", "f14", "f15", "f16", "f17", "f18", "f21", "f26", "f100", "f124"),)
}
_ROWS = b'"diff":['
BOARD_TABLE = pl.Schema({"code": pl.String(), "name": pl.String(), "last": pl.Int64(), "change_ppm": pl.Int64()})
"""Industry boards (行业板块): `BK…` codes, index level in price units, change of the day."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page of a list: `total` rows exist at the source, these are in the body, as it gave them."""

    total: int
    rows: pl.DataFrame


def parse_page(body: bytes) -> Page:
    """A clist or ulist body. Raises FeedError: NOT_DATA, UNKNOWN_SYMBOL (rc 102), EMPTY (no data)."""
    whole = unwrapped(SOURCE, body)
    begin, end = whole.find(_ROWS), whole.rfind(b"]")
    if 0 <= begin < end:
        opening = begin + len(_ROWS)
        data = data_of(json_object(SOURCE, whole[:opening] + whole[end:]))
        rows = rows_of(SOURCE, whole[opening - 1 : end + 1], _SCHEMA)
    else:
        data = data_of(json_object(SOURCE, whole))
        diff = data.get("diff")
        rows = rows_of(SOURCE, to_json(list(diff.values()) if isinstance(diff, Mapping) else diff), _SCHEMA)
    total = data.get("total")
    if type(total) is not int or total < rows.height:
        raise not_data(SOURCE, f"{rows.height} rows of {total!r}")
    if rows.is_empty():
        raise FeedError(SOURCE, Fault.EMPTY, f"no rows of {total}")
    if rows["f12"].n_unique() < rows.height and rows.select("f12", "f13").n_unique() < rows.height:
        rows = rows.unique(maintain_order=True)
        if rows["f12"].n_unique() < rows.height and rows.select("f12", "f13").n_unique() < rows.height:
            raise not_data(SOURCE, "one code twice with different figures")
    return Page(total, rows)


def data_of(envelope: Mapping[str, object]) -> Mapping[str, object]:
    """The `data` of an answer. Raises FeedError: UNKNOWN_SYMBOL for rc 102, EMPTY for no data, NOT_DATA for another shape."""
    code, data = envelope.get("rc"), envelope.get("data")
    if code == 102:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, "rc 102: no such secid, or throttled")
    if type(code) is not int:
        raise not_data(SOURCE, "an answer without rc")
    if code != 0 or data is None:
        raise FeedError(SOURCE, Fault.EMPTY, f"rc {code} and no data")
    if not isinstance(data, dict):
        raise not_data(SOURCE, "data is not an object")
    return data


def raw_quotes(rows: pl.DataFrame) -> pl.DataFrame:
    """RAW_QUOTES from rows of a page: lots to shares, market numbers to homes, unix seconds to instants."""
    seconds = pl.when((pl.col("f124") > 0) & (pl.col("f124") < 4e9)).then(pl.col("f124")).cast(pl.Int64)
    none = pl.lit(None, pl.Float64)
    return rows.select(
        code="f12",
        home=pl.when(f13=1).then(pl.lit("SH")).when(f13=0).then(pl.lit("SZ")),
        name="f14",
        at=pl.from_epoch(seconds, time_unit="s").dt.replace_time_zone("UTC").dt.cast_time_unit("us"),
        last="f2",
        open="f17",
        high="f15",
        low="f16",
        pre_close="f18",
        volume=pl.col("f5") * LOT,
        amount="f6",
        **dict.fromkeys(("bid", "ask", "limit_up", "limit_down", "bid_size", "ask_size"), none),
        turnover="f8",
        float_cap="f21",
        list_day="f26",
        industry="f100",
        halted=pl.lit(None, pl.Boolean),
    )


def security_table(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """SECURITY_TABLE of every share in the rows of a crawl, known now; codes that no board owns are left out."""
    table = named_rows(SOURCE, rows.select(code="f12", home=pl.lit(None, pl.String), name="f14", list_day="f26", industry="f100"))
    names = clean(table["name"])
    flags = [name_flags(name) for name in names]
    return table.select(
        "symbol",
        known_at=pl.lit(now),
        board=pl.Series([board_of(symbol, Market.ASHARE).value for symbol in table["symbol"]], dtype=pl.String),
        name=names,
        industry=clean(table["industry"]),
        taxonomy=pl.lit(TAXONOMY),
        list_date=day_number(figures(table, "list_day")),
        special_treatment=pl.Series([flag.special_treatment for flag in flags], dtype=pl.Boolean),
        delisting=pl.Series([flag.delisting for flag in flags], dtype=pl.Boolean),
        source=pl.lit(SOURCE),
    ).cast(SECURITY_TABLE)


def board_table(rows: pl.DataFrame) -> pl.DataFrame:
    """BOARD_TABLE of the industry boards in the rows of a page. Raises FeedError(NOT_DATA) for rows that are no boards."""
    boards = rows.filter(pl.col("f12").str.contains(r"^BK[0-9]{4}$").fill_null(False))
    if boards.height < rows.height or boards["f12"].n_unique() < boards.height:
        raise not_data(SOURCE, "rows that are no boards, or one board twice")
    return boards.select(
        code="f12",
        name=clean(boards["f14"]),
        last=integers(price(figures(boards, "f2"))).fill_null(0),
        change_ppm=integers(rounded(figures(boards, "f3"), PERCENT_PPM)).fill_null(0),
    ).cast(BOARD_TABLE)
