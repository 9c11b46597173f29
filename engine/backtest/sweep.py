"""One session of one name as columns: every order that waits meets a print in one call of the shared kernel.

orders + prints ──► for each print: who was in hand before it ──► match_orders (compiled where numba is) ──► fees ──► Execution
The paper broker asks the same kernel about one order at a time; tests/backtest holds both to the same fills. Without books, cash
and holdings bound nothing, so what is swept must have been admitted by an exchange before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.brokers.execution import lot_of
from engine.brokers.paper import AUCTION_SHARE_PPM, PARTICIPATION_PPM
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.order import Fees, Order, OrderType, Side
from engine.exchange import Charged, FeeSchedule, fees, kernel, tick_of
from engine.exchange.compiled import OrderColumns, compiled_kernel, match_orders, numba_present
from engine.exchange.fees import plus

_KINDS = {OrderType.MARKET: kernel.MARKET, OrderType.LIMIT: kernel.LIMIT, OrderType.STOP: kernel.STOP}


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill without its booking: quantity units at price units, fees in money units, at the instant of the print."""

    order_id: str
    quantity: int
    price: int
    fees: Fees
    at: datetime


@dataclass(slots=True)
class _Waiting:
    order: Order
    remaining: int
    charged: Charged


def sweep(
    instrument: Instrument,
    orders: Sequence[Order],
    prints: Sequence[tuple[Quote, Bar | None]],
    *,
    limits: tuple[int, int],
    last_volume: int,
    schedule: FeeSchedule,
) -> list[Execution]:
    """Every fill of a session, in the order of the prints and then of the orders' creation.

    `prints` are one session of `instrument`, oldest first; `limits` the day's (up, down), 0 for none; `last_volume` the volume of
    the session before, which bounds what an auction of unknown volume gives. What is unfilled afterwards has expired.
    """
    waiting = [
        _Waiting(order, order.quantity, Charged()) for order in sorted(orders, key=lambda one: (one.created_at, one.order_id))
    ]
    found: list[Execution] = []
    for quote, bar in prints:
        if quote.suspended or not quote.last:
            continue
        met = [item for item in waiting if item.remaining and item.order.created_at < quote.known_at]
        if quote.auction:
            answers = _auction(met, quote, limits, last_volume, lot_of(instrument))
        elif bar is not None:
            met = [item for item in met if item.order.created_at <= bar.start]
            answers = _bar(met, bar, limits, tick_of(instrument, quote.trading_day), lot_of(instrument))
        else:
            continue
        for item, (quantity, price) in zip(met, answers, strict=True):
            if quantity:
                found.append(_executed(instrument, item, quantity, price, quote, schedule))
    return found


def _bar(met: Sequence[_Waiting], bar: Bar, limits: tuple[int, int], slippage: int, lot: int) -> list[tuple[int, int]]:
    """(quantity, price) of each order at a bar, all in one call."""
    sides, kinds = [_side(item.order) for item in met], [_KINDS[item.order.order_type] for item in met]
    available = kernel.participation_cap(bar.volume, PARTICIPATION_PPM)
    of_bar = (bar.open, bar.high, bar.low, bar.close, available, *limits, slippage, lot)
    columns = [
        _column(sides),
        _column(kinds),
        _column([item.remaining for item in met]),
        _column([item.order.limit_price for item in met]),
        _column([item.order.stop_price for item in met]),
        *(np.full(len(met), value, np.int64) for value in of_bar),
    ]
    answer = match_orders(OrderColumns(*columns))
    return list(zip(answer.quantity.tolist(), answer.price.tolist(), strict=True))


def _auction(met: Sequence[_Waiting], quote: Quote, limits: tuple[int, int], last_volume: int, lot: int) -> list[tuple[int, int]]:
    """(quantity, price) of each order at a call auction's one price."""
    match = compiled_kernel()["match_print"] if numba_present() else kernel.match_print
    available = kernel.participation_cap(quote.print_volume, PARTICIPATION_PPM)
    if not quote.print_volume:
        available = kernel.participation_cap(last_volume, AUCTION_SHARE_PPM)
    answers = [
        match(
            _side(item.order),
            _KINDS[item.order.order_type],
            item.remaining,
            item.order.limit_price,
            item.order.stop_price,
            quote.last,
            available,
            *limits,
            lot,
        )
        for item in met
    ]
    return [(int(quantity), int(price)) for quantity, price, _ in answers]


def _executed(instrument: Instrument, item: _Waiting, quantity: int, price: int, quote: Quote, schedule: FeeSchedule) -> Execution:
    charge = fees(instrument, item.order.side, price, quantity, quote.trading_day, schedule, item.charged)
    before, notional = item.charged, instrument.units.notional(price, quantity)
    item.charged = Charged(before.quantity + quantity, before.notional + notional, plus(before.fees, charge))
    item.remaining -= quantity
    return Execution(item.order.order_id, quantity, price, charge, quote.known_at)


def _side(order: Order) -> int:
    return kernel.BUY if order.side is Side.BUY else kernel.SELL


def _column(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)
