"""kill -9 at every ledger write and at random instants: nothing lost, nothing doubled; and an engine that would is found out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
KILLS = 200


def torture(*options: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: it forks, and this one may have threads."""
    command = [sys.executable, "-m", "tests.faults.torture", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=280, check=False)


def test_two_hundred_kills_lose_and_double_nothing() -> None:
    """The whole of 10,000 is the same command with --kills 10000 --min-hit 0.95."""
    done = torture("--kills", str(KILLS), "--jobs", "2", "--seed", "11", "--min-hit", "0.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^kills +{KILLS} in ", done.stdout, re.MULTILINE), "the harness itself stopped killing"
    at_failpoints = int(re.findall(r"at failpoints +(\d+)", done.stdout)[0])
    assert KILLS * 0.3 < at_failpoints < KILLS * 0.7
    for point in ("begin", "journalled", "flushed", "committed", "torn", "anchored"):
        hit = sum(int(times) for times in re.findall(rf" {point} +(\d+)$", done.stdout, re.MULTILINE))
        assert hit > 0, f"no life ended at {point}"


@pytest.mark.parametrize(
    "sabotage", ["projections_in_a_second_transaction", "anchor_before_commit", "orders_forgotten", "tape_repeated"]
)
def test_a_sabotaged_engine_is_caught(sabotage: str) -> None:
    """Two more are known to the command: random_order_ids and asked_again."""
    done = torture("--kills", "120", "--jobs", "1", "--seed", "3", "--sabotage", sabotage)
    assert done.returncode == 1
    assert int(re.findall(r"^violations +(\d+)", done.stdout, re.MULTILINE)[0]) > 0


def test_kills_of_a_desk_of_perpetuals_settle_and_liquidate_once() -> None:
    """The whole is the same command with more kills; each directory's fundings and liquidations equal those of an unbroken run."""
    done = torture("--kills", "24", "--jobs", "2", "--seed", "5", "--perps")
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("FundingSettled", "Liquidated"):
        assert re.search(rf"^  \S*{kind}\S* \w+ +\d+$", done.stdout, re.MULTILINE), f"nothing was written of {kind}"
