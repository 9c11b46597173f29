"""Money for models runs out in the middle of the day: the desk steps down its ladder, never overdraws, and may always leave."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.journal import CycleState
from engine.core.order import Side
from engine.engine import Engine
from engine.store import books
from tests.llm.fake_llm_server import Behaviour, FakeServer, Request, serving

BUY = {"intent": "open", "target_weight": 0.2, "confidence": 0.9, "stop_loss": None, "take_profit": None, "reasoning": "buy"}
LIMIT = Decimal("0.25")


def waits(request: Request) -> None:
    """Wants nothing, at a price: half the bytes of the prompt are tokens, and the reply has every token it may have."""
    _reply(request, ())


def buys(request: Request) -> None:
    """Wants the first names on offer, at the same price."""
    _reply(request, ("000338.SZ", "601318.SH", "000778.SZ"))


def _reply(request: Request, names: tuple[str, ...]) -> None:
    text = json.dumps(request.body["messages"])
    offered = [name for name in names if name in text]
    usage = {"prompt_tokens": len(text) // 2, "completion_tokens": 2_048, "total_tokens": len(text) // 2 + 2_048}
    wishes = [{"instrument": name, **BUY, "sources": []} for name in offered]
    request.stream(json.dumps({"decisions": wishes}), usage=usage, size=10_000)


@contextmanager
def priced(budget: dict[str, Any], behaviour: Behaviour = waits, **desk: Any) -> Iterator[tuple[Config, FakeServer]]:
    """A desk whose two models have their prices, answered on loopback."""
    with serving(behaviour) as server:
        places = {"pro": {"input": "3", "output": "12"}, "flash": {"input": "1", "output": "4"}}
        models = {
            name: {"base_url": server.base_url, "model": name, "price": {**price, "currency": "USD"}}
            for name, price in places.items()
        }
        terms = {"models": ["pro"], "schedule": "every 15m in session", "budget": {"currency": "USD", **budget}, **desk}
        yield Config.model_validate({"desk": {"demo": terms}, "model": models}), server


def run(home: Path, terms: Config, *, cycles: int | None = None) -> None:
    engine = Engine(terms, home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        assert engine.wait(timeout_s=120) and not engine.failed
    finally:
        assert engine.stop(10.0)


def told(home: Path) -> dict[str, Any]:
    """Who was asked in each cycle, oldest first, what that cost by day, and what was said of the budget."""
    asked: list[tuple[str, str, str]] = []
    cost: dict[str, Decimal] = defaultdict(Decimal)
    with books(home) as view:
        for cycle in reversed(view.cycles("demo", limit=1_000)):
            for call in view.model_calls(cycle.cycle_id):
                asked.append((cycle.cycle_id, cycle.trading_day.isoformat(), call.asked.model))
                cost[cycle.trading_day.isoformat()] += Decimal(call.replied.cost) if call.replied else 0
        notes = [(note.code, note.params) for note in view.noted("demo", "BUDGET_STEP", "BUDGET_NEAR")]
        alerts = sorted(item.alert.alert_id for item in view.alerts("demo") if item.alert.code.startswith("BUDGET"))
        return {"asked": asked, "cost": dict(cost), "notes": notes, "alerts": alerts, "balances": view.balances("demo")}


DAYS = {"start": "2020-03-04", "end": "2020-03-05"}
LADDER = {"day": LIMIT, "ladder": ["flash", "offline"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("budget")
    with priced(LADDER, replay=DAYS) as (terms, _):
        run(place, terms)
    return place


def test_each_day_begins_at_the_top_and_steps_down_twice(home: Path) -> None:
    asked = told(home)["asked"]
    for _, calls in groupby(asked, key=lambda call: call[1]):
        rungs = [(model, len(list(group))) for model, group in groupby(call[2] for call in calls)]
        assert [model for model, _ in rungs] == ["pro", "flash", "offline"]
        assert all(count >= 2 for _, count in rungs)


def test_no_day_is_ever_overdrawn_and_the_money_is_used(home: Path) -> None:
    cost = told(home)["cost"]
    assert len(cost) == 2 and all(LIMIT * Decimal("0.6") < spent <= LIMIT for spent in cost.values())


def test_every_step_is_noted_and_a_person_hears_of_each_limit_once(home: Path) -> None:
    found = told(home)
    steps = [(dict(params)["from"], dict(params)["to"]) for code, params in found["notes"] if code == "BUDGET_STEP"]
    assert steps == [("pro", "flash"), ("flash", "offline"), ("offline", "pro"), ("pro", "flash"), ("flash", "offline")]
    days = ("day:2020-03-04", "day:2020-03-05")
    expected = [f"demo:BUDGET_STEP:{day}:{rung}" for day in days for rung in (1, 2)]
    near = [dict(params)["until"] for code, params in found["notes"] if code == "BUDGET_NEAR"]
    assert found["alerts"] == sorted(expected + [f"demo:BUDGET_NEAR:{day}" for day in near])
    assert len(near) == len(set(near))


@pytest.mark.parametrize("after", [4, 9])
def test_a_restart_in_the_middle_of_the_day_finds_the_desk_on_its_rung(home: Path, tmp_path: Path, after: int) -> None:
    with priced(LADDER, replay=DAYS) as (terms, _):
        run(tmp_path, terms, cycles=after)
        run(tmp_path, terms)
    assert told(tmp_path) == told(home)


def test_with_no_money_left_nothing_is_entered_and_what_must_leave_leaves(tmp_path: Path) -> None:
    month = {"month": "0.30", "ladder": ["none"]}
    march = {"start": "2020-03-02", "end": "2020-03-20"}
    with priced(month, buys, schedule="at 09:20", replay=march, risk={"stop_loss": "0.03"}) as (terms, server):
        run(tmp_path, terms)
        calls = len(server.requests)
    with books(tmp_path) as view:
        cycles = [item for item in reversed(view.cycles("demo", limit=100)) if item.trigger == "schedule"]
        silent = [item for item in cycles if not view.model_calls(item.cycle_id)]
        assert 1 <= calls == len(cycles) - len(silent) and len(silent) >= 5
        assert {item.state for item in silent} == {CycleState.COMPLETED} and silent == cycles[calls:]
        first = silent[0].slot
        later = [fill.side for fill in view.fills("demo") if fill.at > first]
        assert Side.SELL in later, "a stop needs no model"
        bought = [item.order for item in view.orders("demo") if item.order.side is Side.BUY and item.order.created_at >= first]
        assert bought == []
        assert view.trading_state("demo").state.value == "ACTIVE"


def test_what_has_no_price_is_asked_or_not_as_configured(tmp_path: Path) -> None:
    for unknown, asked in (("allow", {"bare"}), ("deny", {"offline"})):
        with priced({"day": "1", "ladder": ["offline"], "unknown": unknown}, replay=DAYS) as (terms, server):
            bare = {"base_url": server.base_url, "model": "bare"}
            demo = terms.desk["demo"].model_copy(update={"models": ("bare",), "schedule": "at 09:20"})
            run(tmp_path / unknown, Config.model_validate({"desk": {"demo": demo.model_dump()}, "model": {"bare": bare}}))
        assert {model for _, _, model in told(tmp_path / unknown)["asked"]} == asked
