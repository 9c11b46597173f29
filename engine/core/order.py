"""Orders and fills, with the one table of legal order transitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from engine.core.errors import IllegalTransition


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How the price is bound."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class OrderStatus(StrEnum):
    """The states of the trade."""

    INITIALIZED = "initialized"
    DENIED = "denied"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_S = OrderStatus
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.INITIALIZED: frozenset({_S.DENIED, _S.SUBMITTED}),
    _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.REJECTED}),
    _S.ACCEPTED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED}),
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED}),
    _S.DENIED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
}
OPEN_STATUSES = frozenset({_S.INITIALIZED, _S.SUBMITTED, _S.ACCEPTED, _S.PARTIALLY_FILLED})


def advance(current: OrderStatus, target: OrderStatus) -> OrderStatus:
    """`target` if the table allows it from `current`; raises IllegalTransition otherwise."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransition(f"order {current} -> {target}")
    return target


@dataclass(frozen=True, slots=True)
class Order:
    """One order as sent: quantity in quantity units, prices in price units (0 = none). Lives until the end of `trading_day`."""

    order_id: str
    desk: str
    cycle_id: str
    instrument: str
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int
    trading_day: date
    created_at: datetime
    stop_price: int = 0


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees of one fill by kind, in money units; for a spot purchase on Binance `base` is taken in quantity units instead."""

    commission: int = 0
    stamp: int = 0
    transfer: int = 0
    handling: int = 0
    regulatory: int = 0
    base: int = 0

    @property
    def total(self) -> int:
        """All fees paid in money."""
        return self.commission + self.stamp + self.transfer + self.handling + self.regulatory


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fill_id` = order id + sequence, so that a repeated step is the same fill."""

    fill_id: str
    order_id: str
    desk: str
    cycle_id: str
    instrument: str
    side: Side
    quantity: int
    price: int
    notional: int
    fees: Fees
    trading_day: date
    at: datetime
    source: str
