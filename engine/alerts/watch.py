"""What the engine watches of itself: threads, data, models, losses and books, as readings in and conditions out. Pure.

readings of one desk ──► conditions ──► Watch.changes: an alert when one begins or grows worse, a note when it is over
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.journal import AlertRaised, Noted, Record, Severity
from engine.core.units import PPM, from_units

NEAR_PPM = 800_000
"""A limit is near from this share of it on."""
FAILURES_TOLD = 3
"""A model that failed so often in a row is told of."""


@dataclass(frozen=True, slots=True)
class Readings:
    """One desk's instruments at a moment. Ages in seconds, losses in ppm of equity; a limit of 0 means that there is none.

    `threads` gives each thread's silence and how long it may be silent; `data_age_s` is None where the tape is a replay;
    `failures` counts each model's failures in a row; `mismatch` says how broker and ledger differ, '' when they do not.
    """

    desk: str
    threads: Mapping[str, tuple[float, float]]
    data_age_s: float | None = None
    data_limit_s: float = 0
    failures: Mapping[str, int] | None = None
    lost_ppm: int = 0
    max_loss_ppm: int = 0
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something a person should know of, for as long as it lasts; `subject` tells two of the same code apart."""

    code: str
    subject: str
    severity: Severity
    params: tuple[tuple[str, str], ...]


def conditions(now: Readings) -> tuple[Condition, ...]:
    """Everything that is wrong at this moment."""
    found: list[Condition] = []
    for name, (silent_s, limit_s) in sorted(now.threads.items()):
        if silent_s > limit_s:
            about = (("thread", name), ("seconds", f"{silent_s:.0f}"))
            found.append(Condition("THREAD_SILENT", name, Severity.CRITICAL, about))
    if now.data_age_s is not None and now.data_limit_s and now.data_age_s > now.data_limit_s:
        seconds = (("seconds", f"{now.data_age_s:.0f}"), ("limit", f"{now.data_limit_s:.0f}"))
        found.append(Condition("DATA_OLD", "", Severity.WARNING, seconds))
    for model, count in sorted((now.failures or {}).items()):
        if count >= FAILURES_TOLD:
            found.append(Condition("MODEL_FAILING", model, Severity.WARNING, (("model", model), ("count", str(count)))))
    found += _limit("LOSS", now.lost_ppm, now.max_loss_ppm, PPM)
    if now.mismatch:
        found.append(Condition("POSITION_MISMATCH", "", Severity.CRITICAL, (("reason", now.mismatch),)))
    return tuple(found)


def _limit(what: str, value: int, limit: int, scale: int) -> list[Condition]:
    """`what`_NEAR from four fifths of a limit on, `what`_LIMIT at it; one subject, so that the second replaces the first."""
    if limit <= 0 or value * PPM < limit * NEAR_PPM:
        return []
    figures = (("observed", f"{from_units(value, scale):f}"), ("limit", f"{from_units(limit, scale):f}"))
    if value >= limit:
        return [Condition(f"{what}_LIMIT", what, Severity.CRITICAL, figures)]
    return [Condition(f"{what}_NEAR", what, Severity.WARNING, figures)]


class Watch:
    """Remembers which conditions a desk has been told of; belongs to the thread of the alarm clock."""

    def __init__(self) -> None:
        self._open: dict[str, dict[tuple[str, str], Condition]] = {}

    def changes(self, now: Readings) -> Sequence[Record]:
        """Records for what began since the last look and what is over; nothing while all stays as it is."""
        before = self._open.get(now.desk, {})
        after = {(condition.code, condition.subject): condition for condition in conditions(now)}
        self._open[now.desk] = after
        records: list[Record] = []
        for (code, subject), condition in after.items():
            if (code, subject) not in before:
                name = f"{now.desk}:{code}:{subject}" if subject else f"{now.desk}:{code}"
                records.append(AlertRaised(name, now.desk, condition.severity, code, condition.params))
        for code, subject in before:
            if (code, subject) not in after:
                records.append(Noted(now.desk, "WATCH_OVER", (("code", code), ("subject", subject))))
        return records


def failures_in_a_row(outcomes: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Each model's failures since its last answer, from (model, outcome) in the order in which they were asked."""
    counted: dict[str, int] = {}
    for model, outcome in outcomes:
        if outcome in {"ok", "recovered", "repaired"}:
            counted[model] = 0
        elif outcome != "asking":
            counted[model] = counted.get(model, 0) + 1
    return counted
