"""What a live desk of perpetuals hears beside prices: marks at each look, each settlement of funding once, open interest.

premium index ──► marks, and when the next settlement is due ──► funding asked for soon after ──► FundingEvent, once ──► the store
A settlement that is not told yet is asked for again; on the first look those of the last day are, for a desk may have been down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import polars as pl

from engine.core.market import Funding
from engine.feeds.source import Fault, FeedError
from engine.feeds.tape import FundingEvent, MarkEvent, Served, Told
from engine.store.market.layout import FUNDING, OPEN_INTEREST, Table

SETTLING = timedelta(seconds=5)
"""A settlement is asked for this long after it is due."""
AGAIN, NOTHING_YET = timedelta(seconds=20), timedelta(minutes=10)
"""How long until a settlement that is not told yet is asked for again, and one of a contract that has paid nothing so far."""
LOOK_BACK = timedelta(days=1)
"""For a desk that was down: how far back its settlements are asked for when it begins."""
INTEREST_EVERY = timedelta(hours=1)
INTEREST_STEP = "1h"

KeepFacts = Callable[[Table, pl.DataFrame, str], None]
"""Has rows of a table kept in the store, and who told them."""


class FundingLadder(Protocol):
    """Sources of what only perpetuals have (ladder.py)."""

    def marks(self, symbols: Sequence[str], now: datetime) -> Served:
        """PREMIUM_TABLE of `symbols`. Raises FeedError."""
        ...

    def funding(self, symbol: str, first: date, last: date, now: datetime) -> Served:
        """FUNDING_TABLE of the UTC days `first` to `last`. Raises FeedError."""
        ...

    def open_interest(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        """OPEN_INTEREST_TABLE of those days. Raises FeedError."""
        ...


class Perpetuals:
    """Remembers which settlements were told; belongs to the feed's thread. `told` hears FUNDING_MISSING once until all is well."""

    def __init__(self, ladder: FundingLadder, symbols: Sequence[str], keep: KeepFacts, told: Told) -> None:
        self._ladder = ladder
        self._symbols = tuple(symbols)
        self._keep = keep
        self._told = told
        self._newest: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self._again: dict[str, datetime] = {}
        self._interest_at: datetime | None = None
        self._failing = False

    def look(self, now: datetime) -> list[FundingEvent | MarkEvent]:
        """What is news at `now`: settlements first, then marks. A source that fails is asked again at the next look."""
        events: list[FundingEvent | MarkEvent] = []
        well = True
        try:
            marks = self._marks(now)
            for symbol in self._symbols:
                if now >= self._due.get(symbol, now - SETTLING) + SETTLING and now >= self._again.get(symbol, now):
                    events += self._settlements(symbol, now)
            events += marks
            if self._interest_at is None or now - self._interest_at >= INTEREST_EVERY:
                self._interest_at = now
                self._interest(now)
        except FeedError as error:
            well = False
            if not self._failing:
                self._told("FUNDING_MISSING", (("reason", str(error)[:200]),))
        self._failing = not well
        return events

    def _marks(self, now: datetime) -> list[MarkEvent]:
        found = []
        for symbol, mark, following in self._ladder.marks(self._symbols, now).table.select("symbol", "mark", "next_at").iter_rows():
            found.append(MarkEvent(symbol, mark, now))
            # Once an instant is due it stays so until its settlement is told: the index speaks of the one after it at once.
            if following is not None and symbol in self._newest and now < self._due[symbol]:
                self._due[symbol] = following.astimezone(UTC)
        return found

    def _settlements(self, symbol: str, now: datetime) -> list[FundingEvent]:
        """The settlements of a name not told yet, oldest first."""
        since = self._newest.get(symbol, now - LOOK_BACK)
        self._again[symbol] = now + AGAIN
        try:
            served = self._ladder.funding(symbol, since.date(), now.date(), now)
        except FeedError as error:
            if error.fault is not Fault.EMPTY:
                raise
            self._newest.setdefault(symbol, since)  # a contract of today has paid nothing yet
            self._due[symbol] = now + NOTHING_YET
            return []
        fresh = served.table.filter(pl.col("known_at") > since).sort("known_at")
        if fresh.height:
            self._keep(FUNDING, fresh, served.source)
        events = [FundingEvent(_funding(row, served.source)) for row in fresh.iter_rows(named=True)]
        told = served.table["known_at"].max()
        newest = told.astimezone(UTC) if isinstance(told, datetime) else since
        hours = served.table.sort("known_at")["interval_hours"].last()
        self._newest[symbol] = max(newest, since)
        if newest >= self._due.get(symbol, newest):
            self._due[symbol] = newest + timedelta(hours=hours if isinstance(hours, int) else 8)
        return events

    def _interest(self, now: datetime) -> None:
        """Open interest of the day so far, for the store; what the store has already is nothing new."""
        for symbol in self._symbols:
            try:
                served = self._ladder.open_interest(symbol, INTEREST_STEP, now.date(), now.date(), now)
            except FeedError as error:
                if error.fault is not Fault.EMPTY:
                    raise
            else:
                self._keep(OPEN_INTEREST, served.table, served.source)


def _funding(row: dict[str, object], source: str) -> Funding:
    symbol, at, rate, hours, mark = (row[name] for name in ("symbol", "known_at", "rate_e8", "interval_hours", "mark"))
    assert isinstance(symbol, str) and isinstance(at, datetime) and isinstance(rate, int)
    assert isinstance(hours, int) and isinstance(mark, int)
    return Funding(symbol, at.astimezone(UTC), rate, mark, hours, at.astimezone(UTC), source)
