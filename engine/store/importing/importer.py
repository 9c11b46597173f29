"""One file into the store: read, named, judged, counted; what went in and what went to quarantine add up to the file.

import_file(path, home, plan) ──► facts of its symbols ──► bars ──► longer bars where asked ──► Imported
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from engine.core.instrument import Board
from engine.core.units import Market
from engine.store.importing.bars import Read, file_stem, read_bars
from engine.store.importing.facts import read_facts
from engine.store.importing.files import read_table, renamed
from engine.store.importing.plan import Plan
from engine.store.market import RAW, SECURITIES, SECURITY_SCHEMA, MarketStore, Reason, Written
from engine.store.market.resample import resampled


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: `rows` = kept + known + refused, where it went (an interval or a table), and what was made of it."""

    table: str
    rows: int
    kept: int
    known: int
    refused: int
    made: tuple[tuple[str, Written], ...] = ()


def import_file(path: Path, home: Path, plan: Plan, *, now: datetime) -> Imported:
    """Import a file of bars or of dated facts, whichever its columns are.

    Raises DataError for a file that is neither, with nothing kept; single bad rows go to quarantine instead.
    """
    store = MarketStore.open(home, plan.market)
    text = read_table(path)
    table, origin = renamed(path, text, plan.columns)
    if {"open", "high", "low", "close"}.intersection(table.columns):
        return _import_bars(store, table, origin, plan, file_stem(path), now)
    read = read_facts(store, table, plan, now)
    written = store.write_facts(read.table, read.rows, source=plan.source, now=now)
    if read.table is SECURITIES:
        good = text.height - read.refused
        return Imported(read.table.name, text.height, good, 0, read.refused, (("facts", written),))
    return Imported(read.table.name, text.height, written.kept, written.known, written.refused + read.refused)


def _import_bars(
    store: MarketStore, table: pl.DataFrame, origin: Mapping[str, str], plan: Plan, stem: str, now: datetime
) -> Imported:
    read = read_bars(store, table, origin, plan, stem)
    store.write_facts(SECURITIES, _facts(read, plan), source=plan.source, now=now)
    written = store.write_bars(read.bars, read.interval, source=plan.source, now=now, basis=plan.basis)
    made = tuple((longer, _resample(store, read, longer, plan, now)) for longer in plan.resample)
    return Imported(read.interval, table.height, written.kept, written.known, written.refused + read.refused, made)


def _resample(store: MarketStore, read: Read, longer: str, plan: Plan, now: datetime) -> Written:
    groups = resampled(read.bars, read.interval, longer, plan.market)
    source = f"{plan.source} {read.interval}"
    written = store.write_bars(groups.whole, longer, source=source, now=now, basis=plan.basis)
    detail = pl.format("{} bars where a whole group has more", "count")
    store.quarantine_rows(groups.holes, table=longer, reason=Reason.INCOMPLETE, detail=detail, source=source)
    return Written(written.kept, written.known, written.refused + groups.incomplete)


def _facts(read: Read, plan: Plan) -> pl.DataFrame:
    """What the bars say of their shares: that they are there, their ST marks as of each change, and a crypto pair's steps."""
    bars = read.bars.drop_nulls("start")
    there = bars.group_by("symbol").agg(pl.col("start").min().alias("known_at")).sort("symbol")
    tables = [there.with_columns(listed=pl.lit(value=True), board=pl.lit(_board(plan)))]
    if plan.market is Market.CRYPTO and plan.basis == RAW:
        tables = [tables[0].join(_steps(bars), on="symbol", how="left")]
    flagged = read.marks.drop_nulls("special_treatment").sort("symbol", "day")
    if flagged.height:
        news = flagged.filter(pl.col("special_treatment").ne_missing(pl.col("special_treatment").shift(1).over("symbol")))
        opens = bars.select("symbol", "trading_day", pl.col("start").alias("known_at")).unique(["symbol", "trading_day"])
        dated = news.join(opens, left_on=["symbol", "day"], right_on=["symbol", "trading_day"])
        tables.append(dated.select("symbol", "known_at", pl.col("day").alias("effective"), "special_treatment"))
    rows = pl.concat([table.with_columns(source=pl.lit(plan.source)) for table in tables], how="diagonal")
    absent = [pl.lit(None, kind).alias(name) for name, kind in SECURITY_SCHEMA.items() if name not in rows.columns]
    return rows.with_columns(absent).select(list(SECURITY_SCHEMA)).cast(SECURITY_SCHEMA)


def _board(plan: Plan) -> str | None:
    if plan.board is not None:
        return plan.board.value
    return {Market.CRYPTO: Board.SPOT.value, Market.US: Board.US.value}.get(plan.market)


def _steps(bars: pl.DataFrame) -> pl.DataFrame:
    """The price and quantity step of each pair: the largest step on which every figure of the file lies."""
    found = []
    for (symbol,), rows in bars.sort("symbol").partition_by("symbol", as_dict=True, maintain_order=True).items():
        prices = np.gcd.reduce(np.concatenate([rows[name].to_numpy() for name in ("open", "high", "low", "close")]))
        found.append((symbol, int(prices) or None, int(np.gcd.reduce(rows["volume"].to_numpy())) or None))
    return pl.DataFrame(found, schema={"symbol": pl.String(), "tick": pl.Int64(), "step": pl.Int64()}, orient="row")
