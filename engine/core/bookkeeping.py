"""Records that move money and holdings: a desk opened, orders, fills, corrections, funding, liquidations, marks.

They belong to the journal (core/journal.py) and follow its rules: frozen, integers in the units of the desk's market, postings of a
record that sum to zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from engine.core.order import Fill, Order, OrderStatus

SPARSE: Mapping[str, bool] = MappingProxyType({"sparse": True})
"""Marks a field that a journal leaves out where it holds its default: what most records do not need costs them nothing."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a double entry: `amount` money units into `account`; the postings of one record sum to zero.

    Accounts: `cash`, `position:SYMBOL` (at cost), `fees:KIND`, `realized:SYMBOL`, `dividend:SYMBOL`, `tax:KIND`, `funding:SYMBOL`,
    `margin:SYMBOL`, `capital`, `adjustment`.
    """

    account: str
    amount: int


@dataclass(frozen=True, slots=True)
class LotChange:
    """A lot as it stands after the record; quantity 0 removes it."""

    lot_id: str
    instrument: str
    quantity: int
    cost: int
    bought_on: date
    sellable_on: date


@dataclass(frozen=True, slots=True)
class PerpChange:
    """A perpetual as it stands after the record (see account.PerpPosition); quantity 0 removes it."""

    instrument: str
    quantity: int
    entry: int
    margin: int


@dataclass(frozen=True, slots=True)
class DeskOpened:
    """A desk and its paper account exist from now on."""

    desk: str
    market: str
    currency: str
    cash: int
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class OrderCreated:
    """An order exists (state INITIALIZED), before anything is sent; `reserved` is the cash held for it (buys), in money units."""

    order: Order
    reserved: int


@dataclass(frozen=True, slots=True)
class OrderMoved:
    """An order changed state; `code` says why for denied, rejected, cancelled and expired."""

    order_id: str
    desk: str
    status: OrderStatus
    code: str = ""


@dataclass(frozen=True, slots=True)
class PrintMet:
    """The print an order met, as far as the matching kernel looked at it, so that the fill can be computed again.

    `kind` is `auction` (one price, `close`) or `bar`; prices and day limits in price units (0 = none), `available` what the order
    was allowed to take and `lot` in quantity units, `slippage` in price units.
    """

    kind: str = ""
    open: int = 0
    high: int = 0
    low: int = 0
    close: int = 0
    available: int = 0
    limit_up: int = 0
    limit_down: int = 0
    slippage: int = 0
    lot: int = 1


@dataclass(frozen=True, slots=True)
class Filled:
    """An execution with its whole booking: the order's new state, lots after, postings that sum to zero, reservation left."""

    fill: Fill
    status: OrderStatus
    reserved: int
    lots: tuple[LotChange, ...]
    postings: tuple[Posting, ...]
    met: PrintMet = PrintMet()
    perps: tuple[PerpChange, ...] = field(default=(), metadata=SPARSE)


@dataclass(frozen=True, slots=True)
class Distribution:
    """The terms of a distribution in 1e-8 per share: cash in currency, bonus and transferred shares; `ex_date` ISO, '' for none."""

    ex_date: str = ""
    cash_e8: int = 0
    bonus_e8: int = 0
    transfer_e8: int = 0


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Anything else that changes the books: corporate actions, taxes, reconciliation. `reason`: code and parameters."""

    desk: str
    adjustment_id: str
    instrument: str
    reason: str
    lots: tuple[LotChange, ...]
    postings: tuple[Posting, ...]
    terms: Distribution = Distribution()


@dataclass(frozen=True, slots=True)
class FundingSettled:
    """Funding of one perpetual at one settlement: `mark` in price units, `rate_e8` in 1e-8 for the `hours` behind it.

    `settlement_id` names desk, instrument and instant, so that a settlement is booked once.
    """

    desk: str
    settlement_id: str
    instrument: str
    at: datetime
    mark: int
    rate_e8: int
    hours: int
    perps: tuple[PerpChange, ...]
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Liquidated:
    """A perpetual whose margin no longer covered its maintenance, closed by the exchange at `mark` (price units)."""

    desk: str
    liquidation_id: str
    instrument: str
    at: datetime
    mark: int
    trading_day: date
    perps: tuple[PerpChange, ...]
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A point of the equity curve, in money units: equity = cash + market value.

    A perpetual's market value is its margin and what it would gain or lose if closed at the mark.
    """

    desk: str
    cycle_id: str
    trading_day: date
    as_of: datetime
    cash: int
    market_value: int
    equity: int
    unrealized: int
    marks: tuple[tuple[str, int], ...]
