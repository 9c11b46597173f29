"""The bars of a live desk's names: fetched through the ladder as they close, the history once at the start and each new day.

clock ──► intervals with a bar that closed since the last look ──► ladder.bars, a name a request ──► BAR_SCHEMA, closed bars
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from engine.core.errors import DataError
from engine.core.units import Market
from engine.exchange import Calendar
from engine.feeds.source import FeedError
from engine.feeds.tape import BarLadder
from engine.store.market.layout import INTERVAL_MINUTES
from engine.store.snapshot import BAR_SCHEMA

DAILY = "1d"
LAG = timedelta(seconds=2)
"""A bar is asked for this long after it ended."""
_SESSION_MINUTES = {Market.ASHARE: 240, Market.US: 390, Market.CRYPTO: 1_440}


class ClosedBars:
    """Remembers how far each interval has come; belongs to the feed's thread."""

    def __init__(self, ladder: BarLadder, calendar: Calendar, intervals: Sequence[str], counts: Sequence[int]) -> None:
        """`counts` are how many bars of each interval a snapshot wants. Raises DataError for an interval that is not known."""
        unknown = [interval for interval in intervals if interval not in INTERVAL_MINUTES]
        if unknown:
            raise DataError(f"no bars of {unknown[0]}: the intervals are {', '.join(INTERVAL_MINUTES)}")
        self._ladder = ladder
        self._calendar = calendar
        self._counts = dict(zip(intervals, counts, strict=True))
        self._until: dict[tuple[str, str], datetime] = {}

    def fetch(self, now: datetime, symbols: Sequence[str], lost: Callable[[str], None]) -> pl.DataFrame | None:
        """What closed since the last look, None when nothing did. A name that fails is asked for again; `lost` hears why, once."""
        found: list[pl.DataFrame] = []
        told = False
        for interval, count in self._counts.items():
            until = self._boundary(interval, now)
            for symbol in symbols:
                before = self._until.get((interval, symbol))
                if before is not None and before >= until:
                    continue
                try:
                    served = self._ladder.bars(symbol, interval, self._first(interval, count, now, before), self._today(now), now)
                except FeedError as error:
                    if not told:
                        lost(str(error))
                    told = True
                    continue
                if not served.stale:
                    self._until[interval, symbol] = until
                closed = served.table.select(list(BAR_SCHEMA)).filter(pl.col("known_at") <= now)
                found.append(closed if before is None else closed.filter(pl.col("known_at") > before))
        bars = pl.concat(found) if found else None
        return None if bars is None or bars.is_empty() else bars

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
