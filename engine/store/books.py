"""Reads the books: account, orders, cycles, model calls, alerts, as the projections stand in one consistent moment."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from engine.core.account import Account, Lot, PerpPosition, Position
from engine.core.bookkeeping import Adjusted
from engine.core.errors import LedgerError
from engine.core.ids import content_hash
from engine.core.journal import (
    ConfigRecorded,
    CycleState,
    DecisionsMade,
    ModelAsked,
    ModelReplied,
    Noted,
    SnapshotFrozen,
    TradingState,
    VerdictsGiven,
)
from engine.core.order import Fill, OrderStatus, Side
from engine.core.person import CommandQueued, ConfirmAsked, OrderAnswered
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.store import views
from engine.store.built import alert_of, cycle_of, fill_of, funding_of, liquidation_of, lot_of, order_of
from engine.store.codec import decode, stamp
from engine.store.retention import old_texts
from engine.store.schema import TABLES
from engine.store.views import (
    AlertBook,
    CycleBook,
    CycleHistory,
    DeskBook,
    EquityMark,
    ModelCall,
    ModelCost,
    OrderBook,
    Standing,
)

R = TypeVar("R")
MAX_ROWS = 10_000
_OPEN = "status IN ('initialized', 'submitted', 'accepted', 'partially_filled')"
_UNFINISHED = "state NOT IN ('COMPLETED', 'SKIPPED', 'ABSTAINED', 'FAILED', 'AMBIGUOUS')"
_ENTRY = "SELECT seq, at, kind, payload FROM journal"


class Books:
    """One read-only look at the ledger. Desk '' means every desk; lists come newest first unless said otherwise."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # Money ---------------------------------------------------------------------------------------------------------------------

    def desks(self) -> tuple[DeskBook, ...]:
        """Every desk ever opened, oldest first."""
        return tuple(DeskBook(*row) for row in self._all("SELECT desk, market, currency, cash FROM desks ORDER BY seq"))

    def config(self, desk: str) -> ConfigRecorded | None:
        """The configuration the desk last recorded."""
        row = self._one("SELECT desk, config_hash, text_hash FROM configs WHERE desk = ? ORDER BY seq DESC LIMIT 1", desk)
        return None if row is None else ConfigRecorded(*row)

    def account(self, desk: str) -> Account:
        """The paper account as booked, with cash reserved and shares claimed by open orders. Raises LedgerError for no such desk.

        `realized` and `flows` are signed as gains: cash + positions at cost + margin + fees = initial cash + realized + flows.
        """
        found = self._one("SELECT currency, cash FROM desks WHERE desk = ?", desk)
        if found is None:
            raise LedgerError(f"no such desk in the ledger: {desk}")
        currency, initial = found
        cash = fees = realized = others = 0
        for account, amount in self._all("SELECT account, amount FROM balances WHERE desk = ?", desk):
            if account == "cash":
                cash = amount
            elif account.startswith("fees:"):
                fees += amount
            elif account.startswith("realized:"):
                realized -= amount
            elif not account.startswith("position:"):
                others -= amount
        reserved = 0
        pending: dict[str, int] = {}
        for book in self.open_orders(desk):
            reserved += book.reserved
            if book.order.side is Side.SELL:
                pending[book.order.instrument] = pending.get(book.order.instrument, 0) + book.remaining
        perps = self.perps(desk)
        flows = others - initial + sum(position.margin for position in perps.values())
        return Account(desk, currency, cash, initial, fees, realized, self.positions(desk), reserved, flows, pending, perps)

    def positions(self, desk: str) -> dict[str, Position]:
        """Holdings by symbol, lots in the order they were booked (oldest first), at the last recorded mark (0 = never marked)."""
        lots: dict[str, list[Lot]] = {}
        for row in self._select("lots", "desk = ? ORDER BY instrument, seq, n", desk):
            lots.setdefault(row[2], []).append(lot_of(row))
        marks = self.marks(desk)
        return {name: Position(name, tuple(held), marks.get(name, 0)) for name, held in lots.items()}

    def perps(self, desk: str) -> dict[str, PerpPosition]:
        """Perpetuals held, by instrument."""
        rows = self._all("SELECT instrument, quantity, entry, margin FROM perps WHERE desk = ? ORDER BY instrument", desk)
        return {row[0]: PerpPosition(*row) for row in rows}

    def marks(self, desk: str) -> dict[str, int]:
        """The last recorded mark of each instrument, in price units."""
        return dict(self._all("SELECT instrument, price FROM marks WHERE desk = ?", desk))

    def funding_received(self, desk: str) -> int:
        """All funding settled, in money units; below zero it was paid."""
        found = self._one("SELECT coalesce(sum(amount), 0) FROM fundings WHERE desk = ?", desk)
        return int(found[0]) if found is not None else 0

    def fundings(self, desk: str, *, limit: int = 500) -> tuple[views.FundingBook, ...]:
        """The last fundings settled."""
        return tuple(map(funding_of, self._select("fundings", "desk = ? ORDER BY seq DESC LIMIT ?", desk, _bounded(limit))))

    def funded_until(self, desk: str) -> dict[str, datetime]:
        """The last settlement booked of each perpetual."""
        rows = self._all("SELECT instrument, max(at) FROM fundings WHERE desk = ? GROUP BY instrument", desk)
        return {instrument: _at(at) for instrument, at in rows}

    def liquidations(self, desk: str, *, limit: int = 500) -> tuple[views.LiquidationBook, ...]:
        """The last liquidations."""
        rows = self._select("liquidations", "desk = ? ORDER BY seq DESC LIMIT ?", desk, _bounded(limit))
        return tuple(map(liquidation_of, rows))

    def balances(self, desk: str) -> dict[str, int]:
        """Every posting account of the desk with its balance; they sum to zero."""
        return dict(self._all("SELECT account, amount FROM balances WHERE desk = ? ORDER BY account", desk))

    def equity(self, desk: str, *, limit: int = 5_000) -> tuple[EquityMark, ...]:
        """The last `limit` points of the equity curve, oldest first."""
        rows = self._select("equity", "desk = ? ORDER BY seq DESC LIMIT ?", desk, _bounded(limit))
        return tuple(
            EquityMark(r[0], r[1], r[2], date.fromisoformat(r[3]), _at(r[4]), r[5], r[6], r[7], r[8]) for r in reversed(rows)
        )

    def equity_peak(self, desk: str) -> int:
        """The highest equity ever marked, in money units; 0 for a desk that was never marked."""
        row = self._one("SELECT coalesce(max(equity), 0) FROM equity WHERE desk = ?", desk)
        return int(row[0]) if row else 0

    def adjustments(self, desk: str) -> tuple[Adjusted, ...]:
        """Every change of the books that was not a trade, oldest first."""
        query = "SELECT j.seq, j.at, j.kind, j.payload FROM adjustments a JOIN journal j USING (seq) WHERE a.desk = ?"
        found = (entry.record for entry in self._entries(f"{query} ORDER BY a.seq", desk))
        return tuple(record for record in found if isinstance(record, Adjusted))

    def fees_in_coin(self, desk: str) -> dict[str, int]:
        """What the desk paid in the coins it bought, by instrument, in quantity units."""
        return dict(self._all("SELECT instrument, SUM(base) FROM fills WHERE desk = ? AND base <> 0 GROUP BY instrument", desk))

    # Orders --------------------------------------------------------------------------------------------------------------------

    def orders(self, desk: str = "", *, limit: int = 500) -> tuple[OrderBook, ...]:
        """The last orders."""
        where, values = _of(desk)
        return tuple(map(order_of, self._select("orders", f"{where} ORDER BY seq DESC LIMIT ?", *values, _bounded(limit))))

    def open_orders(self, desk: str = "") -> tuple[OrderBook, ...]:
        """Orders that may still fill, oldest first."""
        where, values = _of(desk)
        return tuple(map(order_of, self._select("orders", f"{where} AND {_OPEN} ORDER BY seq", *values)))

    def orders_of(self, cycle_id: str) -> tuple[OrderBook, ...]:
        """The orders of a cycle, oldest first."""
        return tuple(map(order_of, self._select("orders", "cycle_id = ? ORDER BY seq", cycle_id)))

    def order(self, order_id: str) -> OrderBook | None:
        """One order."""
        rows = self._select("orders", "order_id = ?", order_id)
        return order_of(rows[0]) if rows else None

    def order_steps(self, order_id: str) -> tuple[views.OrderStep, ...]:
        """Every move of an order, in order."""
        rows = self._all("SELECT seq, status, code, at FROM order_steps WHERE order_id = ? ORDER BY seq", order_id)
        return tuple(views.OrderStep(seq, OrderStatus(status), code, _at(at)) for seq, status, code, at in rows)

    def fills(self, desk: str = "", *, limit: int = 500) -> tuple[Fill, ...]:
        """The last fills."""
        where, values = _of(desk)
        return tuple(map(fill_of, self._select("fills", f"{where} ORDER BY seq DESC LIMIT ?", *values, _bounded(limit))))

    def fills_of(self, order_id: str) -> tuple[Fill, ...]:
        """The fills of an order, oldest first."""
        return tuple(map(fill_of, self._select("fills", "order_id = ? ORDER BY seq", order_id)))

    # Cycles --------------------------------------------------------------------------------------------------------------------

    def cycles(self, desk: str = "", *, limit: int = 100) -> tuple[CycleBook, ...]:
        """The last cycles."""
        where, values = _of(desk)
        return tuple(map(cycle_of, self._select("cycles", f"{where} ORDER BY seq DESC LIMIT ?", *values, _bounded(limit))))

    def unfinished_cycles(self, desk: str = "") -> tuple[CycleBook, ...]:
        """Cycles that reached no ending, oldest first: what a restart must finish or fail."""
        where, values = _of(desk)
        return tuple(map(cycle_of, self._select("cycles", f"{where} AND {_UNFINISHED} ORDER BY seq", *values)))

    def cycle_count(self, desk: str) -> int:
        """How many cycles the desk has ever claimed."""
        row = self._one("SELECT count(*) FROM cycles WHERE desk = ?", desk)
        return int(row[0]) if row else 0

    def cycle(self, cycle_id: str) -> CycleHistory | None:
        """One cycle with every state it entered."""
        rows = self._select("cycles", "cycle_id = ?", cycle_id)
        if not rows:
            return None
        steps = self._all("SELECT state, seq, reason, at FROM cycle_steps WHERE cycle_id = ? ORDER BY seq", cycle_id)
        return CycleHistory(
            cycle_of(rows[0]), tuple(views.CycleStep(CycleState(state), seq, why, _at(at)) for state, seq, why, at in steps)
        )

    def snapshot_of(self, cycle_id: str) -> SnapshotFrozen | None:
        """What the cycle was allowed to see."""
        found = self._records(cycle_id, SnapshotFrozen)
        return found[0] if found else None

    def snapshot_last_used(self, digest: str) -> datetime | None:
        """When a cycle last froze the snapshot of this hash, by the machine's clock; None when none ever did."""
        row = self._one("SELECT max(j.at) FROM snapshots s JOIN journal j USING (seq) WHERE s.hash = ?", digest)
        return _at(row[0]) if row and row[0] else None

    def decisions(self, cycle_id: str) -> DecisionsMade | None:
        """The decision batch of a cycle, with the items that were refused; None when it never got there."""
        found = self._records(cycle_id, DecisionsMade)
        return found[0] if found else None

    def verdicts(self, cycle_id: str) -> VerdictsGiven | None:
        """Risk's rulings of a cycle, in order; None when it never got there."""
        found = self._records(cycle_id, VerdictsGiven)
        if not found:
            return None
        return VerdictsGiven(cycle_id, found[0].desk, tuple(verdict for batch in found for verdict in batch.verdicts))

    def strategies(self, desk: str) -> tuple[StrategyProposed | StrategyJudged, ...]:
        """Every strategy written for a desk and every ruling on one, oldest first."""
        query = "SELECT j.seq, j.at, j.kind, j.payload FROM events e JOIN journal j USING (seq) WHERE e.desk = ?"
        found = (entry.record for entry in self._entries(f"{query} AND e.code LIKE 'STRATEGY_%' ORDER BY e.seq", desk))
        return tuple(record for record in found if isinstance(record, StrategyProposed | StrategyJudged))

    def confirmation(self, cycle_id: str) -> tuple[ConfirmAsked | OrderAnswered, ...]:
        """What a person was asked about the orders of a cycle, then each answer; empty where nobody was asked."""
        return (*self._records(cycle_id, ConfirmAsked), *self._records(cycle_id, OrderAnswered))

    def model_calls(self, cycle_id: str) -> tuple[ModelCall, ...]:
        """Every question of a cycle with its reply, by call number."""
        asked: dict[int, tuple[ModelAsked, datetime]] = {}
        replied: dict[int, tuple[ModelReplied, datetime]] = {}
        for entry in self.entries_of(cycle_id):
            if isinstance(entry.record, ModelAsked):
                asked[entry.record.call] = entry.record, entry.at
            elif isinstance(entry.record, ModelReplied):
                replied[entry.record.call] = entry.record, entry.at
        return tuple(ModelCall(*asked[call], *replied.get(call, (None, None))) for call in sorted(asked))

    def model_costs(self, desk: str, *, after: int = 0, since: str = "") -> tuple[ModelCost, ...]:
        """What the desk's model calls cost, in the order of their asking: those asked after journal number `after`, of cycles
        whose slot is not before `since` (as `stamp` writes it)."""
        query = (
            "SELECT m.asked_seq, m.cycle_id, c.slot, m.provider, m.model, m.cost, m.currency FROM model_calls m "
            "JOIN cycles c USING (cycle_id) WHERE m.desk = ? AND m.asked_seq > ? AND c.slot >= ? ORDER BY m.asked_seq"
        )
        return tuple(ModelCost(r[0], r[1], _at(r[2]), *r[3:]) for r in self._all(query, desk, after, since))

    def noted(self, desk: str, *codes: str) -> tuple[Noted, ...]:
        """The facts noted of a desk under these codes, oldest first."""
        query = f"SELECT code, params FROM events WHERE desk = ? AND code IN ({', '.join('?' * len(codes))}) ORDER BY seq"
        found = self._all(query, desk, *codes)
        return tuple(Noted(desk, code, tuple((name, value) for name, value in json.loads(params))) for code, params in found)

    # People --------------------------------------------------------------------------------------------------------------------

    def alerts(self, desk: str = "", *, limit: int = 500) -> tuple[AlertBook, ...]:
        """The last alerts, seen or not."""
        where, values = _of(desk)
        return self._alerts(f"{where} ORDER BY raised_seq DESC LIMIT ?", (*values, _bounded(limit)))

    def unacknowledged(self, desk: str = "") -> tuple[AlertBook, ...]:
        """Alerts that nobody has seen yet."""
        where, values = _of(desk)
        return self._alerts(f"{where} AND acknowledged = 0 ORDER BY raised_seq DESC LIMIT ?", (*values, MAX_ROWS))

    def trading_state(self, desk: str) -> Standing:
        """The desk's trading state; ACTIVE when nothing was ever recorded."""
        row = self._one("SELECT state, reason, by, at FROM trading_states WHERE desk = ?", desk)
        if row is None:
            return Standing(TradingState.ACTIVE, "", "", None)
        return Standing(TradingState(row[0]), row[1], row[2], _at(row[3]))

    def paused(self, desk: str) -> bool:
        """Whether the desk's schedule is paused."""
        row = self._one("SELECT paused FROM pauses WHERE desk = ?", desk)
        return bool(row and row[0])

    def pending_commands(self) -> tuple[CommandQueued, ...]:
        """Commands that were not answered yet, oldest first."""
        rows = self._all("SELECT command_id, verb, desk, argument, by FROM commands WHERE done_seq = 0 ORDER BY seq")
        return tuple(CommandQueued(*row) for row in rows)

    def command_outcome(self, command_id: str) -> str | None:
        """The answer to a command; '' while it waits, None when it was never queued."""
        row = self._one("SELECT outcome FROM commands WHERE command_id = ?", command_id)
        return None if row is None else str(row[0])

    # The journal itself --------------------------------------------------------------------------------------------------------

    def head(self) -> int:
        """The number of the last journal row."""
        row = self._one("SELECT coalesce(max(seq), 0) FROM journal")
        return int(row[0]) if row else 0

    def hash_at(self, seq: int) -> str:
        """The hash of one journal row; '' where there is none."""
        row = self._one("SELECT hash FROM journal WHERE seq = ?", seq)
        return str(row[0]) if row else ""

    def entries(self, after: int = 0, *, limit: int = 1_000) -> tuple[views.Entry, ...]:
        """Journal rows after number `after`, oldest first."""
        return self._entries(f"{_ENTRY} WHERE seq > ? ORDER BY seq LIMIT ?", after, _bounded(limit))

    def entries_among(self, kinds: Sequence[str], after: int, *, limit: int) -> tuple[views.Entry, ...]:
        """Journal rows of some kinds after number `after`, oldest first."""
        marks = ", ".join("?" for _ in kinds)
        return self._entries(f"{_ENTRY} WHERE seq > ? AND kind IN ({marks}) ORDER BY seq LIMIT ?", after, *kinds, _bounded(limit))

    def entries_of(self, cycle_id: str) -> tuple[views.Entry, ...]:
        """Every journal row that names the cycle, oldest first."""
        return self._entries(f"{_ENTRY} WHERE cycle_id = ? AND cycle_id <> '' ORDER BY seq", cycle_id)

    def events_since(self, after: int, *, limit: int = 1_000) -> tuple[views.Entry, ...]:
        """The noted facts after journal number `after`, oldest first."""
        query = (
            "SELECT j.seq, j.at, j.kind, j.payload FROM events e JOIN journal j USING (seq) WHERE e.seq > ? ORDER BY e.seq LIMIT ?"
        )
        return self._entries(query, after, _bounded(limit))

    def blob(self, digest: str) -> str | None:
        """The text kept under a hash, or None where there is none (any more); raises LedgerError when it was altered."""
        row = self._one("SELECT data FROM blobs WHERE hash = ?", digest)
        if row is None:
            return None
        try:
            data = zlib.decompress(row[0])
        except zlib.error:
            data = b""
        if content_hash(data) != digest:
            raise LedgerError(f"text {digest[:12]} in the ledger was altered")
        return data.decode()

    def texts_before(self, instant: datetime) -> int:
        """How many prompts and replies were last written before an instant and may go."""
        return old_texts(self._connection, stamp(instant))

    # Private -------------------------------------------------------------------------------------------------------------------

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _select(self, table: str, tail: str, *values: Any) -> list[Any]:
        return self._all(f"SELECT {', '.join(TABLES[table].column_names)} FROM {table} WHERE {tail}", *values)

    def _entries(self, query: str, *values: Any) -> tuple[views.Entry, ...]:
        return tuple(views.Entry(seq, _at(at), decode(kind, payload)) for seq, at, kind, payload in self._all(query, *values))

    def _records(self, cycle_id: str, cls: type[R]) -> tuple[R, ...]:
        query = f"{_ENTRY} WHERE cycle_id = ? AND cycle_id <> '' AND kind = ? ORDER BY seq"
        found = (entry.record for entry in self._entries(query, cycle_id, cls.__name__))
        return tuple(record for record in found if isinstance(record, cls))

    def _alerts(self, tail: str, values: Sequence[Any]) -> tuple[AlertBook, ...]:
        return tuple(map(alert_of, self._select("alerts", tail, *values)))


def _of(desk: str) -> tuple[str, tuple[str, ...]]:
    return ("desk = ?", (desk,)) if desk else ("1", ())


def _bounded(limit: int) -> int:
    return max(0, min(limit, MAX_ROWS))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
