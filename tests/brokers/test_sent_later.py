"""On a live desk the market goes on while a model thinks: an order meets only what is printed after it has really left."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.brokers import Book, PaperBroker
from engine.core.bookkeeping import Filled
from engine.core.instrument import Board, Instrument
from engine.core.market import Bar, Quote
from engine.core.order import Order, OrderType, Side
from engine.core.units import Market
from engine.cycle.confirming import Cleared, late
from engine.exchange import FeeSchedule, new_account

DAY = date(2024, 3, 4)
SYMBOL = "600000.SH"
SHARE = Instrument(SYMBOL, Market.ASHARE, Board.MAIN_SH, "", list_date=date(2000, 1, 1))
DECIDED = datetime(2024, 3, 4, 2, 0, tzinfo=UTC)
"""10:00 in Beijing."""
SENT = DECIDED + timedelta(seconds=40)


def quote(when: datetime) -> Quote:
    known = {"name": "", "trading_day": DAY, "volume": 1, "amount": 1, "source": "t"}
    return Quote(symbol=SYMBOL, known_at=when, last=100_000, pre_close=100_000, open=100_000, high=100_000, low=100_000, **known)


def bar(start: datetime, end: datetime) -> Bar:
    return Bar(SYMBOL, "poll", DAY, start, end, 100_000, 100_000, 100_000, 100_000, 1_000_000, 1, 100_000)


def order() -> Order:
    return Order("o", "demo", "c", SYMBOL, Side.BUY, OrderType.LIMIT, 1_000, 101_000, DAY, DECIDED)


@pytest.mark.parametrize(("begins", "filled"), [(-10, False), (0, False), (39, False), (40, True), (55, True)])
def test_a_print_that_began_before_it_left_is_not_its_print(begins: int, filled: bool) -> None:
    broker = PaperBroker("demo", Market.ASHARE, FeeSchedule(), {SYMBOL: SHARE})
    broker.load(Book(new_account("demo", Market.ASHARE, 10**11), {}))
    broker.see([quote(DECIDED)])
    broker.adopt(broker.submit([order()], DECIDED, sent_at=SENT))
    start = DECIDED + timedelta(seconds=begins)
    records = broker.match([(quote(start + timedelta(seconds=5)), bar(start, start + timedelta(seconds=5)))]).records
    assert any(isinstance(record, Filled) for record in records) is filled


@pytest.mark.parametrize(("clock", "code"), [("02:59:59", ""), ("03:30:01", "SESSION_CLOSED"), ("07:10:00", "SESSION_CLOSED")])
def test_an_order_that_would_leave_after_its_session_does_not_leave(clock: str, code: str) -> None:
    when = datetime.fromisoformat(f"2024-03-04T{clock}+00:00")
    denied = late([Cleared(order(), 0)], [], {SYMBOL: SHARE}, when)
    assert [moved.code for moved in denied] == ([code] if code else [])
