"""A rule with the dates from which each of its values was in force."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from engine.core.errors import RuleUnknown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time whose rule no source settles: asking about it is refused."""

    why: str


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """`steps` are (first day in force, value), oldest first; a value rules until the next begins."""

    name: str
    steps: tuple[tuple[date, T | Gap], ...]

    def on(self, day: date) -> T:
        """The value in force on `day`. Raises RuleUnknown before the first step and inside a Gap: never a guess."""
        index = bisect_right(self.steps, day, key=lambda step: step[0])
        if index == 0:
            raise RuleUnknown(f"{self.name}: no rule known on {day}; the earliest starts {self.steps[0][0]}")
        value = self.steps[index - 1][1]
        if isinstance(value, Gap):
            raise RuleUnknown(f"{self.name}: not covered on {day}: {value.why}")
        return value


def since(name: str, *steps: tuple[str, T | Gap]) -> Dated[T]:
    """A dated rule from ISO dates, in any order a reader finds clear."""
    return Dated(name, tuple(sorted(((date.fromisoformat(day), value) for day, value in steps), key=lambda step: step[0])))
