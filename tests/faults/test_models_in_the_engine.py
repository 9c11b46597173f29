"""Model servers that hang, drip, reset, throttle and babble, asked by the real engine: every cycle ends in time, with a reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.config import Config, DeskConfig, ModelConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.journal import CycleState
from engine.engine import Engine
from engine.store import books
from engine.store.check import check
from tests.llm.fake_llm_server import Behaviour, drips, fails, hangs, never_ends, one_endless_line, resets, says, serving

DEADLINE_S = 1.5
GRACE_S = 1.0
FAULTS: dict[str, Behaviour] = {
    "hangs": hangs,
    "drips": drips,
    "resets": resets,
    "never ends": never_ends,
    "one endless line": one_endless_line,
    "throttles for a day": fails(429, retry_after="86400"),
    "throttles again and again": fails(429, retry_after="0.05"),
    "500": fails(500),
    "babbles": says("I would buy the first one, about ten percent."),
    "html": lambda request: request.send(200, "<html>gateway</html>", "text/html"),
    "cut off": says('{"decisions": [{"instr'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_cycle_ends_within_its_deadline_with_a_reason_and_the_next_one_runs(fault: str, tmp_path: Path) -> None:
    with serving(FAULTS[fault]) as server:
        desk = DeskConfig(
            models=("m",),
            deadline_s=DEADLINE_S,
            history_days=30,
            replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 2, 7), speed=0),
        )
        model = ModelConfig(provider="compatible", base_url=server.base_url, model="x", timeout_s=1)
        engine = Engine(
            Config(desk={"demo": desk}, model={"m": model}), tmp_path, clock=SystemClock(), environ={}, speed=0.0, cycles=2
        )
        engine.start()
        assert engine.wait(timeout_s=30)
        assert engine.stop(5.0), "a thread is still waiting for the model"
        assert engine.failed == ""
    with books(tmp_path) as view:
        cycles = view.cycles("demo")
        assert len(cycles) == 2
        for cycle in cycles:
            assert cycle.state is CycleState.ABSTAINED
            assert cycle.reason.startswith("m: ") and len(cycle.reason) > len("m: ")
            (history,) = [view.cycle(cycle.cycle_id)]
            assert history is not None
            at = {step.state: step.at for step in history.steps}
            taken_s = (at[CycleState.ABSTAINED] - at[CycleState.DECIDING]).total_seconds()
            assert taken_s <= DEADLINE_S + GRACE_S, f"{taken_s:.2f} s"
            assert all(call.replied is not None for call in view.model_calls(cycle.cycle_id))
        assert view.orders("demo") == ()
    assert [finding for finding in check(tmp_path) if not finding.ok] == []
