"""A halt is for the desk that is named, or for all where none is; a resume lets go of no more than what it names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.engine import Engine
from engine.halting import halt_file, halted, lift
from engine.store import books
from tests.cli.console_command import kanpan

TWO = "[desk.one]\n[desk.two]\n"


def homed(home: Path) -> Path:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "kanpan.toml").write_text(TWO)
    return home


def states(home: Path) -> dict[str, str]:
    with books(home) as view:
        return {desk: view.trading_state(desk).state.value for desk in ("one", "two")}


@contextmanager
def engine_at(home: Path, **more: Any) -> Iterator[Engine]:
    """Two desks at rest: nothing moves but what a person asks for."""
    config = Config.model_validate({"desk": {"one": {"schedule": "manual"}, "two": {"schedule": "manual"}}})
    engine = Engine(config, home, clock=SystemClock(), environ={}, speed=1.0, **more)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop(10.0)


def soon(home: Path, wanted: dict[str, str]) -> None:
    until = time.monotonic() + 20
    while states(home) != wanted and time.monotonic() < until:
        time.sleep(0.02)
    assert states(home) == wanted


def test_a_file_halts_one_desk_or_all(tmp_path: Path) -> None:
    halt_file(tmp_path, "one").touch()
    assert halted(tmp_path, "one") and not halted(tmp_path, "two")
    halt_file(tmp_path).touch()
    assert halted(tmp_path, "one") and halted(tmp_path, "two")


def test_to_lift_one_desk_out_of_a_halt_for_all_leaves_the_others_halted(tmp_path: Path) -> None:
    halt_file(tmp_path).touch()
    lift(tmp_path, "one", ["one", "two", "three"])
    assert [halted(tmp_path, desk) for desk in ("one", "two", "three")] == [False, True, True]
    lift(tmp_path, "two", ["one", "two", "three"])
    assert [halted(tmp_path, desk) for desk in ("one", "two", "three")] == [False, False, True]


def test_a_halt_from_outside_a_running_engine_stops_the_named_desk_alone(tmp_path: Path) -> None:
    home = homed(tmp_path / "h")
    with engine_at(home):
        assert json.loads(kanpan(home, "halt", "two", "--reason", "enough", "--json").stdout) == {
            "command": "halt",
            "desk": "two",
            "outcome": "done",
        }
        soon(home, {"one": "ACTIVE", "two": "HALTED"})
        assert halt_file(home, "two").exists() and not halt_file(home).exists()
        assert kanpan(home, "resume", "two").returncode == 0
        soon(home, {"one": "ACTIVE", "two": "ACTIVE"})
        assert not halt_file(home, "two").exists()


def test_a_file_made_by_hand_is_written_down_for_its_desk_alone(tmp_path: Path) -> None:
    home = homed(tmp_path / "h")
    with engine_at(home):
        halt_file(home, "one").touch()
        soon(home, {"one": "HALTED", "two": "ACTIVE"})


def test_without_a_name_all_are_halted_and_all_resumed(tmp_path: Path) -> None:
    home = homed(tmp_path / "h")
    with engine_at(home):
        answers = json.loads(kanpan(home, "halt", "--json").stdout)
        assert [(item["desk"], item["outcome"]) for item in answers] == [("one", "done"), ("two", "done")]
        soon(home, {"one": "HALTED", "two": "HALTED"})
        assert kanpan(home, "resume", "one").returncode == 0
        soon(home, {"one": "ACTIVE", "two": "HALTED"})
        assert halted(home, "two") and not halted(home, "one")
        assert kanpan(home, "resume").returncode == 0
        soon(home, {"one": "ACTIVE", "two": "ACTIVE"})
        assert not list(home.glob("HALT*"))


@pytest.mark.parametrize("verb", ["halt", "resume"])
def test_where_no_engine_runs_the_ledger_is_told_the_same(tmp_path: Path, verb: str) -> None:
    home = homed(tmp_path / "h")
    assert kanpan(home, "halt", "two").returncode == 0
    assert states(home) == {"one": "ACTIVE", "two": "HALTED"} and not halted(home, "one")
    assert kanpan(home, verb).returncode == 0
    assert set(states(home).values()) == {"HALTED" if verb == "halt" else "ACTIVE"}
    assert halted(home, "one") is (verb == "halt")
