"""What a ladder answers, and when it believes a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from engine.core.units import PPM
from engine.feeds.breaker import Rest
from engine.feeds.rungs import SourceSwitched


@dataclass(frozen=True, slots=True)
class LadderPolicy:
    """When a table is believed. Fractions in ppm, times in seconds.

    `complete_ppm` of the expected rows must be there; every `check_every_s` the prices of `sample` names are compared with another
    vendor's, `tolerance_ppm` apart at most, rows no more than `apart_s` apart in time. A name that is quoted nowhere is asked for
    again after `absent_s`. One fault rests a source of quotes; `bar_rest` is milder, because a bar request is about one name.
    """

    complete_ppm: int = 900_000
    check_every_s: float = 60.0
    sample: int = 8
    tolerance_ppm: int = 20_000
    apart_s: float = 300.0
    absent_s: float = 1_800.0
    rest: Rest = field(default_factory=lambda: Rest(failures=1, first_s=30.0, most_s=600.0))
    bar_rest: Rest = field(default_factory=lambda: Rest(failures=3, first_s=30.0, most_s=600.0))

    def enough(self, rows: int, expected: int) -> bool:
        """Whether so many rows of so many are complete."""
        return rows * PPM >= expected * self.complete_ppm


@dataclass(frozen=True, slots=True)
class Served:
    """A table and where it came from. `at` is when it arrived (the oldest row's arrival where it is remembered), `age_s` its age.

    `stale` bars it from opening positions: it was remembered, or two vendors contradict each other as a whole. `disputed` names
    rows whose price another vendor contradicts, `missing` names that were asked for and are not in the table.
    """

    table: pl.DataFrame
    source: str
    at: datetime
    age_s: float
    stale: bool
    switched: SourceSwitched | None = None
    disputed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
