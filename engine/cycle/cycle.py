"""One cycle, as a sentence: reconcile, fetch, analyze, decide, rule, execute, settle; every step durable before the next begins.

claim ─► RECONCILING ─► FETCHING ─► ANALYZING ─► DECIDING ─► RISK ─► EXECUTING ─► SETTLING ─► COMPLETED
                                                    └─► ABSTAINED            any step ─► FAILED(step, error)
Only DECIDING touches the world (the models); all that follows is computed from what the ledger already holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from engine.brokers import HALTING, Book, Effects, Line, Match, PaperBroker
from engine.core.bookkeeping import OrderCreated, OrderMoved
from engine.core.decision import Decision
from engine.core.errors import KanpanError, LedgerError
from engine.core.instrument import Instrument
from engine.core.journal import (
    CycleClaimed,
    CycleMoved,
    CycleState,
    DecisionsMade,
    Record,
    SnapshotFrozen,
    TradingState,
    TradingStateMoved,
    VerdictsGiven,
)
from engine.core.order import OrderStatus
from engine.core.past import Past
from engine.core.text import safe_text
from engine.cycle.affording import settle
from engine.cycle.alerting import ended_alert, reconcile_alert, risk_alerts, state_alert
from engine.cycle.comparing import compared
from engine.cycle.confirming import late, propose, said_in, settled, void
from engine.cycle.deciding import Abstained, decide
from engine.cycle.mandate import Equipment, Mandate
from engine.cycle.marking import mark
from engine.cycle.scope import market_seen
from engine.cycle.shadowing import same_market, spoken, trading_state
from engine.cycle.steps import (
    OWN_TRIGGERS,
    Seen,
    Standing,
    analyze,
    equity_of,
    orders_of,
    rule,
)
from engine.risk import Ruling, escalation
from engine.store.snapshot import Snapshot, write


@dataclass(slots=True)
class Scene:
    """Where a cycle takes place: the desk's standing at one instant of market time."""

    mandate: Mandate
    equipment: Equipment
    broker: PaperBroker
    instruments: dict[str, Instrument]
    now: datetime
    trading_day: date
    previous_session: date
    equity_day_start: int
    equity_peak: int
    past: Past = field(default_factory=Past)

    def write(self, records: Sequence[Record], *, key: str = "", blobs: Sequence[str] = ()) -> None:
        """Make records durable, then let the observer see them."""
        records = spoken(self.mandate, records)
        if not records:
            return
        self.equipment.ledger.write(records, key=key, blobs=blobs)
        for record in records:
            self.past = self.past.after(record)
        self.equipment.observer.recorded(self.mandate.desk, records)

    def sending_at(self) -> datetime | None:
        """When orders leave: at the instant of the cycle where the market waits for it (None), else now."""
        return max(self.now, self.equipment.wall.now()) if self.equipment.newest is not None else None

    def standing(self) -> Standing:
        """The account, the working orders and the desk's state as they are now; a HALT file is written down before it is obeyed."""
        desk = self.mandate.desk
        with self.equipment.ledger.reader() as books:
            state = trading_state(books, self.mandate)
        if state is not TradingState.HALTED and self.equipment.halted_outside():
            state = TradingState.HALTED
            if not self.mandate.parent:
                self.write([TradingStateMoved(desk, state, "HALT file", "person")])
        return Standing(self.broker.account(), self.broker.working(), state, self.equity_day_start, self.equity_peak, self.past)

    def escalated(self, equity: int, current: TradingState) -> list[Record]:
        """Where a lock asks for a sterner trading state at this equity (money units): the move and its alert, else nothing."""
        bitten = escalation(
            self.mandate.policy,
            equity=equity,
            day_start=self.equity_day_start,
            week_start=self.past.equity_week_start(self.trading_day),
            peak=self.equity_peak,
            current=current,
        )
        if bitten is None:
            return []
        desk, reason = self.mandate.desk, f"{bitten.rule}: {bitten.observed} of {bitten.limit}"
        moved = TradingStateMoved(desk, bitten.state, reason, f"rule:{bitten.rule}")
        return [moved, state_alert(desk, self.trading_day, bitten)]


class _Ambiguous(Exception):
    """The broker's books and the ledger's are not the same; nothing may trade until a person has looked."""


def run_cycle(scene: Scene, cycle_id: str, trigger: str, slot: datetime) -> CycleState:
    """Run one cycle to its end and return that ending. Raises LedgerError only: then nothing may trade at all."""
    cycle = _Running(scene, cycle_id, trigger=trigger)
    cycle.claim(trigger, slot)
    try:
        cycle.reconcile()
        snapshot, digest = cycle.fetch()
        seen = cycle.analyze(snapshot, digest)
        decisions = cycle.decide(snapshot, seen)
        cycle.rule(snapshot, seen, decisions)
        cycle.confirm()
        cycle.execute()
        return cycle.settle()
    except Abstained as reason:
        return cycle.end(CycleState.ABSTAINED, str(reason))
    except _Ambiguous as difference:
        halted = TradingStateMoved(cycle.desk, TradingState.HALTED, str(difference), "rule:reconcile")
        scene.write([halted])
        return cycle.end(CycleState.AMBIGUOUS, str(difference))
    except LedgerError:
        raise
    except KanpanError as error:
        return cycle.end(CycleState.FAILED, f"{cycle.state}: {error}")
    except Exception as error:  # noqa: BLE001 - the one place where a cycle ends, whatever happened in it
        return cycle.end(CycleState.FAILED, f"{cycle.state}: {type(error).__name__}: {error}")


def finish_cycle(scene: Scene, cycle_id: str, state: CycleState) -> CycleState:
    """Finish a cycle that a crash interrupted at EXECUTING or later: its orders are known by their ids, nothing is asked again."""
    cycle = _Running(scene, cycle_id, state)
    if state is CycleState.EXECUTING:
        cycle.execute()
    return cycle.settle()


class _Running:
    """A cycle under way: where it stands, and its steps in the order in which they happen."""

    def __init__(self, scene: Scene, cycle_id: str, state: CycleState = CycleState.IDLE, *, trigger: str = "") -> None:
        self.trigger = trigger
        self.scene = scene
        self.cycle_id = cycle_id
        self.desk = scene.mandate.desk
        self.state = state

    def _moved(self, state: CycleState, reason: str = "") -> CycleMoved:
        self.state = state
        return CycleMoved(self.cycle_id, self.desk, state, reason)

    def _step(self, state: CycleState, *records: Record, blobs: Sequence[str] = ()) -> None:
        """Enter `state` with the records of the step before it, in one transaction that a repetition cannot double."""
        self.scene.write([*records, self._moved(state)], key=f"{self.cycle_id}/{state}", blobs=blobs)

    def end(self, state: CycleState, reason: str) -> CycleState:
        """The ending, with its reason; orders that were created and never sent are denied, and their cash is free again."""
        with self.scene.equipment.ledger.reader() as books:
            unsent = [item.order for item in books.orders_of(self.cycle_id) if item.status is OrderStatus.INITIALIZED]
        told = safe_text(reason, limit=300, one_line=True)
        denied = self.scene.broker.deny(unsent, "CYCLE_ENDED").records
        records: list[Record] = [*denied, self._moved(state, told), ended_alert(self.desk, self.cycle_id, state, told)]
        self.scene.write(records, key=f"{self.cycle_id}/end")
        return state

    def claim(self, trigger: str, slot: datetime) -> None:
        """Take the slot: from here on the cycle exists, and reconciles first."""
        mandate = self.scene.mandate
        claimed = CycleClaimed(self.cycle_id, self.desk, trigger, slot, self.scene.trading_day, mandate.config_hash)
        self.scene.write([claimed, self._moved(CycleState.RECONCILING)], key=f"{self.cycle_id}/claim")

    def reconcile(self) -> None:
        """Compare the broker's account with the ledger's; a difference halts the desk."""
        scene = self.scene
        with scene.equipment.ledger.reader() as books:
            lines = compared(books, self.desk, scene.broker.account(), scene.broker.working())
        alerts = [reconcile_alert(self.desk, self.cycle_id, line) for line in lines if line.match is not Match.MATCHED]
        if alerts:
            scene.write(alerts)
        halting = [line for line in lines if line.match in HALTING]
        if halting:
            told = "; ".join(f"{line.match} {line.about} ledger={line.ledger} broker={line.broker}" for line in halting[:3])
            raise _Ambiguous(f"BOOKS_DIFFER: {told}")
        for line in lines:
            if line.match is Match.ORPHAN_ORDER:
                self._disown(line)
        self._step(CycleState.FETCHING)

    def _disown(self, line: Line) -> None:
        """An order open at one side only: withdrawn at the broker where the ledger never made it, else closed in the ledger."""
        broker, order_id = self.scene.broker, line.about.removeprefix("order:")
        if line.ledger == "none":
            broker.adopt(broker.cancel(order_id, "ORPHAN_ORDER"))
        else:
            self.scene.write([OrderMoved(order_id, self.desk, OrderStatus.CANCELLED, "ORPHAN_ORDER")])

    def fetch(self) -> tuple[Snapshot, str]:
        """Freeze the market as it can be known now, on disk under its hash."""
        scene = self.scene
        held = [*scene.broker.account().held, *(item.order.instrument for item in scene.broker.working().values())]
        snapshot = market_seen(scene.equipment.tape, scene.now, sorted(scene.instruments), scene.mandate, held)
        digest = write(snapshot, scene.equipment.snapshots)
        with scene.equipment.ledger.reader() as books:
            same_market(books, scene.mandate, self.cycle_id, digest)
        self._step(CycleState.ANALYZING)
        return snapshot, digest

    def analyze(self, snapshot: Snapshot, digest: str) -> Seen:
        """Features and candidates."""
        scene = self.scene
        seen = analyze(snapshot, scene.mandate, scene.broker.account(), scene.previous_session)
        if scene.equipment.want is not None:
            resting = [item.order.instrument for item in scene.broker.working().values()]
            scene.equipment.want(dict.fromkeys((*scene.broker.account().held, *resting, *seen.candidates)))
        frozen = SnapshotFrozen(
            cycle_id=self.cycle_id,
            desk=self.desk,
            hash=digest,
            source=snapshot.source,
            as_of=snapshot.as_of,
            instruments=len(snapshot.instruments),
            stale=seen.stale,
            candidates=seen.candidates,
        )
        self._step(CycleState.DECIDING, frozen)
        return seen

    def decide(self, snapshot: Snapshot, seen: Seen) -> tuple[Decision, ...]:
        """Ask the panel, or a rule that needs no model; write the batch down."""
        scene = self.scene
        made = decide(
            scene.mandate, scene.equipment, self.cycle_id, self.trigger, snapshot, seen, scene.broker.account(), scene.past
        )
        batch = DecisionsMade(self.cycle_id, self.desk, made.decisions, made.rejected, made.checked, made.reused)
        told = settle(scene.equipment, self.cycle_id, scene.now)
        self._step(CycleState.RISK, *made.records, batch, *told)
        return made.decisions

    def rule(self, snapshot: Snapshot, seen: Seen, decisions: Sequence[Decision]) -> Ruling:
        """Risk disposes: verdicts and orders in the one transaction that also opens EXECUTING."""
        scene = self.scene
        standing = scene.standing()
        ruling = rule(scene.mandate, snapshot, seen, standing, decisions, protecting=self.trigger in OWN_TRIGGERS)
        created = orders_of(ruling, scene.mandate, self.cycle_id, scene.trading_day, scene.now)
        alerts = risk_alerts(self.desk, self.cycle_id, scene.trading_day, ruling.verdicts)
        wait: list[Record] = []
        if scene.mandate.confirm_s and self.trigger not in OWN_TRIGGERS:
            wait = propose(scene.mandate, self.cycle_id, snapshot, seen, created, scene.equipment.wall.now())
            scene.equipment.approvals.open(item.order.order_id for item in created)
        moved = self.scene.escalated(equity_of(standing.account, seen.prices, scene.instruments), standing.trading_state)
        self._step(CycleState.EXECUTING, VerdictsGiven(self.cycle_id, self.desk, ruling.verdicts), *alerts, *moved, *created, *wait)
        return ruling

    def confirm(self) -> None:
        """Wait for a person where the desk's orders need one; the market stands still meanwhile. Answers are read by `execute`."""
        scene, equipment = self.scene, self.scene.equipment
        if not scene.mandate.confirm_s:
            return
        with equipment.ledger.reader() as books:
            said = said_in(books.confirmation(self.cycle_id))
        if said is not None:
            names = [proposed.order_id for proposed in said.asked.orders]
            equipment.approvals.wait(
                names, scene.mandate.confirm_s, lambda: equipment.cancelled.is_set() or equipment.halted_outside()
            )

    def execute(self) -> None:
        """Send what the ledger says was created, approved where it must be, and not yet sent; a halt still bites here."""
        scene = self.scene
        with scene.equipment.ledger.reader() as books:
            created = [item for item in books.orders_of(self.cycle_id) if item.status is OrderStatus.INITIALIZED]
            said = said_in(books.confirmation(self.cycle_id))
        standing = scene.standing()
        if standing.trading_state is TradingState.HALTED:
            halted = scene.broker.deny([item.order for item in created], "STATE_HALTED")
            self._step(CycleState.SETTLING, *halted.records)
            return
        orders = [OrderCreated(item.order, item.reserved) for item in created]
        book = Book(standing.account, standing.working)
        word = settled(said, orders, scene.mandate, scene.instruments, book)
        voided: tuple[OrderMoved, ...] = ()
        if said is not None:
            priced = scene.equipment.newest or scene.broker.last_price
            prices = {item.order.instrument: priced(item.order.instrument) for item in word.cleared}
            band = scene.mandate.policy.entry_band_ppm
            voided = void(word.cleared, prices, standing.account, standing.trading_state, band)
        sent_at = scene.sending_at()
        if sent_at is not None:
            voided += late(word.cleared, voided, scene.instruments, sent_at)
        gone = {moved.order_id for moved in voided}
        send = [item.order for item in word.cleared if item.order.order_id not in gone]
        effects: Effects = scene.broker.submit(send, scene.now, sent_at=sent_at)
        self._step(CycleState.SETTLING, *word.denied, *word.created, *voided, *effects.records)
        scene.broker.adopt(effects)

    def settle(self) -> CycleState:
        """Mark the book and close the cycle."""
        scene = self.scene
        marked = mark(scene.mandate.desk, self.cycle_id, scene.trading_day, scene.now, scene.broker, scene.instruments)
        self._step(CycleState.COMPLETED, marked)
        return CycleState.COMPLETED
