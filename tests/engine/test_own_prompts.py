"""A person's own prompt: in force from the next cycle on, named by its version in the journal, replayed, and missed when gone."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.engine import Engine
from engine.llm import PromptLibrary
from engine.replay import Replay, Replayed
from engine.store import books
from tests.engine.test_past_cycles import recorded_mandate


def ran(home: Path, cycles: int, **changes: object) -> None:
    desk = DeskConfig(replay=ReplayConfig(start=date(2020, 1, 2), end=date(2020, 6, 16), speed=0)).model_copy(update=changes)
    engine = Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, language="en", speed=0.0, cycles=cycles)
    engine.start()
    assert engine.wait(timeout_s=60)
    assert engine.stop(5.0) and engine.failed == ""


def replayed(home: Path, library: PromptLibrary) -> list[Replayed]:
    with books(home) as view:
        return list(Replay(view, home / "snapshots", "demo", recorded_mandate, library.of_version).run())


def test_a_version_put_in_force_is_asked_with_recorded_and_replayed_and_one_that_is_gone_is_said(tmp_path: Path):
    library = PromptLibrary(tmp_path / "prompts")
    ran(tmp_path, 2)
    number = library.save(library.text("ashare-daily", "en", 0).replace("You are the analyst", "You are the careful analyst"))
    library.activate("ashare-daily", "en", number)
    ran(tmp_path, 2)
    with books(tmp_path) as view:
        cycles = list(reversed(view.cycles("demo", limit=100)))
        calls = [call for cycle in cycles for call in view.model_calls(cycle.cycle_id)]
        texts = [view.blob(call.asked.prompt_hash) or "" for call in calls]
    assert [call.asked.prompt_version for call in calls] == ["1", "1", "user-0001", "user-0001"]
    assert ["careful" in text for text in texts] == [False, False, True, True]
    whole = replayed(tmp_path, library)
    assert len(whole) >= 4 and not any(result.differences or result.notes for result in whole)
    shutil.rmtree(tmp_path / "prompts")
    without = replayed(tmp_path, library)
    assert not any(result.differences for result in without)
    noted = [note for result in without for note in result.notes]
    assert len(noted) == 2 and all("ashare-daily.en version 1: FileNotFoundError" in note for note in noted)


def test_a_prompt_that_is_not_there_stops_the_desk_before_it_starts(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"desk.demo.prompt: no prompt template 'nobody-wrote'"):
        ran(tmp_path, 1, prompt="nobody-wrote")
