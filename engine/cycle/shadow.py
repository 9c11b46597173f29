"""The thread of a shadow: it decides each cycle that its desk decides, on what its desk froze, whenever it gets to it.

desk ──records──► Leading ──Mark(cycle, slot, as_of, hash)──► ShadowRunner ──► tape up to as_of ──► the same cycle, its own book
desk's tape ──moved──► ShadowRunner ──► fills and marks of its own, never ahead of the desk
A shadow that is slow falls behind; its desk neither waits for it nor hears of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.core.errors import KanpanError
from engine.core.journal import CycleClaimed, Record, SnapshotFrozen
from engine.core.market import Quote
from engine.cycle.desk import Desk
from engine.cycle.mandate import Observer
from engine.cycle.steps import OWN_TRIGGERS
from engine.feeds.tape import SessionEvent
from engine.store import Books

MOST_MARKS = 10_000
"""Cycles a shadow may be behind; beyond that the oldest are let go, and the league counts them as missing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A cycle of the desk that froze its market; `name` is its id without the desk's own name."""

    name: str
    trigger: str
    slot: datetime
    as_of: datetime
    hash: str


class Leading:
    """The desk's observer, between the desk and whoever watches it: tells the shadows of every cycle that froze its market."""

    def __init__(self, observer: Observer, mark: Callable[[Mark], None]) -> None:
        self._observer = observer
        self._mark = mark
        self._claimed: CycleClaimed | None = None

    def recorded(self, desk: str, records: Sequence[Record]) -> None:
        """These records are in the ledger."""
        for record in records:
            if isinstance(record, CycleClaimed):
                self._claimed = record
            elif isinstance(record, SnapshotFrozen) and (claimed := self._of(record)) is not None:
                self._mark(mark_of(claimed.trigger, claimed.slot, record))
        self._observer.recorded(desk, records)

    def _of(self, frozen: SnapshotFrozen) -> CycleClaimed | None:
        """The claim of a cycle that shadows follow."""
        claimed = self._claimed
        return claimed if claimed and claimed.cycle_id == frozen.cycle_id and claimed.trigger not in OWN_TRIGGERS else None

    def quoted(self, desk: str, quotes: Sequence[Quote]) -> None:
        """The tape moved."""
        self._observer.quoted(desk, quotes)

    def turned(self, desk: str, event: SessionEvent) -> None:
        """A session reached one of its turns."""
        self._observer.turned(desk, event)

    def asking(self, desk: str, prompt_hash: str, text: str) -> None:
        """A prompt is about to leave."""
        self._observer.asking(desk, prompt_hash, text)

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        """A piece of a model's reply arrived."""
        self._observer.streamed(desk, cycle_id, call, text)


def mark_of(trigger: str, slot: datetime, frozen: SnapshotFrozen) -> Mark:
    """The mark of a desk's cycle."""
    return Mark(frozen.cycle_id.removeprefix(frozen.desk), trigger, slot, frozen.as_of, frozen.hash)


def marks_since(books: Books, desk: str, after: datetime | None, *, limit: int = MOST_MARKS) -> list[Mark]:
    """The cycles of a desk later than an instant that froze their market, oldest first: what a restarted shadow has missed."""
    found: list[Mark] = []
    for cycle in reversed(books.cycles(desk, limit=limit)):
        frozen = books.snapshot_of(cycle.cycle_id) if after is None or cycle.slot > after else None
        if frozen is not None and cycle.trigger not in OWN_TRIGGERS:
            found.append(mark_of(cycle.trigger, cycle.slot, frozen))
    return found


class ShadowRunner:
    """Owns a shadow's thread. `mark`, `moved`, `rest` and `stop` may be called from any thread and return at once.

    `missed` are cycles from before this process; `ended(reason)` is called from the thread as it ends, '' when all is well, and
    `drained()` whenever it has caught up with a desk that rests.
    """

    def __init__(self, desk: Desk, missed: Sequence[Mark], *, ended: Callable[[str], None], drained: Callable[[], None]) -> None:
        self.desk = desk
        self._ended = ended
        self._drained = drained
        self._marks = deque(missed, MOST_MARKS)
        self._condition = threading.Condition()
        self._news = False
        self._resting = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"shadow-{desk.mandate.desk}", daemon=True)

    def start(self) -> None:
        """Begin: the shadow opens its books in its own thread."""
        self._thread.start()

    def mark(self, mark: Mark) -> None:
        """The desk froze a market to decide on."""
        with self._condition:
            self._marks.append(mark)
            self._tell()

    def moved(self) -> None:
        """The desk's tape moved."""
        with self._condition:
            self._resting = False
            self._tell()

    def rest(self) -> None:
        """The desk will not move by itself any more."""
        with self._condition:
            self._resting = True
            self._tell()

    def stop(self) -> None:
        """Ask it to end after the step it is in."""
        self._stopping.set()
        with self._condition:
            self._tell()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended within `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _tell(self) -> None:
        self._news = True
        self._condition.notify_all()

    def _run(self) -> None:
        reason = ""
        try:
            self.desk.open()
            self._carry()
        except KanpanError as error:
            reason = str(error)
        except BaseException as error:  # noqa: BLE001 - a dead shadow is told of, and harms nobody
            reason = f"{type(error).__name__}: {error}"
        self._ended(reason)

    def _carry(self) -> None:
        while not self._stopping.is_set():
            with self._condition:
                self._news, resting = False, self._resting
            # In this order: an instant that the desk has left has its mark by now.
            due = self.desk.equipment.tape.next_at()
            with self._condition:
                mark = self._marks[0] if self._marks else None
            if mark is not None and mark.as_of <= self.desk.now:
                self._decide(mark)
            elif due is not None:
                self.desk.follow(due if mark is None else min(due, mark.as_of))
            else:
                self._rest(told=resting)

    def _decide(self, mark: Mark) -> None:
        """The cycle of the mark, unless it was decided before a restart or the tape is already past it."""
        with self._condition:
            self._marks.popleft()
        desk = self.desk
        name = desk.mandate.desk + mark.name
        with desk.equipment.ledger.reader() as books:
            known = books.cycle(name) is not None
        if not known and mark.as_of == desk.now:
            desk.again(name, mark.slot, mark.trigger)

    def _rest(self, *, told: bool) -> None:
        if told:
            self._drained()
        with self._condition:
            self._condition.wait_for(lambda: self._news, timeout=1.0)
