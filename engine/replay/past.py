"""A past cycle as the journal tells it, and what did not come out the same when it was computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.brokers import Fold, Venue
from engine.core.bookkeeping import OrderCreated, OrderMoved
from engine.core.journal import (
    CycleClaimed,
    CycleState,
    DecisionsMade,
    ModelAsked,
    ModelReplied,
    Record,
    SnapshotFrozen,
    VerdictsGiven,
)
from engine.core.person import ConfirmAsked, OrderAnswered
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.store.codec import encode


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that did not come out the same: where, what was recorded, what was computed now."""

    cycle_id: str
    part: str
    recorded: str
    computed: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """One cycle's replay: equal when there is no difference; `skipped` says why there was nothing to compute, `notes` what could
    not be compared beside the decisions."""

    cycle_id: str
    differences: tuple[Difference, ...]
    skipped: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Past:
    """A cycle's records, collected until it ends; `before` is the desk just before its ruling, `venue` where its orders met."""

    claimed: CycleClaimed
    claimed_at: datetime
    states: list[CycleState] = field(default_factory=list)
    frozen: SnapshotFrozen | None = None
    asked: dict[int, ModelAsked] = field(default_factory=dict)
    replied: dict[int, ModelReplied] = field(default_factory=dict)
    written: list[StrategyProposed | StrategyJudged] = field(default_factory=list)
    decided: DecisionsMade | None = None
    ruled: VerdictsGiven | None = None
    created: list[OrderCreated] = field(default_factory=list)
    sent: list[OrderMoved] = field(default_factory=list)
    said: list[ConfirmAsked | OrderAnswered] = field(default_factory=list)
    before: Fold | None = None
    venue: Venue | None = None
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    let_go: str = ""

    def result(self) -> Replayed:
        """The replay of this cycle."""
        skipped = self.let_go if self.before is not None else f"ended {self.states[-1]} before risk"
        return Replayed(self.claimed.cycle_id, tuple(self.differences), skipped, tuple(self.notes))

    def differ(self, part: str, recorded: str, computed: str) -> None:
        """Note one difference."""
        self.differences.append(Difference(self.claimed.cycle_id, part, recorded, computed))

    def same(self, part: str, recorded: object, computed: object) -> None:
        """Hold two values against each other."""
        if recorded != computed:
            self.differ(part, str(recorded), str(computed))

    def same_record(self, part: str, recorded: Record, computed: Record) -> None:
        """Hold two records against each other, as the ledger writes them; equal records are written alike, so need no writing."""
        if recorded != computed:
            self.same(part, encode(recorded).text, encode(computed).text)

    def same_records(self, part: str, recorded: Sequence[Record], computed: Sequence[Record]) -> None:
        """Hold two lists of records against each other, in their order."""
        if len(recorded) != len(computed):
            self.same(f"number of {part}", len(recorded), len(computed))
        for one, other in zip(recorded, computed, strict=False):
            self.same_record(part, one, other)
