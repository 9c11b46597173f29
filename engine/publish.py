"""From records to what a face shows: every topic of the published state is filled here, from facts that are already durable.

desk thread ──recorded/quoted/turned/streamed──► Publisher ──put──► State topics ──► console, headless
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.board import Board, DeskFace
from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated, Marked, OrderCreated, OrderMoved
from engine.core.clock import Clock
from engine.core.decision import VerdictResult
from engine.core.errors import CalendarUnknown
from engine.core.journal import (
    ENDINGS,
    AlertRaised,
    CycleClaimed,
    CycleMoved,
    DecisionsMade,
    ModelAsked,
    ModelReplied,
    Noted,
    PauseMoved,
    Record,
    Severity,
    SnapshotFrozen,
    TradingStateMoved,
    VerdictsGiven,
)
from engine.core.market import Quote
from engine.core.person import (
    AlertAcknowledged,
    AlertDelivered,
    AlertUndelivered,
    CommandDone,
    CommandQueued,
    ConfirmAsked,
    OrderAnswered,
)
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.core.text import safe_text
from engine.core.units import PPM, UNITS, from_units, plain
from engine.exchange import calendar
from engine.feeds.tape import SessionEvent
from engine.publish_alerts import AlertsTopic
from engine.publish_models import ModelsTopic
from engine.publish_orders import OrdersTopic
from engine.reports.protection import protection_params
from engine.reports.verdicts import seen_and_limit
from engine.rows import decision_rows, margin_told, perp_row, position_row, quote_row, ruled_row, shown_age, strategy_told
from engine.state import (
    DecisionRow,
    EquityPoint,
    State,
    StatusView,
)
from engine.store import AlertBook, Entry, EquityMark, Ledger
from engine.store.views import Standing


class Publisher:
    """Implements the desks' Observer. Calls come from desk threads; every topic has its own lock."""

    def __init__(self, state: State, wall: Clock) -> None:
        self._state = state
        self._wall = wall
        self._board = Board(state, wall)
        self._lock = self._board.lock
        self._orders = OrdersTopic(self._board)
        self._models = ModelsTopic(self._board)
        self._faces: dict[str, DeskFace] = {}
        self._day_start: dict[str, int] = {}
        self._cycles: dict[str, int] = {}
        self._alerts = AlertsTopic(self._board)
        self._verbs: dict[str, str] = {}

    def attach(self, face: DeskFace, *, cycles: int, equity: int, day_start: int) -> None:
        """A desk begins to be shown."""
        units = UNITS[face.market]
        self._faces[face.desk] = face
        self._cycles[face.desk] = cycles
        self._day_start[face.desk] = day_start
        status = StatusView(
            desk=face.desk,
            market=face.market.value,
            currency=units.currency,
            source=face.source,
            replay=face.replay,
            cycle_number=cycles,
            equity=plain(equity, units.money),
            offline_model=any(face.offline.values()),
        )
        self._board.open(status)

    def status(self, desk: str, **changes: object) -> None:
        """Change fields of a desk's status row."""
        self._board.status(desk, **changes)

    def event(self, desk: str, code: str, *params: tuple[str, str], at: datetime | None = None) -> None:
        """One line of the log: a code with parameters."""
        self._board.event(desk, code, *params, at=at)

    def alert(self, desk: str, severity: Severity, code: str, *params: tuple[str, str]) -> None:
        """An alert that the ledger may not be able to keep any more; it is shown all the same."""
        with self._lock:
            self._alerts.raised(self._faces[desk], AlertRaised(f"{desk}:{code}", desk, severity, code, params))

    def restore(self, desk: str, entries: Sequence[Entry], curve: Sequence[EquityMark], ledger: Ledger) -> None:
        """Show what the ledger already holds, so that a restart looks like a pause."""
        money = UNITS[self._faces[desk].market].money
        points = [(p.as_of.isoformat(), EquityPoint(p.as_of, float(from_units(p.equity, money)))) for p in curve]
        if self._first(desk):
            self._state.equity.put(points)
        cycles, day_start = self._cycles[desk], self._day_start[desk]
        slots = (entry.record.slot for entry in entries if isinstance(entry.record, CycleClaimed) and entry.record.desk == desk)
        if self._faces[desk].replay and (first := next(slots, None)) is not None:
            self.stands(desk, first)  # what was written before it happened about then, and not today
        with self._lock, ledger.reader() as books:
            for entry in entries:
                record = entry.record
                owner = _desk_of(record) or desk
                if owner != desk:
                    continue
                if not self._faces[desk].replay:
                    self.status(desk, now=entry.at)
                if isinstance(record, ModelAsked):
                    self._faces[desk].prompts[record.prompt_hash] = books.blob(record.prompt_hash) or ""
                self._one(desk, record)
                if isinstance(record, ModelReplied) and record.reply_hash:
                    self._models.restored(record, books.blob(record.reply_hash) or "")
        self._cycles[desk], self._day_start[desk] = cycles, day_start
        self.status(desk, cycle_number=cycles)

    def stood(self, desk: str, standing: Standing, *, paused: bool, alerts: Sequence[AlertBook]) -> None:
        """What holds however long ago it was written: the trading state, the pause, every alert with its count. After `restore`."""
        self.status(desk, trading_state=standing.state.value, halting_reason=standing.reason, paused=paused)
        with self._lock:
            self._alerts.kept(self._faces[desk], alerts)

    # -- Observer ---------------------------------------------------------------------------------------------------------

    def quoted(self, desk: str, quotes: Sequence[Quote]) -> None:
        """The tape moved: new rows, new marks."""
        face = self._faces[desk]
        account = face.broker.account()
        seen = [quote for quote in quotes if quote.symbol in face.instruments]
        now = None if face.replay else self._wall.now()
        rows = [(row.symbol, quote_row(face.instruments[row.symbol], row, row.symbol in account.held, now)) for row in seen]
        self._state.quotes.put(rows)
        if quotes and face.replay:
            self.stands(desk, max(quote.known_at for quote in quotes))
            self.status(desk, source_age_s=0.0)
        if any(quote.symbol in account.held for quote in quotes):
            self._positions(face)
            self._worth(face, account)

    def looked(self, desk: str, now: datetime, source: str, *, degraded: bool, confirmed: Mapping[str, datetime]) -> None:
        """A live desk at an instant of the clock: who answers, and how old what each row says is."""
        ages = {symbol: (now - at).total_seconds() for symbol, at in confirmed.items()}
        youngest = min(ages.values(), default=None)
        self.stands(desk, now)
        self.status(desk, source=source, source_degraded=degraded, source_age_s=youngest)
        rows = self._state.quotes.view().rows
        aged = ((symbol, replace(rows[symbol], age_s=shown_age(age))) for symbol, age in ages.items() if symbol in rows)
        self._state.quotes.put(aged)

    def stands(self, desk: str, at: datetime) -> None:
        """Where the desk stands in its market's day, by the calendar: true before the tape has reached its next turn."""
        days = calendar(self._faces[desk].market)
        try:
            phase, day = days.phase(at), days.local_day(at)
            begun = days.is_session(day) and at >= days.session(day).first_order
        except CalendarUnknown:
            self.status(desk, now=at)  # a year that no exchange has published yet: the desk itself says so
            return
        self.status(desk, now=at, phase=phase.value, **({"trading_day": day} if begun else {}))

    def opened(self, desk: str) -> None:
        """The desk's books are loaded: its holdings, and the newest quote of each name it has seen, before the tape moves again."""
        face = self._faces[desk]
        held, now = face.broker.account().positions, None if face.replay else self._wall.now()
        newest = ((item, face.broker.newest(symbol)) for symbol, item in face.instruments.items())
        rows = [(item.symbol, quote_row(item, quote, item.symbol in held, now)) for item, quote in newest if quote is not None]
        self._state.quotes.put(rows)
        self._positions(face)

    def turned(self, desk: str, event: SessionEvent) -> None:
        """A session reached one of its turns."""
        phase = calendar(self._faces[desk].market).phase(event.at)
        self.status(desk, now=event.at, trading_day=event.day, phase=phase.value)
        self.event(desk, "SESSION", ("day", event.day.isoformat()), ("phase", event.kind.value), at=event.at)

    def asking(self, desk: str, prompt_hash: str, text: str) -> None:
        """A prompt is about to leave: kept for the records of all whom it is put to."""
        with self._lock:  # each model of a panel asks in a thread of its own
            self._models.asking(self._faces[desk], prompt_hash, text)

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        """A piece of a reply: the model row grows."""
        self._models.streamed(cycle_id, call, text)

    def recorded(self, desk: str, records: Sequence[Record]) -> None:
        """Durable facts: each becomes rows and, where a person would want to hear of it, an event."""
        with self._lock:
            for record in records:
                self._one(desk, record)

    # -- one record -------------------------------------------------------------------------------------------------------

    def _one(self, desk: str, record: Record) -> None:
        face = self._faces[desk]
        match record:
            case CycleClaimed():
                self._cycles[desk] += 1
                self.status(desk, cycle_number=self._cycles[desk], cycle_state="IDLE", now=record.slot)
                self.event(desk, "CYCLE_STARTED", ("cycle", record.cycle_id), ("trigger", record.trigger))
            case CycleMoved():
                self._cycle_moved(desk, record)
            case SnapshotFrozen():
                counted = ("instruments", str(record.instruments))
                self.event(desk, "SNAPSHOT", ("hash", record.hash[:12]), ("source", record.source), counted)
                if record.stale:
                    self.event(desk, "DATA_STALE", ("symbols", ", ".join(record.stale)))
            case ModelAsked():
                self._models.asked(face, record)
            case ModelReplied():
                self._models.replied(face, record)
            case StrategyProposed() | StrategyJudged():
                self.event(desk, *strategy_told(record))
            case DecisionsMade():
                self._decided(face, record)
            case VerdictsGiven():
                self._ruled(face, record)
            case OrderCreated():
                self._orders.created(face, record)
            case OrderMoved():
                self._orders.moved(face, record.order_id, record.status.value, record.code)
            case ConfirmAsked():
                self._orders.proposed(face, record)
            case OrderAnswered():
                self._orders.withdraw(record.order_id)
                said = (("order", record.order_id), ("answer", record.answer.value), ("by", record.by))
                self.event(desk, "ORDER_ANSWERED", *said)
            case Filled():
                self._orders.filled(face, record)
            case Adjusted():
                self._adjusted(face, record)
            case FundingSettled() | Liquidated():
                self.event(desk, *margin_told(record), at=record.at)
                self._positions(face)
            case Marked():
                self._marked(face, record)
            case AlertRaised():
                self._alerts.raised(face, record)
            case AlertAcknowledged():
                self._alerts.acknowledged(record.alert_id)
            case TradingStateMoved():
                self.status(desk, trading_state=record.state.value, halting_reason=record.reason)
                code = "TRADING_RESUMED" if record.state.value == "ACTIVE" else f"TRADING_{record.state.value}"
                self.event(desk, code, ("reason", record.reason), ("by", record.by))
                self._state.edge("alert")
            case PauseMoved():
                self.status(desk, paused=record.paused)
                self.event(desk, "PAUSED" if record.paused else "RESUMED", ("by", record.by))
            case AlertDelivered():
                self.event(desk, "ALERT_DELIVERED", ("alert", record.alert_id), ("channel", record.channel))
            case AlertUndelivered():
                self.event(desk, "ALERT_UNDELIVERED", ("channel", record.channel), ("reason", record.reason))
            case Noted():
                self.event(desk, record.code, *protection_params(record.code, record.params, UNITS[face.market]))
            case CommandQueued():
                self._verbs[record.command_id] = record.verb
            case CommandDone():
                code = "COMMAND_DONE" if record.outcome == "done" else "COMMAND_REFUSED"
                verb = self._verbs.pop(record.command_id, "")
                self.event(desk, code, ("id", record.command_id), ("verb", verb), ("outcome", record.outcome))
            case _:
                pass

    def _cycle_moved(self, desk: str, record: CycleMoved) -> None:
        self.status(desk, cycle_state=record.state.value, cycle_reason=safe_text(record.reason, limit=80, one_line=True))
        self._state.edge("cycle")
        if record.state in ENDINGS:
            ended = (("cycle", record.cycle_id), ("state", record.state.value), ("reason", record.reason))
            self.event(desk, "CYCLE_ENDED", *ended)
        else:
            self.event(desk, "CYCLE_STATE", ("cycle", record.cycle_id), ("state", record.state.value))

    def _decided(self, face: DeskFace, record: DecisionsMade) -> None:
        rows = [(row.key, row) for row in decision_rows(record, face.instruments, face.market, self._board.now(face.desk))]
        self._state.decisions.put(rows)
        if record.reused:
            self.event(face.desk, "DECISIONS_REUSED", ("cycle", record.cycle_id), ("source", record.reused))
        for refused in record.rejected:
            code = ("code", refused.code)
            self.event(face.desk, "DECISION_REJECTED", ("instrument", refused.instrument), code, ("observed", refused.observed))

    def _ruled(self, face: DeskFace, record: VerdictsGiven) -> None:
        view, units = self._state.decisions.view().rows, UNITS[face.market]
        worst: dict[str, DecisionRow] = {}
        for verdict in record.verdicts:
            key = f"{record.cycle_id}/{verdict.instrument}"
            row = worst.get(key) or view.get(key)
            if row is not None:
                worst[key] = ruled_row(row, verdict, units)
            observed, limit = seen_and_limit(verdict, units)
            about = (("instrument", verdict.instrument), ("rule", verdict.rule), ("code", verdict.code))
            seen = (("observed", observed), ("limit", limit))
            if verdict.result is VerdictResult.CLAMP:
                self.event(record.desk, "RISK_CLAMP", *about, *seen, ("before", verdict.before), ("after", verdict.after))
            elif verdict.result is not VerdictResult.ALLOW:
                self.event(record.desk, "RISK_DENY", *about, *seen)
        self._state.decisions.put(worst.items())

    def _adjusted(self, face: DeskFace, record: Adjusted) -> None:
        cash = sum(posting.amount for posting in record.postings if posting.account == "cash")
        shown = plain(cash, UNITS[face.market].money)
        code = "DIVIDEND" if record.terms.ex_date else "BOOKS_ADJUSTED"
        self.event(face.desk, code, ("instrument", record.instrument), ("cash", shown), ("reason", record.reason))
        self._positions(face)

    def _worth(self, face: DeskFace, account: Account) -> None:
        """Equity between marks, at the prices just seen; the ledger's figure follows with the next mark."""
        units = UNITS[face.market]
        equity = account.cash
        for symbol, position in account.positions.items():
            price = face.broker.last_price(symbol)
            equity += units.notional(price, position.quantity) if price else position.cost
        equity += sum(perp.worth(face.broker.mark_price(symbol)) for symbol, perp in account.perps.items())
        self._show_equity(face.desk, equity, units.money)

    def _show_equity(self, desk: str, equity: int, money: int) -> None:
        start = self._day_start.get(desk, 0)
        change = equity - start if start else 0
        ppm = change * PPM // start if start else 0
        self.status(desk, equity=plain(equity, money), day_change=plain(change, money), day_change_ppm=ppm)

    def _marked(self, face: DeskFace, record: Marked) -> None:
        money = UNITS[face.market].money
        change = record.equity - self._day_start.get(face.desk, record.equity)
        self.status(face.desk, trading_day=record.trading_day)
        self._show_equity(face.desk, record.equity, money)
        point = EquityPoint(record.as_of, float(from_units(record.equity, money)))
        if self._first(face.desk):
            self._state.equity.put([(record.as_of.isoformat(), point)])
        self._positions(face)
        if not record.cycle_id:
            self._day_start[face.desk] = record.equity
            settled = (("day", record.trading_day.isoformat()), ("equity", plain(record.equity, money)))
            self.event(face.desk, "DAY_SETTLED", *settled, ("change", plain(change, money)), at=record.as_of)

    # -- rows -------------------------------------------------------------------------------------------------------------

    def _first(self, desk: str) -> bool:
        """Whether holdings and equity are shown: a face has room for those of one desk, and they must be of the same one."""
        return desk == next(iter(self._faces))

    def _positions(self, face: DeskFace) -> None:
        if not self._first(face.desk):
            return
        account, day = face.broker.account(), self._board.trading_day(face.desk)
        held = sorted(account.positions)
        rows = [(name, position_row(face.instruments[name], account, face.broker.last_price(name), day)) for name in held]
        if face.terms is not None:
            terms, marks = face.terms, face.broker.mark_price
            rows += [(name, perp_row(face.instruments[name], perp, marks(name), terms)) for name, perp in account.perps.items()]
        self._state.positions.replace(rows)


def _desk_of(record: Record) -> str:
    """The desk a record belongs to; '' for one that belongs to none."""
    inner = getattr(record, "order", None) or getattr(record, "fill", None) or record
    return str(getattr(inner, "desk", ""))
