"""Whoever is asked, the screen can show what: one prompt put to several models stands beside each reply."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from engine.config import Config, DeskConfig, ModelConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.engine import Engine


def test_every_call_of_a_panel_shows_its_prompt_also_after_a_restart(tmp_path: Path) -> None:
    desk = DeskConfig(models=("offline", "second"), replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 2, 12), speed=0))
    config = Config(desk={"demo": desk}, model={"second": ModelConfig(provider="offline", model="offline")})
    for _ in range(2):
        engine = Engine(config, tmp_path / "home", clock=SystemClock(), environ={}, speed=0.0, cycles=3)
        engine.start()
        assert engine.wait(timeout_s=60)
        rows = list(engine.state.models.view().rows.values())
        assert engine.stop(5.0)
        assert {row.model for row in rows} == {"offline", "second"}
        assert len(rows) >= 6
        assert all(row.prompt and row.reply for row in rows)
