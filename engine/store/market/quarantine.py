"""Rows that were refused, with the reason, kept where a person can read them: nothing is dropped without a trace.

refused(rows, table, reason) ──► keep ──► quarantine/TABLE/PERIOD.rows ──► read
A row refused twice for the same reason is kept once, so that a repeated write changes no byte.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.store.market.layout import QUARANTINE_SCHEMA, quarantine_file, quarantine_files
from engine.store.market.sealed import read_sealed, write_sealed

UNDATED = "undated"
_MAX_DETAIL_CHARS = 300


class Reason(StrEnum):
    """Why a row is not in the store."""

    EMPTY = "EMPTY"
    """A field that every row needs has no value."""
    NUMBER = "NUMBER"
    """A field is no number, or finer than the market's unit, or larger than an integer holds."""
    SYMBOL = "SYMBOL"
    """The symbol belongs to no market, or to another one."""
    SUSPENDED = "SUSPENDED"
    """A day on which the share did not trade: there is no bar of it."""
    DUPLICATE = "DUPLICATE"
    """Two rows of one write claim the same bar."""
    DIFFERS = "DIFFERS"
    """The store holds another version of this row, which was known first and stays."""
    PRICE = "PRICE"
    """A price is not positive, or open, high, low and close contradict each other."""
    VOLUME = "VOLUME"
    """A volume or an amount is negative."""
    UNIT = "UNIT"
    """Amount over volume lies more than 15 % outside the bar's own prices: lots for shares, or 10,000 for one."""
    OFF_CALENDAR = "OFF_CALENDAR"
    """The trading day is no session, or the bar lies outside its hours."""
    TIMES = "TIMES"
    """The bar's start and end are not one interval apart, or it was known before its end."""
    BEYOND_LIMIT = "BEYOND_LIMIT"
    """A price lies beyond the day's price limit, and no listing or suspension explains it."""
    SPLIT = "SPLIT"
    """The price jumped by the ratio of a split that nothing in the store explains."""
    BASIS = "BASIS"
    """The file holds the symbol on another basis (raw or adjusted)."""
    FUTURE = "FUTURE"
    """The row claims to be known later than the moment it was written."""
    INCOMPLETE = "INCOMPLETE"
    """A longer bar was asked for, and its group of shorter bars has a hole."""


def refused(rows: pl.DataFrame, *, table: str, reason: Reason, detail: str | pl.Expr, source: str) -> pl.DataFrame:
    """QUARANTINE_SCHEMA of `rows`, which may lack any column; `detail` says what was observed and what was allowed."""
    kept = rows.select(
        table=pl.lit(table),
        symbol=_column(rows, "symbol", pl.String()),
        known_at=_column(rows, "known_at", QUARANTINE_SCHEMA["known_at"]),
        reason=pl.lit(reason.value),
        detail=(pl.lit(detail) if isinstance(detail, str) else detail).str.slice(0, _MAX_DETAIL_CHARS),
        source=pl.lit(source),
        row=pl.struct(pl.all()).struct.json_encode() if rows.width else pl.lit("{}"),
    )
    return kept.cast(QUARANTINE_SCHEMA)


def keep(home: Path, market: Market, rows: pl.DataFrame) -> int:
    """Add refused rows (QUARANTINE_SCHEMA) to what is kept; returns how many were not there before. Raises DataError."""
    added = 0
    order = list(QUARANTINE_SCHEMA)
    periods = rows.with_columns(pl.col("known_at").dt.to_string("%Y-%m").fill_null(UNDATED).alias("period"))
    for (table, period), group in sorted(periods.partition_by("table", "period", as_dict=True, include_key=True).items()):
        path = quarantine_file(home, market, str(table), str(period))
        before = read_sealed(path)[0].select(order) if path.exists() else rows.clear()
        after = pl.concat([before, group.select(order)]).unique().sort(order)
        if after.height > before.height:
            write_sealed(path, after, {"rows": after.height})
            added += after.height - before.height
    return added


def read(home: Path, market: Market) -> pl.DataFrame:
    """Every refused row of a market (QUARANTINE_SCHEMA), by table, symbol and time. Raises DataError."""
    tables = [read_sealed(path)[0] for path in quarantine_files(home, market)]
    empty = pl.DataFrame(schema=QUARANTINE_SCHEMA)
    return pl.concat([empty, *tables]).sort("table", "symbol", "known_at", "reason", "row")


def _column(rows: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Expr:
    return (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind, strict=False)
