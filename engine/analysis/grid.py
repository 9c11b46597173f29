"""Bars of one interval as a table: shares × bars, oldest first, right-aligned, the form in which indicators take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from engine.analysis.indicators import Series

COLUMNS = ("open", "high", "low", "close", "volume", "amount", "factor_ppm")


@dataclass(frozen=True, slots=True)
class Grid:
    """`table` holds each column as shares × bars with NaN before a share's first bar; `lengths` are their numbers of bars, `newest`
    when the last of them was known."""

    symbols: list[str]
    lengths: list[int]
    table: dict[str, Series]
    newest: list[datetime]


def grid(bars: pl.DataFrame, interval: str, *, most: int = 0) -> Grid:
    """The bars of `interval` (snapshot.bars: sorted by symbol and time); of each share the newest `most`, 0 for all."""
    rows = bars.select("symbol", "interval", "known_at", *COLUMNS).filter(pl.col("interval") == interval)
    if rows.is_empty():
        return Grid([], [], {}, [])
    runs = rows["symbol"].rle().struct.unnest()
    symbols, lengths = runs["value"].to_list(), runs["len"].to_numpy().astype(np.int64)
    width = int(lengths.max())
    places = np.repeat(np.arange(len(symbols)), lengths)
    ends = np.cumsum(lengths)
    columns = np.arange(rows.height) - np.repeat(ends, lengths) + width
    table: dict[str, Series] = {}
    for name in COLUMNS:
        cells = np.full((len(symbols), width), np.nan)
        cells[places, columns] = rows[name].to_numpy()
        table[name] = cells[:, -most:] if most else cells
    return Grid(symbols, lengths.tolist(), table, rows["known_at"].gather(ends - 1).to_list())
