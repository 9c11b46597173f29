"""A desk on the wall's clock: what arrived is followed at once, a slot runs once at its time, and what was missed is written down.

wait (next slot, next turn, an arrival) ──► desk.follow(now) ──► due(schedule, newest slot of the journal, now)
due ──► missed: SKIPPED(MISSED) ──► run ──► slots that passed meanwhile: SKIPPED(OVERLAP)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from engine.core.clock import WallClock
from engine.core.errors import CalendarUnknown
from engine.cycle.desk import Desk
from engine.cycle.runner import Runner
from engine.cycle.schedule import due, next_slot

GRACE_S = 90.0
"""A slot whose time passed no longer ago than this is still run: a machine under load is late, one that slept has missed it."""
LOOK_S = 60.0
"""With nothing due a desk looks at its clock at least so often."""


class Arriving(Protocol):
    """A tape on which things arrive by themselves."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after every arrival."""
        ...

    @property
    def looked(self) -> bool:
        """Whether the market was looked at once: before that nobody knows what a holding is worth."""
        ...

    @property
    def prepared(self) -> bool:
        """Whether the bars of the names that matter are there, or were waited for: before that a cycle would know too little."""
        ...


class WallRunner(Runner):
    """The thread of a live desk. What a person asks for is done between two steps, as in a replay; there is no end of the tape."""

    def __init__(
        self,
        desk: Desk,
        tape: Arriving,
        clock: WallClock,
        *,
        cycles: int | None,
        ended: Callable[[str], None],
        drained: Callable[[], None],
        grace_s: float = GRACE_S,
    ) -> None:
        super().__init__(desk, speed=1.0, cycles=cycles, ended=ended, drained=drained)
        self._clock = clock
        self._grace_s = grace_s
        self._tape = tape
        tape.listen(self._wake.set)

    def _carry(self) -> None:
        told = False
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            self._wake.clear()
            if not self._tape.looked:  # a desk that was down first hears what its holdings are worth
                self._clock.wait_until(self._clock.now() + timedelta(seconds=LOOK_S), self._wake)
                continue
            self.desk.follow(self._clock.now())
            if not self._tape.prepared:
                self._clock.wait_until(self._clock.now() + timedelta(seconds=LOOK_S), self._wake)
                continue
            job = self._next_job()
            if job is not None:
                job(self.desk)
                continue
            enough = self._cycles is not None and self.desk.cycles_run >= self._cycles
            if enough and not self.desk.broker.working() and not told:
                told = True
                self._drained()
            if enough or not self._slot():
                self._clock.wait_until(self._until(), self._wake)

    def _slot(self) -> bool:
        """Write down what was missed and run what is due; False when nothing is."""
        desk, terms = self.desk, self.desk.mandate
        owed = due(terms.schedule, desk.calendar, desk.ran_until, self._clock.now(), self._grace_s)
        if owed.missed:
            desk.miss(owed.missed, "MISSED")
        if owed.run is None:
            return bool(owed.missed)
        desk.run(owed.run, "schedule")
        desk.ran_until = owed.run
        after = due(terms.schedule, desk.calendar, owed.run, self._clock.now(), self._grace_s)
        overlapped = [*after.missed, *([after.run] if after.run is not None else [])]
        if overlapped:
            desk.miss(overlapped, "OVERLAP")
        return True

    def _until(self) -> datetime:
        """When something is known to happen next; an arrival wakes the desk before."""
        desk, now = self.desk, self._clock.now()
        try:
            last = desk.calendar.next_session(desk.calendar.local_day(now))
            slot = next_slot(desk.mandate.schedule, desk.calendar, max(now, desk.ran_until or now), last)
        except CalendarUnknown:
            slot = None
        desk.next_slot_shown = slot
        turn = desk.equipment.tape.next_at()
        return min(moment for moment in (slot, turn, now + timedelta(seconds=LOOK_S)) if moment is not None)
