"""The bars of a live desk's names: fetched through the ladder as they close, what the store lacks of the history once.

clock ──► intervals with a bar that closed and was not asked for ──► ladder.bars, a name a request, while there is time
A name that fails waits before it is asked for again; when several fail one after the other, all wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from engine.core.errors import DataError
from engine.core.units import Market
from engine.exchange import Calendar
from engine.feeds.attention import MOST_INTRADAY_NAMES
from engine.feeds.source import Fault, FeedError
from engine.feeds.tape import BarLadder
from engine.store.market.layout import INTERVAL_MINUTES
from engine.store.snapshot import BAR_SCHEMA

DAILY = "1d"
LAG = timedelta(seconds=2)
"""A bar is asked for this long after it ended."""
AGAIN, NOTHING_THERE = timedelta(seconds=20), timedelta(minutes=30)
"""How long a name waits that failed, and one of which every source says that it has nothing."""
FAILURES_IN_A_ROW = 3
"""So many names, and it is not the names: none is asked for before AGAIN."""
_SESSION_MINUTES = {Market.ASHARE: 240, Market.US: 390, Market.CRYPTO: 1_440}
_SETTLED = frozenset({Fault.UNKNOWN_SYMBOL, Fault.EMPTY})

KeptSpans = Callable[[datetime, Sequence[str]], Mapping[str, "Kept"]]
"""(as_of, symbols) ──► what the store has of each; who is not in it has nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Daily bars of one name in the store: how many of those that a snapshot wants, and the trading day of the newest."""

    rows: int
    newest: date


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one name brought: BAR_SCHEMA, bars not fetched before, and who told them."""

    symbol: str
    interval: str
    bars: pl.DataFrame
    source: str


class ClosedBars:
    """Remembers how far each interval has come; belongs to the feed's thread."""

    def __init__(
        self,
        ladder: BarLadder,
        calendar: Calendar,
        bars: Sequence[tuple[str, int]],
        kept: KeptSpans = lambda at, symbols: {},
    ) -> None:
        """`bars` are the intervals and how many of each a snapshot wants. Raises DataError for an interval that is not known."""
        unknown = [interval for interval, _ in bars if interval not in INTERVAL_MINUTES]
        if unknown:
            raise DataError(f"no bars of {unknown[0]}: the intervals are {', '.join(INTERVAL_MINUTES)}")
        self._ladder = ladder
        self._calendar = calendar
        self._counts = dict(bars)
        self._kept = kept
        self._until: dict[tuple[str, str], datetime] = {}
        self._again: dict[tuple[str, str], datetime] = {}
        self._sought: set[str] = set()
        self._rests: datetime | None = None
        self._failing = False

    def due(self, now: datetime, symbols: Sequence[str]) -> bool:
        """Whether anything closed that was not asked for yet; a name that failed and waits is not due."""
        return next(self._due(now, symbols), None) is not None

    def fetch(
        self, now: datetime, symbols: Sequence[str], *, goes_on: Callable[[], bool], lost: Callable[[str], None]
    ) -> list[Fetched]:
        """What closed of `symbols`, the first of them first: one name at least, then while `goes_on`.

        `lost` hears why when it begins to fail, once until a name succeeds.
        """
        found: list[Fetched] = []
        in_a_row = 0
        if self._rests is not None and now < self._rests:
            return found
        for interval, symbol in list(self._due(now, symbols)):
            key = interval, symbol
            before = self._until.get(key)
            first = self._first(interval, self._counts[interval], now, before)
            try:
                served = self._ladder.bars(symbol, interval, first, self._today(now), now)
            except FeedError as error:
                self._again[key] = now + (NOTHING_THERE if error.fault in _SETTLED else AGAIN)
                if error.fault in _SETTLED:
                    continue
                in_a_row += 1
                if not self._failing:
                    lost(str(error))
                self._failing = True
                if in_a_row >= FAILURES_IN_A_ROW:
                    self._rests = now + AGAIN
                    break
            else:
                in_a_row, self._failing = 0, False
                if not served.stale:
                    self._until[key] = self._boundary(interval, now)
                closed = served.table.select(list(BAR_SCHEMA)).filter(pl.col("known_at") <= now)
                fresh = closed if before is None else closed.filter(pl.col("known_at") > before.astimezone(UTC))
                found.append(Fetched(symbol, interval, fresh, served.source))
            if not goes_on():
                break
        return found

    def _due(self, now: datetime, symbols: Sequence[str]) -> Iterator[tuple[str, str]]:
        self._look_up(now, symbols)
        for interval in self._counts:
            until = self._boundary(interval, now)
            for symbol in symbols if interval == DAILY else symbols[:MOST_INTRADAY_NAMES]:
                before, again = self._until.get((interval, symbol)), self._again.get((interval, symbol))
                if (before is None or before < until) and (again is None or again <= now):
                    yield interval, symbol

    def _look_up(self, now: datetime, symbols: Sequence[str]) -> None:
        """Daily bars that the store has already are not asked for again; a history that is too short is, whole."""
        new = [symbol for symbol in symbols if symbol not in self._sought]
        if not new or DAILY not in self._counts:
            return
        self._sought.update(new)
        until = self._boundary(DAILY, now)
        last_session = self._calendar.previous_session(self._calendar.local_day(until))
        for symbol, kept in self._kept(now, new).items():
            if kept.rows * 10 < self._counts[DAILY] * 9:
                continue
            after = datetime.combine(kept.newest + timedelta(days=1), datetime.min.time(), self._calendar.zone)
            self._until[DAILY, symbol] = until if kept.newest >= last_session else after

    def _today(self, now: datetime) -> date:
        return self._calendar.local_day(now)

    def _boundary(self, interval: str, now: datetime) -> datetime:
        """The newest instant at which a bar of this interval can have ended, less the lag."""
        local = (now - LAG).astimezone(self._calendar.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if interval == DAILY:
            return midnight
        step = timedelta(minutes=INTERVAL_MINUTES[interval])
        return midnight + (local - midnight) // step * step

    def _first(self, interval: str, count: int, now: datetime, before: datetime | None) -> date:
        """The day from which to ask: that of the last bar known, or far enough back for the history."""
        if before is not None:
            return self._calendar.local_day(before)
        a_day = _SESSION_MINUTES[self._calendar.market]
        sessions = count * min(INTERVAL_MINUTES[interval], a_day) // a_day + 1
        return self._today(now) - timedelta(days=sessions if a_day == 1_440 else sessions * 3 // 2 + 12)
