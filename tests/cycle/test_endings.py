"""Every cycle reaches an ending with a reason: a fault at any step fails it, leaves no order open and no cash reserved."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.core.journal import ENDINGS, CycleState
from engine.core.order import OrderStatus
from engine.cycle.cycle import _Running
from engine.store import books
from engine.store.check import check
from tests.engine.desk_harness import carry, desk_at, mandate

START, END = date(2020, 2, 4), date(2020, 2, 5)
TERMS = mandate(strategy="baseline")


@pytest.mark.parametrize("step", ["fetch", "analyze", "decide", "rule", "execute", "settle"])
def test_a_fault_in_a_step_fails_that_cycle_and_the_next_one_runs(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(_Running, step)

    def once(self: Any, *arguments: Any, **named: Any) -> Any:
        if self.scene.trading_day == START:
            raise RuntimeError("a fault \x1b[31m of ours")
        return whole(self, *arguments, **named)

    monkeypatch.setattr(_Running, step, once)
    with desk_at(tmp_path, TERMS, start=START, end=END) as desk:
        carry(desk)
    with books(tmp_path) as view:
        second, first = view.cycles("demo")
        assert first.state is CycleState.FAILED
        assert "RuntimeError: a fault" in first.reason and "\x1b" not in first.reason
        assert second.state is CycleState.COMPLETED
        assert not [order for order in view.orders("demo") if order.status is OrderStatus.INITIALIZED]
        assert view.account("demo").reserved == 0
    assert [finding for finding in check(tmp_path) if not finding.ok] == []


def test_the_way_of_an_ordinary_cycle(tmp_path: Path) -> None:
    with desk_at(tmp_path, TERMS, start=START, end=START) as desk:
        carry(desk)
    with books(tmp_path) as view:
        history = view.cycle(view.cycles("demo")[0].cycle_id)
    assert history is not None
    way = ["RECONCILING", "FETCHING", "ANALYZING", "DECIDING", "RISK", "EXECUTING", "SETTLING", "COMPLETED"]
    assert [step.state.value for step in history.steps if step.state is not CycleState.IDLE] == way


@pytest.mark.parametrize("moment", [(3, 30), (4, 59), (7, 0), (0, 0)])
def test_no_cycle_in_the_lunch_break_or_after_the_close(tmp_path: Path, moment: tuple[int, int]) -> None:
    with desk_at(tmp_path, TERMS, start=START, end=START) as desk:
        carry(desk, steps=1)
        ending = desk.run(datetime(2020, 2, 4, *moment, tzinfo=UTC), "manual")
    assert ending is CycleState.SKIPPED and ending in ENDINGS
    with books(tmp_path) as view:
        assert view.cycles("demo")[0].reason == "SESSION_CLOSED"
