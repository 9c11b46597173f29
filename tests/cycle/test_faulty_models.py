"""Whatever a model's endpoint answers, the cycle ends by itself, refuses the item with a code, and trades nothing for it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.core.clock import SystemClock
from engine.core.journal import CycleState
from engine.llm import ModelSpec, build_model
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate
from tests.llm.fake_llm_server import Behaviour, fails, says, serving

DAY = date(2020, 2, 4)
GOOD = {
    "instrument": "601318.SH", "intent": "open", "target_weight": 0.1, "confidence": 0.6, "stop_loss": None, "take_profit": None,
    "reasoning": "it rises", "sources": [],
}  # fmt: skip


def reply(*items: dict[str, Any]) -> str:
    return json.dumps({"decisions": list(items)})


def day_with(home: Path, *script: Behaviour) -> tuple[Any, Any, Any]:
    """One cycle of a desk that asks a real HTTP server; returns the cycle, its batch and its orders."""
    terms = mandate(models=["m"], deadline_s=40)
    with serving(*script) as server:
        spec = ModelSpec(
            name="m", provider="openai", base_url=server.base_url, model="x", api_key="sk-test", timeout_s=20, price=None,
            extra_body={}, temperature=None, max_tokens=2_000,
        )  # fmt: skip
        model = build_model(spec, SystemClock())
        with desk_at(home, terms, start=DAY, end=DAY, models=(model,)) as desk:
            carry(desk)
    with books(home) as view:
        (cycle,) = view.cycles("demo")
        return cycle, view.decisions(cycle.cycle_id), view.orders("demo")


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"instrument": "600519.SH"}, "UNKNOWN_INSTRUMENT"),
        ({"target_weight": 1.7}, "WEIGHT"),
        ({"confidence": -1}, "CONFIDENCE"),
        ({"intent": "short"}, "INTENT"),
        ({"quantity": 100}, "UNKNOWN_KEY"),
        ({"stop_loss": 80, "take_profit": 70}, "PRICE_ORDER"),
        ({"stop_loss": -3}, "PRICE_RANGE"),
    ],
)
def test_a_bad_item_is_refused_with_a_code_and_the_rest_of_the_batch_stands(
    tmp_path: Path, item: dict[str, Any], code: str
) -> None:
    other = {**GOOD, "instrument": "000001.SZ"}
    cycle, batch, orders = day_with(tmp_path, says(reply(other, {**GOOD, **item})))
    assert cycle.state is CycleState.COMPLETED
    assert [refused.code[: len(code)] for refused in batch.rejected] == [code]
    assert {order.order.instrument for order in orders} == {"000001.SZ"}


@pytest.mark.parametrize(
    "text",
    ["", "no idea", "[]", "null", '{"decisions": 5}', '{"orders": []}', reply(GOOD) * 2, '{"decisions":[{"instrument":"6013'],
    ids=["empty", "prose", "array", "null", "wrong type", "wrong key", "twice", "cut off"],
)
def test_a_reply_that_is_no_decision_trades_nothing(tmp_path: Path, text: str) -> None:
    cycle, _, orders = day_with(tmp_path, says(text, finish="length" if text.endswith("6013") else "stop"))
    assert cycle.state in {CycleState.ABSTAINED, CycleState.COMPLETED} and orders == ()


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    text = reply(GOOD).replace("0.1", "NaN")
    cycle, batch, orders = day_with(tmp_path, says(text))
    assert orders == () and cycle.state in {CycleState.ABSTAINED, CycleState.COMPLETED}
    assert batch is None or batch.decisions == ()


def test_a_fenced_reply_is_read(tmp_path: Path) -> None:
    cycle, batch, orders = day_with(tmp_path, says(f"Here you are:\n```json\n{reply(GOOD)}\n```\n"))
    assert cycle.state is CycleState.COMPLETED and len(batch.decisions) == 1 and len(orders) == 1


def test_a_weight_beyond_the_policy_is_cut_down_by_risk(tmp_path: Path) -> None:
    _, _, orders = day_with(tmp_path, says(reply({**GOOD, "target_weight": 0.95})))
    assert sum(order.order.quantity * order.order.limit_price for order in orders) <= 3_000_000_000


def test_an_endpoint_that_fails_makes_the_desk_abstain(tmp_path: Path) -> None:
    cycle, batch, orders = day_with(tmp_path, fails(401, "bad key sk-test"))
    assert (cycle.state, batch, orders) == (CycleState.ABSTAINED, None, ())
    assert "sk-test" not in cycle.reason
