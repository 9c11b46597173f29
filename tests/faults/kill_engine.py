"""Kills a real headless engine (kill -9) at random moments until its replay is done: nothing lost or doubled, cash to the unit.

    python tests/faults/kill_engine.py --kills 200 [--seed 1]

Each life of the process is cut after a random time; the last one runs to the end. What the ledger then holds is compared with a
desk that never died, whose cycles fail exactly where a kill failed them.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.building import mandate_of  # noqa: E402
from engine.config import load_config  # noqa: E402
from engine.core.errors import LedgerError  # noqa: E402
from engine.core.journal import CycleState  # noqa: E402
from engine.store import books  # noqa: E402
from engine.store.check import check  # noqa: E402
from tests.engine.desk_harness import carry, desk_at, story  # noqa: E402

START, END = date(2020, 4, 20), date(2020, 6, 5)
CONFIG = f"""
[desk.demo]
schedule = "at 09:20, 10:00, 13:00, 14:50"
[desk.demo.replay]
start = {START}
end = {END}
[desk.demo.risk]
max_drawdown = 1
max_daily_loss = 1
max_sector = 1
"""


@dataclass
class Toll:
    """What the killing came to."""

    kills: int = 0
    lives: int = 0
    failed: frozenset[datetime] = frozenset()
    interrupted: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    fills: int = 0


def kill_until(home: Path, *, kills: int, seed: int, longest_s: float = 0.5) -> Toll:
    """Kill `kills` lives (fewer when the replay ends first: then a fresh stretch is up to the caller), then run to the end."""
    chance = random.Random(seed)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "kanpan.toml").write_text(CONFIG, encoding="utf-8")
    toll = Toll()
    while toll.kills < kills:
        toll.lives += 1
        child = run(home, "--speed", "200000")
        assert child.stdout is not None
        child.stdout.readline()  # alive and at work; what a kill during start-up does is seen by the lives cut shortest
        time.sleep(chance.uniform(0, longest_s))
        if child.poll() is not None:
            break
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        toll.kills += 1
        toll.interrupted[where(home)] += 1
    last = run(home)
    _, errors = last.communicate(timeout=300)
    toll.lives += 1
    assert last.returncode == 0, errors
    return toll


def run(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tui", "--home", str(home), "--no-ui", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("KANPAN_")}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def where(home: Path) -> str:
    """The step that the kill interrupted, or `between` cycles."""
    try:
        with books(home) as view:
            unfinished = view.unfinished_cycles("demo")
    except LedgerError:
        return "before the ledger"
    return str(unfinished[0].state) if unfinished else "between"


def judge(home: Path, toll: Toll, beside: Path) -> Toll:
    """Raises AssertionError unless the books are sound and equal to those of a desk that never died."""
    faults = [finding for finding in check(home) if not finding.ok]
    assert not faults, faults
    with books(home) as view:
        cycles = view.cycles("demo", limit=10_000)
        orders, fills = view.orders("demo", limit=10_000), view.fills("demo", limit=10_000)
        toll.failed = frozenset(item.slot for item in cycles if item.state is CycleState.FAILED)
        assert all(item.reason.startswith("RESTART: ") for item in cycles if item.state is CycleState.FAILED)
        assert not view.unfinished_cycles("demo") and not view.open_orders("demo")
        assert not [slot for slot in toll.failed if any(view.orders_of(item.cycle_id) for item in cycles if item.slot == slot)]
    assert len({item.order.order_id for item in orders}) == len(orders)
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert len({(item.order.cycle_id, item.order.instrument) for item in orders}) == len(orders)
    desk = load_config(home / "kanpan.toml", {}).desk["demo"]
    with desk_at(beside, mandate_of("demo", desk, "en"), start=START, end=END, spared=toll.failed) as whole:
        carry(whole)
    assert story(home) == story(beside)
    toll.orders, toll.fills = len(orders), len(fills)
    return toll


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    done, stretch = 0, 0
    interrupted: Counter[str] = Counter()
    while done < wanted.kills:
        with tempfile.TemporaryDirectory() as folder:
            home, beside = Path(folder) / "killed", Path(folder) / "whole"
            beside.mkdir(mode=0o700)
            seed = wanted.seed * 1_000 + stretch
            toll = judge(home, kill_until(home, kills=wanted.kills - done, seed=seed), beside)
        done, stretch = done + toll.kills, stretch + 1
        interrupted += toll.interrupted
        told = f"{toll.kills} kills, {len(toll.failed)} cycles failed, {toll.orders} orders, {toll.fills} fills"
        print(f"stretch {stretch}: {told}: equal")
        assert toll.kills, "a life ended before it was killed: nothing is being tested"
    print(f"{done} kills, 0 lost, 0 doubled, cash equal; interrupted: {dict(interrupted)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
