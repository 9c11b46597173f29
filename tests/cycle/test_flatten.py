"""`flatten`: everything that may be sold is sold by one cycle that asks no model; what may not is in its verdicts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from engine.core.journal import CycleState
from engine.core.order import Side
from engine.exchange import Phase
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate


def test_what_may_be_sold_is_sold_and_the_rest_says_why(tmp_path: Path) -> None:
    terms = mandate(strategy="baseline", models=[], risk={"stop_loss": 0})
    with desk_at(tmp_path, terms, start=date(2020, 2, 10), end=date(2020, 2, 20)) as desk:
        while not desk.broker.account().positions or desk.calendar.phase(desk.now) is not Phase.CONTINUOUS:
            assert carry(desk, steps=1)
        desk.cancel_orders()
        account = desk.broker.account()
        sellable = {name: account.sellable(name, desk.trading_day) for name in account.positions}
        assert desk.flatten() is CycleState.COMPLETED
        with books(tmp_path) as view:
            (cycle,) = [item for item in view.cycles("demo", limit=1_000) if item.trigger == "flatten"]
            orders = [item.order for item in view.orders_of(cycle.cycle_id)]
            ruled = view.verdicts(cycle.cycle_id)
        assert not view_calls(tmp_path, cycle.cycle_id)
        assert {order.instrument: order.quantity for order in orders} == {name: held for name, held in sellable.items() if held}
        assert all(order.side is Side.SELL for order in orders)
        assert ruled is not None
        kept = {verdict.instrument: verdict.code for verdict in ruled.verdicts if verdict.result != "ALLOW"}
        assert kept == {name: "SHAPE_T1" for name, held in sellable.items() if not held}


def view_calls(home: Path, cycle_id: str) -> int:
    with books(home) as view:
        return len(view.model_calls(cycle_id))
