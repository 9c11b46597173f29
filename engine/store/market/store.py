"""The store of one market: everything is written through judgement, and everything is read through the gate.

write_bars ──► quality.judge ──► quarantine, then PERIOD.bars (atomic, checksummed)         as_of(t) ──► MarketAsOf
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.store.market import facts, quarantine
from engine.store.market.bars import assembled, later, merge, part_of, read_rows, write_ordered, write_rows
from engine.store.market.before import bars_before
from engine.store.market.factors import continued
from engine.store.market.layout import (
    DAILY,
    QUARANTINE_SCHEMA,
    RAW,
    SECURITIES,
    STORED_BAR_SCHEMA,
    Table,
    bar_file,
    bar_files,
    period_expression,
    table_files,
)
from engine.store.market.layout import TABLES as FACT_TABLES
from engine.store.market.quality import Write, judge
from engine.store.market.quarantine import Reason, refused
from engine.store.market.securities import changes, folded, marked
from engine.store.market.shelf import Shelf
from engine.store.market.sync_state import Covered, read_covered, write_covered
from engine.store.market.view import MarketAsOf
from engine.store.market.writing import tidy, writing


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows of one write: kept now, known already (the same to the last figure), refused into quarantine."""

    kept: int
    known: int
    refused: int

    def __add__(self, other: Written) -> Written:
        return Written(self.kept + other.kept, self.known + other.known, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class Kept:
    """One line of the inventory: an interval or a table, how much of it there is and from when to when (trading days or years)."""

    market: Market
    name: str
    symbols: int
    rows: int
    first: str
    last: str
    adjusted: int


class MarketStore:
    """Everything kept of one market under `home`. Nothing is read from it for a decision but through `as_of`."""

    def __init__(self, home: Path, market: Market) -> None:
        self.home, self.market = home, market
        self._shelf = Shelf(home, market)

    @classmethod
    def open(cls, home: Path, market: Market) -> MarketStore:
        """The store of `market` in the state directory `home`; it may be empty. Makes nothing on disk before the first write."""
        return cls(home, market)

    def as_of(self, at: datetime) -> MarketAsOf:
        """The gate."""
        return MarketAsOf(at.astimezone(UTC), self.market, self._shelf)

    def write_bars(self, bars: pl.DataFrame, interval: str, *, source: str, now: datetime, basis: str = RAW) -> Written:
        """Keep the sound rows of `bars` (BAR_SCHEMA, nulls allowed) and quarantine the rest with their reasons.

        A bar that is kept already never changes: the same row again is nothing, another version of it is refused. `basis` says how
        prices are adjusted; `now` is when this happens. Raises DataError when the disk refuses or a kept file is damaged.
        """
        if bars.is_empty():
            return Written(0, 0, 0)
        with writing(self.home, self.market):
            return self._write_bars(bars, Write(self.market, interval, source, basis, now))

    def write_facts(self, table: Table, rows: pl.DataFrame, *, source: str, now: datetime) -> Written:
        """Keep `rows` of a table of facts (layout.TABLES); of securities only what they say anew. Raises DataError."""
        if rows.is_empty():
            return Written(0, 0, 0)
        with writing(self.home, self.market):
            told = rows
            if table is SECURITIES:
                told = changes(marked(rows) if self.market is Market.ASHARE else rows, self._shelf.facts(SECURITIES))
            kept, wrong = facts.add(self.home, self.market, table, told, source=source, now=now)
        return Written(kept, rows.height - kept - wrong, wrong)

    def quarantined(self) -> pl.DataFrame:
        """Every refused row (QUARANTINE_SCHEMA). Raises DataError."""
        return quarantine.read(self.home, self.market)

    def quarantine_rows(self, rows: pl.DataFrame, *, table: str, reason: Reason, detail: str | pl.Expr, source: str) -> int:
        """Keep rows that could not even be read as rows of `table`; returns how many. Raises DataError."""
        told = refused(rows, table=table, reason=reason, detail=detail, source=source)
        with writing(self.home, self.market):
            quarantine.keep(self.home, self.market, told)
        return rows.height

    def covered(self, interval: str) -> dict[str, Covered]:
        """Which trading days of which symbols a sync has asked for. Raises DataError."""
        return read_covered(self.home, self.market, interval)

    def note_covered(self, interval: str, spans: Mapping[str, Covered]) -> None:
        """Note days that have been asked for, once their bars are durable. Raises DataError."""
        with writing(self.home, self.market):
            write_covered(self.home, self.market, interval, {**self.covered(interval), **spans})

    def tidy(self) -> int:
        """Remove what a killed writer left half-written; returns how many files. Raises DataError."""
        return tidy(self.home, self.market)

    def inventory(self) -> list[Kept]:
        """What there is, a line an interval or table; for people, not for decisions. Raises DataError."""
        lines = []
        for interval in self._shelf.intervals():
            found = [self._shelf.contents(path) for path in bar_files(self.home, self.market, interval).values()]
            if found:
                symbols = {symbol for one in found for symbol in one.symbols}
                adjusted = {symbol for one in found for symbol in one.basis}
                span = (str(found[0].days[0][0]), str(found[-1].days[-1][0]))
                rows = sum(one.rows for one in found)
                lines.append(Kept(self.market, interval, len(symbols), rows, *span, len(adjusted)))
        for table in FACT_TABLES.values():
            years = list(table_files(self.home, self.market, table.name))
            if years:
                kept = self._shelf.facts(table)
                lines.append(Kept(self.market, table.name, kept["symbol"].n_unique(), kept.height, years[0], years[-1], 0))
        return lines

    def _write_bars(self, bars: pl.DataFrame, write: Write) -> Written:
        securities = folded(self._shelf.facts(SECURITIES))
        previous = bars_before(self._shelf, bars, write.interval)
        judged = judge(bars, write, securities=securities, previous=previous)
        sound = judged.sound
        if write.interval == DAILY and write.basis == RAW and self.market is not Market.CRYPTO:
            sound = continued(sound, previous, self.market)
        periods = sound.with_columns(period_expression(write.interval).alias("period"))
        groups = {str(key): group for (key,), group in periods.partition_by("period", as_dict=True, include_key=False).items()}
        wrong, fresh = [judged.refused], dict[str, pl.DataFrame]()
        for period, group in sorted(groups.items()):
            fresh[period], bad = self._against_kept(period, group, write)
            wrong.append(bad)
        refusals = pl.concat(wrong)
        quarantine.keep(self.home, self.market, refusals)  # first, so that a write cut off loses no row of either kind
        for period, group in fresh.items():
            self._put(period, group, write)
        kept = sum(group.height for group in fresh.values())
        return Written(kept, bars.height - refusals.height - kept, refusals.height)

    def _against_kept(self, period: str, group: pl.DataFrame, write: Write) -> tuple[pl.DataFrame, pl.DataFrame]:
        path = bar_file(self.home, self.market, write.interval, period)
        if not path.exists():
            return group, pl.DataFrame(schema=QUARANTINE_SCHEMA)
        said = self._shelf.contents(path)
        other = [symbol for symbol in said.symbols if said.basis.get(symbol, RAW) != write.basis]
        mixed = group.filter(pl.col("symbol").is_in(other))
        others = group.join(mixed, on=["symbol", "start"], how="anti") if mixed.height else group
        none = mixed.clear()
        fresh, differing = (others, none) if later(self._shelf.part(path), others) else merge(read_rows(path), others)
        named = {"table": write.interval, "source": write.source}
        return fresh, pl.concat(
            [
                refused(mixed, reason=Reason.BASIS, detail=f"kept on another basis than {write.basis}", **named),
                refused(differing, reason=Reason.DIFFERS, detail="another version of this bar was known first", **named),
            ]
        )

    def _put(self, period: str, fresh: pl.DataFrame, write: Write) -> None:
        if fresh.is_empty():
            return
        path = bar_file(self.home, self.market, write.interval, period)
        new = fresh.select(list(STORED_BAR_SCHEMA)).sort("symbol", "start")
        adjusted = {} if write.basis == RAW else dict.fromkeys(fresh["symbol"].unique().to_list(), write.basis)
        if not path.exists():
            write_ordered(path, new, adjusted)
            return
        part, adjusted = self._shelf.part(path), {**adjusted, **self._shelf.contents(path).basis}
        if later(part, new):
            added = part_of(new)
            write_ordered(path, assembled([part, added], (*part.symbols, *added.symbols), write.interval), adjusted)
        else:
            write_rows(path, pl.concat([read_rows(path), new]), adjusted)
