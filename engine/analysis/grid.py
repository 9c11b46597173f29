"""Bars of one interval as a table: shares × bars, oldest first, right-aligned, the form in which indicators take them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.indicators import Series
from engine.store.snapshot import Snapshot
from engine.store.stretches import cells, spans

COLUMNS = ("high", "low", "close", "volume", "amount", "factor_ppm")


@dataclass(frozen=True, slots=True)
class Grid:
    """`table` holds each column as shares × bars with NaN before a share's first bar; `lengths` are their numbers of bars, `newest`
    when the last of them was known."""

    symbols: list[str]
    lengths: list[int]
    table: dict[str, Series]
    newest: npt.NDArray[np.datetime64]


def grid(
    snapshot: Snapshot,
    interval: str,
    symbols: Collection[str] | None = None,
    *,
    most: int = 0,
    columns: Sequence[str] = COLUMNS,
) -> Grid:
    """The bars of `interval`, of every name or of those in `symbols`; of each the newest `most`, 0 for all."""
    found = spans(snapshot.stretches, interval, symbols)
    lengths = found.ends - found.starts
    shown = np.minimum(lengths, most) if most else lengths
    width = int(shown.max(initial=0))
    rows = found.ends[:, None] - np.arange(width, 0, -1)
    blank = rows < (found.ends - shown)[:, None] if found.symbols and int(shown.min()) < width else None
    table: dict[str, Series] = {}
    for name in columns:
        values = cells(snapshot.bars, name)
        # Before a share's first bar stands another's, or one from the table's end, until the blanks are put there.
        table[name] = values.take(rows, mode="clip").astype(np.float64)
        if blank is not None:
            table[name][blank] = np.nan
    return Grid(found.symbols, lengths.tolist(), table, cells(snapshot.bars, "known_at")[found.ends - 1])
