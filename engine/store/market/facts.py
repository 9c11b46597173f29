"""Dated facts (securities, ex-rights, funding, open interest, fundamentals): a file a year, added to and never rewritten.

new rows ──► add: the same fact again is nothing, another value for a known fact is refused ──► TABLE/YEAR.rows
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.store.market import quarantine
from engine.store.market.layout import SUFFIX_MARKET, Table, table_file, table_files
from engine.store.market.quarantine import Reason, refused
from engine.store.market.sealed import read_sealed, write_sealed

_NEEDED = {"symbol", "known_at", "rate_e8", "interval_hours", "quantity", "report_date", "item", "ex_date", "record_date"}
"""Columns without which a row says nothing; the others may be null."""


def add(home: Path, market: Market, table: Table, rows: pl.DataFrame, *, source: str, now: datetime) -> tuple[int, int]:
    """Keep `rows` of `table`; returns (rows not known before, rows refused). Raises DataError when the disk refuses.

    What is refused is durable before anything else changes, so that a write cut off loses no row of either kind.
    """
    judged, bad = _judged(rows, market, table, source, now)
    fresh, claimed = _against_kept(home, market, table, judged)
    wrong = pl.concat([bad, _refused(claimed, table, Reason.DIFFERS, "another value of this fact was known first", source)])
    quarantine.keep(home, market, wrong)
    for year, group in _by_year(fresh):
        path = table_file(home, market, table.name, year)
        kept = [read_sealed(path)[0].select(list(table.schema))] if path.exists() else []
        write_sealed(path, _ordered(pl.concat([*kept, group]), table), {"rows": group.height + sum(t.height for t in kept)})
    return fresh.height, wrong.height


def everything(home: Path, market: Market, table: Table) -> pl.DataFrame:
    """All rows of `table` ever kept, by symbol and time; a decision reads through the gate instead. Raises DataError."""
    tables = [read_sealed(path)[0].select(list(table.schema)) for path in table_files(home, market, table.name).values()]
    return _ordered(pl.concat([pl.DataFrame(schema=table.schema), *tables]), table)


def _against_kept(home: Path, market: Market, table: Table, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows that are news, rows that give a known fact another value)."""
    fresh, claimed = [rows.clear()], [rows.clear()]
    for year, group in _by_year(rows):
        path = table_file(home, market, table.name, year)
        kept = read_sealed(path)[0].select(list(table.schema)) if path.exists() else group.clear()
        new = group.join(kept, on=list(table.schema), how="anti", nulls_equal=True)
        claimed.append(new.join(kept, on=list(table.key), how="semi", nulls_equal=True))
        fresh.append(new.join(claimed[-1], on=list(table.key), how="anti", nulls_equal=True))
    return pl.concat(fresh), pl.concat(claimed)


def _by_year(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    years = rows.with_columns(pl.col("known_at").dt.to_string("%Y").alias("year"))
    groups = years.partition_by("year", as_dict=True, include_key=False)
    return sorted((str(year), group) for (year,), group in groups.items())


def _ordered(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    return rows.sort(["symbol", "known_at", *(name for name in table.schema if name not in ("symbol", "known_at"))])


def _judged(rows: pl.DataFrame, market: Market, table: Table, source: str, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = rows.select(list(table.schema)).cast(table.schema)
    needed = [name for name in table.schema if name in _NEEDED]
    suffixes = [suffix for suffix, owner in SUFFIX_MARKET.items() if owner is market]
    rules = (
        (Reason.EMPTY, pl.any_horizontal(pl.col(name).is_null() for name in needed), "a field is empty"),
        (Reason.SYMBOL, ~pl.col("symbol").str.extract(r"\.([A-Z]+)$", 1).is_in(suffixes), f"no symbol of {market}"),
        (Reason.FUTURE, pl.col("known_at") > pl.lit(now), "known only after it was written"),
        (Reason.DUPLICATE, _again(list(table.schema)), "the same row again"),
        (Reason.DUPLICATE, pl.struct(table.key).is_duplicated(), "two values of one fact"),
    )
    bad = [_refused(rows.clear(), table, Reason.EMPTY, "", source)]
    for reason, broken, detail in rules:
        mask = rows.select(broken.fill_null(value=True)).to_series()
        if mask.any():
            bad.append(_refused(rows.filter(mask), table, reason, detail, source))
            rows = rows.filter(~mask)
    return rows, pl.concat(bad)


def _again(columns: list[str]) -> pl.Expr:
    return pl.struct(columns).is_duplicated() & ~pl.struct(columns).is_first_distinct()


def _refused(rows: pl.DataFrame, table: Table, reason: Reason, detail: str, source: str) -> pl.DataFrame:
    return refused(rows, table=table.name, reason=reason, detail=detail, source=source)
