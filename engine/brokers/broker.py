"""What the engine asks of any broker: take an order, withdraw one, say what happened since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated, OrderMoved
from engine.core.order import Order, OrderStatus
from engine.exchange import Charged
from engine.exchange.corporate import CorporateAction


@dataclass(frozen=True, slots=True)
class Working:
    """An open order and how far it got: filled quantity, number of fills, cash still reserved, what it traded and paid so far.

    `sent_at` is when it left, where that was later than the instant it was decided on (a live desk: models take their time); what
    was printed before then it has not met.
    """

    order: Order
    status: OrderStatus
    filled: int
    fills: int
    reserved: int
    charged: Charged
    sent_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """From when on prints count."""
        return self.sent_at or self.order.created_at

    @property
    def remaining(self) -> int:
        """What is still to be filled, in quantity units."""
        return self.order.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Book:
    """A broker's whole state: the account, every open order by id, distributions received. Immutable until the ledger agrees.

    Of perpetuals also, by instrument, the last funding `settled` and the latest `trades` (instant, signed quantity): funding that
    becomes known a while after its settlement is due from what was held then.
    """

    account: Account
    working: Mapping[str, Working]
    actions: Mapping[str, tuple[CorporateAction, ...]] = field(default_factory=dict)
    settled: Mapping[str, datetime] = field(default_factory=dict)
    trades: Mapping[str, tuple[tuple[datetime, int], ...]] = field(default_factory=dict)


REMEMBERED = timedelta(days=1)
"""For how long a trade in a perpetual is kept in mind; funding is known minutes after its settlement."""


def traded(book: Book, instrument: str, at: datetime, signed: int) -> Book:
    """The book with one more trade in a perpetual kept in mind; `signed` quantity, below zero for a sale."""
    trades, oldest = book.trades.get(instrument, ()), at - REMEMBERED
    if trades and trades[0][0] <= oldest:
        trades = tuple(trade for trade in trades if trade[0] > oldest)
    return replace(book, trades={**book.trades, instrument: (*trades, (at, signed))})


@dataclass(frozen=True, slots=True)
class Effects:
    """What orders or a market event did: records for the ledger, in order, and the book after them."""

    records: tuple[OrderMoved | Filled | Adjusted | FundingSettled | Liquidated, ...]
    book: Book


class Broker(Protocol):
    """Submit, cancel, and tell orders, positions and balance. What it returns has not happened until it is adopted."""

    def submit(self, orders: Sequence[Order], at: datetime) -> Effects:
        """Send orders at an instant; each is accepted or rejected by name."""
        ...

    def cancel(self, order_id: str, code: str) -> Effects:
        """Withdraw what is left of an order."""
        ...

    def adopt(self, effects: Effects) -> None:
        """The ledger has the records: what they say is now so."""
        ...

    def working(self) -> Mapping[str, Working]:
        """Open orders by id."""
        ...

    def account(self) -> Account:
        """Cash and positions as the broker sees them."""
        ...
