"""The ladder: each kind of data from the first source that answers whole and credibly; else what was remembered, marked stale.

quotes(symbols) ──► rung by rung ──► complete? (90 %) ──► agrees with another vendor? ──► Served
                         └── none ──► the cache, stale, with its age

| fault of a source | the ladder |
|---|---|
| any but these below | next rung; this one rests `rest.first_s`, doubling each time it fails again |
| BANNED THROTTLED | next rung; rests `rest.ban_s`, or what the server asked for |
| UNKNOWN_SYMBOL | next rung; this one is well |

Whoever rested is tried first again, and so the ladder climbs back by itself. Every change of source is a SourceSwitched.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl

from engine.core.errors import DataError
from engine.feeds.quote_ladder import QuoteRungs
from engine.feeds.remembered import Remembered
from engine.feeds.rungs import Rung, Rungs, RungState, SourceSwitched
from engine.feeds.served import LadderPolicy, Served
from engine.feeds.source import BarSource, Fault, FeedError, Fetch, FundingSource, Kind, QuoteSource, SecuritySource

WHOLE_MARKET = "whole market"
"""What a switch of the ladder that `market` walks is about."""


class Ladder:
    """Sources in order for each kind. Safe from any thread: one walk at a time for each kind, `states` never waits for one.

    `observer` hears each switch in the thread that walked; it must not ask the ladder anything but `states`. `market` is the
    order for a whole market, that of `quotes` where it is empty. `listed_rows` is how many names the last accepted list had: the
    first whole market may not be shorter by a tenth either. `keep` takes each list that is accepted (master.py).
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        quotes: Sequence[Rung[QuoteSource]] = (),
        market: Sequence[Rung[QuoteSource]] = (),
        bars: Sequence[Rung[BarSource]] = (),
        securities: Sequence[Rung[SecuritySource]] = (),
        fundings: Sequence[Rung[FundingSource]] = (),
        remember: Path | None = None,
        listed_rows: int = 0,
        keep: Callable[[pl.DataFrame, str, datetime], None] = lambda table, source, at: None,
        observer: Callable[[SourceSwitched], None] = lambda switched: None,
        policy: LadderPolicy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._policy = policy or LadderPolicy()
        self._monotonic = monotonic
        self._observer = observer
        rest = self._policy.rest
        self._remembered = Remembered(monotonic, remember)
        self._quotes = QuoteRungs(
            fetch, Rungs(Kind.QUOTES, quotes, rest, monotonic, observer), self._policy, monotonic, self._remembered, listed_rows
        )
        whole = Rungs(Kind.QUOTES, market or quotes, rest, monotonic, observer, what=WHOLE_MARKET)
        self._market = QuoteRungs(fetch, whole, self._policy, monotonic, self._remembered, listed_rows)
        self._bar_rungs = tuple(bars)
        self._bars: dict[str, Rungs[BarSource]] = {}
        self._securities = Rungs(Kind.SECURITIES, securities, rest, monotonic, observer)
        self._fundings = Rungs(Kind.FUNDING, fundings, self._policy.bar_rest, monotonic, observer)
        self._one_walk = {kind: threading.Lock() for kind in (Kind.BARS, Kind.SECURITIES, Kind.FUNDING)}
        self._listed_rows = listed_rows
        self._keep = keep

    def quotes(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """QUOTE_TABLE of `symbols`, of the whole market when empty.

        A source whose newest row is older than `not_before` is passed by. Raises FeedError when no source answers and nothing is
        remembered.
        """
        return self._quotes.quotes(symbols, now, not_before=not_before)

    def market(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """As `quotes`, of so many names that it matters who tells most of them a request: in the order of `market` in `__init__`.

        Raises FeedError.
        """
        return self._market.quotes(symbols, now, not_before=not_before)

    def remembered(self, symbols: Sequence[str]) -> pl.DataFrame:
        """The last row of each name that was accepted, by this process or the one before (REMEMBERED); nobody is asked."""
        return self._remembered.of(symbols)

    def bars(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        """BAR_SCHEMA of one name; never remembered here, the store is its memory. Raises FeedError when no source answers.

        Each interval has a ladder of its own: who serves no 1m bars is not the worse for 1d.
        """
        with self._one_walk[Kind.BARS]:
            found = self._bars_of(interval).walk(
                lambda rung: rung.source.bars(self._fetch, symbol, interval, first, last, now), now
            )
        return Served(found.table, found.rung.name, now, 0.0, stale=False, switched=found.switched)

    def securities(self, now: datetime) -> Served:
        """SECURITY_TABLE, whole; stale when it comes from a seed or a cache. Raises FeedError when no rung answers."""

        def ask(rung: Rung[SecuritySource]) -> pl.DataFrame:
            table = rung.source.securities(self._fetch, now)
            if not self._policy.enough(table.height, self._listed_rows):
                raise FeedError(rung.name, Fault.INCOMPLETE, f"{table.height} names where {self._listed_rows} were accepted before")
            return table

        with self._one_walk[Kind.SECURITIES]:
            found = self._securities.walk(ask, now)
            if not found.rung.memory:
                self._listed_rows = found.table.height
                # A full disk is for the ledger to halt on; a list that was not kept is fetched again the next time.
                with contextlib.suppress(DataError):
                    self._keep(found.table, found.rung.name, now)
        newest = found.table["known_at"].max()
        at = newest if found.rung.memory and isinstance(newest, datetime) else now
        return Served(found.table, found.rung.name, at, max(0.0, (now - at).total_seconds()), found.rung.memory, found.switched)

    def marks(self, symbols: Sequence[str], now: datetime) -> Served:
        """PREMIUM_TABLE of perpetuals. Raises FeedError when no source answers."""
        return self._of_perpetuals(lambda source: source.marks(self._fetch, symbols, now), now)

    def funding(self, symbol: str, first: date, last: date, now: datetime) -> Served:
        """FUNDING_TABLE: what a perpetual paid on the UTC days `first` to `last`. Raises FeedError when no source answers."""
        return self._of_perpetuals(lambda source: source.funding(self._fetch, symbol, first, last, now), now)

    def open_interest(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        """OPEN_INTEREST_TABLE of a perpetual at every `interval` of those days. Raises FeedError when no source answers."""
        return self._of_perpetuals(lambda source: source.open_interest(self._fetch, symbol, interval, first, last, now), now)

    def states(self) -> tuple[RungState, ...]:
        """Every rung of every kind, bars by interval as far as they were asked for."""
        bars = [state for _, rungs in sorted(self._bars.copy().items()) for state in rungs.states()]
        whole = self._market.states() if self._market.walked else ()
        return (*self._quotes.states(), *whole, *bars, *self._securities.states(), *self._fundings.states())

    def _of_perpetuals(self, ask: Callable[[FundingSource], pl.DataFrame], now: datetime) -> Served:
        with self._one_walk[Kind.FUNDING]:
            found = self._fundings.walk(lambda rung: ask(rung.source), now)
        return Served(found.table, found.rung.name, now, 0.0, stale=False, switched=found.switched)

    def _bars_of(self, interval: str) -> Rungs[BarSource]:
        rungs = self._bars.get(interval)
        if rungs is None:
            rest = self._policy.bar_rest
            rungs = Rungs(Kind.BARS, self._bar_rungs, rest, self._monotonic, self._observer, what=interval)
            self._bars[interval] = rungs
        return rungs
