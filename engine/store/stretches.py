"""Where each name's bars of an interval lie in a snapshot's table, so that who reads them takes plain arrays and no query is run.

bars (sorted by symbol, interval, known_at) ──stretches──► one entry a symbol and interval ──spans──► [start, end) of each name
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Places = npt.NDArray[np.int64]


class Stretch(NamedTuple):
    """Rows one after another with one symbol and interval, and how many they are."""

    symbol: str
    interval: str
    rows: int


@dataclass(frozen=True, slots=True)
class Spans:
    """The names that have bars of an interval, in the table's order, and the rows [start, end) of each; none is empty."""

    symbols: list[str]
    starts: Places
    ends: Places


_NOWHERE = np.empty(0, dtype=np.int64)
_NONE = Spans([], _NOWHERE, _NOWHERE)


@dataclass(frozen=True, slots=True)
class Stretches:
    """A table's stretches in its order, and the spans of each interval."""

    runs: tuple[Stretch, ...]
    spans: Mapping[str, Spans]


def runs_of(bars: pl.DataFrame) -> tuple[Stretch, ...]:
    """The table's stretches in its order; a table that is not sorted may have several of one symbol and interval."""
    runs = bars.select(pl.struct("symbol", "interval").rle().alias("run"))["run"].to_list()
    return tuple(Stretch(run["value"]["symbol"], run["value"]["interval"], run["len"]) for run in runs)


def stretches(bars: pl.DataFrame) -> Stretches:
    """What a sorted table holds, and where."""
    runs = runs_of(bars)
    lengths = np.array([one.rows for one in runs], dtype=np.int64)
    ends = np.cumsum(lengths)
    places: dict[str, list[int]] = {}
    for place, one in enumerate(runs):
        places.setdefault(one.interval, []).append(place)
    return Stretches(
        runs,
        {
            interval: Spans([runs[place].symbol for place in own], ends[own] - lengths[own], ends[own])
            for interval, own in places.items()
        },
    )


def spans(found: Stretches, interval: str, symbols: Collection[str] | None = None) -> Spans:
    """The spans of `interval`: of every name, or of those in `symbols` alone."""
    every = found.spans.get(interval, _NONE)
    if symbols is None:
        return every
    own = [place for place, symbol in enumerate(every.symbols) if symbol in symbols]
    if len(own) == len(every.symbols):
        return every
    return Spans([every.symbols[place] for place in own], every.starts[own], every.ends[own])


def cells(bars: pl.DataFrame, column: str) -> npt.NDArray[Any]:
    """A column as an array: integers as they are, a day as datetime64[D], an instant as datetime64[us]."""
    return bars[column].to_numpy()


def greatest(found: Spans, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The greatest of `values` (one a row of the table) within each span."""
    borders = np.column_stack([found.starts, found.ends]).ravel()
    reduced: npt.NDArray[Any] = np.maximum.reduceat(values, borders[:-1] if found.ends[-1:] == values.size else borders)[::2]
    return reduced
