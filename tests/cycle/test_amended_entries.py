"""An order that a person made smaller is one entry and one order, not two."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from engine.core.bookkeeping import OrderCreated, OrderMoved
from engine.core.ids import order_id
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.past import Past

AT = datetime(2020, 4, 22, 1, 20, tzinfo=UTC)


def order(attempt: int, quantity: int, name: str = "600519.SH") -> OrderCreated:
    cycle = "demo:ashare:20200422:20200422T012000Z"
    created = Order(
        order_id=order_id(cycle, f"{name}:buy", attempt),
        desk="demo",
        cycle_id=cycle,
        instrument=name,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=quantity,
        limit_price=1_000_000,
        trading_day=date(2020, 4, 22),
        created_at=AT,
    )
    return OrderCreated(created, 1)


def test_the_smaller_order_takes_the_place_of_the_one_it_was_made_from() -> None:
    first, smaller = order(0, 500), order(1, 300)
    past = Past("demo").after(first)
    past = past.after(OrderMoved(first.order.order_id, "demo", OrderStatus.DENIED, "CONFIRM_AMENDED")).after(smaller)
    assert past.entries == 1 and past.ordered_at == (AT,)


def test_two_names_are_two_entries_and_so_is_the_same_name_in_another_cycle() -> None:
    past = Past("demo").after(order(0, 500)).after(order(0, 500, "000001.SZ"))
    again = replace(order(0, 500).order, cycle_id="c2", order_id=order_id("c2", "600519.SH:buy", 0))
    assert past.entries == 2 and past.after(OrderCreated(again, 1)).entries == 3
