"""Bars on disk: a file a period, merged so that what was once known never changes, read back as one sorted table.

sound rows ──► merge(kept, new) ──► PERIOD.bars            PERIOD.bars ──► Part ──► assembled: BAR_SCHEMA, by symbol and time
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.core.errors import DataError
from engine.store.market.layout import STORED_BAR_SCHEMA
from engine.store.market.sealed import read_sealed, read_summary, write_sealed
from engine.store.snapshot import BAR_SCHEMA

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEY = ["symbol", "start"]
_NARROW = ("open", "high", "low", "close", "pre_close", "factor_ppm")
_INT32_MAX = 2**31 - 1
_FIGURES = [name for name in STORED_BAR_SCHEMA if name != "symbol"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file of bars says of itself: its symbols in order with their rows, its days with when each was first known."""

    symbols: tuple[str, ...]
    counts: tuple[int, ...]
    days: tuple[tuple[date, datetime], ...]
    first_known: datetime
    last_known: datetime
    basis: Mapping[str, str]

    @property
    def rows(self) -> int:
        """How many bars the file holds."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The bars of one file without their symbols: `counts[i]` rows of `symbols[i]` follow each other, by time."""

    figures: pl.DataFrame
    symbols: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    contents: Contents


def contents(path: Path) -> Contents:
    """What the file at `path` holds, without reading its bars. Raises DataError."""
    return _contents(path, read_summary(path))


def read_part(path: Path) -> Part:
    """The bars of the file at `path`. Raises DataError."""
    figures, summary = read_sealed(path, _FIGURES)
    said = _contents(path, summary)
    return Part(figures, said.symbols, np.asarray(said.counts, dtype=np.int64), said)


def read_rows(path: Path) -> pl.DataFrame:
    """The bars of the file at `path` as they are kept (STORED_BAR_SCHEMA). Raises DataError."""
    return read_sealed(path)[0].select(list(STORED_BAR_SCHEMA)).cast(STORED_BAR_SCHEMA)


def write_rows(path: Path, rows: pl.DataFrame, basis: Mapping[str, str]) -> None:
    """Keep `rows` (STORED_BAR_SCHEMA, one bar a symbol and start) as the file at `path`; `basis` names adjusted symbols."""
    write_ordered(path, rows.sort(_KEY), basis)


def write_ordered(path: Path, rows: pl.DataFrame, basis: Mapping[str, str]) -> None:
    """As `write_rows`, of rows that are by symbol and start already."""
    ordered = rows.select(list(STORED_BAR_SCHEMA))
    runs = ordered.select(pl.col("symbol").rle().alias("run"))["run"].struct
    days = ordered.group_by("trading_day").agg(pl.col("known_at").min()).sort("trading_day")
    symbols = runs.field("value").to_list()
    summary = {
        "rows": ordered.height,
        "symbols": " ".join(symbols),
        "counts": [[count, len(list(same))] for count, same in itertools.groupby(runs.field("len").to_list())],
        "days": [[day.isoformat(), _microseconds(known)] for day, known in days.iter_rows()],
        "known": [_microseconds(ordered["known_at"].min()), _microseconds(ordered["known_at"].max())],
        "basis": {symbol: basis[symbol] for symbol in symbols if symbol in basis},
    }
    write_sealed(path, _narrow(ordered), summary)


def _narrow(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices and factors in 32 bits where all of a file's fit: half of what a reader has to move."""
    tops = rows.select(pl.col(name).abs().max() for name in _NARROW).row(0)
    return rows.with_columns(pl.col(name).cast(pl.Int32) for name, top in zip(_NARROW, tops, strict=True) if top <= _INT32_MAX)


def part_of(rows: pl.DataFrame) -> Part:
    """Rows by symbol and start (STORED_BAR_SCHEMA, at least one) as if they had been read from a file."""
    runs = rows.select(pl.col("symbol").rle().alias("run"))["run"].struct
    days = rows["trading_day"]
    said = Contents(
        symbols=tuple(runs.field("value").to_list()),
        counts=tuple(runs.field("len").to_list()),
        days=tuple((day, rows["known_at"].min()) for day in (days.min(), days.max())),  # type: ignore[misc]
        first_known=rows["known_at"].min(),  # type: ignore[arg-type]
        last_known=rows["known_at"].max(),  # type: ignore[arg-type]
        basis={},
    )
    return Part(rows.select(_FIGURES), said.symbols, np.asarray(said.counts, dtype=np.int64), said)


def later(part: Part, rows: pl.DataFrame) -> bool:
    """Whether all of `rows` begin after every bar of `part`, as those of a new day do."""
    newest, first = part.figures["start"].max(), rows["start"].min()
    return isinstance(newest, datetime) and isinstance(first, datetime) and first > newest


def merge(kept: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows of `new` that are not kept yet, rows of `new` that contradict a kept one). A kept bar never changes."""
    near = kept.filter(pl.col("start").is_between(new["start"].min(), new["start"].max()))
    if near.is_empty():
        return new, new.clear()
    same = new.join(near, on=list(STORED_BAR_SCHEMA), how="semi")
    other = new.join(same, on=_KEY, how="anti") if same.height else new
    contradicting = other.join(near, on=_KEY, how="semi")
    fresh = other.join(contradicting, on=_KEY, how="anti") if contradicting.height else other
    return fresh, contradicting


def narrowed(part: Part, *, first: date, last: date, at: datetime) -> Part:
    """`part` without bars of days outside `first` to `last` and without those not yet known at `at`."""
    said = part.contents
    inside = first <= said.days[0][0] and said.days[-1][0] <= last
    if inside and said.last_known <= at:
        return part
    mask = part.figures.select(pl.col("trading_day").is_between(first, last) & (pl.col("known_at") <= at)).to_series()
    starts = np.concatenate(([0], np.cumsum(part.counts)[:-1]))
    counts = np.add.reduceat(mask.to_numpy().astype(np.int64), starts)
    return Part(part.figures.filter(mask), part.symbols, counts, said)


def assembled(parts: Sequence[Part], symbols: Iterable[str], interval: str) -> pl.DataFrame:
    """BAR_SCHEMA: the bars of `symbols` in all parts (oldest part first), by symbol and time.

    Every part is sorted, so the places are computed and nothing is compared: a sort of a year of the whole market costs more than
    reading it.
    """
    wanted = sorted(set(symbols))
    parts = [part for part in parts if part.figures.height]
    if not wanted or not parts:
        return pl.DataFrame(schema=BAR_SCHEMA)
    lengths, offsets = _runs(parts, wanted)
    flat = lengths.ravel()
    total = int(flat.sum())
    before = np.cumsum(flat) - flat
    # Places fit in 32 bits, and a step backwards wraps around: half of what has to be moved.
    places = np.repeat((offsets.ravel() - before).astype(np.uint32), flat)
    places += np.arange(total, dtype=np.uint32)
    rows = pl.Series(np.repeat(np.arange(len(wanted), dtype=np.uint32), lengths.sum(axis=1)))
    figures = _end_to_end([part.figures for part in parts])
    taken = figures.select(pl.all().gather(pl.Series(places)))
    named = taken.with_columns(pl.Series("symbol", wanted, dtype=pl.String).gather(rows), interval=pl.lit(interval))
    return named.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA)


def _end_to_end(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The tables one after the other, a column as narrow as all of them have it."""
    mixed = [name for name in _NARROW if len({table.schema[name] for table in tables}) > 1]
    if mixed:
        tables = [table.with_columns(pl.col(name).cast(pl.Int64) for name in mixed) for table in tables]
    return pl.concat(tables, rechunk=True)


def _runs(parts: Sequence[Part], wanted: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many rows each wanted symbol (row) has in each part (column), and where they begin in all parts laid end to end."""
    lengths = np.zeros((len(wanted), len(parts)), dtype=np.int64)
    offsets = np.zeros_like(lengths)
    base, known, places = 0, None, np.empty(0, dtype=np.int64)
    for column, part in enumerate(parts):
        if part.symbols != known:
            index = {symbol: place for place, symbol in enumerate(part.symbols)}
            known, places = part.symbols, np.array([index.get(symbol, -1) for symbol in wanted], dtype=np.int64)
        found = places >= 0
        starts = base + np.cumsum(part.counts) - part.counts
        lengths[found, column] = part.counts[places[found]]
        offsets[found, column] = starts[places[found]]
        base += part.figures.height
    return lengths, offsets


def _contents(path: Path, summary: Mapping[str, Any]) -> Contents:
    """Raises DataError where the summary is sound and yet none of this program's."""
    try:
        first, last = summary["known"]
        return Contents(
            symbols=_split(summary["symbols"]),
            counts=tuple(itertools.chain.from_iterable(itertools.repeat(count, times) for count, times in summary["counts"])),
            days=tuple((date.fromisoformat(day), _instant(known)) for day, known in summary["days"]),
            first_known=_instant(first),
            last_known=_instant(last),
            basis=summary["basis"],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"{path} was written by another version of this program; import or sync it again") from None


@lru_cache(maxsize=64)
def _split(symbols: str) -> tuple[str, ...]:
    """The months of a market mostly name the same symbols: one tuple stands for all of them."""
    return tuple(symbols.split(" "))


def _microseconds(at: Any) -> int:
    return int((at - _EPOCH) // _MICROSECOND)


def _instant(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
