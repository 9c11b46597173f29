"""The paper broker: refusals by code, fills that somebody traded, and a book that balances after every effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers import Book, Effects, PaperBroker
from engine.brokers.fold import Fold
from engine.core.account import Account
from engine.core.bookkeeping import DeskOpened, Filled, OrderCreated, OrderMoved
from engine.core.instrument import Board, Instrument
from engine.core.journal import Record
from engine.core.market import Bar, Quote
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.units import Market
from engine.exchange import FeeSchedule, conserved, new_account, open_account, worst_case_cost
from engine.exchange.corporate import E8, CorporateAction

DAY, NEXT = date(2024, 3, 4), date(2024, 3, 5)
CASH = 10_000_000_000
FEES = FeeSchedule()
SYMBOL = "600000.SH"
NAMES = {
    SYMBOL: Instrument(SYMBOL, Market.ASHARE, Board.MAIN_SH, "main", list_date=date(2000, 1, 1)),
    "688001.SH": Instrument("688001.SH", Market.ASHARE, Board.STAR, "star", list_date=date(2019, 8, 1)),
}


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    """An instant of Beijing time."""
    return datetime(day.year, day.month, day.day, hour - 8, minute, tzinfo=UTC)


LIMIT_UP = 110_000
CALL, AUCTION = at(9, 20), at(9, 25)


def quote(last: int = 100_000, *, when: datetime = AUCTION, auction: bool = True, volume: int = 0, **more: Any) -> Quote:
    day = when.date()
    known = {"symbol": SYMBOL, "pre_close": 100_000, "print_volume": volume, "auction": auction, **more}
    return Quote(
        name="", trading_day=day, known_at=when, last=last, open=last, high=last, low=last, volume=1, amount=1, source="t", **known
    )  # fmt: skip


def order(name: str = "o1", side: Side = Side.BUY, quantity: int = 1_000, limit: int = 100_000, **more: Any) -> Order:
    facts: dict[str, Any] = {"trading_day": DAY, "created_at": at(9, 20), "instrument": SYMBOL, "order_type": OrderType.LIMIT}
    return Order(order_id=name, desk="demo", cycle_id="c", side=side, quantity=quantity, limit_price=limit, **{**facts, **more})


class Bench:
    """A broker beside a fold of its own records, as the ledger would rebuild it."""

    def __init__(self) -> None:
        self.broker = PaperBroker("demo", Market.ASHARE, FEES, NAMES)
        self.broker.load(Book(new_account("demo", Market.ASHARE, CASH), {}))
        self.fold = Fold("demo")
        self.fold.apply(DeskOpened("demo", "ashare", "CNY", CASH, open_account("demo", Market.ASHARE, CASH)))
        self.broker.see([quote(), quote(symbol="688001.SH")])

    def take(self, effects: Effects) -> tuple[Record, ...]:
        self.broker.adopt(effects)
        for record in effects.records:
            self.fold.apply(record)
        assert conserved(self.account) == 0
        assert self.account.cash >= self.account.reserved >= 0
        assert self.fold.book.account == self.account and dict(self.fold.book.working) == dict(self.broker.working())
        return effects.records

    @property
    def account(self) -> Account:
        return self.broker.account()

    def send(self, *orders: Order, when: datetime = CALL) -> list[str]:
        for one in orders:
            buys = one.side is Side.BUY
            dearest = one.limit_price or LIMIT_UP
            most = worst_case_cost(NAMES[one.instrument], one.quantity, dearest, one.trading_day, FEES) if buys else 0
            self.fold.apply(OrderCreated(one, most))
        moved = self.take(self.broker.submit(orders, when))
        return [
            record.code or "ok" for record in moved if isinstance(record, OrderMoved) and record.status is not OrderStatus.SUBMITTED
        ]

    def prints(self, *quotes: Quote, bar: Bar | None = None) -> Sequence[Filled]:
        records = self.take(self.broker.match([(one, bar) for one in quotes]))
        self.broker.see(quotes)
        return [record for record in records if isinstance(record, Filled)]

    def holding(self, quantity: int) -> Bench:
        """Bought yesterday, in effect: bought at the auction of DAY, sellable on NEXT."""
        assert self.send(order("first", quantity=quantity)) == ["ok"]
        assert self.prints(quote(volume=100_000_000))[0].status is OrderStatus.FILLED
        return self


@pytest.mark.parametrize(
    ("changes", "when", "code"),
    [
        ({}, at(9, 20), "ok"),
        ({}, at(12, 0), "PHASE_LUNCH"),
        ({}, at(15, 30), "PHASE_CLOSED"),
        ({}, at(9, 27), "PHASE_PRE_OPEN_GAP"),
        ({"limit": 100_050}, at(9, 20), "PRICE_NOT_ON_TICK"),
        ({"limit": 110_100}, at(9, 20), "PRICE_OUTSIDE_LIMITS"),
        ({"limit": 110_000, "quantity": 100}, at(9, 20), "ok"),
        ({"limit": 89_900}, at(9, 20), "PRICE_OUTSIDE_LIMITS"),
        ({"quantity": 150}, at(9, 20), "QUANTITY_NOT_LOT"),
        ({"quantity": 0}, at(9, 20), "QUANTITY_NOT_POSITIVE"),
        ({"quantity": 1_000_100}, at(9, 20), "QUANTITY_OVER_MAXIMUM"),
        ({"quantity": 100_000}, at(9, 20), "CASH_INSUFFICIENT"),
        ({"side": Side.SELL, "quantity": 100}, at(9, 20), "QUANTITY_OVER_SELLABLE"),
        ({"instrument": "688001.SH", "quantity": 199}, at(9, 20), "QUANTITY_BELOW_MINIMUM"),
        ({"instrument": "688001.SH", "quantity": 201}, at(9, 20), "ok"),
        ({"trading_day": NEXT}, at(9, 20), "NO_PRICE_TODAY"),
        ({"order_type": OrderType.MARKET, "limit": 0}, at(9, 20), "MARKET_ORDER_IN_CALL"),
        ({"order_type": OrderType.MARKET, "limit": 0}, at(10), "ok"),
        ({"order_type": OrderType.MARKET, "limit": 0, "quantity": 95_000}, at(10), "CASH_INSUFFICIENT"),
        ({"limit": 102_000}, at(10), "ok"),
        ({"limit": 102_100}, at(10), "PRICE_OUTSIDE_CAGE"),
        ({"order_type": OrderType.STOP, "limit": 0, "stop_price": 105_000}, at(9, 20), "ok"),
        ({"order_type": OrderType.STOP, "limit": 0, "stop_price": 105_050}, at(9, 20), "PRICE_NOT_ON_TICK"),
        ({"order_type": OrderType.STOP, "limit": 110_100, "stop_price": 105_000}, at(9, 20), "PRICE_OUTSIDE_LIMITS"),
    ],
)
def test_an_order_is_refused_by_code(changes: dict[str, Any], when: datetime, code: str) -> None:
    assert Bench().send(order(**changes), when=when) == [code]


def test_two_orders_cannot_spend_the_same_cash() -> None:
    assert Bench().send(order("a", quantity=60_000), order("b", quantity=60_000)) == ["ok", "CASH_INSUFFICIENT"]


def test_an_auction_fills_at_its_one_price_and_not_beyond_the_limit() -> None:
    bench = Bench()
    bench.send(order("cheap", limit=99_000), order("dear", limit=101_000))
    (filled,) = bench.prints(quote(100_000, volume=10_000_000))
    assert (filled.fill.order_id, filled.fill.price) == ("dear", 100_000)


def test_a_market_order_takes_the_auction_price_and_frees_what_it_did_not_need() -> None:
    bench = Bench()
    late = at(14, 50)
    assert bench.send(order(order_type=OrderType.MARKET, limit=0, created_at=late), when=late) == ["ok"]
    assert bench.account.reserved > 1_000 * LIMIT_UP
    (filled,) = bench.prints(quote(last=103_000, when=at(15), volume=100_000))
    assert (filled.fill.price, filled.fill.quantity) == (103_000, 1_000)
    assert bench.account.reserved == 0


def test_a_stop_sleeps_until_its_price_is_touched() -> None:
    bench = Bench()
    assert bench.send(order(order_type=OrderType.STOP, limit=0, stop_price=105_000)) == ["ok"]
    assert bench.prints(quote(last=104_900, volume=100_000)) == []
    (filled,) = bench.prints(quote(last=105_100, when=at(15), volume=100_000))
    assert filled.fill.price == 105_100


def test_a_market_order_that_fills_in_parts_keeps_back_enough_for_the_rest() -> None:
    bench = Bench()
    late = at(14, 50)
    assert bench.send(order(order_type=OrderType.MARKET, limit=0, created_at=late), when=late) == ["ok"]
    (first,) = bench.prints(quote(last=101_000, when=at(15), volume=5_000))
    assert first.fill.quantity == 500
    assert bench.account.reserved >= 500 * LIMIT_UP


def test_a_sealed_limit_up_gives_a_buyer_nothing() -> None:
    bench = Bench()
    bench.send(order(limit=110_000))
    assert bench.prints(quote(110_000, volume=10_000_000)) == []


def test_a_print_before_the_order_is_not_for_it() -> None:
    bench = Bench()
    bench.send(order(created_at=at(9, 25)), when=at(9, 20))
    assert bench.prints(quote(volume=10_000_000)) == []


def test_partial_fills_take_a_tenth_of_the_volume_and_pay_the_minimum_commission_once() -> None:
    bench = Bench()
    bench.send(order(quantity=1_000))
    parts = [bench.prints(quote(when=at(10, minute), volume=4_000))[0] for minute in (0, 5, 10)]
    assert [part.fill.quantity for part in parts] == [400, 400, 200]
    assert [part.status for part in parts] == [OrderStatus.PARTIALLY_FILLED] * 2 + [OrderStatus.FILLED]
    assert sum(part.fill.fees.commission for part in parts) == 50_000, "five yuan, not fifteen"
    assert bench.account.reserved == 0


def test_what_is_left_at_the_close_expires_and_frees_its_cash() -> None:
    bench = Bench()
    bench.send(order())
    assert bench.account.reserved > 0
    assert [record.code for record in bench.take(bench.broker.expire()) if isinstance(record, OrderMoved)] == ["SESSION_END"]
    assert (bench.account.reserved, bench.account.cash) == (0, CASH)


def test_a_withdrawn_order_is_gone_and_a_second_withdrawal_does_nothing() -> None:
    bench = Bench()
    bench.send(order())
    assert len(bench.take(bench.broker.cancel("o1", "PERSON"))) == 1
    assert bench.take(bench.broker.cancel("o1", "PERSON")) == ()


def test_bought_today_is_sold_tomorrow() -> None:
    bench = Bench().holding(1_000)
    assert bench.send(order("s", Side.SELL)) == ["QUANTITY_OVER_SELLABLE"]
    bench.broker.see([quote(when=at(9, 15, NEXT))])
    tomorrow = {"trading_day": NEXT, "created_at": at(9, 20, NEXT)}
    assert bench.send(order("t", Side.SELL, **tomorrow), when=at(9, 20, NEXT)) == ["ok"]
    assert bench.send(order("u", Side.SELL, 100, **tomorrow), when=at(9, 20, NEXT)) == ["QUANTITY_OVER_SELLABLE"]


def test_a_distribution_reaches_a_holding_with_an_order_in_the_market() -> None:
    bench = Bench().holding(1_000)
    bench.broker.see([quote(when=at(9, 15, NEXT))])
    bench.send(order("t", Side.SELL, 500, trading_day=NEXT, created_at=at(9, 20, NEXT)), when=at(9, 20, NEXT))
    before = bench.account.cash
    bench.take(bench.broker.distribute("d", CorporateAction(SYMBOL, NEXT, cash_e8=E8 // 2, bonus_e8=E8 // 10)))
    assert bench.account.cash - before == 5_000_000
    assert bench.account.positions[SYMBOL].quantity == 1_100
    assert bench.account.pending_sells == {SYMBOL: 500} and bench.account.sellable(SYMBOL, NEXT) == 600
    (sold,) = bench.prints(quote(when=at(9, 25, NEXT), volume=10_000_000))
    assert sold.fill.quantity == 500 and bench.account.positions[SYMBOL].quantity == 600


steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 400), st.integers(900, 1_100)),
        st.tuples(st.just("sell"), st.integers(1, 400), st.integers(900, 1_100)),
        st.tuples(st.just("print"), st.integers(0, 200), st.integers(900, 1_100)),
        st.tuples(st.just("distribute"), st.integers(0, 30), st.integers(0, 500)),
        st.tuples(st.just("night"), st.just(0), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_whatever_happens_the_books_balance_and_can_be_rebuilt(script: list[tuple[str, int, int]]) -> None:
    """`Bench.take` asserts conservation and equality with the fold after every effect."""
    bench, days = Bench(), [date(2024, 3, number) for number in (4, 5, 6, 7, 8)]
    day, minute, actions = 0, 0, 0
    for number, (what, a, b) in enumerate(script):
        minute += 1
        now = at(10, minute, days[day])
        if what in ("buy", "sell"):
            side = Side.BUY if what == "buy" else Side.SELL
            one = order(f"o{number}", side, a * 100, b * 100, trading_day=days[day], created_at=now)
            bench.broker.see([quote(when=now)])
            bench.send(one, when=now)
        elif what == "print":
            bench.prints(quote(b * 100, when=now, volume=a * 1_000))
        elif what == "distribute":
            actions += 1
            bench.take(
                bench.broker.distribute(
                    f"d{actions}", CorporateAction(SYMBOL, days[day], cash_e8=b * E8 // 1_000, bonus_e8=a * E8 // 100)
                )
            )
        elif what == "cancel" and bench.broker.working():
            bench.take(bench.broker.cancel(sorted(bench.broker.working())[a % len(bench.broker.working())], "PERSON"))
        elif what == "night":
            bench.take(bench.broker.expire())
            assert bench.account.reserved == 0 and not bench.account.pending_sells
            day, minute = min(day + 1, len(days) - 1), 0
    assert replace(bench.account, positions={}) == replace(bench.fold.book.account, positions={})
