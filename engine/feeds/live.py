"""The live tape: one thread looks at the market through the ladder at its pace, and what arrived is given to the desk in order.

feed thread: ladder.quotes ─► rows said to be true at a time ─► changes and prints ─┐ (queue, in order of arrival)
             ladder.bars   ─► bars that closed, between two looks ─► the store      ─┴─► advance ─► given ─► snapshot

A snapshot is made of what `advance` has given and of the store, never of what arrived meanwhile. Every row says who told it and
how far that source's own clock had come (`known_at`): a feed that is down, lags or answers from its cache confirms nothing, the
rows grow old, and risk opens nothing on them. Of a large market all is looked at seldom and what matters often (attention.py).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from engine.core.clock import WallClock
from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Bar, Funding, Quote
from engine.core.units import Market
from engine.exchange import Calendar, calendar
from engine.feeds.attention import Attention, Screen
from engine.feeds.closed_bars import DAILY, ClosedBars, Fetched, Kept
from engine.feeds.looking import CLOSE_LAG, Pace, next_look, not_before, whole_due
from engine.feeds.perpetuals import Perpetuals
from engine.feeds.prints import bars_of, earlier
from engine.feeds.quote_ladder import CACHE
from engine.feeds.source import FeedError
from engine.feeds.tape import (
    FundingEvent,
    MarkEvent,
    QuoteEvent,
    QuoteLadder,
    Served,
    SessionEvent,
    SessionKind,
    TapeEvent,
    Told,
)
from engine.feeds.ticks import RUNNING_TOTALS, between, recalled, rows, said_at
from engine.feeds.turns import begun, turns
from engine.store.market.layout import INTERVAL_MINUTES
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

FIRST_BARS = timedelta(seconds=90)
"""A desk that begins waits so long for the bars of its names before it decides for the first time."""
QUICK = timedelta(seconds=5)
"""A look that took no longer than this was one moment."""
_TICK = timedelta(microseconds=1)

History = Callable[[datetime, Sequence[str], int], pl.DataFrame]
"""(as_of, symbols, sessions) -> BAR_SCHEMA: what the store could know then."""
Keep = Callable[[Sequence[Fetched], datetime], None]
"""Has fetched daily bars kept in the store."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What one look brought."""

    at: datetime
    events: tuple[QuoteEvent | FundingEvent | MarkEvent, ...]
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
        screen: Screen = lambda table: (),
        keep: Keep = lambda fetched, now: None,
        best: Collection[str] = (),
        held: Sequence[str] = (),
        perpetuals: Perpetuals | None = None,
        since: datetime | None = None,
    ) -> None:
        """`best` names who is the first choice for some names and for a whole market, `held` what the desk left off with."""
        self.name = name
        self.source = "-"
        self.degraded = False
        self.looked = False
        self.prepared = False
        self.beat = time.monotonic()
        self._market = market
        self._calendar: Calendar = calendar(market)
        self._instruments = {item.symbol: item for item in sorted(instruments, key=lambda item: item.symbol)}
        self._ladder = ladder
        self._history = history
        self._clock = clock
        self._pace = pace
        self._told = told
        self._best = frozenset(best)
        self._attention = Attention(tuple(self._instruments), screen, told, held)
        self._held = tuple(name for name in held if name in self._instruments)
        self._often: frozenset[str] = frozenset()
        self._whole_at: datetime | None = None
        self._keep = keep
        self._wake: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._arrivals: deque[_Arrival] = deque()
        self._seen: dict[str, Quote] = {}
        self._closed = ClosedBars(ladder, self._calendar, pace.bars, self._kept)
        self._down = False
        self._given: dict[str, Quote] = {}
        self._confirmed: dict[str, datetime] = {}
        self._bars = pl.DataFrame(schema=BAR_SCHEMA)
        self._perpetuals = perpetuals
        self._fundings: dict[str, Funding] = {}
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
            given += [_arrived(event, at) for event in arrival.events]
            self._take(arrival)
        return given

    def _take(self, arrival: _Arrival) -> None:
        for event in arrival.events:
            if isinstance(event, QuoteEvent):
                self._given[event.quote.symbol] = event.quote
            elif isinstance(event, FundingEvent):
                self._fundings[event.funding.symbol] = event.funding
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
            fundings=(item for name, item in self._fundings.items() if name in wanted),
        )

    def newest(self, symbol: str) -> int:
        """The newest price of a name, in price units, 0 before there is one; from any thread, also while a cycle runs."""
        quote = self._seen.get(symbol)
        return quote.last if quote is not None else 0

    def want(self, names: Collection[str]) -> None:
        """The desk decides on these, what it holds first: they are looked at often, and their bars fetched."""
        self._attention.want(names, begun(self._calendar, self._clock.now()))

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
            self._recall(self._clock.now())
            while not self._stopping.is_set():
                self.beat = time.monotonic()
                now = self._clock.now()
                self.look(now)
                if self._perpetuals is not None:
                    self._bring(_Arrival(self._clock.now(), tuple(self._perpetuals.look(now)), {}))
                until = next_look(self._calendar, self._pace, now)
                self._prepare(until)
                while not self._stopping.is_set() and self._clock.now() < until:
                    self.beat = time.monotonic()
                    self._clock.wait_until(until, self._stopping)
        except BaseException as error:  # noqa: BLE001 - a dead feed must never go unnoticed
            self._told("FEED_DIED", (("feed", self.name), ("reason", f"{type(error).__name__}: {error}"[:200])))

    def _recall(self, now: datetime) -> None:
        """A desk that starts again within a session has what it saw last at once, as old as it is; no print follows from it."""
        found = recalled(self._ladder.remembered(self._attention.everything), begun(self._calendar, now), now)
        if not found:
            return
        self.source, self.degraded = CACHE, True
        events = tuple(QuoteEvent(quote, None, now) for quote in found.values())
        self._bring(_Arrival(now, events, {name: quote.known_at for name, quote in found.items()}))
        self.looked = found.keys() >= set(self._held)

    def look(self, now: datetime) -> None:
        """One look at the market; what it brought waits for the desk. Where no source answers all stays as it was, growing old."""
        attention, oldest = self._attention, not_before(self._calendar, now)
        whole = attention.large and whole_due(self._calendar, self._pace, now, self._whole_at)
        names = attention.names() if attention.large and not whole else attention.everything
        if not names:
            return
        try:
            served = (self._ladder.market if whole else self._ladder.quotes)(names, now, not_before=oldest)
        except FeedError as error:
            self._lost(str(error))
            return
        arrived = self._clock.now()
        self._heard(served, whole=whole)
        events: list[QuoteEvent] = []
        confirmed: dict[str, datetime] = {}
        if not served.stale:
            table = served.table.filter(pl.col("symbol").is_in(list(self._instruments)))
            # A look of many requests is as old as its first one, whatever the last one says.
            spoke = said_at(table, arrived if arrived - now <= QUICK else now)
            # Names that are looked at often keep the source of those looks: between two sources nothing can be told.
            fresh = {name: row for name, row in rows(table, spoke).items() if not whole or name not in self._often}
            events = list(between(self._seen, fresh, self._market, arrived))
            confirmed = {name: spoke for name in fresh if name not in served.disputed}
            self._seen.update(fresh)
            if not whole:
                self._often = frozenset(fresh)
            if whole or not attention.large:
                self._whole_at = now
                attention.looked(table)
        self._bring(_Arrival(arrived, tuple(events), confirmed))

    def _prepare(self, until: datetime) -> None:
        """Bars of the names that matter, until the next look is due; a desk that begins hears when those of its holdings are there,
        and when all of the first are."""
        began = self._clock.now()
        names = self._attention.names()

        def goes_on() -> bool:
            self.beat = time.monotonic()
            return not self._stopping.is_set() and self._clock.now() < until

        lost = lambda reason: self._told("BARS_MISSING", (("reason", reason[:200]),))  # noqa: E731 - one line, used once
        fetched = self._closed.fetch(began, names, goes_on=goes_on, lost=lost)
        now = self._clock.now()
        daily = [one for one in fetched if one.interval == DAILY and one.bars.height]
        if daily:
            self._keep(daily, now)
            self._attention.have([one.symbol for one in daily])
        if any(one.bars.height for one in fetched):
            bars = pl.concat([one.bars for one in fetched])
            self._bring(_Arrival(now, tuple(self._bar_prints(bars, now)), {}, bars))
        if self.prepared:
            return
        enough = not fetched or now - self._since >= FIRST_BARS
        self.looked = self.looked or enough or not self._closed.due(now, self._held)
        self.prepared = enough or not self._closed.due(now, names)
        if self.looked:
            self._wake()

    def _kept(self, at: datetime, symbols: Sequence[str]) -> dict[str, Kept]:
        """What the store has of daily bars; who has any is heard of no more."""
        wanted = dict(self._pace.bars).get(DAILY, 0)
        daily = self._history(at, symbols, wanted).filter(pl.col("interval") == DAILY)
        spans = daily.group_by("symbol").agg(pl.len(), pl.col("trading_day").max())
        self._attention.have(spans["symbol"].to_list())
        return {symbol: Kept(count, newest) for symbol, count, newest in spans.iter_rows()}

    def _bring(self, arrival: _Arrival) -> None:
        if not arrival.events and not arrival.confirmed and arrival.bars is None:
            return
        with self._lock:
            self._arrivals.append(arrival)
        self._wake()

    def _heard(self, served: Served, *, whole: bool) -> None:
        """Who answers now, and whether it is the first choice; that it changed is the ladder's to tell."""
        self._down = False
        if not whole or not self._often or self.source == CACHE:
            self.source = served.source
        self.degraded = served.stale or served.source not in self._best

    def _lost(self, reason: str) -> None:
        self.degraded = True
        if not self._down:
            self._down = True
            self._told("FEED_DOWN", (("feed", self.name), ("reason", reason[:200])))

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


def _arrived(event: QuoteEvent | FundingEvent | MarkEvent, at: datetime) -> TapeEvent:
    """The event as the desk is given it, at an instant that never repeats."""
    return replace(event, at=at) if isinstance(event, MarkEvent) else replace(event, arrived=at)
