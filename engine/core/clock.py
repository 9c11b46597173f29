"""Time is passed in: the system's, or a simulated one that only moves when told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock; the only place in the engine that reads it."""

    def now(self) -> datetime:
        """The current instant in UTC."""
        return datetime.now(UTC)


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
