"""Lets the real engine live for simulated days at speed, again and again in one process, and watches what it holds on to.

Run: python -m tests.faults.soak --hours 24 [--schedule "every 5m in session"]
Hours are trading hours of the simulated market (four a day). Memory must stay flat once warm, threads and descriptors always.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.engine import Engine
from engine.store import books

HOURS_A_SESSION = 4
PAUSE = 0.04  # seconds; a model call's thread lives less, so no two readings in a row see the same one
BEGIN_S = 2.0  # by then the heartbeat, which beats once a second, has the thread it will keep
FIRST, LAST = date(2020, 2, 4), date(2020, 6, 16)


@dataclass(frozen=True)
class Reading:
    """What the process held at one moment."""

    cycles: int
    rss_mb: float
    threads: frozenset[int]
    descriptors: int


def main() -> int:
    """Soak; 0 when nothing grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--schedule", default="every 5m in session")
    parser.add_argument("--max-growth-mb", type=float, default=10.0)
    options = parser.parse_args()
    began = time.monotonic()
    readings = soak(options.hours, options.schedule)
    for one in readings[:: max(1, len(readings) // 12)]:
        print(f"{one.cycles:7,} cycles  {one.rss_mb:7.1f} MB  {len(one.threads):3} threads  {one.descriptors:3} descriptors")
    faults = grown(readings, options.max_growth_mb)
    print(
        f"{options.hours} simulated hours, {readings[-1].cycles:,} cycles in {time.monotonic() - began:.0f} s; {faults or 'flat'}"
    )
    return 1 if faults else 0


def grown(readings: list[Reading], most_mb: float) -> str:
    """What grew from the second quarter, when all is loaded, to the last; '' for nothing.

    What every reading of a quarter has counts: a model call's thread or a connection that is open at one moment is no leak, one
    that never ends is. Descriptors have no name that is not used again, so the least of a quarter stands for them.
    """
    quarter = max(1, len(readings) // 4)
    warm, late = readings[quarter : 2 * quarter], readings[-quarter:]
    said = []
    before, after = min(one.rss_mb for one in warm), min(one.rss_mb for one in late)
    if after - before > most_mb:
        said.append(f"memory grew from {before:.1f} to {after:.1f} MB")
    lasting = [len(frozenset.intersection(*(one.threads for one in part))) for part in (warm, late)]
    least = [min(one.descriptors for one in part) for part in (warm, late)]
    for name, (first, last) in (("threads", lasting), ("descriptors", least)):
        if last > first:
            said.append(f"{name} grew from {first} to {last}")
    return "; ".join(said)


def soak(hours: int, schedule: str) -> list[Reading]:
    """Run `hours` trading hours of the sample market in one ledger, with a reading at each `PAUSE`."""
    sessions = -(-hours // HOURS_A_SESSION)
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        desk = DeskConfig(schedule=schedule, replay=ReplayConfig(start=FIRST, end=LAST, speed=0))
        engine = Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, speed=0.0)
        engine.start()
        try:
            engine.drained.wait(BEGIN_S)
            closes = 0
            while closes < sessions and not engine.drained.wait(PAUSE):
                with books(home) as view:
                    closes = sum(1 for point in view.equity("demo", limit=5_000) if not point.cycle_id)
                    cycles = view.cycle_count("demo")
                readings.append(reading(cycles))
            if engine.failed:
                raise RuntimeError(engine.failed)
            with books(home) as view:
                readings.append(reading(view.cycle_count("demo")))
        finally:
            engine.stop(10.0)
    return readings


def reading(cycles: int) -> Reading:
    """This process, now; Linux tells it in /proc."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir())) - 1
    threads = frozenset(thread.native_id or 0 for thread in threading.enumerate())
    return Reading(cycles, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, threads, descriptors)


if __name__ == "__main__":
    sys.exit(main())
