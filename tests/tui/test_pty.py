"""The console in a real terminal: it restores what it took, ends with the contract's codes, and prints no one's secrets."""

from __future__ import annotations

import signal
import sys

import pytest
from terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
RESTORED = b"\x1b[?1049l"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_stops_the_engine_and_gives_the_terminal_back(number: signal.Signals, code: int) -> None:
    terminal = Terminal("--changes", "100")
    terminal.wait_for("贵州茅台")
    terminal.read(0.3)
    terminal.signal(number)
    assert terminal.end() == code
    assert RESTORED in terminal.written


@pytest.mark.parametrize("controlling", [True, False], ids=["with the hangup signal", "without any signal"])
def test_a_terminal_that_goes_away_ends_the_console(controlling: bool) -> None:
    terminal = Terminal("--changes", "100", controlling=controlling)
    terminal.wait_for("贵州茅台")
    terminal.read(0.3)
    assert terminal.hang_up() == 129


def test_quit_answered_with_y_ends_with_zero() -> None:
    terminal = Terminal("--changes", "100")
    terminal.wait_for("贵州茅台")
    terminal.type("q")
    terminal.wait_for("引擎正在运行")
    terminal.type("y")
    assert terminal.end() == 0
    assert RESTORED in terminal.written


def test_a_crash_prints_lines_without_anyones_values() -> None:
    terminal = Terminal("--crash")
    assert terminal.end() == 1
    after = terminal.written.rpartition(RESTORED)[2]
    assert "账本是安全的".encode() in after
    assert b"RuntimeError" in after
    assert b"sk-secret-value'" not in after
    assert b"locals" not in after


def test_a_confirmation_costs_at_most_a_kilobyte() -> None:
    terminal = Terminal()
    terminal.wait_for("贵州茅台")
    terminal.read(1.0)
    terminal.type("R")
    written = terminal.read(0.6)
    assert "y 运行".encode() in written
    assert len(written) <= 1_024
    terminal.signal(signal.SIGTERM)
    terminal.end()


def test_an_idle_console_writes_nothing() -> None:
    terminal = Terminal()
    terminal.wait_for("贵州茅台")
    terminal.read(1.5)
    assert len(terminal.read(2.0)) <= 100
    terminal.signal(signal.SIGTERM)
    terminal.end()
