"""Where each name's bars of an interval lie in a snapshot's table, so that who reads them takes plain arrays and no query is run.

bars (sorted by symbol, interval, known_at) ──stretches──► one entry a symbol and interval ──spans──► [start, end) of each name
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def stretches(bars: pl.DataFrame) -> tuple[Stretch, ...]:
    """The table's stretches in its order; a table that is not sorted may have several of one symbol and interval."""
    runs = bars.select(pl.struct("symbol", "interval").rle().alias("run"))["run"].to_list()
    return tuple(Stretch(run["value"]["symbol"], run["value"]["interval"], run["len"]) for run in runs)


def spans(found: Sequence[Stretch], interval: str, symbols: Collection[str] | None = None) -> Spans:
    """The spans of `interval`: of every name, or of those in `symbols` alone."""
    lengths = np.array([one.rows for one in found], dtype=np.int64)
    places = [place for place, one in enumerate(found) if one.interval == interval and (symbols is None or one.symbol in symbols)]
    ends = np.cumsum(lengths)[places]
    return Spans([found[place].symbol for place in places], ends - lengths[places], ends)


def cells(bars: pl.DataFrame, column: str) -> npt.NDArray[Any]:
    """A column as an array: integers as they are, a day as datetime64[D], an instant as datetime64[us]."""
    return bars[column].to_numpy()


def greatest(found: Spans, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The greatest of `values` (one a row of the table) within each span."""
    borders = np.column_stack([found.starts, found.ends]).ravel()
    reduced: npt.NDArray[Any] = np.maximum.reduceat(values, borders[:-1] if found.ends[-1:] == values.size else borders)[::2]
    return reduced
