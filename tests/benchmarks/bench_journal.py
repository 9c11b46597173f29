"""Measures the journal under the real engine: durable writes and bytes of a cycle, replay, and the restart on a long history.

Run: python tests/benchmarks/bench_journal.py [--history 100000 --keep DIR]
The history is written once to DIR (2.2 GB for 100,000 cycles) and found there again. bench_ledger.py measures the ledger by itself.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "store"), str(PROJECT / "tests" / "benchmarks")]

from bench_ledger import raw_fsync  # noqa: E402
from ledger_stories import CASH, DAY, START, Story, Ticking, cycle_commits, opened  # noqa: E402

from engine.building import mandate_of  # noqa: E402
from engine.config import Config, DeskConfig, ReplayConfig  # noqa: E402
from engine.core import ids  # noqa: E402
from engine.core.clock import SystemClock  # noqa: E402
from engine.core.journal import CycleClaimed, Record  # noqa: E402
from engine.core.order import Order  # noqa: E402
from engine.engine import Engine  # noqa: E402
from engine.replay import Replay  # noqa: E402
from engine.store import Ledger, books, rebuild  # noqa: E402

SYMBOLS = ("601318.SH", "000338.SZ", "000001.SZ")
YEAR_OF_FIVE_MINUTES = 48 * 243
YEAR_ROUND = 288 * 365


class QuickStory(Story):
    """A cycle a second, so that a hundred thousand of them fit into two days of the sample market."""

    def claim(self) -> CycleClaimed:
        """The next cycle's claim."""
        slot = START + timedelta(seconds=self.number)
        self.number += 1
        return CycleClaimed(ids.cycle_id(self.desk, "ashare", DAY, slot), self.desk, "schedule", slot, DAY, "c" * 64)

    def _order(self, *terms: Any) -> Order:
        return replace(super()._order(*terms), created_at=START + timedelta(seconds=self.number))


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        real_cycles(Path(folder) / "home")
    with tempfile.TemporaryDirectory() as folder:
        restart(options.keep or Path(folder) / "long", options.history)


def engine_on(home: Path, schedule: str, first: date, last: date, cycles: int | None = None) -> Engine:
    """The demo desk with another schedule and stretch."""
    desk = DeskConfig(schedule=schedule, replay=ReplayConfig(start=first, end=last, speed=0))
    return Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)


def real_cycles(home: Path) -> None:
    """What the demo's own cycles cost: their writes, their bytes, their replay."""
    taken: dict[str, list[float]] = {}
    write = Ledger.write
    guard = threading.Lock()

    def timed(self: Ledger, records: Any, *, key: str = "", blobs: Any = ()) -> int:
        before = time.perf_counter()
        seq = write(self, records, key=key, blobs=blobs)
        with guard:
            taken.setdefault(key.split("/")[0], []).append((time.perf_counter() - before) * 1_000)
        return seq

    Ledger.write = timed  # type: ignore[method-assign]
    engine = engine_on(home, "every 5m in session", date(2020, 2, 4), date(2020, 2, 7))
    began = time.perf_counter()
    engine.start()
    engine.wait(timeout_s=600)
    seconds = time.perf_counter() - began
    engine.stop(10)
    Ledger.write = write  # type: ignore[method-assign]
    fsync = raw_fsync(home)
    cycles = {name: times for name, times in taken.items() if name.count(":") == 3}
    whole = sorted(sum(times) for times in cycles.values())
    middle, writes = statistics.median(whole), statistics.median(len(times) for times in cycles.values())
    print(f"one raw 4 KB append + fsync            {fsync:9.3f} ms")
    print(f"a cycle's {writes:.0f} durable writes, median    {middle:9.2f} ms   p95 {whole[int(len(whole) * 0.95)]:.2f} ms")
    print(f"ratio to one raw fsync                 {middle / fsync:9.1f}      to as many: {middle / (writes * fsync):.2f}")
    print(f"the engine, whole                      {len(cycles) / seconds:9.1f} cycles/s")
    ledger = sum(path.stat().st_size for path in home.glob("ledger.*"))
    snapshots = sum(path.stat().st_size for path in home.rglob("*.snapshot"))
    each = (ledger + snapshots) / len(cycles)
    print(f"bytes a cycle, in the ledger           {ledger / len(cycles):9,.0f}")
    print(f"bytes a cycle, of its snapshot         {snapshots / len(cycles):9,.0f}")
    print(f"a year each five minutes of sessions   {each * YEAR_OF_FIVE_MINUTES / 1e9:9.2f} GB   ({YEAR_OF_FIVE_MINUTES:,} cycles)")
    print(f"a year each five minutes, round the clock {each * YEAR_ROUND / 1e9:6.2f} GB   ({YEAR_ROUND:,} cycles)")
    began, worked = time.perf_counter(), time.process_time()
    with books(home) as view:
        replay = Replay(
            view, home / "snapshots", "demo", lambda desk, text: mandate_of(desk, DeskConfig.model_validate_json(text), "en")
        )
        results = list(replay.run())
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    assert len(results) == len(cycles) and not any(result.differences for result in results)
    print(f"replay, all equal                      {len(results) / seconds:9.1f} cycles/s")
    print(f"  by processor time                    {len(results) / worked:9.1f} cycles/s")


def restart(home: Path, cycles: int) -> None:
    """The real engine on a ledger of many cycles: from the first instruction to its desk standing ready."""
    if not (home / "ledger.db").exists():
        history(home, cycles)
    with books(home) as view:
        counted, entries = view.cycle_count("demo"), view.head()
    times = []
    for _ in range(4):
        engine = engine_on(home, "manual", date(2020, 3, 2), date(2020, 3, 20), cycles=0)
        before = time.perf_counter()
        engine.start()
        while "demo" not in engine._draining:
            time.sleep(0.001)
        times.append(time.perf_counter() - before)
        assert engine.failed == "", engine.failed
        engine.stop(10)
    first, *later = times  # a generated ledger has no note of its past (cycle/keeping.py): the first start reads all of it
    print(f"restart to ready with {counted:,} cycles   {statistics.median(later):9.2f} s    ({entries:,} entries)")
    print(f"  without the note of its past         {first:9.2f} s")
    before, worked = time.perf_counter(), time.process_time()
    rebuild(home)
    seconds, worked = time.perf_counter() - before, time.process_time() - worked
    print(f"rebuild of every projection            {entries / seconds:9,.0f} entries/s")
    print(f"  by processor time                    {entries / worked:9,.0f} entries/s")


def history(home: Path, cycles: int) -> None:
    """Write a ledger of many cycles, a hundred in a transaction."""
    story = QuickStory(cash=CASH * 1_000_000)
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000_000)])
        for start in range(0, cycles, 100):
            batch: list[Record] = [
                record for _ in range(min(100, cycles - start)) for commit in cycle_commits(story, SYMBOLS) for record in commit
            ]
            ledger.write(batch)


if __name__ == "__main__":
    main()
