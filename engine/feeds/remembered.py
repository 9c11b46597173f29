"""The last row of each name that a ladder accepted, in memory and, where a file is given, over a restart.

accepted table ──► the newest row of each name, with when it arrived ──► every KEEP_S to disk, under a seal ──► read at the start
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from engine.core.errors import DataError
from engine.feeds.source import QUOTE_TABLE
from engine.store.market.sealed import read_sealed, write_sealed

ARRIVED = "arrived_at"
REMEMBERED = pl.Schema({**QUOTE_TABLE, ARRIVED: pl.Datetime("us", "UTC")})
KEEP_S = 60.0
"""A restart loses no more than this of what was seen last."""


class Remembered:
    """REMEMBERED rows, one a name, by symbol. Safe from any thread; `monotonic` counts seconds."""

    def __init__(self, monotonic: Callable[[], float], path: Path | None = None) -> None:
        self._monotonic = monotonic
        self._path = path
        self._lock = threading.Lock()
        self._rows = _read(path)
        self._kept_at: float | None = None

    def accept(self, table: pl.DataFrame, now: datetime) -> None:
        """Remember the rows of a QUOTE_TABLE that arrived at `now`."""
        fresh = table.with_columns(pl.lit(now).cast(REMEMBERED[ARRIVED]).alias(ARRIVED)).cast(REMEMBERED)
        with self._lock:
            self._rows = pl.concat([fresh, self._rows.join(fresh, on="symbol", how="anti")]).sort("symbol")
            seconds = self._monotonic()
            if self._path is None or (self._kept_at is not None and seconds - self._kept_at < KEEP_S):
                return
            self._kept_at = seconds
            # A full disk is for the ledger to halt on; what was seen last is a convenience.
            with contextlib.suppress(DataError):
                write_sealed(self._path, self._rows, {"rows": self._rows.height})

    def of(self, symbols: Sequence[str]) -> pl.DataFrame:
        """REMEMBERED rows of `symbols`, all where there are none."""
        with self._lock:
            rows = self._rows
        return rows.filter(pl.col("symbol").is_in(list(symbols))) if symbols else rows


def _read(path: Path | None) -> pl.DataFrame:
    """What was kept; nothing where there is no file, or it is damaged or of another version."""
    nothing = pl.DataFrame(schema=REMEMBERED)
    if path is None or not path.exists():
        return nothing
    try:
        rows, _ = read_sealed(path)
    except DataError:
        return nothing
    return rows if rows.schema == REMEMBERED else nothing
