"""Replay: any past cycle computed again from what it froze, and compared with what was recorded.

journal from the first row ──► Fold (the books as they were) ─┐
snapshot by hash · recorded replies · recorded configuration ─┴─► decisions · verdicts · orders · fills ──► equal, or a diff
What a cycle's orders met afterwards stands in each fill (PrintMet), so fills and their bookings are computed again as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.brokers import Fold, PaperBroker, Venue, execute
from engine.brokers.fold import action_of
from engine.core.account import Account
from engine.core.errors import ConfigError, DataError, KanpanError
from engine.core.journal import (
    Adjusted,
    ConfigRecorded,
    CycleClaimed,
    CycleMoved,
    CycleState,
    DecisionsMade,
    Filled,
    ModelAsked,
    ModelReplied,
    OrderCreated,
    OrderMoved,
    Record,
    SnapshotFrozen,
    VerdictsGiven,
)
from engine.core.order import OrderStatus
from engine.core.person import ConfirmAsked, OrderAnswered
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.cycle import Mandate, strategist
from engine.cycle.asking import Heard, heard_in
from engine.cycle.benchmarks import benchmark
from engine.cycle.confirming import AMENDED, said_in, settled
from engine.cycle.deciding import conclude, questions, showing
from engine.cycle.fusing import Shown
from engine.cycle.reusing import Basis, basis_then, newest, why_moved
from engine.cycle.steps import (
    OWN_TRIGGERS,
    Seen,
    Standing,
    analyze,
    instruments_in,
    orders_of,
    own_decisions,
    rule,
)
from engine.exchange import calendar
from engine.exchange.corporate import book_dividend
from engine.llm import PromptTemplate, shipped
from engine.retention import told_by
from engine.store import Books, Entry
from engine.store.codec import encode
from engine.store.snapshot import Snapshot, kept, read

PAGE = 5_000
_SENDING = frozenset({OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.REJECTED, OrderStatus.DENIED})

MandateOf = Callable[[str, str], Mandate]
"""(desk, recorded configuration as canonical JSON) -> its mandate."""

VersionOf = Callable[[str, str, str], PromptTemplate]
"""(template's id, language, version) -> the template as it was then; raises ConfigError where it is no longer there."""


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
class _Past:
    """A cycle as the journal tells it, collected until it ends."""

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
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    let_go: str = ""


class Replay:
    """Walks one desk's journal from its first row and replays each cycle as it comes by."""

    def __init__(self, books: Books, snapshots: Path, desk: str, mandate_of: MandateOf, version_of: VersionOf = shipped) -> None:
        self._version_of = version_of
        self._books = books
        self._snapshots = snapshots
        self._desk = desk
        self._mandate_of = mandate_of
        self._mandates: dict[str, Mandate] = {}
        self._texts: dict[str, str] = {}
        self._fold = Fold(desk)
        self._past: dict[str, _Past] = {}
        self._venues: dict[str, Venue] = {}
        self._orders: dict[str, str] = {}
        self._filled_at: list[datetime] = []
        self._cut_offs = told_by(books)

    def run(self, only: str = "") -> Iterator[Replayed]:
        """Every cycle that ended, in the order of their ends, or `only` one. Fills after a cycle's end count to the cycle."""
        done: list[_Past] = []
        for entry in self._entries():
            record = entry.record
            if isinstance(record, ConfigRecorded) and record.desk == self._desk:
                self._texts[record.config_hash] = record.text_hash
            self._collect(record, entry.at, only, done)
            self._fold.apply(record)
        for past in done:
            name = past.claimed.cycle_id
            skipped = past.let_go if past.before is not None else f"ended {past.states[-1]} before risk"
            yield Replayed(name, tuple(past.differences), skipped, tuple(past.notes))

    def standing_at(self, cycle_id: str, config_hash: str) -> tuple[Fold, Mandate]:
        """The desk's books just before a cycle was claimed, and the mandate it ran under."""
        for entry in self._entries():
            record = entry.record
            if isinstance(record, CycleClaimed) and record.cycle_id == cycle_id:
                break
            if isinstance(record, ConfigRecorded) and record.desk == self._desk:
                self._texts[record.config_hash] = record.text_hash
            self._fold.apply(record)
        return self._fold, self._mandate(config_hash)

    def _entries(self) -> Iterator[Entry]:
        after = 0
        while page := self._books.entries(after, limit=PAGE):
            yield from page
            after = page[-1].seq

    def _collect(self, record: Record, at: datetime, only: str, done: list[_Past]) -> None:
        if isinstance(record, CycleClaimed) and record.desk == self._desk and (not only or record.cycle_id == only):
            self._past[record.cycle_id] = _Past(record, at)
        elif isinstance(record, Filled) and record.fill.desk == self._desk:
            self._filled_at.append(record.fill.at)
            self._check_fill(record)
        elif isinstance(record, Adjusted) and record.desk == self._desk and record.terms.ex_date:
            self._check_distribution(record)
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

    def _of_cycle(self, record: Record, done: list[_Past]) -> None:
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
                    self._check(past)
                if record.state in {
                    CycleState.COMPLETED,
                    CycleState.FAILED,
                    CycleState.ABSTAINED,
                    CycleState.SKIPPED,
                    CycleState.AMBIGUOUS,
                }:
                    done.append(past)
            case _:
                pass

    def _remembered(self) -> Fold:
        fold = self._fold
        return Fold(self._desk, fold.book, {}, fold.trading_state, fold.equity_day_start, fold.equity_peak, fold.past)

    # -- one cycle --------------------------------------------------------------------------------------------------------

    def _check(self, past: _Past) -> None:
        name = past.claimed.cycle_id
        past.let_go = self._let_go(past)
        if past.let_go:
            return
        try:
            mandate = self._mandate(past.claimed.config_hash)
            self._compare(past, mandate)
        except KanpanError as error:
            past.differences.append(Difference(name, "inputs", "readable", str(error)))

    def _let_go(self, past: _Past) -> str:
        """Which input of a cycle retention let go, as far as the journal says so; '' when none."""
        limits, frozen = self._cut_offs, past.frozen
        old = limits.snapshots is not None and past.claimed_at < limits.snapshots
        if old and frozen is not None and not kept(self._snapshots, frozen.hash):
            return "its snapshot was let go (retention)"
        old = limits.texts is not None and past.claimed_at < limits.texts
        if old and any(call.reply_hash and self._books.blob(call.reply_hash) is None for call in past.replied.values()):
            return "its replies were let go (retention)"
        return ""

    def _mandate(self, config_hash: str) -> Mandate:
        if config_hash not in self._mandates:
            text = self._books.blob(self._texts.get(config_hash, config_hash))
            if text is None:
                raise DataError(f"the configuration {config_hash[:12]} is not in the ledger any more")
            self._mandates[config_hash] = self._mandate_of(self._desk, text)
        return self._mandates[config_hash]

    def _compare(self, past: _Past, mandate: Mandate) -> None:
        name, before = past.claimed.cycle_id, past.before
        if past.frozen is None or past.decided is None or past.ruled is None or before is None:
            past.differences.append(Difference(name, "journal", "snapshot, decisions and verdicts", "missing"))
            return
        snapshot = read(self._snapshots, past.frozen.hash)
        days = calendar(mandate.market)
        seen = analyze(snapshot, mandate, before.book.account, days.previous_session(past.claimed.trading_day))
        self._same(past, "candidates", past.frozen.candidates, seen.candidates)
        self._same(past, "stale", past.frozen.stale, seen.stale)
        made = self._decided(past, mandate, snapshot, seen)
        self._same_record(past, "decisions", past.decided, made)
        book = before.book
        standing = Standing(
            book.account, book.working, before.trading_state, before.equity_day_start, before.equity_peak, before.past
        )
        ruling = rule(mandate, snapshot, seen, standing, made.decisions, protecting=past.claimed.trigger in OWN_TRIGGERS)
        self._same_record(past, "verdicts", past.ruled, VerdictsGiven(name, self._desk, ruling.verdicts))
        created = orders_of(ruling, mandate, name, past.claimed.trading_day, snapshot.as_of)
        word = settled(said_in(past.said), created, mandate, instruments_in(snapshot))
        amended = [item for item in word.created if any(moved.code == AMENDED for moved in past.sent)]
        self._same_records(past, "orders", past.created, [*created, *amended])
        broker = PaperBroker(self._desk, mandate.market, mandate.fees, instruments_in(snapshot))
        broker.load(book)
        broker.see(snapshot.quotes)
        if any(moved.status is not OrderStatus.DENIED for moved in past.sent):
            cleared = {item.order.order_id: item.order for item in word.cleared}
            denied = [moved for moved in past.sent if moved.status is OrderStatus.DENIED]
            voided = [moved for moved in denied if cleared.pop(moved.order_id, None) is not None]  # the world moved: taken as is
            sent = broker.submit(list(cleared.values()), snapshot.as_of).records
            self._same_records(past, "order events", past.sent, [*word.denied, *voided, *sent])
        self._venues[name] = Venue(self._desk, instruments_in(snapshot), days, mandate.fees)

    def _decided(self, past: _Past, mandate: Mandate, snapshot: Snapshot, seen: Seen) -> DecisionsMade:
        assert past.before is not None
        name, account = past.claimed.cycle_id, past.before.book.account
        if past.claimed.trigger in OWN_TRIGGERS:
            own = own_decisions(past.claimed.trigger, mandate, snapshot, account, past.before.past)
            return DecisionsMade(name, self._desk, own, ())
        if mandate.strategy == "baseline":
            return DecisionsMade(name, self._desk, benchmark(mandate, name, snapshot, seen, account), ())
        first = past.asked.get(0)
        mandate = replace(mandate, language=first.prompt_id.rpartition(".")[2]) if first is not None else mandate
        if past.decided is not None and past.decided.reused:
            return self._standing(past.decided, mandate, snapshot, seen)
        shown = showing(mandate, snapshot, seen, account)
        self._same_prompts(past, mandate, snapshot, seen, account, shown)
        count = len({call.prompt_id for call in past.asked.values()})
        replies = heard_in(list(past.asked.values()), list(past.replied.values()), count, self._text)
        if mandate.strategy == "rules":
            return self._by_rules(past, mandate, snapshot, seen, replies)
        made = conclude(mandate, snapshot, seen, account, replies, shown)
        if past.decided is not None and not past.decided.checked:
            made = made.unchecked()
        return DecisionsMade(name, self._desk, made.decisions, made.rejected, made.checked)

    def _by_rules(self, past: _Past, mandate: Mandate, snapshot: Snapshot, seen: Seen, replies: Sequence[Heard]) -> DecisionsMade:
        """What the strategy in force said; what was written and ruled in this cycle is held against its replies."""
        name, before = past.claimed.cycle_id, past.before
        assert before is not None
        written = strategist.again(mandate, name, snapshot.trading_day, seen.candidates, replies, past.written)
        self._same_records(past, "strategies", past.written, written)
        decisions = strategist.followed(mandate, snapshot, seen, before.book.account, before.past)
        return DecisionsMade(name, self._desk, decisions, ())

    def _standing(self, decided: DecisionsMade, mandate: Mandate, snapshot: Snapshot, seen: Seen) -> DecisionsMade:
        """A reused batch: that of the cycle it names, if nothing had moved by the journal and both snapshots; else an empty one."""
        source = self._books.decisions(decided.reused)
        then = basis_then(self._books, self._snapshots, decided.reused)
        if source is None or then is None:
            return decided  # what it stands on was let go (retention), and its own cycle says so
        names, stale = frozenset(seen.candidates), frozenset(seen.candidates) & frozenset(seen.stale)
        now = Basis(snapshot.as_of, mandate.config_hash, then.asked, then.models, names, stale, seen.prices)
        if why_moved(then, now, mandate.reuse, newest(self._filled_at, snapshot.as_of)):
            return DecisionsMade(decided.cycle_id, self._desk, (), ())
        return DecisionsMade(decided.cycle_id, self._desk, source.decisions, (), source.checked, source.cycle_id)

    def _same_prompts(
        self, past: _Past, mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, shown: Shown | None
    ) -> None:
        """The prompts again, from the versions then in force, as far as kept; a repair's text begins with its prompt's. A version
        that is gone is noted: it changes no decision."""
        versions = {call.prompt_id: call.prompt_version for call in past.asked.values()}

        def template(template_id: str, language: str) -> PromptTemplate:
            return self._version_of(template_id, language, versions.get(f"{template_id}.{language}", ""))

        try:
            prompts = questions(mandate, snapshot, seen, account, template, shown) if versions else ()
        except ConfigError as gone:
            past.notes.append(f"prompts not compared: {gone}")
            return
        asked = {prompt.id: prompt.text for prompt in prompts}
        for call in past.asked.values():
            recorded = self._books.blob(call.prompt_hash)
            computed = asked.get(call.prompt_id, "")
            if recorded is not None and not (computed and recorded.startswith(computed)):
                self._same(past, "prompt", recorded, computed)

    def _text(self, reply_hash: str) -> str:
        text = self._books.blob(reply_hash)
        if text is None:
            raise DataError(f"the reply {reply_hash[:12]} is not in the ledger any more (retention)")
        return text

    # -- what came after --------------------------------------------------------------------------------------------------

    def _check_fill(self, record: Filled) -> None:
        fill = record.fill
        past, venue = self._past.get(fill.cycle_id), self._venues.get(fill.cycle_id)
        working = self._fold.book.working.get(fill.order_id)
        if past is None or venue is None:
            return
        if working is None:
            past.differences.append(Difference(fill.cycle_id, "fill", fill.fill_id, "the order was not working"))
            return
        again = execute(venue, self._fold.book, working, record.met, fill.trading_day, fill.at, fill.source)
        computed = "no fill" if again is None else encode(again[0]).text
        self._same(past, "fill", encode(record).text, computed)

    def _check_distribution(self, record: Adjusted) -> None:
        booking = book_dividend(self._fold.book.account, action_of(record))
        same = (booking.lots, booking.postings) == (record.lots, record.postings)
        if not same and self._past:
            latest = next(reversed(self._past.values()))
            self._same(latest, "distribution", record.postings, booking.postings)
            self._same(latest, "distribution lots", record.lots, booking.lots)

    # -- comparing --------------------------------------------------------------------------------------------------------

    def _same(self, past: _Past, part: str, recorded: object, computed: object) -> None:
        if recorded != computed:
            past.differences.append(Difference(past.claimed.cycle_id, part, str(recorded), str(computed)))

    def _same_record(self, past: _Past, part: str, recorded: Record, computed: Record) -> None:
        self._same(past, part, encode(recorded).text, encode(computed).text)

    def _same_records(self, past: _Past, part: str, recorded: list[Any], computed: list[Any]) -> None:
        left, right = [encode(item).text for item in recorded], [encode(item).text for item in computed]
        if len(left) != len(right):
            self._same(past, f"number of {part}", len(left), len(right))
        for one, other in zip(left, right, strict=False):
            self._same(past, part, one, other)
