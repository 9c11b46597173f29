"""The files of one market as they are read: each is decoded once while it stays the same, and shared between threads.

period files ──► contents (first lines) · parts (bodies, the latest few kept in memory) ──► bars · days · facts
Whatever replaces a file changes its stamp, so that what a sync of another process wrote is seen at the next read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.store.market import facts
from engine.store.market.bars import Contents, Part, assembled, contents, narrowed, read_part
from engine.store.market.layout import INTERVAL_MINUTES, RAW, Table, bar_files, interval_directory, period_of, table_files
from engine.store.market.sealed import file_stamp
from engine.store.snapshot import BAR_SCHEMA

MAX_ROWS_KEPT = 1_500_000
"""Bars held decoded in memory, about 90 bytes each: a year of the whole A-share market fits."""
READERS = 2
_DAY = timedelta(days=1)
_Stamp = tuple[int, int, int]


class Shelf:
    """One market's files; thread-safe. Nothing here knows what time it is: the gate (view.py) filters."""

    def __init__(self, home: Path, market: Market, *, rows_kept: int = MAX_ROWS_KEPT) -> None:
        self.home, self.market = home, market
        self._rows_kept = rows_kept
        self._lock = threading.Lock()
        self._contents: dict[Path, tuple[_Stamp, Contents]] = {}
        self._parts: OrderedDict[Path, tuple[_Stamp, Part]] = OrderedDict()
        self._rows = 0
        self._facts: dict[str, tuple[tuple[_Stamp, ...], pl.DataFrame]] = {}

    def intervals(self) -> list[str]:
        """The intervals of which anything is kept, shortest first."""
        return [name for name in INTERVAL_MINUTES if interval_directory(self.home, self.market, name).is_dir()]

    def contents(self, path: Path) -> Contents:
        """What the file of bars at `path` says of itself. Raises DataError."""
        stamp = file_stamp(path)
        with self._lock:
            held = self._contents.get(path)
        if held is not None and held[0] == stamp:
            return held[1]
        found = contents(path)
        with self._lock:
            self._contents[path] = (stamp, found)
        return found

    def part(self, path: Path) -> Part:
        """The bars of the file at `path`. Raises DataError."""
        return self._read([path])[0]

    def bars(self, symbols: Sequence[str], interval: str, *, first: date, last: date, at: datetime) -> pl.DataFrame:
        """BAR_SCHEMA rows with known_at <= `at`. Raises DataError for a damaged file."""
        latest = min(last, at.date() + _DAY)  # no zone is a day ahead of UTC: later trading days cannot have a bar yet
        low, high = period_of(interval, first), period_of(interval, max(first, latest))
        wanted = [path for period, path in bar_files(self.home, self.market, interval).items() if low <= period <= high]
        if not wanted or not symbols:
            return pl.DataFrame(schema=BAR_SCHEMA)
        parts = self._read(wanted)
        return assembled([narrowed(part, first=first, last=latest, at=at) for part in parts], symbols, interval)

    def days(self, interval: str, at: datetime, newest: int | None) -> list[date]:
        """Trading days of which a bar was known at `at`, oldest first; the `newest` of them, all for None. Raises DataError."""
        found: list[date] = []
        latest = period_of(interval, at.date() + _DAY)
        for period, path in reversed(bar_files(self.home, self.market, interval).items()):
            if period > latest:
                continue
            found.extend(day for day, known in reversed(self.contents(path).days) if known <= at)
            if newest is not None and len(found) >= newest:
                break
        return found[:newest][::-1]

    def basis(self, symbols: Iterable[str], interval: str, at: datetime) -> dict[str, str]:
        """`raw` or the word of an adjustment for each symbol with a bar known by `at`. Raises DataError."""
        wanted, said = set(symbols), dict[str, str]()
        for path in bar_files(self.home, self.market, interval).values():
            found = self.contents(path)
            if found.last_known <= at:
                begun = wanted.intersection(found.symbols)
            elif found.first_known <= at:
                part = narrowed(self._read([path])[0], first=date.min, last=date.max, at=at)
                begun = {symbol for symbol, count in zip(part.symbols, part.counts, strict=True) if count and symbol in wanted}
            else:
                break
            said.update({symbol: found.basis.get(symbol, RAW) for symbol in begun})
        return said

    def facts(self, table: Table) -> pl.DataFrame:
        """All rows of a table of facts, by symbol and time. Raises DataError."""
        stamps = tuple(file_stamp(path) for path in table_files(self.home, self.market, table.name).values())
        with self._lock:
            held = self._facts.get(table.name)
        if held is not None and held[0] == stamps:
            return held[1]
        found = facts.everything(self.home, self.market, table)
        with self._lock:
            self._facts[table.name] = (stamps, found)
        return found

    def _read(self, paths: Sequence[Path]) -> list[Part]:
        stamps = {path: file_stamp(path) for path in paths}
        with self._lock:
            parts = {path: part for path in paths if (part := self._held(path, stamps[path])) is not None}
        missing = [path for path in paths if path not in parts]
        if len(missing) == 1:
            parts[missing[0]] = read_part(missing[0])
        elif missing:
            with ThreadPoolExecutor(READERS, thread_name_prefix="market-read") as readers:
                parts.update(zip(missing, readers.map(read_part, missing), strict=True))
        with self._lock:
            for path in missing:
                self._keep(path, stamps[path], parts[path])
        return [parts[path] for path in paths]

    def _held(self, path: Path, stamp: _Stamp) -> Part | None:
        held = self._parts.get(path)
        if held is None or held[0] != stamp:
            return None
        self._parts.move_to_end(path)
        return held[1]

    def _keep(self, path: Path, stamp: _Stamp, part: Part) -> None:
        if path in self._parts:
            self._rows -= self._parts.pop(path)[1].figures.height
        self._parts[path] = (stamp, part)
        self._rows += part.figures.height
        while self._rows > self._rows_kept and len(self._parts) > 1:
            _, (_, oldest) = self._parts.popitem(last=False)
            self._rows -= oldest.figures.height
