"""The live tape: one thread looks at the market through the ladder at its pace, and what arrived is given to the desk in order.

feed thread: ladder.quotes ─► rows said to be true at a time ─► changes and prints ─┐ (queue, in order of arrival)
             ladder.bars   ─► bars that closed                                     ─┴─► advance ─► given ─► snapshot

A snapshot is made of what `advance` has given and of the store, never of what arrived meanwhile. Every row says who told it and
how far that source's own clock had come (`known_at`): a feed that is down, lags or answers from its cache confirms nothing, the
rows grow old, and risk opens nothing on them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from engine.core.clock import WallClock
from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.units import Market
from engine.exchange import Calendar, Phase, calendar
from engine.feeds.closed_bars import DAILY, ClosedBars
from engine.feeds.prints import bars_of, earlier
from engine.feeds.source import FeedError
from engine.feeds.tape import QuoteEvent, QuoteLadder, Served, SessionEvent, SessionKind, TapeEvent, Told
from engine.feeds.ticks import RUNNING_TOTALS, between, rows, said_at
from engine.feeds.turns import begun, turns
from engine.store.market.layout import INTERVAL_MINUTES
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

CLOSE_LAG = timedelta(seconds=60)
"""A day is closed for the desk once the closing print has had this long to arrive."""
EARLY = timedelta(minutes=5)
"""Polling begins this long before the first order is taken, and ends as long after the close."""
MOST_BARS_NAMES = 60
"""Bars come one name a request: a desk that looks at more names has those of the store."""
MOST_NAMED = 300
"""A desk that looks at more names has the whole market fetched, page by page."""
QUICK = timedelta(seconds=5)
"""A look that took no longer than this was one moment."""
LAG = timedelta(minutes=5)
"""A source whose newest row is older than this while the market trades is passed by."""
_TICK = timedelta(microseconds=1)

History = Callable[[datetime, Sequence[str], int], pl.DataFrame]
"""(as_of, symbols, sessions) -> BAR_SCHEMA: what the store could know then."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a feed looks, in seconds, in session and otherwise; which bars it fetches as they close, and how many of each."""

    poll_s: float
    idle_s: float = 300.0
    bars: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What one look brought."""

    at: datetime
    events: tuple[QuoteEvent, ...]
    confirmed: Mapping[str, datetime]
    bars: pl.DataFrame | None = None


class LiveTape:
    """A Tape on the clock's own time. `start`, `stop`, `listen`, `confirmed` are for any thread, the rest for the desk's own."""

    def __init__(
        self,
        name: str,
        market: Market,
        instruments: Sequence[Instrument],
        ladder: QuoteLadder,
        history: History,
        clock: WallClock,
        pace: Pace,
        *,
        told: Told,
        best: str = "",
        since: datetime | None = None,
    ) -> None:
        self.name = name
        self.source = "-"
        self.degraded = False
        self.looked = False
        self.beat = time.monotonic()
        self._market = market
        self._calendar: Calendar = calendar(market)
        self._instruments = {item.symbol: item for item in sorted(instruments, key=lambda item: item.symbol)}
        self._ladder = ladder
        self._history = history
        self._clock = clock
        self._pace = pace
        self._told = told
        self._best = best
        self._asked = list(self._instruments) if len(self._instruments) <= MOST_NAMED else []
        self._wake: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._arrivals: deque[_Arrival] = deque()
        self._seen: dict[str, Quote] = {}
        self._closed = ClosedBars(ladder, self._calendar, [name for name, _ in pace.bars], [count for _, count in pace.bars])
        self._down = False
        self._given: dict[str, Quote] = {}
        self._confirmed: dict[str, datetime] = {}
        self._bars = pl.DataFrame(schema=BAR_SCHEMA)
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._turns = self._turns_from(since)
        self._since = clock.now()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{name}", daemon=True)

    # -- the tape, in the desk's thread -----------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        """What was listed when the desk was built, sorted by symbol."""
        return tuple(self._instruments.values())

    def next_at(self) -> datetime | None:
        """When something is known to happen: what has arrived and was not given yet, else the next turn of a session."""
        with self._lock:
            arrived = self._arrivals[0].at if self._arrivals else None
        turn = self._turns[0].at
        return turn if arrived is None else min(arrived, turn)

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given that happened or arrived by `to`, oldest first; no instant is ever given twice."""
        given: list[TapeEvent] = []
        while (following := self.next_at()) is not None and following <= to:
            if self._turns[0].at <= following:
                turn = self._turns.popleft()
                if not self._turns:
                    self._turns.extend(self._day_turns(self._calendar.next_session(turn.day)))
                given.append(turn)
                self._last_at = max(self._last_at, turn.at)
                continue
            with self._lock:
                arrival = self._arrivals.popleft()
            at = max(arrival.at, self._last_at + _TICK)
            self._last_at = at
            given += [replace(event, arrived=at) for event in arrival.events]
            self._take(arrival)
        return given

    def _take(self, arrival: _Arrival) -> None:
        for event in arrival.events:
            self._given[event.quote.symbol] = event.quote
        self._confirmed.update(arrival.confirmed)
        if arrival.bars is not None:
            both = pl.concat([self._bars, arrival.bars])
            self._bars = both.unique(["symbol", "interval", "start"], keep="last", maintain_order=True)

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """What `advance` has given of `symbols`, each row confirmed when its source last spoke, and the bars known by then.

        Raises DataError for a symbol the tape does not know.
        """
        wanted = set(symbols)
        unknown = sorted(wanted - set(self._instruments))
        if unknown:
            raise DataError(f"{self.name}: the feed has no {unknown[0]}")
        quotes = [
            replace(quote, known_at=self._confirmed.get(name, quote.known_at))
            for name, quote in self._given.items()
            if name in wanted
        ]
        kept = self._history(as_of, symbols, history_days)
        fetched = self._bars.filter(pl.col("known_at") <= as_of, pl.col("symbol").is_in(list(wanted)))
        bars = pl.concat([kept.select(list(BAR_SCHEMA)), fetched]).unique(["symbol", "interval", "start"], keep="first")
        told = {quote.symbol: quote for quote in quotes if quote.known_at <= as_of}
        daily = bars.filter(pl.col("interval") == DAILY, ~pl.col("symbol").is_in(list(told)))
        closes = {bar.symbol: earlier(bar, self._instruments[bar.symbol].name, self.source) for bar in bars_of(daily)}
        return freeze(
            as_of=as_of,
            market=self._market,
            trading_day=begun(self._calendar, as_of),
            source=self.source,
            instruments=(self._instruments[name] for name in symbols),
            quotes=(closes | told).values(),
            bars=bars,
        )

    def newest(self, symbol: str) -> int:
        """The newest price of a name, in price units, 0 before there is one; from any thread, also while a cycle runs."""
        quote = self._seen.get(symbol)
        return quote.last if quote is not None else 0

    def confirmed(self) -> Mapping[str, datetime]:
        """When each row was last confirmed by a source that was not a memory of its own; a copy, from any thread."""
        return dict(self._confirmed)

    def _turns_from(self, since: datetime | None) -> deque[SessionEvent]:
        """The turns of the session under way, before them those of the session in which a restarted desk left off.

        A desk that begins after a close has not lived through it: of that session it only knows which day it was.
        """
        now = self._clock.now()
        today = begun(self._calendar, now)
        found = self._day_turns(today)
        if since is None and found[-1].at <= now:
            found = [found[0], *self._day_turns(self._calendar.next_session(today))]
        if since is not None and (left := begun(self._calendar, since)) < today:
            found = self._day_turns(left) + found
        return deque(found)

    def _day_turns(self, day: date) -> list[SessionEvent]:
        late = timedelta(0) if self._market is Market.CRYPTO else CLOSE_LAG
        return [replace(turn, at=turn.at + late) if turn.kind is SessionKind.CLOSE else turn for turn in turns(self._calendar, day)]

    # -- the feed, in its own thread --------------------------------------------------------------------------------------

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after every arrival."""
        self._wake = wake

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End after the look under way; True when it ended in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.beat = time.monotonic()
                now = self._clock.now()
                self.look(now)
                if not self.looked:
                    self.looked = True
                    self._wake()
                until = self._next_look(now)
                while not self._stopping.is_set() and self._clock.now() < until:
                    self.beat = time.monotonic()
                    self._clock.wait_until(until, self._stopping)
        except BaseException as error:  # noqa: BLE001 - a dead feed must never go unnoticed
            self._told("FEED_DIED", (("feed", self.name), ("reason", f"{type(error).__name__}: {error}"[:200])))

    def look(self, now: datetime) -> None:
        """One look at the market; what it brought waits for the desk. Where no source answers all stays as it was, growing old."""
        try:
            served = self._ladder.quotes(self._asked, now, not_before=self._not_before(now))
        except FeedError as error:
            self._lost(str(error))
            return
        arrived = self._clock.now()
        self._heard(served)
        events: list[QuoteEvent] = []
        confirmed: dict[str, datetime] = {}
        if not served.stale:
            table = served.table.filter(pl.col("symbol").is_in(list(self._instruments)))
            # A crawl of many pages is as old as its first one, whatever the last one says.
            spoke = said_at(table, arrived if arrived - now <= QUICK else now)
            fresh = rows(table, spoke)
            events = list(between(self._seen, fresh, self._market, arrived))
            confirmed = {name: spoke for name in fresh if name not in served.disputed}
            self._seen.update(fresh)
        self._bring(_Arrival(arrived, tuple(events), confirmed))
        bars = self._closed_bars(arrived)
        if bars is not None:
            self._bring(_Arrival(self._clock.now(), tuple(self._bar_prints(bars, arrived)), {}, bars))

    def _bring(self, arrival: _Arrival) -> None:
        if not arrival.events and not arrival.confirmed and arrival.bars is None:
            return
        with self._lock:
            self._arrivals.append(arrival)
        self._wake()

    def _heard(self, served: Served) -> None:
        """Who answers now, and whether it is the first choice; that it changed is the ladder's to tell."""
        self._down = False
        self.source = served.source
        self.degraded = served.stale or served.source != self._best

    def _lost(self, reason: str) -> None:
        self.degraded = True
        if not self._down:
            self._down = True
            self._told("FEED_DOWN", (("feed", self.name), ("reason", reason[:200])))

    def _not_before(self, now: datetime) -> datetime | None:
        """How old the newest row may be: nothing is asked of a source while the market is not trading, or has not for long."""
        old = now - LAG
        trading = self._calendar.phase(now) is Phase.CONTINUOUS and self._calendar.phase(old) is Phase.CONTINUOUS
        return old if trading else None

    def _next_look(self, now: datetime) -> datetime:
        """In session at the pace, out of it seldom, and in time before the next session begins."""
        if self._in_session(now):
            return now + timedelta(seconds=self._pace.poll_s)
        day = self._calendar.local_day(now)
        if not self._calendar.is_session(day) or self._calendar.session(day).first_order <= now:
            day = self._calendar.next_session(day)
        begins = self._calendar.session(day).first_order - EARLY
        wait = now + timedelta(seconds=self._pace.idle_s)
        return min(wait, begins) if begins > now else wait

    def _in_session(self, now: datetime) -> bool:
        day = self._calendar.local_day(now)
        if not self._calendar.is_session(day):
            return False
        session = self._calendar.session(day)
        if self._calendar.phase(now) is Phase.LUNCH:
            return False
        return session.first_order - EARLY <= now <= session.closes + EARLY

    def _closed_bars(self, now: datetime) -> pl.DataFrame | None:
        if len(self._instruments) > MOST_BARS_NAMES:
            return None
        return self._closed.fetch(
            now, list(self._instruments), lambda reason: self._told("BARS_MISSING", (("reason", reason[:200]),))
        )

    def _bar_prints(self, bars: pl.DataFrame, arrived: datetime) -> list[QuoteEvent]:
        """Where polls tell no volume of their own: the bars of the finest interval that closed since the last look, as prints."""
        if self._market in RUNNING_TOTALS:
            return []
        finest = min((name for name, _ in self._pace.bars if name != DAILY), key=INTERVAL_MINUTES.__getitem__, default="")
        made = []
        for row in bars.filter(pl.col("interval") == finest).sort("known_at", "symbol").iter_rows(named=True):
            bar = Bar(**{**row, "start": row["start"].astimezone(UTC), "known_at": row["known_at"].astimezone(UTC)})
            quote = self._seen.get(bar.symbol)
            if quote is not None and bar.known_at > self._since:
                made.append(QuoteEvent(replace(quote, known_at=max(quote.known_at, bar.known_at)), bar, arrived))
        return made
