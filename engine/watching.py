"""The engine's eye on itself: reads every thread, feed, model and limit once a second, raises what is wrong, and has it delivered.

alarm's beat ──► readings of each desk ──► alerts.Watch ──► ledger, state ──► Postman (a thread of its own) ──► a person
A ledger that does not answer is told of on the screen alone; nothing here waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time as time_of_day
from pathlib import Path
from typing import Protocol, runtime_checkable

from engine.alerts import (
    Postman,
    Quiet,
    Readings,
    RoutingPolicy,
    Speak,
    Watch,
    Word,
    failures_in_a_row,
    open_channels,
    plain_words,
)
from engine.commands import Commands
from engine.config.alerts import AlertsConfig
from engine.core.clock import Clock
from engine.core.errors import LedgerError
from engine.core.journal import AlertRaised, Record, Severity
from engine.cycle import Runner
from engine.publish import Publisher
from engine.state import State
from engine.store import Ledger

SLACK_S = 30.0
"""A thread may be silent for this long beyond what its work can take."""
LEDGER_SLOW_S = 10.0
FEED_SLACK_S = 240.0
"""A look down a whole ladder, each rung until its deadline, or sixty pages at the pace of a careful guest."""
DATA_LIMIT_S = 300.0
_TRADING = frozenset({"continuous", "open_call", "close_call_no_cancel"})

Beat = Callable[[], float]
"""The monotonic instant at which a thread was last seen alive."""


def routing_policy(settings: AlertsConfig) -> RoutingPolicy:
    """What a person set under [alerts], as the routing wants it."""
    quiet = None
    if settings.quiet:
        begins, _, ends = settings.quiet.partition("-")
        quiet = Quiet(time_of_day.fromisoformat(begins), time_of_day.fromisoformat(ends))
    severity = Severity(settings.min_severity)
    return RoutingPolicy(severity, quiet, settings.rate_per_minute, settings.escalate_after_s)


@runtime_checkable
class Feeding(Protocol):
    """A tape with a thread of its own."""

    @property
    def beat(self) -> float:
        """The monotonic instant at which that thread was last seen alive."""
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """How alerts are spoken: the streams that the face lends, and its language."""

    streams: Mapping[str, Speak] = field(default_factory=dict)
    word: Word = plain_words


class Monitor:
    """One per engine. `look` belongs to the alarm's thread, `look_at_alarm` to another, so that neither dies unnoticed."""

    def __init__(
        self, settings: AlertsConfig, voice: Voice, home: Path, ledger: Ledger, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._voice = voice
        self._ledger = ledger
        self._clock = clock
        self._channels = open_channels(settings.channels, environ, home, voice.streams)
        self._postman: Postman | None = None
        self._watch = Watch()
        self._beats: dict[str, Beat] = {}
        self._looked = time.monotonic()
        self._alarm_silent = False

    def watch(self, state: State, publisher: Publisher, runners: Mapping[str, Runner], commands: Commands) -> None:
        """What there is to be watched, and where alerts are shown."""
        self._state, self._publisher, self._runners = state, publisher, runners
        self._beats["commands"] = lambda: commands.beat
        commands.idle = self.look_at_alarm
        if self._channels:
            postman = self._postman = Postman(
                self._ledger,
                self._channels,
                routing_policy(self._settings),
                clock=self._clock,
                word=self._voice.word,
                recorded=publisher.recorded,
            )
            self._beats["alerts"] = lambda: postman.beat

    def start(self) -> None:
        """Begin to deliver."""
        self._looked = time.monotonic()
        if self._postman is not None:
            self._postman.start()

    def stop(self, timeout_s: float) -> bool:
        """End the delivery after a last round; True when it ended in time."""
        return self._postman is None or self._postman.stop(timeout_s)

    def look(self) -> None:
        """Once a second: whatever began or is over, for every desk."""
        self._looked = time.monotonic()
        self._alarm_silent = False
        for name, runner in self._runners.items():
            records = self._watch.changes(self._readings(name, runner))
            if records:
                self._tell(name, records)

    def look_at_alarm(self) -> None:
        """From a thread other than the alarm's: is it still ringing?"""
        silent_s = time.monotonic() - self._looked
        if silent_s > SLACK_S and not self._alarm_silent:
            self._alarm_silent = True
            for name in self._runners:
                about = (("thread", "alarm"), ("seconds", f"{silent_s:.0f}"))
                self._tell(name, [AlertRaised(f"{name}:THREAD_SILENT:alarm", name, Severity.CRITICAL, "THREAD_SILENT", about)])

    def _tell(self, desk: str, records: Sequence[Record]) -> None:
        if self._ledger.busy_s <= LEDGER_SLOW_S:
            try:
                self._ledger.write(records)
                self._publisher.recorded(desk, records)
                return
            except LedgerError:
                pass  # the desks stop by themselves where the ledger does; a person hears of it from the screen
        for record in records:
            if isinstance(record, AlertRaised):
                self._publisher.alert(desk, record.severity, record.code, *record.params)

    def _readings(self, name: str, runner: Runner) -> Readings:
        now, mandate = time.monotonic(), runner.desk.mandate
        patience = mandate.deadline_s + mandate.confirm_s + SLACK_S
        threads = {"desk": (now - runner.beat, patience), "ledger": (self._ledger.busy_s, LEDGER_SLOW_S)}
        threads |= {thread: (now - beat(), SLACK_S * 2) for thread, beat in self._beats.items()}
        status = self._state.status.view().rows[name]
        live = not status.replay and status.phase in _TRADING
        tape = runner.desk.equipment.tape
        if isinstance(tape, Feeding):
            threads["feed"] = (now - tape.beat, FEED_SLACK_S)
        asked = [(row.model, row.outcome) for row in self._state.models.view().rows.values() if row.cycle_id.startswith(f"{name}:")]
        return Readings(
            desk=name,
            threads=threads,
            data_age_s=status.source_age_s if live else None,
            data_limit_s=DATA_LIMIT_S,
            failures=failures_in_a_row(asked),
            lost_ppm=max(0, -status.day_change_ppm),
            max_loss_ppm=mandate.policy.max_daily_loss_ppm,
            mismatch=status.halting_reason or "AMBIGUOUS" if status.cycle_state == "AMBIGUOUS" else "",
        )
