"""Bars of one interval as a table: shares × bars, oldest first, right-aligned, the form in which indicators take them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from engine.analysis.indicators import Series
from engine.store.snapshot import Snapshot
from engine.store.stretches import cells, spans

COLUMNS = ("open", "high", "low", "close", "volume", "amount", "factor_ppm")


@dataclass(frozen=True, slots=True)
class Grid:
    """`table` holds each column as shares × bars with NaN before a share's first bar; `lengths` are their numbers of bars, `newest`
    when the last of them was known."""

    symbols: list[str]
    lengths: list[int]
    table: dict[str, Series]
    newest: list[datetime]


def grid(snapshot: Snapshot, interval: str, symbols: Collection[str] | None = None, *, most: int = 0) -> Grid:
    """The bars of `interval`, of every name or of those in `symbols`; of each the newest `most`, 0 for all."""
    found = spans(snapshot.stretches, interval, symbols)
    if not found.symbols:
        return Grid([], [], {}, [])
    lengths = found.ends - found.starts
    shown = np.minimum(lengths, most) if most else lengths
    width = int(shown.max())
    names = np.repeat(np.arange(len(found.symbols)), shown)
    back = np.repeat(np.cumsum(shown), shown) - np.arange(names.size)  # 1 for a name's last bar
    rows, columns = np.repeat(found.ends, shown) - back, width - back
    table: dict[str, Series] = {}
    for name in COLUMNS:
        table[name] = np.full((len(found.symbols), width), np.nan)
        table[name][names, columns] = cells(snapshot.bars, name)[rows]
    newest = [instant.replace(tzinfo=UTC) for instant in cells(snapshot.bars, "known_at")[found.ends - 1].tolist()]
    return Grid(found.symbols, lengths.tolist(), table, newest)
