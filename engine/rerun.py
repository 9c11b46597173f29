"""Rerun: what a past cycle saw and stood on, ready to be put to another model, prompt or policy; nothing of it is traded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.units import UNITS, Units
from engine.cycle import Mandate
from engine.cycle.steps import Seen, Standing, analyze, offered_in, prompt_context, risk_view
from engine.exchange import calendar
from engine.llm import PromptContext
from engine.replay import MandateOf, Replay
from engine.risk import View
from engine.store import Books
from engine.store.snapshot import Snapshot, read


@dataclass(frozen=True, slots=True)
class RerunInputs:
    """What a past cycle saw and stood on, ready to be put to another model, prompt or policy."""

    mandate: Mandate
    snapshot: Snapshot
    seen: Seen
    standing: Standing

    @property
    def offered(self) -> dict[str, Instrument]:
        """What a model may name."""
        return offered_in(self.snapshot, self.seen)

    @property
    def units(self) -> Units:
        """The fixed units of the market."""
        return UNITS[self.mandate.market]

    def context(self, mandate: Mandate) -> PromptContext:
        """The prompt's context under a mandate."""
        return prompt_context(mandate, self.snapshot, self.seen, self.standing.account)

    def view(self, mandate: Mandate) -> View:
        """The rules' view under a mandate."""
        return risk_view(mandate, self.snapshot, self.seen, self.standing)


def rerun_inputs(books: Books, snapshots: Path, cycle_id: str, mandate_of: MandateOf) -> RerunInputs:
    """The inputs of a past cycle; raises DataError for one that never froze a snapshot."""
    history = books.cycle(cycle_id)
    frozen = books.snapshot_of(cycle_id)
    if history is None or frozen is None:
        raise DataError(f"cycle {cycle_id} froze no snapshot to ask about")
    desk, claimed = history.cycle.desk, history.cycle
    replay = Replay(books, snapshots, desk, mandate_of)
    fold, mandate = replay.standing_at(cycle_id, claimed.config_hash)
    snapshot = read(snapshots, frozen.hash)
    previous = calendar(mandate.market).previous_session(claimed.trading_day)
    seen = analyze(snapshot, mandate, fold.book.account, previous)
    standing = Standing(
        fold.book.account, fold.book.working, fold.trading_state, fold.equity_day_start, fold.equity_peak, fold.past
    )
    return RerunInputs(mandate, snapshot, seen, standing)
