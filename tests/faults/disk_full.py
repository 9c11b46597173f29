"""Fills the disk under the real engine at many sizes, gives it room again, and holds the books against a run that never lacked any.

Run: python -m tests.faults.disk_full --sizes 100 --seed 1
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import engine.engine
from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.journal import CycleState
from engine.engine import Engine
from engine.store import books
from tests.engine.desk_harness import SparingDesk
from tests.faults.torture import DESKS, WIDE, faults, forked

DESK = 0
SMALLEST, LARGEST = 200 * 1024, 4 * 1024 * 1024
"""From where an empty ledger just fits to where the database has room for nearly all of its cycles."""


def main() -> int:
    """Sweep; 0 when every engine stopped plainly and every ledger went on to the same end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm") if Path("/dev/shm").is_dir() else None)
    options = parser.parse_args()
    chance, found, stopped = random.Random(options.seed), list[str](), 0
    for _ in range(options.sizes):
        size = int(SMALLEST * (LARGEST / SMALLEST) ** chance.random()) & ~0xFFF
        home = Path(tempfile.mkdtemp(prefix="disk-full-", dir=options.directory))
        said, killed, code = forked(without_room(home / "home", size), 60)
        again, killed_again, code_again = forked(with_room(home), 60)
        stopped += "stopped" in said
        problems = [line for line in said + again if line != "stopped"]
        if killed or killed_again or code or code_again:
            problems.append(f"ended with {code}, then {code_again}")
        found += [f"{size} bytes: {problem}" for problem in problems]
        shutil.rmtree(home)
    print(f"{options.sizes} sizes, {stopped} engines ran out of room, {len(found)} faults")
    for fault in found[:20]:
        print(f"  {fault}")
    return 0 if not found and stopped else 1


def without_room(home: Path, size: int) -> Callable[[Callable[[str], None]], None]:
    """An engine none of whose files may grow beyond `size`: it ends HALTED with one line, and the books can be read."""

    def life(tell: Callable[[str], None]) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        running = begun(home)
        if not running.wait(timeout_s=30):
            tell("hung")
        status = running.state.status.view().rows["demo"]
        if not running.stop(10.0):
            tell("a thread did not end")
        if not running.failed:
            return
        tell("stopped")
        if "\n" in running.failed or "ledger" not in running.failed:
            tell(f"not plain: {running.failed}")
        if status.trading_state != "HALTED" or status.halting_reason != running.failed:
            tell(f"the screen said {status.trading_state}: {status.halting_reason}")
        with books(home) as view:
            view.account("demo")

    return life


def with_room(folder: Path) -> Callable[[Callable[[str], None]], None]:
    """The same ledger carried to its end, beside one that always had room and whose cycles failed at the same slots."""

    def life(tell: Callable[[str], None]) -> None:
        for home in (folder / "home", folder / "reference"):
            running = begun(home)
            if not running.wait(timeout_s=30) or not running.stop(10.0) or running.failed:
                tell(f"{home.name} did not go on: {running.failed}")
            with books(home) as view:
                failed = frozenset(item.slot for item in view.cycles("demo", limit=10_000) if item.state is CycleState.FAILED)
            SparingDesk.spared = failed
            engine.engine.Desk = SparingDesk  # type: ignore[attr-defined]
        for fault in faults(folder / "home", folder / "reference"):
            tell(fault)

    return life


def begun(home: Path) -> Engine:
    """The real engine, started."""
    terms = {**DESKS[DESK], "risk": WIDE, "history_days": 30, "replay": ReplayConfig(**DESKS[DESK]["replay"])}
    desk = DeskConfig.model_validate(terms)
    running = Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, speed=0.0)
    running.start()
    return running


if __name__ == "__main__":
    sys.exit(main())
