"""A fusion desk on the sample market: two questions to two models in every cycle, all in the journal, and a replay to the unit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import Config, DeskConfig, ModelConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.decision import Intent
from engine.cycle import Mandate
from engine.engine import Engine
from engine.replay import Replay
from engine.store import books

DAYS = 20


def recorded_mandate(desk: str, text: str) -> Mandate:
    return mandate_of(desk, DeskConfig.model_validate_json(text), "en")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample carries daily bars of its names only, so both channels read days here."""
    home = tmp_path_factory.mktemp("fusion")
    desk = DeskConfig.model_validate(
        {
            "strategy": "fusion",
            "models": ("offline", "second"),
            "fusion": {"slow": "1d", "fast": "1d", "weights": {"second": 2}},
            "replay": ReplayConfig(start=date(2020, 1, 2), end=date(2020, 6, 16), speed=0),
        }
    )
    config = Config(desk={"demo": desk}, model={"second": ModelConfig(provider="offline", model="offline")})
    engine = Engine(config, home, clock=SystemClock(), environ={}, language="en", speed=0.0, cycles=DAYS)
    engine.start()
    assert engine.wait(timeout_s=120)
    assert engine.stop(5.0)
    assert engine.failed == ""
    return home


def test_every_cycle_puts_both_channels_to_both_models_in_numbered_calls(home: Path):
    with books(home) as view:
        for cycle in view.cycles("demo", limit=100):
            calls = sorted(view.model_calls(cycle.cycle_id), key=lambda call: call.asked.call)
            if cycle.trigger == "protect":
                continue
            assert [(call.asked.call, call.asked.prompt_id, call.asked.model) for call in calls] == [
                (0, "fusion-slow.en", "offline"),
                (1, "fusion-slow.en", "second"),
                (2, "fusion-fast.en", "offline"),
                (3, "fusion-fast.en", "second"),
            ]
            assert all(call.replied is not None and call.replied.outcome == "ok" for call in calls)


def test_it_trades_and_what_it_says_is_borne_out_by_what_it_was_shown(home: Path):
    with books(home) as view:
        made = [view.decisions(cycle.cycle_id) for cycle in view.cycles("demo", limit=100)]
        assert view.fills("demo")
    batches = [batch for batch in made if batch is not None]
    assert {one.intent for batch in batches for one in batch.decisions} >= {Intent.OPEN, Intent.HOLD, Intent.EXIT}
    assert not any(one.unverified for batch in batches for one in batch.decisions)
    assert all(batch.checked for batch in batches if batch.decisions and batch.decisions[0].sources[:1] == ("offline",))


def test_a_replay_comes_to_the_same_decisions_and_orders(home: Path):
    with books(home) as view:
        results = list(Replay(view, home / "snapshots", "demo", recorded_mandate).run())
    assert len(results) >= DAYS
    assert [result for result in results if result.differences] == []
