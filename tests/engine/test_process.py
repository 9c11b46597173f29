"""The engine as a process among others: killed, started twice, commanded from outside, on a full or forbidden disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.core.journal import CycleState
from engine.store import books
from engine.store.check import check
from tests.cli.console_command import kanpan, one_line, started
from tests.faults.kill_engine import judge, kill_until

SLOW = ("--no-ui", "--json", "--speed", "3600")
"""A session in five seconds."""


def sound(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok] == []


@contextmanager
def under_way(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """An engine in its own process, past its first event; stopped at the end."""
    child = started(home, *(arguments or SLOW))
    assert child.stdout is not None and child.stdout.readline()
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=10)


def until(home: Path, condition: Any, *, timeout_s: float = 20) -> Any:
    """What `condition` of the books came to, once it is true."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        with books(home) as view:
            found = condition(view)
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("did not happen")


# -- kill -9 --------------------------------------------------------------------------------------------------------------------


def test_killed_twelve_times_the_books_are_those_of_a_desk_that_never_died(tmp_path: Path) -> None:
    beside = tmp_path / "whole"
    beside.mkdir(mode=0o700)
    toll = judge(tmp_path / "killed", kill_until(tmp_path / "killed", kills=12, seed=7, longest_s=0.4), beside)
    assert toll.kills == 12 and toll.orders > 5, toll


# -- two processes ----------------------------------------------------------------------------------------------------------------


def test_a_second_engine_is_refused_within_a_second_of_starting_and_names_the_first(tmp_path: Path) -> None:
    with under_way(tmp_path) as first:
        result = kanpan(tmp_path, "--no-ui", "--cycles", "1")
        assert result.returncode == 4
        line = one_line(result)
        assert f"PID {first.pid}" in line and str(tmp_path) in line
        assert kanpan(tmp_path, "orders", "--json").returncode == 0
    assert kanpan(tmp_path, "--no-ui", "--cycles", "1").returncode == 0


def test_a_killed_engine_lets_the_next_one_in(tmp_path: Path) -> None:
    with under_way(tmp_path) as first:
        first.kill()
        first.wait()
        assert kanpan(tmp_path, "--no-ui", "--cycles", "1").returncode == 0
    sound(tmp_path)


# -- commands from another process ------------------------------------------------------------------------------------------------


def test_halt_pause_and_resume_reach_a_running_engine(tmp_path: Path) -> None:
    with under_way(tmp_path):
        halted = json.loads(kanpan(tmp_path, "halt", "--reason", "enough", "--json").stdout)
        assert halted["outcome"] == "done" and (tmp_path / "HALT").exists()
        with books(tmp_path) as view:
            assert (view.trading_state("demo").state.value, view.trading_state("demo").reason) == ("HALTED", "enough")
            before = len(view.orders("demo"))
        skipped = until(tmp_path, lambda view: [c for c in view.cycles("demo") if c.state is CycleState.SKIPPED])
        assert skipped[0].reason == "STATE_HALTED"
        with books(tmp_path) as view:
            assert len(view.orders("demo")) == before
        assert kanpan(tmp_path, "resume").returncode == 0
        assert not (tmp_path / "HALT").exists()
        assert kanpan(tmp_path, "pause").returncode == 0
        until(tmp_path, lambda view: view.cycles("demo", limit=1)[0].reason == "PAUSED")
        assert kanpan(tmp_path, "resume").returncode == 0
        until(tmp_path, lambda view: view.cycles("demo", limit=1)[0].state is CycleState.COMPLETED)
    sound(tmp_path)


def test_the_halt_file_alone_stops_every_order(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "HALT").touch()
    assert kanpan(tmp_path, "--no-ui", "--cycles", "2").returncode == 0
    with books(tmp_path) as view:
        assert view.orders("demo") == ()
        assert [item.reason for item in view.cycles("demo")] == ["STATE_HALTED"] * 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (["x1", "dance", "demo", "", "me"], "UNKNOWN_VERB"),
        (["x2", "halt", "ghost", "", "me"], "UNKNOWN_DESK"),
        (["x3", "pause", "demo", "\ud800\x1b[31m", "me"], "done"),
        (["x4", "run", "demo", "", "me"], "done"),
    ],
)
def test_whatever_lies_in_the_inbox_is_answered(tmp_path: Path, content: list[str], code: str) -> None:
    with under_way(tmp_path):
        leave(tmp_path, "a.json", json.dumps(content))
        assert until(tmp_path, lambda view: view.command_outcome(content[0])) == code


def test_rubbish_in_the_inbox_harms_nothing(tmp_path: Path) -> None:
    with under_way(tmp_path):
        for number, text in enumerate(["", "{", "5", '"halt"', "[1, 2]", '{"a": 1}', "[[],[],[],[],[]]", "9" * 20_000]):
            leave(tmp_path, f"{number}.json", text)
        (tmp_path / "inbox" / "8.json").mkdir()
        leave(tmp_path, "9.json", json.dumps(["last", "pause", "demo", "", "me"]))
        assert until(tmp_path, lambda view: view.command_outcome("last")) == "done"
    sound(tmp_path)


def leave(home: Path, name: str, text: str) -> None:
    folder = home / "inbox"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f".{name}").write_text(text, encoding="utf-8")
    (folder / f".{name}").rename(folder / name)


# -- the disk -------------------------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file / "home", file, Path("/proc/kanpan")):
        for arguments in (["--no-ui", "--cycles", "1"], ["halt"], ["cycle"]):
            result = kanpan(home, *arguments)
            assert result.returncode == 1, (home, arguments)
            assert str(home) in one_line(result)


def test_a_read_only_home_is_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert kanpan(home, "--no-ui", "--cycles", "1").returncode == 0
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; the directory that is no directory stands in for it")
    home.chmod(0o500)
    try:
        result = kanpan(home, "--no-ui", "--cycles", "1")
        assert result.returncode == 1
        one_line(result)
    finally:
        home.chmod(0o700)
    sound(home)


def test_a_home_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    result = kanpan(tmp_path, "--no-ui", "--cycles", "1")
    assert result.returncode == 1 and "chmod go-w" in one_line(result)


@pytest.mark.parametrize("kilobytes", [0, 40, 130, 260, 400])
def test_a_full_disk_stops_trading_with_one_line_and_the_ledger_goes_on_later(tmp_path: Path, kilobytes: int) -> None:
    """RLIMIT_FSIZE makes every write beyond a size fail, as a full disk does."""

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    result = kanpan(tmp_path, "--no-ui", "--cycles", "12", preexec_fn=full)
    assert result.returncode == 1, result.stdout
    one_line(result)
    if kilobytes > 200:  # below that the disk was full before the ledger had its first page
        sound(tmp_path)
    again = kanpan(tmp_path, "--no-ui", "--cycles", "2")
    assert again.returncode == 0, again.stderr
    sound(tmp_path)
    with books(tmp_path) as view:
        assert not view.unfinished_cycles("demo")
