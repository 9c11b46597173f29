"""A thread that dies ends the engine where everybody can see it; clocks that jump are noted; a hangup does what the policy says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.journal import CycleState, Noted
from engine.engine import Engine
from engine.store import books
from engine.store.check import check
from tests.cli.console_command import environment, kanpan, started
from tests.faults.broken_life import CANARY
from tests.llm.fake_llm_server import FakeServer, Request, serving

SCRIPT = Path(__file__).with_name("broken_life.py")
REPLY = json.dumps({"decisions": []})


def broken(what: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), what, "--home", str(home), "--no-ui", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60, check=False)


def sound(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok] == []


def hidden(home: Path, shown: str) -> None:
    """The secret of the broken thread is on no screen and in no file."""
    assert CANARY not in shown
    for path in home.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


# Threads -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", ["desk", "desk-exit", "commands", "heartbeat", "heartbeat-exit", "alarm", "writer", "opening", "retention"]
)
def test_a_thread_that_dies_ends_the_engine_with_one_plain_line(what: str, tmp_path: Path) -> None:
    """Speed 600: a healthy engine would go on for minutes."""
    began = time.monotonic()
    ended = broken(what, tmp_path, "--speed", "600")
    assert time.monotonic() - began < 20
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "Error: boom" in ended.stderr or "SystemExit: boom" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    hidden(tmp_path, ended.stdout + ended.stderr)
    sound(tmp_path)
    assert kanpan(tmp_path, "--no-ui", "--cycles", "1").returncode == 0, "and a mended engine goes on from there"
    sound(tmp_path)


def test_a_model_thread_that_dies_costs_its_cycle_and_no_more(tmp_path: Path) -> None:
    ended = broken("panel", tmp_path, "--cycles", "3")
    assert ended.returncode == 0, ended.stderr
    with books(tmp_path) as view:
        cycles = view.cycles("demo")
    assert cycles[-1].state is CycleState.COMPLETED
    assert {cycle.state for cycle in cycles[:2]} <= {CycleState.FAILED, CycleState.ABSTAINED}
    assert all("RuntimeError" in cycle.reason or "error" in cycle.reason for cycle in cycles[:2]), [c.reason for c in cycles]
    hidden(tmp_path, ended.stdout + ended.stderr)


# Clocks ------------------------------------------------------------------------------------------------------------------------


class JumpingClock:
    """The machine's clock, set forward or back by a person."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@pytest.mark.parametrize("minutes", [40, -40])
def test_a_clock_that_jumps_is_noted_with_how_far(minutes: int, tmp_path: Path) -> None:
    """As after a suspend of forty minutes: the wall moved, the monotonic clock did not."""
    clock = JumpingClock()
    desk = DeskConfig(schedule="manual", replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 2, 5), speed=600))
    engine = Engine(Config(desk={"demo": desk}), tmp_path, clock=clock, environ={})
    engine.start()
    try:
        time.sleep(1.3)
        clock.offset = timedelta(minutes=minutes)
        jumps = list[Noted]()
        give_up = time.monotonic() + 10
        while not jumps and time.monotonic() < give_up:
            with books(tmp_path) as view:
                records = [entry.record for entry in view.events_since(0)]
            jumps = [record for record in records if isinstance(record, Noted) and record.code == "CLOCK_JUMP"]
            time.sleep(0.05)
        assert len(jumps) == 1
        assert abs(float(dict(jumps[0].params)["seconds"]) - minutes * 60) < 5
        assert engine.failed == ""
    finally:
        engine.stop(5.0)
    sound(tmp_path)


# Hangups in the middle of a cycle ------------------------------------------------------------------------------------------------


def slow(request: Request) -> None:
    request.hang(1.0)
    request.stream(REPLY)


@contextmanager
def asking(home: Path, server: FakeServer, policy: str) -> Iterator[subprocess.Popen[str]]:
    """An engine whose first model call is under way."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "kanpan.toml").write_text(
        f'on_hangup = "{policy}"\n[desk.demo]\nmodels = ["slow"]\n[model.slow]\nprovider = "compatible"\n'
        f'base_url = "{server.base_url}"\nmodel = "x"\n',
        encoding="utf-8",
    )
    child = started(home, "--no-ui", "--cycles", "2")
    try:
        give_up = time.monotonic() + 20
        while not server.requests and time.monotonic() < give_up:
            time.sleep(0.02)
        assert server.requests, "the model was never asked"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_hangup_in_mid_cycle_stops_in_order_where_the_policy_says_stop(tmp_path: Path) -> None:
    with serving(slow) as server, asking(tmp_path, server, "stop-after-cycle") as child:
        os.kill(child.pid, signal.SIGHUP)
        _, errors = child.communicate(timeout=15)
        assert child.returncode == 128 + signal.SIGHUP
        assert "Traceback" not in errors
        sound(tmp_path)
        asked = len(server.requests)
        with books(tmp_path) as view:
            (first,) = view.cycles("demo")
            assert first.state in {CycleState.COMPLETED, CycleState.ABSTAINED}, "it ended its cycle"
        assert kanpan(tmp_path, "--no-ui", "--cycles", "1").returncode == 0
        with books(tmp_path) as view:
            assert not view.unfinished_cycles("demo")
            assert len(view.cycles("demo")) == 2, "the slot was not run twice"
        assert len(server.requests) == asked + 1


def test_a_hangup_in_mid_cycle_changes_nothing_where_the_policy_says_continue(tmp_path: Path) -> None:
    with serving(slow) as server, asking(tmp_path, server, "continue-headless") as child:
        os.kill(child.pid, signal.SIGHUP)
        _, errors = child.communicate(timeout=30)
        assert child.returncode == 0, errors
    with books(tmp_path) as view:
        assert [cycle.state for cycle in view.cycles("demo")] == [CycleState.COMPLETED] * 2
    sound(tmp_path)
