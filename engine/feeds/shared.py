"""One market for a desk and its shadows: the desk leads and never waits; a shadow follows, never ahead, and sees what its desk saw.

tape ──► SharedTape (the trading desk's) ──horizon──► PacedTape      a shadow's own replay of the same past
                                         └─horizon, events, snapshots──► FollowingTape   a shadow on the desk's one live feed

A live instant cannot be asked for twice: what the leader froze then a follower is given as it is, the same object; only where the
leader froze nothing does the follower make its own picture, of what it was given.
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
_NEVER = datetime.min.replace(tzinfo=UTC)

Frozen = Callable[[datetime], Snapshot | None]
"""What a cycle of the trading desk froze at an instant, from disk."""


@dataclass(slots=True)
class _Led:
    """What the leader has made known, under the lock: it was given all up to `horizon`, and is done with all up to `left`."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    horizon: datetime = _NEVER
    left: datetime = _NEVER
    closed: bool = False
    taken: OrderedDict[tuple[datetime, tuple[str, ...], int], Snapshot] = field(default_factory=OrderedDict)
    followers: list[FollowingTape] = field(default_factory=list)
    moved: Callable[[], None] = lambda: None


class SharedTape:
    """The leader: a Tape like the one it wraps, in the trading desk's thread. It never waits for those who follow."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._led = _Led()

    @property
    def source(self) -> str:
        """Who tells the market now."""
        return self._tape.source

    @source.setter
    def source(self, value: str) -> None:
        self._tape.source = value

    def follow(self, frozen: Frozen = lambda as_of: None) -> FollowingTape:
        """A tape behind this one, on its events; made before the leader first advances."""
        follower = FollowingTape(self._tape, self._led, frozen)
        with self._led.condition:
            self._led.followers.append(follower)
        return follower

    def pace(self, tape: Tape) -> PacedTape:
        """Another replay of the same past, held behind this one."""
        return PacedTape(tape, self._led)

    def listen(self, moved: Callable[[], None]) -> None:
        """Have `moved` called after each move of the leader; it must return at once."""
        self._led.moved = moved

    def close(self) -> None:
        """Nobody waits for a picture of the leader's any longer."""
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
        with self._led.condition:
            self._led.horizon = max(self._led.horizon, to)
            for follower in self._led.followers:
                follower.given(events)
        self._led.moved()
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


class PacedTape:
    """A replay of its own, in a shadow's thread, whose next instant is never one that the leader has not reached."""

    def __init__(self, tape: Tape, led: _Led) -> None:
        self.source = tape.source
        self._tape = tape
        self._led = led
        self._at = _NEVER

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return self._tape.instruments()

    def next_at(self) -> datetime | None:
        """When something happens next, no later than the leader is; None where it has ended or caught up."""
        with self._led.condition:
            horizon = self._led.horizon
        following = self._tape.next_at()
        return min(horizon, following) if following is not None and horizon > self._at else None

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, oldest first."""
        self._at = max(self._at, to)
        return self._tape.advance(to)

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """The market as it could be known at `as_of`: a replay freezes the same however often it is asked."""
        return self._tape.snapshot(as_of, symbols, history_days=history_days)


class FollowingTape:
    """A Tape on its leader's events, in a shadow's thread; `snapshot` may wait for the leader's, and nobody waits for it."""

    def __init__(self, tape: Tape, led: _Led, frozen: Frozen) -> None:
        self.source = tape.source
        self._tape = tape
        self._led = led
        self._frozen = frozen
        self._at = _NEVER
        self._pending: deque[TapeEvent] = deque()
        self._lost = False
        self._quotes: dict[str, Quote] = {}
        self._last: Snapshot | None = None
        self._day = date.min

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
        """When something happens next, no later than the leader is; None where it has caught up."""
        with self._led.condition:
            if self._led.horizon <= self._at:
                return None
            return min(self._led.horizon, self._pending[0].at) if self._pending else self._led.horizon

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`; raises DataError once the shadow is too far behind to go on."""
        self._at = max(self._at, to)
        events: list[TapeEvent] = []
        with self._led.condition:
            if self._lost:
                raise DataError(f"the shadow fell more than {MOST_BEHIND} events behind its desk")
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
            self._led.condition.wait_for(lambda: key in self._led.taken or self._led.left >= as_of or self._led.closed, PATIENCE_S)
            return self._led.taken.get(key)

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
            fundings=(item for item in last.fundings if item.symbol in set(symbols)),
        )
