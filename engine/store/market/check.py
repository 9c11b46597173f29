"""What is wrong with a kept market, for a person: damaged files, holes against the calendar, factors that do not follow, refusals.

files ──► every one read and verified · sessions without a bar · close × factor against the next reference price · quarantine
A hole that a refused row explains (a suspended day, a bar beyond its limit) is not told twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import polars as pl

from engine.core.errors import CalendarUnknown, DataError
from engine.core.units import PPM, Market
from engine.exchange import calendar
from engine.store.market import quarantine
from engine.store.market.bars import read_rows
from engine.store.market.layout import (
    INTERVAL_MINUTES,
    MARKET_DIRECTORY,
    STORED_BAR_SCHEMA,
    bar_files,
    interval_directory,
)
from engine.store.market.sealed import read_sealed

FACTOR_TOLERANCE_PPM = 5_000
"""How far close × factor may be from the next reference price × its factor: rounding to the tick and to the ppm of a factor."""


class Fault(StrEnum):
    """What was found."""

    DAMAGED = "DAMAGED"
    """A file cannot be trusted."""
    GAP = "GAP"
    """Sessions, or bars of an endless market, between a symbol's first and last bar have none."""
    FACTOR = "FACTOR"
    """An adjusted price jumps: the factor does not say what the reference price says."""
    QUARANTINED = "QUARANTINED"
    """Rows were refused; they are kept aside with their reasons."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One finding: `table` is an interval or a table, `symbol` empty where it is about a file, `count` how many rows or days."""

    fault: Fault
    table: str
    symbol: str
    count: int
    detail: str


def check_market(home: Path, market: Market) -> list[Flaw]:
    """Every flaw of a kept market, damaged files alone where there are any: nothing else can be told of the rest."""
    flaws: list[Flaw] = []
    directory = home / MARKET_DIRECTORY / market.value
    for path in sorted([*directory.rglob("[0-9]*.rows"), *directory.rglob("[a-z]*.rows"), *directory.rglob("*.bars")]):
        try:
            read_sealed(path)
        except DataError as error:
            flaws.append(Flaw(Fault.DAMAGED, path.parent.name, "", 1, str(error)))
    if flaws:
        return flaws
    refused = quarantine.read(home, market)
    for interval in INTERVAL_MINUTES:
        if interval_directory(home, market, interval).is_dir():
            bars = _bars(home, market, interval)
            flaws += _gaps(bars, interval, market, refused)
            if interval == "1d" and market is not Market.CRYPTO:
                flaws += _factors(bars, interval)
    counted = (
        refused.group_by("table", "reason", "source").agg(pl.len(), pl.col("detail").first()).sort("table", "reason", "source")
    )
    flaws += [
        Flaw(Fault.QUARANTINED, table, "", count, f"{reason} from {source}: {detail}")
        for table, reason, source, count, detail in counted.iter_rows()
    ]
    return flaws


def _bars(home: Path, market: Market, interval: str) -> pl.DataFrame:
    names = ("symbol", "trading_day", "start", "close", "pre_close", "factor_ppm")
    tables = [read_rows(path).select(names) for path in bar_files(home, market, interval).values()]
    return pl.concat([pl.DataFrame(schema={name: STORED_BAR_SCHEMA[name] for name in names}), *tables]).sort("symbol", "start")


def _gaps(bars: pl.DataFrame, interval: str, market: Market, refused: pl.DataFrame) -> list[Flaw]:
    """Sessions without a bar (of an endless market: missing bars) between the first and the last of each symbol."""
    if market is Market.CRYPTO:
        return _missing_bars(bars, interval)
    known = calendar(market)
    days = bars["trading_day"].unique().sort().to_list()
    if not days:
        return []
    try:
        sessions = pl.DataFrame({"trading_day": known.sessions(days[0], days[-1])}, schema={"trading_day": pl.Date()})
    except CalendarUnknown:
        return []
    spans = bars.group_by("symbol").agg(pl.col("trading_day").min().alias("first"), pl.col("trading_day").max().alias("last"))
    due = spans.join(sessions, how="cross").filter(pl.col("trading_day").is_between("first", "last"))
    zone = known.zone.key
    explained = refused.filter(pl.col("table") == interval).select(
        "symbol", trading_day=pl.col("known_at").dt.convert_time_zone(zone).dt.date()
    )
    holes = due.join(bars, on=["symbol", "trading_day"], how="anti").join(explained, on=["symbol", "trading_day"], how="anti")
    told = holes.group_by("symbol").agg(
        pl.len(), pl.col("trading_day").min().alias("first"), pl.col("trading_day").max().alias("last")
    )
    return [_gap(interval, row, "sessions without a bar") for row in told.sort("symbol").iter_rows()]


def _missing_bars(bars: pl.DataFrame, interval: str) -> list[Flaw]:
    """Steps of more than one interval. Stretches that were kept apart (two files of different months) are told as one hole."""
    step = pl.col("start").diff().over("symbol").dt.total_minutes() // INTERVAL_MINUTES[interval]
    jumps = bars.with_columns(step=step).filter(pl.col("step") > 1)
    told = jumps.group_by("symbol").agg(
        (pl.col("step") - 1).sum(), pl.col("trading_day").min().alias("first"), pl.col("trading_day").max().alias("last")
    )
    return [_gap(interval, row, "bars missing") for row in told.sort("symbol").iter_rows()]


def _gap(interval: str, row: tuple[str, int, date, date], what: str) -> Flaw:
    symbol, count, first, last = row
    return Flaw(Fault.GAP, interval, symbol, int(count), f"{count} {what}, the first around {first}, the last around {last}")


def _factors(bars: pl.DataFrame, interval: str) -> list[Flaw]:
    before = [pl.col(name).shift(1).over("symbol").alias(f"before_{name}") for name in ("close", "factor_ppm")]
    chained = bars.with_columns(before).filter(pl.col("pre_close") > 0).drop_nulls("before_close")
    kept = pl.col("before_close").cast(pl.Float64) * pl.col("before_factor_ppm")
    meant = pl.col("pre_close").cast(pl.Float64) * pl.col("factor_ppm")
    slack = FACTOR_TOLERANCE_PPM / PPM * kept + 200 * pl.col("factor_ppm")
    broken = chained.filter((meant - kept).abs() > slack)
    told = broken.group_by("symbol").agg(pl.len(), pl.col("trading_day").first()).sort("symbol")
    return [
        Flaw(Fault.FACTOR, interval, symbol, count, f"the factor does not follow the reference price, first on {day}")
        for symbol, count, day in told.iter_rows()
    ]
