"""One feed for a desk and its shadows: the desk leads, the shadows follow behind it on the same events and the same snapshots.

tape ──► SharedTape (the trading desk's, never waits) ──events, snapshots──► FollowingTape (a shadow's, waits for its leader)

A follower is never ahead of its leader. What the leader froze at an instant the follower is given as it is, the same object; only
where the leader froze nothing then does the follower make its own picture, of what it was given.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Quote
from engine.feeds.tape import QuoteEvent, SessionEvent, Tape, TapeEvent
from engine.store.snapshot import Snapshot, freeze

KEPT = 4
"""So many of the leader's last snapshots are held for those behind; older ones come from disk, where a cycle froze them."""
MOST_BEHIND = 500_000
"""A follower with more events than this before it is let go: a market is not kept in memory for a model that never answers."""
PATIENCE_S = 30.0
"""A leader that has reached an instant freezes it within this, or not at all."""
_LOOK_S = 0.25
_NEVER = datetime.min.replace(tzinfo=UTC)

Frozen = Callable[[datetime], Snapshot | None]
"""What a cycle of the trading desk froze at an instant, from disk."""


@dataclass(slots=True)
class _Led:
    """What the leader has made known, under the lock: it was given all up to `horizon`, and is done with all up to `left`."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    horizon: datetime = _NEVER
    left: datetime = _NEVER
    following: datetime | None = None
    taken: OrderedDict[tuple[datetime, tuple[str, ...], int], Snapshot] = field(default_factory=OrderedDict)
    followers: list[FollowingTape] = field(default_factory=list)
    closed: bool = False


class SharedTape:
    """The leader: a Tape like the one it wraps, in the trading desk's thread. It never waits for those who follow."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._led = _Led(following=tape.next_at())

    @property
    def source(self) -> str:
        """Who tells the market now."""
        return self._tape.source

    @source.setter
    def source(self, value: str) -> None:
        self._tape.source = value

    def follow(self, frozen: Frozen = lambda as_of: None) -> FollowingTape:
        """A tape behind this one; made before the leader first advances."""
        follower = FollowingTape(self._tape, self._led, frozen)
        with self._led.condition:
            self._led.followers.append(follower)
        return follower

    def close(self) -> None:
        """Those who wait for the leader wait no longer: their tapes have ended."""
        with self._led.condition:
            self._led.closed = True
            self._led.condition.notify_all()

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return self._tape.instruments()

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None when the tape has ended."""
        return self._tape.next_at()

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, oldest first; they are the followers' too from now on."""
        with self._led.condition:
            self._led.left = self._led.horizon
            self._led.condition.notify_all()
        events = self._tape.advance(to)
        following = self._tape.next_at()
        with self._led.condition:
            self._led.horizon = max(self._led.horizon, to)
            self._led.following = following
            for follower in self._led.followers:
                follower.given(events)
            self._led.condition.notify_all()
        for follower in self._led.followers:
            follower.wake()
        return events

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """The market as it could be known at `as_of`, kept for those behind; raises DataError."""
        taken = self._tape.snapshot(as_of, symbols, history_days=history_days)
        with self._led.condition:
            self._led.taken[as_of, tuple(symbols), history_days] = taken
            while len(self._led.taken) > KEPT:
                self._led.taken.popitem(last=False)
            self._led.condition.notify_all()
        return taken


class FollowingTape:
    """A Tape behind a leader. `advance` and `snapshot` belong to the shadow's thread and wait there; nobody waits for them."""

    def __init__(self, tape: Tape, led: _Led, frozen: Frozen) -> None:
        self.source = tape.source
        self._tape = tape
        self._led = led
        self._frozen = frozen
        self._pending: deque[TapeEvent] = deque()
        self._lost = False
        self._quotes: dict[str, Quote] = {}
        self._last: Snapshot | None = None
        self._day = date.min
        self._wake: Callable[[], None] = lambda: None

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after the leader has moved."""
        self._wake = wake

    def wake(self) -> None:
        """The leader has moved."""
        self._wake()

    def given(self, events: Sequence[TapeEvent]) -> None:
        """The leader's events; called under its lock, and never waits."""
        if self._lost or len(self._pending) + len(events) > MOST_BEHIND:
            self._lost = True
            self._pending.clear()
            return
        self._pending.extend(events)

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return self._tape.instruments()

    def next_at(self) -> datetime | None:
        """When the next event becomes known, as far as the leader knows; None when the leader's tape has ended."""
        with self._led.condition:
            if self._led.closed:
                return None
            return self._pending[0].at if self._pending else self._led.following

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, once the leader has been there; raises DataError when too far behind."""
        with self._led.condition:
            while self._led.horizon < to and not self._led.closed:
                self._led.condition.wait(_LOOK_S)
            if self._lost:
                raise DataError(f"the shadow fell more than {MOST_BEHIND} events behind its desk")
            events: list[TapeEvent] = []
            while self._pending and self._pending[0].at <= to:
                events.append(self._pending.popleft())
        for event in events:
            if isinstance(event, QuoteEvent):
                self._quotes[event.quote.symbol] = event.quote
            elif isinstance(event, SessionEvent):
                self._day = event.day
        return events

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """What the leader froze at `as_of`, else a picture of what this tape was given; raises DataError before there is any."""
        found = self._leaders(as_of, tuple(symbols), history_days) or self._frozen(as_of)
        if found is not None:
            self._last = found
            return found
        if self._last is None:
            raise DataError(f"nothing was frozen by {as_of} that a shadow could go on from")
        return self._own(as_of, symbols, self._last)

    def _leaders(self, as_of: datetime, symbols: tuple[str, ...], history_days: int) -> Snapshot | None:
        key = as_of, symbols, history_days
        with self._led.condition:
            passed = self._led.condition.wait_for(
                lambda: key in self._led.taken or self._led.left >= as_of or self._led.closed, PATIENCE_S
            )
            return self._led.taken.get(key) if passed else None

    def _own(self, as_of: datetime, symbols: Sequence[str], last: Snapshot) -> Snapshot:
        """The last picture, carried on by the rows since; its bars are those that were known then."""
        rows = {quote.symbol: quote for quote in last.quotes} | self._quotes
        return freeze(
            as_of=as_of,
            market=last.market,
            trading_day=max(last.trading_day, self._day),
            source=last.source,
            instruments=(item for item in last.instruments if item.symbol in set(symbols)),
            quotes=(rows[name] for name in symbols if name in rows and rows[name].known_at <= as_of),
            bars=last.bars.filter(pl.col("symbol").is_in(list(symbols))),
        )
