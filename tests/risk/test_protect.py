"""Protective exits: each rule leaves exactly at its limit; the desk obeys between cycles, across restarts, under T+1."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.core.ids import order_id
from engine.core.order import Side
from engine.core.past import Holding, Past
from engine.risk import Policy, triggers
from engine.store import books
from tests.engine.desk_harness import WALL, carry, desk_at, mandate, story
from tests.risk.test_rules import DAY, NAMES, holding, view

BANK = "600000.SH"
BOUGHT = 100_000
CALM = Policy()


def out(policy: Policy, price: int, *, high: int = 0, stop: int = 0, target: int = 0, day: date = DAY) -> list[str]:
    held = Holding(date(2026, 2, 27), WALL, {"lot": 1_000}, high, stop, target, 0)
    account = view({BANK: holding(BANK, 1_000, BOUGHT)}).account
    past = Past("demo", holdings={BANK: held})
    return [trigger.rule for trigger in triggers(policy, past, account, {BANK: price}, NAMES, day)]


@pytest.mark.parametrize(
    ("rule", "policy", "facts", "bites", "spares"),
    [
        ("stop_loss", {"stop_loss_ppm": 80_000}, {}, 92_000, 92_100),
        ("stop_loss", {}, {"stop": 95_000}, 95_000, 95_100),
        ("take_profit", {"take_profit_ppm": 150_000}, {}, 115_000, 114_900),
        ("take_profit", {}, {"target": 120_000}, 120_000, 119_900),
        ("trailing", {"trailing_ppm": 100_000}, {"high": 120_000}, 108_000, 108_100),
        ("give_back", {"give_back_ppm": 500_000}, {"high": 120_000}, 110_000, 110_100),
    ],
)
def test_a_protective_rule_leaves_at_its_limit(
    rule: str, policy: dict[str, int], facts: dict[str, int], bites: int, spares: int
) -> None:
    terms = replace(CALM, **policy)
    assert out(terms, bites, **facts) == [rule] and out(terms, spares, **facts) == []
    assert out(CALM, bites, high=facts.get("high", 0)) == []


def test_a_gain_too_small_to_guard_is_not_given_back() -> None:
    assert out(replace(CALM, give_back_ppm=500_000), 100_100, high=104_900) == []
    assert out(replace(CALM, give_back_ppm=500_000), 100_100, high=105_000) == ["give_back"]


def test_time_is_counted_in_sessions_since_the_opening() -> None:
    terms = replace(CALM, time_stop=3)
    assert out(terms, BOUGHT, day=date(2026, 3, 4)) == ["time_stop"] and out(terms, BOUGHT, day=date(2026, 3, 3)) == []


def test_a_name_without_a_price_is_left_alone() -> None:
    assert out(replace(CALM, stop_loss_ppm=80_000), 0) == []


# -- a real desk ------------------------------------------------------------------------------------------------------------------

START, END = date(2020, 2, 20), date(2020, 3, 18)
TIGHT = {"stop_loss": "0.04", "trailing": "0.05", "min_holding": 0, "on_daily_loss": "lock"}


def protected(home: Path, **more: Any) -> Any:
    return desk_at(home, mandate(risk={**TIGHT, **more}), start=START, end=END)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("protected")
    with protected(home) as desk:
        carry(desk)
    return home


def test_the_engine_leaves_between_cycles_with_orders_named_by_their_cycle(run: Path) -> None:
    with books(run) as read:
        own = [cycle for cycle in read.cycles("demo", limit=1_000) if cycle.trigger == "protect"]
        assert own and all(cycle.state == "COMPLETED" for cycle in own)
        sold = [item.order for cycle in own for item in read.orders_of(cycle.cycle_id)]
        assert sold and all(order.side is Side.SELL for order in sold)
        assert all(order.order_id == order_id(order.cycle_id, f"{order.instrument}:sell") for order in sold)
        for cycle in own:
            said, ruled = read.decisions(cycle.cycle_id), read.verdicts(cycle.cycle_id)
            assert said is not None and said.decisions and ruled is not None and ruled.verdicts
            assert not read.model_calls(cycle.cycle_id)


def test_a_stop_that_t_plus_1_holds_back_says_until_when(run: Path) -> None:
    with books(run) as read:
        waits = [alert.alert for alert in read.alerts("demo", limit=1_000) if alert.alert.code == "PROTECT_WAITS"]
    assert waits and all(dict(alert.params)["until"].replace("-", "") > alert.alert_id.rsplit(":", 1)[1] for alert in waits)


def test_a_desk_stopped_every_other_day_protects_as_one_that_ran_through(run: Path, tmp_path: Path) -> None:
    for _ in range(50):
        with protected(tmp_path) as desk:
            if carry(desk, steps=131) < 131:
                break
    through, stopped = story(run), story(tmp_path)
    assert stopped["fills"] == through["fills"] and stopped["cash"] == through["cash"] and stopped["lots"] == through["lots"]
