"""The shadows of an engine's desks: built beside a desk that has some, started after it, and never in its way.

desk, tape, observer ──beside──► the tape and the observer that the desk works with ──► its shadows, a thread each
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.backtest import try_strategy
from engine.building import Closer, build_panel, build_purse, build_tape, mandate_of
from engine.config import Config, DeskConfig
from engine.core.clock import Clock
from engine.cycle import Desk, Equipment, Observer, Unseen, resume_point
from engine.cycle.shadow import Leading, Mark, ShadowRunner, marks_since
from engine.feeds.shared import SharedTape
from engine.feeds.tape import Tape
from engine.llm import PromptLibrary
from engine.store import Ledger
from engine.store.snapshot import Snapshot, kept, read


@dataclass(frozen=True, slots=True)
class Supplies:
    """What every desk of an engine is handed alike."""

    config: Config
    home: Path
    ledger: Ledger
    clock: Clock
    environ: Mapping[str, str]
    language: str
    closers: list[Closer]


class Shadows:
    """All of an engine's. `failed(desk, shadow, reason)` and `idle()` are called from the shadows' threads."""

    def __init__(self, supplies: Supplies, *, failed: Callable[[str, str, str], None], idle: Callable[[], None]) -> None:
        self._supplies = supplies
        self._failed = failed
        self._idle = idle
        self._lock = threading.Lock()
        self._tapes: list[SharedTape] = []
        self._runners: dict[str, dict[str, ShadowRunner]] = {}
        self._busy: set[str] = set()

    def beside(
        self,
        name: str,
        desk: DeskConfig,
        tape: Tape,
        observer: Observer,
        *,
        cancelled: threading.Event,
        halted_outside: Callable[[], bool],
    ) -> tuple[Tape, Observer]:
        """The tape and the observer for a desk to work with; where it has shadows they hear of it there. Raises KanpanError."""
        if not desk.shadow:
            return tape, observer
        shared, marks = SharedTape(tape), dict[datetime, str]()
        runners = self._runners[name] = {}
        for own, terms in desk.family(name).items():
            if own != name:
                behind = self._tape(shared, own, terms, marks)
                runners[own] = self._build(name, own, terms, behind, cancelled, halted_outside)
                self._busy.add(own)
        self._tapes.append(shared)
        shared.listen(lambda: _each(runners, ShadowRunner.moved))

        def mark(made: Mark) -> None:
            marks[made.as_of] = made.hash
            while len(marks) > MOST_PICTURES:
                del marks[next(iter(marks))]
            _each(runners, lambda runner: runner.mark(made))

        return shared, Leading(observer, mark)

    def start(self) -> None:
        """Set them to work."""
        for runners in self._runners.values():
            _each(runners, ShadowRunner.start)

    def rest(self, desk: str) -> None:
        """A desk has drained; its shadows have, once they have caught up with it."""
        _each(self._runners.get(desk, {}), ShadowRunner.rest)

    @property
    def idle(self) -> bool:
        """Whether none of them has anything left to do."""
        with self._lock:
            return not self._busy

    def stop(self) -> None:
        """Ask all of them to end."""
        for tape in self._tapes:
            tape.close()
        for runners in self._runners.values():
            _each(runners, ShadowRunner.stop)

    def join(self, deadline: float) -> bool:
        """Whether all of them have ended by `deadline` (monotonic)."""
        everyone = [runner for runners in self._runners.values() for runner in runners.values()]
        joined = [runner.join(max(0.05, deadline - time.monotonic())) for runner in everyone]
        return all(joined)

    def _tape(self, shared: SharedTape, own: str, terms: DeskConfig, marks: Mapping[datetime, str]) -> Tape:
        """What was recorded is played again for each shadow; of a live market there is one feed, and what its desk froze."""
        if not terms.is_live:
            with self._supplies.ledger.reader() as books:
                resume = resume_point(books, own)
            return shared.pace(build_tape(terms, self._supplies.home, resume.date() if resume is not None else None))
        pictures = self._supplies.home / "snapshots"

        def frozen(as_of: datetime) -> Snapshot | None:
            digest = marks.get(as_of, "")
            return read(pictures, digest) if digest and kept(pictures, digest) else None

        return shared.follow(frozen)

    def _build(
        self, parent: str, own: str, terms: DeskConfig, tape: Tape, cancelled: threading.Event, halted_outside: Callable[[], bool]
    ) -> ShadowRunner:
        supplies = self._supplies
        mandate = replace(mandate_of(own, terms, supplies.language), parent=parent)
        models = build_panel(terms, supplies.config, supplies.environ, supplies.clock, supplies.closers)
        equipment = Equipment(
            ledger=supplies.ledger,
            tape=tape,
            models=models,
            snapshots=supplies.home / "snapshots",
            wall=supplies.clock,
            observer=Unseen(),
            halted_outside=halted_outside,
            cancelled=cancelled,
            gate=try_strategy,
            template=PromptLibrary(supplies.home / "prompts").template,
            purse=build_purse(mandate, terms, supplies.config, supplies.environ, supplies.clock, supplies.closers),
        )
        with supplies.ledger.reader() as books:
            before = books.cycles(own, limit=1)
            missed = marks_since(books, parent, before[0].slot if before else None) if not terms.is_live else []
        return ShadowRunner(
            Desk(mandate, equipment),
            missed,
            ended=lambda reason: self._ended(parent, own, reason),
            drained=lambda: self._caught_up(own),
        )

    def _ended(self, parent: str, own: str, reason: str) -> None:
        if reason:
            self._failed(parent, own, reason)
        self._caught_up(own)

    def _caught_up(self, own: str) -> None:
        with self._lock:
            self._busy.discard(own)
        self._idle()


MOST_PICTURES = 10_000
"""Instants whose frozen market a shadow can still find on disk."""


def _each(runners: Mapping[str, ShadowRunner], act: Callable[[ShadowRunner], None]) -> None:
    for runner in runners.values():
        act(runner)
