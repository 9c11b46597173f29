"""The records of the contract: cycles, orders, fills, positions, account, alerts as JSON-ready data.

Money is a decimal string in the account's currency, prices and quantities too; weights are fractions 0 to 1; times ISO 8601.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from engine.core.order import Fill
from engine.core.text import safe_text
from engine.core.units import PPM, UNITS, Market, Units, from_units, plain
from engine.reports.fees import coins_told, fee_fields
from engine.reports.margin import NO_CONTRACTS, Contracts, margin_fields, perp_records
from engine.reports.protection import protection_told
from engine.reports.verdicts import seen_and_limit
from engine.store import AlertBook, Books, CycleBook, ModelCall, OrderBook
from engine.store.views import ModelCost

Json = dict[str, Any]


def units_of(books: Books, desk: str) -> Units:
    """The fixed units of a desk's market."""
    market = next(book.market for book in books.desks() if book.desk == desk)
    return UNITS[Market(market)]


def cycle_line(cycle: CycleBook) -> Json:
    """One line of history."""
    return {
        "cycle_id": cycle.cycle_id,
        "desk": cycle.desk,
        "trigger": cycle.trigger,
        "scheduled_at": cycle.slot.isoformat(),
        "started_at": cycle.claimed_at.isoformat(),
        "finished_at": cycle.moved_at.isoformat(),
        "state": cycle.state.value,
        "reason": cycle.reason,
    }


def cost_told(calls: Iterable[ModelCall] | Iterable[ModelCost]) -> str:
    """What model calls cost, exactly and by currency, as people read it: `0.0123 USD`; '' where nothing was asked or priced."""
    spent: dict[str, Decimal] = {}
    for call in calls:
        told = call.replied if isinstance(call, ModelCall) else call
        if told is not None and told.currency:
            spent[told.currency] = spent.get(told.currency, Decimal(0)) + Decimal(told.cost)
    return " ".join(f"{amount.normalize():f} {currency}" for currency, amount in sorted(spent.items()))


def cycle_record(books: Books, cycle_id: str, *, texts: bool, contracts: Contracts = NO_CONTRACTS) -> Json | None:
    """One cycle whole, with the keys of the contract; `texts` adds every prompt and raw reply. None: no such cycle."""
    history = books.cycle(cycle_id)
    if history is None:
        return None
    cycle = history.cycle
    units = units_of(books, cycle.desk)
    snapshot = books.snapshot_of(cycle_id)
    decided = books.decisions(cycle_id)
    ruled = books.verdicts(cycle_id)
    record = cycle_line(cycle)
    record["as_of"] = snapshot.as_of.isoformat() if snapshot else None
    record["snapshot"] = (
        {"hash": snapshot.hash, "source": snapshot.source, "instruments": snapshot.instruments, "stale": list(snapshot.stale)}
        if snapshot
        else None
    )
    record["candidates"] = list(snapshot.candidates) if snapshot else []
    record["model_cost"] = cost_told(books.model_calls(cycle_id))
    record["models"] = [_model(books, call, texts=texts) for call in books.model_calls(cycle_id)]
    record["decisions"] = [
        {
            "instrument": item.instrument,
            "intent": item.intent.value,
            "target_weight": _fraction(item.target_weight_ppm),
            "confidence": _fraction(item.confidence_ppm),
            "stop_loss": plain(item.stop_loss, units.price) if item.stop_loss else None,
            "take_profit": plain(item.take_profit, units.price) if item.take_profit else None,
            "reasoning": safe_text(protection_told(item, units)),
            "sources": list(item.sources),
            "unverified": [safe_text(told, one_line=True) for told in item.unverified],
        }
        for item in (decided.decisions if decided else ())
    ]
    record["reused_from"] = decided.reused or None if decided else None
    record["rejected"] = [
        {"instrument": item.instrument, "code": item.code, "observed": item.observed}
        for item in (decided.rejected if decided else ())
    ]
    record["verdicts"] = [
        {
            "instrument": verdict.instrument,
            "rule": verdict.rule,
            "result": verdict.result.value,
            "code": verdict.code,
            **dict(zip(("observed", "limit"), seen_and_limit(verdict, units), strict=True)),
            "before": verdict.before,
            "after": verdict.after,
        }
        for verdict in (ruled.verdicts if ruled else ())
    ]
    record["orders"] = [order_record(books, item, units) for item in books.orders_of(cycle_id)]
    record["account"] = account_record(books, cycle.desk, contracts)
    record["steps"] = [{"state": step.state.value, "at": step.at.isoformat(), "reason": step.reason} for step in history.steps]
    return record


def _model(books: Books, call: ModelCall, *, texts: bool) -> Json:
    replied = call.replied
    record: Json = {
        "model": call.asked.model,
        "provider": call.asked.provider,
        "prompt_id": call.asked.prompt_id,
        "prompt_version": call.asked.prompt_version,
        "latency_ms": replied.latency_ms if replied else None,
        "tokens_in": replied.tokens_in if replied else 0,
        "tokens_out": replied.tokens_out if replied else 0,
        "tokens_cached": replied.tokens_cached if replied else 0,
        "cost": replied.cost if replied else "0",
        "currency": replied.currency if replied else "",
        "outcome": replied.outcome if replied else "no reply recorded",
        "detail": replied.detail if replied else "",
    }
    if texts:
        record["prompt"] = safe_text(books.blob(call.asked.prompt_hash) or "", limit=1_000_000)
        reply = books.blob(replied.reply_hash) if replied and replied.reply_hash else ""
        record["reply"] = safe_text(reply or "", limit=1_000_000)
    return record


def order_record(books: Books, item: OrderBook, units: Units) -> Json:
    """One order with how far it got; `fees` are those in money, the two `fee_` keys those taken in coin."""
    order = item.order
    average = item.notional * units.price * units.quantity // (item.filled * units.money) if item.filled else 0
    return {
        "order_id": order.order_id,
        "cycle_id": order.cycle_id,
        "instrument": order.instrument,
        "side": order.side.value,
        "quantity": plain(order.quantity, units.quantity, places=0),
        "type": order.order_type.value,
        "limit_price": plain(order.limit_price, units.price) if order.limit_price else None,
        "status": item.status.value,
        "filled": plain(item.filled, units.quantity, places=0),
        "avg_price": plain(average, units.price) if item.filled else None,
        "fees": plain(item.fees, units.money),
        **fee_fields(_in_coin(books, item), order.instrument, units),
        "reject_code": item.code or None,
        "created_at": order.created_at.isoformat(),
    }


def _in_coin(books: Books, item: OrderBook) -> int:
    """What of the fees was taken in the coin that was bought, in quantity units; only a filled order without other fees has any."""
    return sum(fill.fees.base for fill in books.fills_of(item.order.order_id)) if item.filled and not item.fees else 0


def fill_record(fill: Fill, units: Units) -> Json:
    """One execution."""
    return {
        "fill_id": fill.fill_id,
        "order_id": fill.order_id,
        "instrument": fill.instrument,
        "side": fill.side.value,
        "quantity": plain(fill.quantity, units.quantity, places=0),
        "price": plain(fill.price, units.price),
        "amount": plain(fill.notional, units.money),
        "fees": plain(fill.fees.total, units.money),
        **fee_fields(fill.fees.base, fill.instrument, units),
        "at": fill.at.isoformat(),
        "source": fill.source,
    }


def position_records(books: Books, desk: str, contracts: Contracts = NO_CONTRACTS) -> list[Json]:
    """Every holding at its last recorded mark; `contracts` tell where perpetuals would be liquidated."""
    units, account = units_of(books, desk), books.account(desk)
    curve = books.equity(desk, limit=1)
    records: list[Json] = []
    for symbol, position in sorted(account.positions.items()):
        value = units.notional(position.mark, position.quantity) if position.mark else position.cost
        records.append(
            {
                "instrument": symbol,
                "quantity": plain(position.quantity, units.quantity, places=0),
                "sellable": plain(account.sellable(symbol, curve[-1].trading_day), units.quantity, places=0) if curve else "0",
                "cost": plain(position.cost, units.money),
                "mark": plain(position.mark, units.price) if position.mark else None,
                "market_value": plain(value, units.money),
                "unrealized_pnl": plain(value - position.cost, units.money),
            }
        )
    return [*records, *perp_records(books, desk, units, contracts)]


def account_record(books: Books, desk: str, contracts: Contracts = NO_CONTRACTS) -> Json:
    """Cash, equity and what was gained, exactly as booked; positions at their last recorded marks."""
    units, account = units_of(books, desk), books.account(desk)
    value = cost = 0
    for position in account.positions.values():
        value += units.notional(position.mark, position.quantity) if position.mark else position.cost
        cost += position.cost
    marks = books.marks(desk) if account.perps else {}
    for symbol, perp in account.perps.items():
        value += perp.worth(marks.get(symbol, 0))
        cost += perp.margin
    return {
        "desk": desk,
        "currency": account.currency,
        "initial_cash": plain(account.initial_cash, units.money),
        "cash": plain(account.cash, units.money),
        "reserved": plain(account.reserved, units.money),
        "equity": plain(account.cash + value, units.money),
        "market_value": plain(value, units.money),
        "realized_pnl": plain(account.realized, units.money),
        "unrealized_pnl": plain(value - cost, units.money),
        "income": plain(account.flows, units.money),
        "fees": plain(account.fees, units.money),
        "fees_in_coin": coins_told(books.fees_in_coin(desk), units),
        **margin_fields(books, desk, units),
        "model_cost": cost_told(books.model_costs(desk)),
        "positions": position_records(books, desk, contracts),
    }


def alert_record(item: AlertBook) -> Json:
    """One alert: code and parameters."""
    alert = item.alert
    return {
        "alert_id": alert.alert_id,
        "at": item.raised_at.isoformat(),
        "desk": alert.desk,
        "severity": alert.severity.value,
        "code": alert.code,
        "params": {name: safe_text(value, one_line=True) for name, value in alert.params},
        "cycle_id": alert.cycle_id or None,
        "count": item.count,
        "acknowledged": item.acknowledged,
    }


def _fraction(ppm: int) -> str:
    return f"{from_units(ppm, PPM).normalize():f}"
