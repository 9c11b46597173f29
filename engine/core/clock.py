"""Time is passed in: the system's, or a simulated one that only moves when told."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

LONGEST_WAIT_S = 1.0
"""A machine that was suspended, or whose clock was set, is noticed within this."""


class Clock(Protocol):
    """Tells the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


@runtime_checkable
class WallClock(Clock, Protocol):
    """A clock that goes by itself, so that one can wait for an instant of it."""

    def wait_until(self, at: datetime, woken: threading.Event) -> None:
        """Return at `at`, or once `woken` is set, or earlier: whoever waits looks at the clock again."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, whatever is done to the clock; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock; the only place in the engine that reads it."""

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.now(UTC)

    def wait_until(self, at: datetime, woken: threading.Event) -> None:
        """Sleep no longer than a second at a time: a sleep does not notice that the clock was set or the machine suspended."""
        woken.wait(min(max(0.0, (at - self.now()).total_seconds()), LONGEST_WAIT_S))

    def monotonic(self) -> float:
        """The machine's own count of seconds."""
        return time.monotonic()


class SimulatedClock:
    """A clock that stands still until it is moved, and never goes back."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The simulated instant in UTC."""
        return self._at

    def advance_to(self, at: datetime) -> None:
        """Move to `at`; raises ValueError if that is in this clock's past."""
        at = at.astimezone(UTC)
        if at < self._at:
            raise ValueError(f"the clock cannot go back from {self._at} to {at}")
        self._at = at
