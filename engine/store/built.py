"""Rows of the projections, columns in their table's order, as the values they stand for."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from engine.core.account import Lot
from engine.core.journal import AlertRaised, CycleState, Severity
from engine.core.order import Fees, Fill, Order, OrderStatus, OrderType, Side
from engine.store.views import AlertBook, CycleBook, FundingBook, LiquidationBook, OrderBook

_at = datetime.fromisoformat


def lot_of(r: Any) -> Lot:
    """A row of `lots`."""
    return Lot(r[1], r[3], r[4], date.fromisoformat(r[5]), date.fromisoformat(r[6]))


def order_of(r: Any) -> OrderBook:
    """A row of `orders`."""
    order = Order(
        order_id=r[0], desk=r[1], cycle_id=r[2], instrument=r[3], side=Side(r[4]), order_type=OrderType(r[5]), quantity=r[6],
        limit_price=r[7], stop_price=r[8], trading_day=date.fromisoformat(r[9]), created_at=_at(r[10]),
    )  # fmt: skip
    return OrderBook(order, OrderStatus(r[11]), r[12], r[13], r[14], r[15], r[16], _at(r[19]))


def fill_of(r: Any) -> Fill:
    """A row of `fills`."""
    return Fill(
        fill_id=r[0], order_id=r[1], desk=r[2], cycle_id=r[3], instrument=r[4], side=Side(r[5]), quantity=r[6], price=r[7],
        notional=r[8], fees=Fees(*r[9:15]), trading_day=date.fromisoformat(r[15]), at=_at(r[16]), source=r[17],
    )  # fmt: skip


def cycle_of(r: Any) -> CycleBook:
    """A row of `cycles`."""
    return CycleBook(
        cycle_id=r[0], desk=r[1], trigger=r[2], slot=_at(r[3]), trading_day=date.fromisoformat(r[4]), config_hash=r[5],
        state=CycleState(r[6]), reason=r[7], seq=r[8], claimed_at=_at(r[10]), moved_at=_at(r[11]),
    )  # fmt: skip


def funding_of(r: Any) -> FundingBook:
    """A row of `fundings`."""
    return FundingBook(r[0], r[1], r[2], _at(r[3]), r[4], r[5], r[6], r[7])


def liquidation_of(r: Any) -> LiquidationBook:
    """A row of `liquidations`."""
    return LiquidationBook(r[0], r[1], r[2], _at(r[3]), r[4], date.fromisoformat(r[5]), *r[6:11])


def alert_of(r: Any) -> AlertBook:
    """A row of `alerts`."""
    params = tuple((name, value) for name, value in json.loads(r[4]))
    alert = AlertRaised(r[0], r[1], Severity(r[2]), r[3], params, r[5])
    return AlertBook(alert, _at(r[6]), r[7], r[8], bool(r[9]), r[10])
