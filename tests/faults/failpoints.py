"""Where the torture harness may end a life: named points inside the ledger's write, put there from outside, and known sabotages.

write ─► begin ─► journalled ─► flushed ─► COMMIT ─► committed ─► torn ─► placed ─► returned ─► anchored
Everything here is done to the classes of one forked child; the product has no test hooks.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import engine.cycle.desk
import engine.cycle.recovery
import engine.cycle.steps
import engine.store.ledger
import engine.store.snapshot
from engine.core.journal import CycleState
from engine.cycle import Desk
from engine.store import Ledger, chain
from engine.store.projections import Projector

POINTS = ("begin", "journalled", "flushed", "committed", "torn", "placed", "anchored")
SNAPSHOT_POINTS = ("unnamed", "named")


def die() -> None:
    """Exactly what `kill -9` does, at this instruction."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class Plan:
    """How one life ends: at the named failpoint, or at point `point` of write number `nth`, whichever comes first; or never."""

    target: tuple[str, str] = ("", "")
    nth: int = 0
    point: str = ""


@dataclass(slots=True)
class Watch:
    """Counts the writes of a life, names each, and dies where the plan says; `tell` hears of every label and of the death."""

    plan: Plan
    tell: Callable[[str], None]
    acknowledged: Callable[[int], None]
    label: str = ""
    writes: int = 0
    seen: set[str] = field(default_factory=set)

    def begin(self, label: str) -> None:
        """A write begins."""
        self.label = label
        self.writes += 1
        if label not in self.seen:
            self.seen.add(label)
            self.tell(f"seen {label}")

    def wants(self, point: str) -> bool:
        """Whether this is the place to die."""
        plan = self.plan
        return (self.label, point) == plan.target or (self.writes == plan.nth and point == plan.point)

    def reach(self, point: str) -> None:
        """Die here if the plan says so."""
        if self.wants(point):
            self.tell(f"hit {self.label} {point}")
            die()


def label_of(kinds: Sequence[str], key: str) -> str:
    """A name for a write, the same for every cycle: the step it records, or the kinds of its records."""
    parts = key.split("/")
    if "tape" in parts[1:2] or len(parts) < 2:
        return "+".join(sorted(set(kinds)))
    return "/".join(parts[-2:]) if parts[-1].isdigit() else parts[-1]


def arm(watch: Watch) -> None:
    """Put the failpoints into this process's ledger and snapshots."""
    _wrap_commit(watch)
    _wrap_anchor(watch)
    _wrap_snapshot(watch)
    write = Ledger.write

    @functools.wraps(write)
    def returned(self: Ledger, *args: Any, **kwargs: Any) -> int:
        seq = write(self, *args, **kwargs)
        watch.acknowledged(seq)
        return seq

    Ledger.write = returned  # type: ignore[method-assign]


def _wrap_commit(watch: Watch) -> None:
    commit, append, flush = Ledger._commit, Ledger._append, Projector.flush

    def committing(self: Ledger, batch: Any, texts: Any, key: str, at: str) -> int:
        watch.begin(label_of([item.kind for item in batch], key))
        watch.reach("begin")
        return commit(self, batch, texts, key, at)

    def flushing(self: Projector) -> None:
        watch.reach("journalled")
        flush(self)

    def appending(self: Ledger, *args: Any) -> Any:
        head = append(self, *args)
        watch.reach("flushed")
        return head

    Ledger._commit = committing  # type: ignore[method-assign]
    Ledger._append = appending  # type: ignore[method-assign]
    Projector.flush = flushing  # type: ignore[method-assign]


def _wrap_anchor(watch: Watch) -> None:
    place, settle = chain.Anchor.place, chain.Anchor.settle

    def placing(self: chain.Anchor, head: chain.Head) -> None:
        watch.reach("committed")
        if watch.wants("torn"):
            line = chain._line(head)
            os.pwrite(self._descriptor, line[: random.Random(head.seq).randrange(1, 90)], self._next_slot * chain.SLOT_BYTES)
            watch.reach("torn")
        place(self, head)
        watch.reach("placed")

    def settling(self: chain.Anchor) -> None:
        settle(self)
        watch.reach("anchored")

    chain.Anchor.place = placing  # type: ignore[method-assign]
    chain.Anchor.settle = settling  # type: ignore[method-assign]


def _wrap_snapshot(watch: Watch) -> None:
    replace = engine.store.snapshot.replace_file

    def replacing(target: Path, parts: Any) -> None:
        if watch.plan.target == ("snapshot", "unnamed"):
            target.with_name(f".{target.name}.0.0.tmp").write_bytes(b"".join(bytes(part) for part in parts)[:1000])
            watch.tell("hit snapshot unnamed")
            die()
        replace(target, parts)
        if watch.plan.target == ("snapshot", "named"):
            watch.tell("hit snapshot named")
            die()

    engine.store.snapshot.replace_file = replacing


# Sabotage: each of these is a mistake that somebody could make; the harness must notice every one ---------------------------


def projections_in_a_second_transaction() -> None:
    """The journal row is durable, the money it moved is not yet."""
    flush = Projector.flush

    def late(self: Projector) -> None:
        connection: sqlite3.Connection = self._connection
        if connection.in_transaction:
            connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")
        flush(self)

    Projector.flush = late  # type: ignore[method-assign]


def random_order_ids() -> None:
    """An order's name is drawn, not derived."""
    engine.cycle.steps.order_id = lambda cycle, leg: uuid.uuid4().hex[:20]


def anchor_before_commit() -> None:
    """The anchor acknowledges what a crash can still undo."""
    append = Ledger._append

    def early(self: Ledger, *args: Any) -> Any:
        head = append(self, *args)
        if self._anchor_file is not None:
            self._anchor_file.place(head)
            self._anchor_file.settle()
        return head

    Ledger._append = early  # type: ignore[method-assign]


def orders_forgotten() -> None:
    """A cycle interrupted while sending is closed without sending."""
    finish = engine.cycle.recovery.finish_cycle
    engine.cycle.recovery.finish_cycle = lambda scene, name, state: finish(scene, name, CycleState.SETTLING)


def asked_again() -> None:
    """A cycle that had not reached its orders is closed, and its slot run once more."""
    opened = Desk.open

    def reopened(self: Desk) -> None:
        with self.equipment.ledger.reader() as books:
            lost = [cycle.slot for cycle in books.unfinished_cycles(self.mandate.desk)]
        opened(self)
        if lost:
            self._last_slot = min(lost) - timedelta(seconds=1)
            self._cycle_name = lambda slot, trigger: f"{self.mandate.desk}:again:{slot.isoformat()}"  # type: ignore[method-assign]

    Desk.open = reopened  # type: ignore[method-assign]


def tape_repeated() -> None:
    """After a restart the tape begins at the start of the day again, and nothing remembers what it did."""
    catch_up = Desk._catch_up
    write = Desk._write

    def short(self: Desk, to: Any) -> None:
        catch_up(self, to - timedelta(hours=7))

    def keyless(self: Desk, records: Any, *, key: str = "", blobs: Any = ()) -> None:
        write(self, records, key="" if "/tape/" in key else key, blobs=blobs)

    Desk._catch_up = short  # type: ignore[method-assign]
    Desk._write = keyless  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    work.__name__: work
    for work in (
        projections_in_a_second_transaction,
        random_order_ids,
        anchor_before_commit,
        orders_forgotten,
        asked_again,
        tape_repeated,
    )
}
