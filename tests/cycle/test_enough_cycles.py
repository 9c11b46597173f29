"""A run of so many cycles ends once their orders are done, though more slots become due before that."""

from __future__ import annotations

from pathlib import Path

from engine.config import Config
from engine.core.clock import SystemClock
from engine.engine import Engine
from engine.store import books


def test_a_slot_that_becomes_due_after_the_last_cycle_is_not_waited_for(tmp_path: Path) -> None:
    replay = {"start": "2020-03-04", "end": "2020-03-05"}
    terms = Config.model_validate({"desk": {"demo": {"schedule": "every 15m in session", "replay": replay}}})
    engine = Engine(terms, tmp_path, clock=SystemClock(), environ={}, speed=0.0, cycles=1)
    engine.start()
    try:
        assert engine.wait(timeout_s=60), "the slot after the last cycle stands in the way of the tape"
    finally:
        engine.stop(10.0)
    with books(tmp_path) as view:
        assert view.orders("demo") and not view.open_orders("demo")
        assert len([item for item in view.cycles("demo") if item.trigger == "schedule"]) == 1
