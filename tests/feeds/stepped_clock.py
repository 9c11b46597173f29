"""A wall clock that a test can run through a day of market time in seconds: it moves on when every thread of a desk waits for it.

While anybody works (a request, a cycle, a ledger write) time stands still, so that the same day comes out the same on any machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

WAITERS = ("desk-", "feed-")
"""Names of the threads that the clock waits for."""


class SteppedClock:
    """A WallClock. `expects` threads must be waiting before it moves; any other thread that waits moves it by itself."""

    def __init__(self, at: datetime, *, expects: int = 2) -> None:
        self._at = at.astimezone(UTC)
        self._begun = self._at
        self._expects = expects
        self._changed = threading.Condition()
        self._waiting: dict[int, tuple[datetime, threading.Event]] = {}
        self._due: list[tuple[datetime, Callable[[], object]]] = []
        self._until: datetime | None = None
        self._released = False

    def now(self) -> datetime:
        return self._at.astimezone(UTC)

    def monotonic(self) -> float:
        return (self._at - self._begun).total_seconds()

    def at(self, moment: datetime, do: Callable[[], object]) -> None:
        """Have something done when the clock reaches `moment`, in whichever thread moves it there."""
        self._due = sorted([*self._due, (moment.astimezone(UTC), do)], key=lambda item: item[0])

    def jump(self, by: timedelta) -> None:
        """The machine slept: the clock is suddenly later, and nobody was asked."""
        with self._changed:
            self._at += by
            self._changed.notify_all()

    def wait_until(self, at: datetime, woken: threading.Event) -> None:
        if not threading.current_thread().name.startswith(WAITERS):
            with self._changed:
                self._at = max(self._at, at)
            return
        me = threading.get_ident()
        with self._changed:
            self._waiting[me] = (at, woken)
            self._changed.notify_all()
            try:
                while not (self._released or woken.is_set() or self._at >= at):
                    if not self._move():
                        self._changed.wait(0.002)
                if self._released:
                    self._at = max(self._at, at)
            finally:
                del self._waiting[me]
                self._changed.notify_all()

    def run_until(self, moment: datetime, timeout_s: float) -> None:
        """Let time pass up to `moment`, and stand there."""
        with self._changed:
            self._until = moment.astimezone(UTC)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._at >= self._until and len(self._waiting) == self._expects, timeout_s), (
                f"stuck at {self._at}: {self._waiting}"
            )

    def release(self) -> None:
        """Nobody waits any more, time runs to wherever it is wanted: the engine is told to end."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def _move(self) -> bool:
        """Go to the next instant that anybody waits for, if all do and the test lets time pass."""
        if self._until is None or len(self._waiting) < self._expects or any(event.is_set() for _, event in self._waiting.values()):
            return False
        following = min(at for at, _ in self._waiting.values())
        if self._due:
            following = min(following, self._due[0][0])
        following = min(following, self._until)
        if following <= self._at and not (self._due and self._due[0][0] <= self._at):
            return False
        self._at = max(self._at, following)
        while self._due and self._due[0][0] <= self._at:
            self._due.pop(0)[1]()
        self._changed.notify_all()
        return True


class Stoppable(Protocol):
    """An engine."""

    def stop(self, timeout_s: float) -> bool: ...


def stopped(engine: Stoppable, clock: SteppedClock) -> bool:
    """Tell everybody to end, then let go whoever still waits for a turn on the clock."""
    ending = threading.Timer(0.2, clock.release)
    ending.start()
    try:
        return engine.stop(30.0)
    finally:
        ending.join()
