"""A short life at speed: memory, threads and descriptors stay where they are. The command soaks for as long as it is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.soak import Reading, grown

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_sixteen_simulated_hours_leave_nothing_behind() -> None:
    command = [
        sys.executable,
        "-m",
        "tests.faults.soak",
        "--hours",
        "16",
        "--schedule",
        "every 10m in session",
        "--max-growth-mb",
        "25",
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flat" in done.stdout


def test_growth_would_be_seen() -> None:
    always = frozenset(range(6))
    steady = [Reading(n, 100.0, always, 20) for n in range(9)]
    momentary = [Reading(9, 100.0, always, 20), Reading(10, 104.0, always | {70}, 21), Reading(11, 100.0, always | {71}, 20)]
    assert grown(steady + momentary, 10) == ""
    more = always | {7}
    for name, last in (("memory", (111.0, always, 20)), ("threads", (100.0, more, 20)), ("descriptors", (100.0, always, 21))):
        assert grown(steady + [Reading(n, *last) for n in range(9, 12)], 10).startswith(name)
