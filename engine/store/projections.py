"""What the journal means: each record changes the projections by one rule, and a record that breaks a rule changes nothing.

record ──► state machine, double entry, lots ──► rows in memory ──► one flush inside the caller's transaction

`Projector.apply` raises IllegalTransition or LedgerError, and the caller rolls everything back. It works on payloads as parsed from
the journal, so that a rebuild runs the very code that the first write ran.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from engine.core.errors import IllegalTransition, LedgerError
from engine.core.journal import CYCLE_TRANSITIONS, CycleState, TradingState
from engine.core.order import OPEN_STATUSES, TRANSITIONS, OrderStatus, Side
from engine.store.codec import Payload
from engine.store.perp_rows import Perpetuals
from engine.store.rows import Rows
from engine.store.schema import TABLES

_ORDER_MOVES = {str(here): frozenset(map(str, targets)) for here, targets in TRANSITIONS.items()}
_CYCLE_MOVES = {str(here): frozenset(map(str, targets)) for here, targets in CYCLE_TRANSITIONS.items()}
_OPEN = frozenset(map(str, OPEN_STATUSES))
_RANK = {str(TradingState.ACTIVE): 0, str(TradingState.REDUCING): 1, str(TradingState.HALTED): 2}
_POSITION = "position:"
_ENCODED = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Projector:
    """Applies records in journal order on one connection; nothing is in the database before `flush`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        rows = {name: Rows(connection, table) for name, table in TABLES.items()}
        self._connection = connection
        self._rows = rows
        self._desks, self._configs, self._balances, self._lots = rows["desks"], rows["configs"], rows["balances"], rows["lots"]
        self._orders, self._order_steps, self._fills = rows["orders"], rows["order_steps"], rows["fills"]
        self._adjustments, self._adjusted_lots = rows["adjustments"], rows["adjusted_lots"]
        self._perps = Perpetuals(rows["perps"], rows["fundings"], rows["liquidations"])
        self._cycles, self._cycle_steps = rows["cycles"], rows["cycle_steps"]
        self._snapshots, self._calls = rows["snapshots"], rows["model_calls"]
        self._decisions, self._rejections, self._verdicts = rows["decisions"], rows["rejections"], rows["verdicts"]
        self._equity, self._marks, self._alerts = rows["equity"], rows["marks"], rows["alerts"]
        self._trading, self._pauses, self._commands = rows["trading_states"], rows["pauses"], rows["commands"]
        self._events = rows["events"]
        column = self._orders.column
        self._status, self._filled, self._reserved = column["status"], column["filled"], column["reserved"]
        self._rules: dict[str, Callable[[int, str, Payload], None]] = {
            "DeskOpened": self._desk_opened,
            "ConfigRecorded": self._config_recorded,
            "CycleClaimed": self._cycle_claimed,
            "CycleMoved": self._cycle_moved,
            "SnapshotFrozen": self._snapshot_frozen,
            "ModelAsked": self._model_asked,
            "ModelReplied": self._model_replied,
            "StrategyProposed": self._strategy_proposed,
            "StrategyJudged": self._strategy_judged,
            "DecisionsMade": self._decisions_made,
            "VerdictsGiven": self._verdicts_given,
            "OrderCreated": self._order_created,
            "OrderMoved": self._order_moved,
            "Filled": self._filled_record,
            "Adjusted": self._adjusted,
            "FundingSettled": self._funding_settled,
            "Liquidated": self._liquidated,
            "Marked": self._marked,
            "AlertRaised": self._alert_raised,
            "AlertAcknowledged": self._alert_acknowledged,
            "AlertDelivered": self._told,
            "AlertUndelivered": self._told,
            "ConfirmAsked": self._confirm_asked,
            "OrderAnswered": self._order_answered,
            "TradingStateMoved": self._trading_state_moved,
            "PauseMoved": self._pause_moved,
            "CommandQueued": self._command_queued,
            "CommandDone": self._command_done,
            "Noted": self._noted,
        }

    def apply(self, kind: str, seq: int, at: str, payload: Payload) -> None:
        """Take one record into the projections; raises IllegalTransition or LedgerError when it breaks a rule."""
        self._rules[kind](seq, at, payload)

    def flush(self) -> None:
        """Write the changed rows; raises LedgerError when the books of a touched desk do not sum to zero."""
        touched = {desk for desk, _ in self._balances.dirty()}
        for rows in self._rows.values():
            rows.flush()
        for desk in touched:
            (total,) = self._connection.execute("SELECT sum(amount) FROM balances WHERE desk = ?", (desk,)).fetchone()
            if total:
                raise LedgerError(f"the books of {desk} are off by {total} units")

    def discard(self) -> None:
        """Forget what was applied since the last flush, as after a rollback."""
        for rows in self._rows.values():
            rows.discard()

    # Books ---------------------------------------------------------------------------------------------------------------------

    def _desk_opened(self, seq: int, at: str, p: Payload) -> None:
        self._desks.new(p["desk"], p["market"], p["currency"], p["cash"], seq)
        moved = self._post(p["desk"], p["postings"])
        if moved.get("cash", 0) != p["cash"]:
            raise LedgerError(f"desk {p['desk']} opens with {p['cash']} units but posts {moved.get('cash', 0)} to cash")

    def _open_desk(self, desk: str) -> None:
        if self._desks.get(desk) is None:
            raise LedgerError(f"no such desk: {desk}")

    def _config_recorded(self, seq: int, at: str, p: Payload) -> None:
        self._configs.put(p["desk"], p["config_hash"], p["text_hash"], seq)

    def _post(self, desk: str, postings: list[Payload]) -> dict[str, int]:
        """Book a double entry; returns what each account moved by."""
        self._open_desk(desk)
        moved: dict[str, int] = {}
        for posting in postings:
            account, amount = posting["account"], posting["amount"]
            moved[account] = moved.get(account, 0) + amount
        if total := sum(moved.values()):
            raise LedgerError(f"postings of {desk} sum to {total}, not zero")
        balances = self._balances
        for account, amount in moved.items():
            row = balances.get(desk, account)
            if row is None:
                balances.put(desk, account, amount)
            else:
                row[2] += amount
                balances.touch(desk, account)
        return moved

    def _change_lots(self, seq: int, desk: str, changes: list[Payload], moved: dict[str, int]) -> dict[str, int]:
        """Set the lots; their cost must move exactly as the position accounts did. Returns the quantity moved by instrument."""
        quantities: dict[str, int] = {}
        costs = {account[len(_POSITION) :]: amount for account, amount in moved.items() if account.startswith(_POSITION)}
        lots = self._lots
        for n, lot in enumerate(changes):
            lot_id, instrument, quantity, cost = lot["lot_id"], lot["instrument"], lot["quantity"], lot["cost"]
            old = lots.get(desk, lot_id)
            if old is not None and old[2] != instrument:
                raise LedgerError(f"lot {lot_id} holds {old[2]}, not {instrument}")
            if quantity < 0 or cost < 0 or (quantity == 0 and cost != 0):
                raise LedgerError(f"lot {lot_id} cannot hold {quantity} units at a cost of {cost}")
            had, spent, since = (old[3], old[4], (old[7], old[8])) if old is not None else (0, 0, (seq, n))
            quantities[instrument] = quantities.get(instrument, 0) + quantity - had
            costs[instrument] = costs.get(instrument, 0) - (cost - spent)
            if quantity and old is None:
                lots.new(desk, lot_id, instrument, quantity, cost, lot["bought_on"], lot["sellable_on"], *since)
            elif quantity:
                lots.put(desk, lot_id, instrument, quantity, cost, lot["bought_on"], lot["sellable_on"], *since)
            elif old is not None:
                lots.drop(desk, lot_id)
        for instrument, difference in costs.items():
            if difference:
                raise LedgerError(f"lots and books of {desk} {instrument} differ by {difference} units of cost")
        return quantities

    # Orders --------------------------------------------------------------------------------------------------------------------

    def _order_created(self, seq: int, at: str, p: Payload) -> None:
        o = p["order"]
        order_id, status = o["order_id"], str(OrderStatus.INITIALIZED)
        self._open_desk(o["desk"])
        self._orders.new(
            order_id, o["desk"], o["cycle_id"], o["instrument"], o["side"], o["order_type"], o["quantity"], o["limit_price"],
            o["stop_price"], o["trading_day"], o["created_at"], status, "", 0, 0, 0, p["reserved"], seq, seq, at,
        )  # fmt: skip
        self._order_steps.add(order_id, seq, status, "", at)

    def _move_order(self, seq: int, at: str, order_id: str, status: str, code: str) -> list[Any]:
        row = self._orders.get(order_id)
        if row is None:
            raise LedgerError(f"no such order: {order_id}")
        here = self._status
        if status not in _ORDER_MOVES[row[here]]:
            raise IllegalTransition(f"order {order_id}: {row[here]} -> {status}")
        row[here], row[here + 1], row[-2], row[-1] = status, code, seq, at
        self._orders.touch(order_id)
        self._order_steps.add(order_id, seq, status, code, at)
        return row

    def _order_moved(self, seq: int, at: str, p: Payload) -> None:
        status = p["status"]
        row = self._move_order(seq, at, p["order_id"], status, p["code"])
        if row[1] != p["desk"]:
            raise LedgerError(f"order {p['order_id']} belongs to desk {row[1]}, not {p['desk']}")
        if status in ("filled", "partially_filled"):
            raise LedgerError(f"order {p['order_id']} can only become {status} by a fill")
        if status not in _OPEN:
            row[self._reserved] = 0

    def _filled_record(self, seq: int, at: str, p: Payload) -> None:
        f, status = p["fill"], p["status"]
        order_id, desk, quantity, fees = f["order_id"], f["desk"], f["quantity"], f["fees"]
        row = self._move_order(seq, at, order_id, status, "")
        if (row[1], row[3], row[4]) != (desk, f["instrument"], f["side"]):
            raise LedgerError(f"fill {f['fill_id']} does not belong to order {order_id}")
        filled = row[self._filled] = row[self._filled] + quantity
        if status != ("filled" if filled == row[6] else "partially_filled"):
            raise LedgerError(f"order {order_id}: {filled} of {row[6]} filled cannot be {status}")
        money_fees = fees["commission"] + fees["stamp"] + fees["transfer"] + fees["handling"] + fees["regulatory"]
        row[self._filled + 1] += f["notional"]
        row[self._filled + 2] += money_fees
        row[self._reserved] = p["reserved"] if status in _OPEN else 0
        self._fills.add(
            f["fill_id"], order_id, desk, f["cycle_id"], f["instrument"], f["side"], quantity, f["price"], f["notional"],
            fees["commission"], fees["stamp"], fees["transfer"], fees["handling"], fees["regulatory"], fees["base"],
            f["trading_day"], f["at"], f["source"], seq,
        )  # fmt: skip
        posted = self._post(desk, p["postings"])
        moved = self._change_lots(seq, desk, p["lots"], posted)
        if "perps" in p:
            moved |= self._perps.change(seq, desk, p["perps"], posted)
        due = quantity - fees["base"] if f["side"] == Side.BUY else -quantity
        if {name: change for name, change in moved.items() if change} != ({f["instrument"]: due} if due else {}):
            raise LedgerError(f"fill {f['fill_id']} moves {due} units but its lots move {moved}")

    def _adjusted(self, seq: int, at: str, p: Payload) -> None:
        self._adjustments.add(p["adjustment_id"], p["desk"], p["instrument"], p["reason"], seq)
        moved = self._change_lots(seq, p["desk"], p["lots"], self._post(p["desk"], p["postings"]))
        for instrument, quantity in moved.items():
            if quantity:
                self._adjusted_lots.add(p["adjustment_id"], instrument, p["desk"], quantity, seq)

    def _funding_settled(self, seq: int, at: str, p: Payload) -> None:
        self._perps.settled(seq, p, self._post(p["desk"], p["postings"]))

    def _liquidated(self, seq: int, at: str, p: Payload) -> None:
        self._perps.liquidated(seq, p, self._post(p["desk"], p["postings"]))

    def _marked(self, seq: int, at: str, p: Payload) -> None:
        desk = p["desk"]
        self._equity.add(
            seq, desk, p["cycle_id"], p["trading_day"], p["as_of"], p["cash"], p["market_value"], p["equity"], p["unrealized"]
        )
        for instrument, price in p["marks"]:
            self._marks.put(desk, instrument, price, seq)

    # Cycles --------------------------------------------------------------------------------------------------------------------

    def _cycle_claimed(self, seq: int, at: str, p: Payload) -> None:
        cycle_id, state = p["cycle_id"], str(CycleState.IDLE)
        self._open_desk(p["desk"])
        self._cycles.new(
            cycle_id, p["desk"], p["trigger"], p["slot"], p["trading_day"], p["config_hash"], state, "", seq, seq, at, at
        )
        self._cycle_steps.add(cycle_id, state, seq, "", at)

    def _cycle_moved(self, seq: int, at: str, p: Payload) -> None:
        cycle_id, state = p["cycle_id"], p["state"]
        row = self._cycles.get(cycle_id)
        if row is None or row[1] != p["desk"]:
            raise LedgerError(f"no such cycle of {p['desk']}: {cycle_id}")
        if state not in _CYCLE_MOVES[row[6]]:
            raise IllegalTransition(f"cycle {cycle_id}: {row[6]} -> {state}")
        row[6], row[7], row[9], row[11] = state, p["reason"], seq, at
        self._cycles.touch(cycle_id)
        self._cycle_steps.add(cycle_id, state, seq, p["reason"], at)

    def _open_cycle(self, p: Payload) -> None:
        row = self._cycles.get(p["cycle_id"])
        if row is None or row[1] != p["desk"]:
            raise LedgerError(f"no such cycle of {p['desk']}: {p['cycle_id']}")

    def _snapshot_frozen(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        self._snapshots.add(
            p["cycle_id"],
            p["desk"],
            p["hash"],
            p["source"],
            p["as_of"],
            p["instruments"],
            seq,
            _list(p["stale"]),
            _list(p["candidates"]),
        )

    def _model_asked(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        self._calls.new(
            p["cycle_id"], p["call"], p["desk"], p["provider"], p["model"], p["prompt_id"], p["prompt_version"], p["prompt_hash"],
            "", "", "", 0, 0, 0, 0, "0", "", at, "", seq, 0,
        )  # fmt: skip

    def _model_replied(self, seq: int, at: str, p: Payload) -> None:
        row = self._calls.get(p["cycle_id"], p["call"])
        if row is None:
            raise LedgerError(f"model call {p['call']} of {p['cycle_id']} was never made")
        if row[-1]:
            raise LedgerError(f"model call {p['call']} of {p['cycle_id']} was already answered")
        row[8:17] = (
            p["outcome"], p["reply_hash"], p["detail"], p["latency_ms"], p["tokens_in"], p["tokens_out"], p["tokens_cached"],
            p["cost"], p["currency"],
        )  # fmt: skip
        row[18], row[20] = at, seq
        self._calls.touch(p["cycle_id"], p["call"])

    def _strategy_proposed(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        said = [["version", str(p["version"])], ["model", p["model"]], ["hash", p["strategy_hash"][:12]]]
        self._events.add(seq, at, p["desk"], "STRATEGY_PROPOSED", _list(said))

    def _strategy_judged(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        said = [["version", str(p["version"])], ["failed", ", ".join(p["failed"])]]
        self._events.add(seq, at, p["desk"], f"STRATEGY_{'ACCEPTED' if p['accepted'] else 'REFUSED'}", _list(said))

    def _decisions_made(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        cycle_id, desk = p["cycle_id"], p["desk"]
        for n, d in enumerate(p["decisions"]):
            self._decisions.add(
                cycle_id, n, desk, d["instrument"], d["intent"], d["target_weight_ppm"], d["confidence_ppm"], d["stop_loss"],
                d["take_profit"], d["reasoning"], _list(d["sources"]), seq,
            )  # fmt: skip
        for n, item in enumerate(p["rejected"]):
            self._rejections.add(cycle_id, n, desk, item["instrument"], item["code"], item["observed"], seq)

    def _verdicts_given(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        for n, v in enumerate(p["verdicts"]):
            self._verdicts.add(
                p["cycle_id"], seq, n, p["desk"], v["instrument"], v["rule"], v["scope"], v["result"], v["code"], v["observed"],
                v["limit"], v["before"], v["after"],
            )  # fmt: skip

    # People --------------------------------------------------------------------------------------------------------------------

    def _alert_raised(self, seq: int, at: str, p: Payload) -> None:
        old = self._alerts.get(p["alert_id"])
        count = 1 if old is None else old[8] + 1
        self._alerts.put(
            p["alert_id"], p["desk"], p["severity"], p["code"], _list(p["params"]), p["cycle_id"], at, seq, count, 0, ""
        )

    def _alert_acknowledged(self, seq: int, at: str, p: Payload) -> None:
        row = self._alerts.get(p["alert_id"])
        if row is None:
            raise LedgerError(f"no such alert: {p['alert_id']}")
        row[9], row[10] = 1, p["by"]
        self._alerts.touch(p["alert_id"])

    def _told(self, seq: int, at: str, p: Payload) -> None:
        self._events.add(seq, at, p["desk"], f"CHANNEL_{'FAILED' if 'reason' in p else 'TOLD'}", _list([["channel", p["channel"]]]))

    def _confirm_asked(self, seq: int, at: str, p: Payload) -> None:
        self._open_cycle(p)
        self._events.add(seq, at, p["desk"], "CONFIRM_ASKED", _list([["cycle", p["cycle_id"]]]))

    def _order_answered(self, seq: int, at: str, p: Payload) -> None:
        row = self._orders.get(p["order_id"])
        if row is None or (row[1], row[2]) != (p["desk"], p["cycle_id"]):
            raise LedgerError(f"no such order of {p['cycle_id']}: {p['order_id']}")
        if row[self._status] != str(OrderStatus.INITIALIZED) or not 0 <= p["quantity"] <= row[6]:
            raise IllegalTransition(f"order {p['order_id']}: {row[self._status]} cannot be answered with {p['quantity']}")
        self._events.add(seq, at, p["desk"], "ORDER_ANSWERED", _list([["order", p["order_id"]], ["answer", p["answer"]]]))

    def _trading_state_moved(self, seq: int, at: str, p: Payload) -> None:
        old = self._trading.get(p["desk"])
        here = str(TradingState.ACTIVE) if old is None else old[1]
        if _RANK[p["state"]] < _RANK[here] and p["by"].startswith("rule:"):
            raise IllegalTransition(f"desk {p['desk']}: {here} -> {p['state']} by {p['by']}; only a person moves it towards ACTIVE")
        self._trading.put(p["desk"], p["state"], p["reason"], p["by"], at, seq)

    def _pause_moved(self, seq: int, at: str, p: Payload) -> None:
        self._pauses.put(p["desk"], int(p["paused"]), p["by"], at, seq)

    def _command_queued(self, seq: int, at: str, p: Payload) -> None:
        self._commands.new(p["command_id"], p["verb"], p["desk"], p["argument"], p["by"], "", at, "", seq, 0)

    def _command_done(self, seq: int, at: str, p: Payload) -> None:
        row = self._commands.get(p["command_id"])
        if row is None or row[9]:
            raise LedgerError(f"command {p['command_id']} was {'never queued' if row is None else 'already answered'}")
        row[5], row[7], row[9] = p["outcome"], at, seq
        self._commands.touch(p["command_id"])

    def _noted(self, seq: int, at: str, p: Payload) -> None:
        self._events.add(seq, at, p["desk"], p["code"], _list(p["params"]))


def _list(values: list[Any]) -> str:
    return _ENCODED(values) if values else "[]"
