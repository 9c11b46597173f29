"""The walk over one desk's journal: the books as they were at each step, and every cycle checked as it comes by.

journal from the first row ──► Fold (the books as they were) ─┐
snapshot by hash · recorded replies · recorded configuration ─┴─► decisions · verdicts · orders · fills ──► equal, or a diff
What orders met afterwards stands in each fill (PrintMet), rate and mark in each funding and liquidation, so these and their
bookings are computed again as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from engine.brokers import Fold
from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated, OrderCreated, OrderMoved
from engine.core.journal import (
    ConfigRecorded,
    CycleClaimed,
    CycleMoved,
    CycleState,
    DecisionsMade,
    ModelAsked,
    ModelReplied,
    Record,
    SnapshotFrozen,
    VerdictsGiven,
)
from engine.core.order import OrderStatus
from engine.core.person import ConfirmAsked, OrderAnswered
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.cycle import Mandate
from engine.llm import shipped
from engine.replay.aftermath import check_distribution, check_fill, check_funding, check_liquidation
from engine.replay.computed import check
from engine.replay.past import Past, Replayed
from engine.replay.sources import MandateOf, Sources, VersionOf
from engine.store import Books, Entry

PAGE = 5_000
_SENDING = frozenset({OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.REJECTED, OrderStatus.DENIED})
_ENDED = frozenset({CycleState.COMPLETED, CycleState.FAILED, CycleState.ABSTAINED, CycleState.SKIPPED, CycleState.AMBIGUOUS})


class Replay:
    """Walks one desk's journal from its first row and replays each cycle as it comes by."""

    def __init__(self, books: Books, snapshots: Path, desk: str, mandate_of: MandateOf, version_of: VersionOf = shipped) -> None:
        self.sources = Sources(books, snapshots, desk, mandate_of, version_of)
        self._books = books
        self._desk = desk
        self._fold = Fold(desk)
        self._past: dict[str, Past] = {}
        self._orders: dict[str, str] = {}
        self._filled_at: list[datetime] = []

    def run(self, only: str = "") -> Iterator[Replayed]:
        """Every cycle that ended, in the order of their ends, or `only` one. Fills after a cycle's end count to the cycle."""
        done: list[Past] = []
        for entry in self._entries():
            record = entry.record
            if isinstance(record, ConfigRecorded):
                self.sources.learn(record)
            self._collect(record, entry.at, only, done)
            self._fold.apply(record)
        for past in done:
            yield past.result()

    def standing_at(self, cycle_id: str, config_hash: str) -> tuple[Fold, Mandate]:
        """The desk's books just before a cycle was claimed, and the mandate it ran under."""
        for entry in self._entries():
            record = entry.record
            if isinstance(record, CycleClaimed) and record.cycle_id == cycle_id:
                break
            if isinstance(record, ConfigRecorded):
                self.sources.learn(record)
            self._fold.apply(record)
        return self._fold, self.sources.mandate(config_hash)

    def _entries(self) -> Iterator[Entry]:
        after = 0
        while page := self._books.entries(after, limit=PAGE):
            yield from page
            after = page[-1].seq

    def _collect(self, record: Record, at: datetime, only: str, done: list[Past]) -> None:
        if isinstance(record, CycleClaimed) and record.desk == self._desk and (not only or record.cycle_id == only):
            self._past[record.cycle_id] = Past(record, at)
        elif isinstance(record, Filled) and record.fill.desk == self._desk:
            self._filled_at.append(record.fill.at)
            past = self._past.get(record.fill.cycle_id)
            if past is not None:
                check_fill(past, self._fold, record)
        elif isinstance(record, Adjusted) and record.desk == self._desk and record.terms.ex_date:
            if self._past:
                check_distribution(next(reversed(self._past.values())), self._fold, record)
        elif isinstance(record, FundingSettled) and record.desk == self._desk:
            if self._past:
                check_funding(next(reversed(self._past.values())), self._fold, record)
        elif isinstance(record, Liquidated) and record.desk == self._desk:
            if self._past:
                check_liquidation(next(reversed(self._past.values())), self.sources, self._fold, record)
        elif isinstance(record, OrderCreated):
            past = self._past.get(record.order.cycle_id)
            if past is not None:
                past.created.append(record)
                self._orders[record.order.order_id] = record.order.cycle_id
        elif isinstance(record, OrderMoved):
            past = self._past.get(self._orders.get(record.order_id, ""))
            if past is not None and record.status in _SENDING:
                past.sent.append(record)
        else:
            self._of_cycle(record, done)

    def _of_cycle(self, record: Record, done: list[Past]) -> None:
        past = self._past.get(getattr(record, "cycle_id", ""))
        if past is None:
            return
        match record:
            case SnapshotFrozen():
                past.frozen = record
            case ModelAsked():
                past.asked[record.call] = record
            case ModelReplied():
                past.replied[record.call] = record
            case StrategyProposed() | StrategyJudged():
                past.written.append(record)
            case DecisionsMade():
                past.decided = record
                past.before = self._remembered()
            case ConfirmAsked() | OrderAnswered():
                past.said.append(record)
            case VerdictsGiven():
                past.ruled = record
                past.before = self._remembered()
            case CycleMoved():
                past.states.append(record.state)
                if record.state is CycleState.COMPLETED:
                    check(past, self.sources, self._filled_at)
                if record.state in _ENDED:
                    done.append(past)
            case _:
                pass

    def _remembered(self) -> Fold:
        fold = self._fold
        return Fold(self._desk, fold.book, {}, fold.trading_state, fold.equity_day_start, fold.equity_peak, fold.past)
