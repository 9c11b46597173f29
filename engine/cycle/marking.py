"""A point of the equity curve: cash, positions at the last prices the tape gave, perpetuals at their marks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from engine.brokers import PaperBroker
from engine.core.bookkeeping import Marked
from engine.core.instrument import Instrument


def mark(
    desk: str, cycle_id: str, day: date, as_of: datetime, broker: PaperBroker, instruments: Mapping[str, Instrument]
) -> Marked:
    """Value every position at its last known price (at cost while it has none), in money units.

    A perpetual is worth its margin and what it would gain if closed at its mark.
    """
    account = broker.account()
    marks: list[tuple[str, int]] = []
    value = cost = 0
    for symbol, position in sorted(account.positions.items()):
        price = broker.last_price(symbol)
        worth = instruments[symbol].units.notional(price, position.quantity) if price else position.cost
        marks.append((symbol, price))
        value += worth
        cost += position.cost
    for symbol, perp in sorted(account.perps.items()):
        price = broker.mark_price(symbol)
        marks.append((symbol, price))
        value += perp.worth(price)
        cost += perp.margin
    return Marked(desk, cycle_id, day, as_of, account.cash, value, account.cash + value, value - cost, tuple(marks))
