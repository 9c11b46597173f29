"""What the books answer with, where the vocabulary of core has no type for it: small frozen rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from engine.core.journal import AlertRaised, CycleState, ModelAsked, ModelReplied, Record, TradingState
from engine.core.order import OPEN_STATUSES, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal row: its number, when it was written, and the record itself."""

    seq: int
    at: datetime
    record: Record


@dataclass(frozen=True, slots=True)
class DeskBook:
    """A desk as it was opened; `cash` is the opening cash in money units."""

    desk: str
    market: str
    currency: str
    cash: int


@dataclass(frozen=True, slots=True)
class OrderBook:
    """An order and how far it got: filled quantity, money paid or received for it, fees, cash still reserved."""

    order: Order
    status: OrderStatus
    code: str
    filled: int
    notional: int
    fees: int
    reserved: int
    moved_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN_STATUSES

    @property
    def remaining(self) -> int:
        """Quantity not filled, in quantity units."""
        return self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One move of an order."""

    seq: int
    status: OrderStatus
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CycleStep:
    """A state that a cycle entered, when, and why."""

    state: CycleState
    seq: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CycleBook:
    """A cycle: its claim, where it stands; `seq` is the number of its claim in the journal."""

    cycle_id: str
    desk: str
    trigger: str
    slot: datetime
    trading_day: date
    config_hash: str
    state: CycleState
    reason: str
    seq: int
    claimed_at: datetime
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class CycleHistory:
    """A cycle with every state it entered, in order."""

    cycle: CycleBook
    steps: tuple[CycleStep, ...]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A question to a model and what came back; `replied` is None while (or because) nothing did."""

    asked: ModelAsked
    asked_at: datetime
    replied: ModelReplied | None
    replied_at: datetime | None


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model call cost, as it was told: a decimal string in `currency`, '' where none is known. `slot` is its cycle's."""

    asked_seq: int
    cycle_id: str
    slot: datetime
    provider: str
    model: str
    cost: str
    currency: str


@dataclass(frozen=True, slots=True)
class EquityMark:
    """A point of the equity curve, in money units."""

    seq: int
    desk: str
    cycle_id: str
    trading_day: date
    as_of: datetime
    cash: int
    market_value: int
    equity: int
    unrealized: int


@dataclass(frozen=True, slots=True)
class FundingBook:
    """Funding settled: `amount` came in (below zero: was paid), money units; `mark` in price units, `rate_e8` in 1e-8."""

    settlement_id: str
    desk: str
    instrument: str
    at: datetime
    mark: int
    rate_e8: int
    hours: int
    amount: int


@dataclass(frozen=True, slots=True)
class LiquidationBook:
    """What the exchange closed at `mark` (price units): signed quantity, entry notional, margin, gain and fee in money units."""

    liquidation_id: str
    desk: str
    instrument: str
    at: datetime
    mark: int
    trading_day: date
    quantity: int
    entry: int
    margin: int
    gain: int
    fee: int


@dataclass(frozen=True, slots=True)
class AlertBook:
    """An alert as last raised, how often, and who has seen it ('' = nobody)."""

    alert: AlertRaised
    raised_at: datetime
    seq: int
    count: int
    acknowledged: bool
    acknowledged_by: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The trading state of a desk, why, by whom, since when (None = never moved)."""

    state: TradingState
    reason: str
    by: str
    at: datetime | None
