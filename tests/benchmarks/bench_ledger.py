"""Measures the ledger: a cycle's durable writes against one raw fsync, rebuild speed, and the start of a long-lived ledger.

Run: python tests/benchmarks/bench_ledger.py [--cycles 200] [--history 3000] [--directory DIR]
A history of 100,000 cycles takes some minutes and 2.2 GB in --directory.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "store")]

from ledger_stories import CASH, DESK, Story, Ticking, cycle_commits, opened  # noqa: E402

from engine.core.journal import Record  # noqa: E402
from engine.store import Ledger, check, rebuild  # noqa: E402
from engine.store.connect import DATABASE  # noqa: E402

PROMPT = "股票 | 收盘 | 5日 | 20日 | RSI | 成交额\n" * 60


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--history", type=int, default=3_000)
    parser.add_argument("--directory", type=Path, default=None)
    parser.add_argument("--check", action="store_true", help="also run the whole of doctor's examination")
    options = parser.parse_args()
    print(f"SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        durable_cycle(Path(folder) / "cycle", options.cycles)
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        long_history(Path(folder) / "long", options.history)
        if options.check:
            seconds = timed(lambda: check(Path(folder) / "long"))
            print(f"doctor's examination of that ledger    {seconds:8.2f} s")


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def raw_fsync(folder: Path) -> float:
    """Median milliseconds of appending one page and fsync, in the same directory."""
    descriptor = os.open(folder / "raw", os.O_CREAT | os.O_RDWR, 0o600)
    taken = []
    for n in range(300):
        before = time.perf_counter()
        os.pwrite(descriptor, b"x" * 4096, 4096 * n)
        os.fsync(descriptor)
        taken.append((time.perf_counter() - before) * 1_000)
    os.close(descriptor)
    return statistics.median(taken)


def durable_cycle(home: Path, cycles: int) -> None:
    """Eight commits a cycle, 27 records, one prompt and one reply kept."""
    story = Story(cash=CASH * 1_000)
    whole, single = [], []
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000)])
        fsync = raw_fsync(home)
        for _ in range(cycles):
            total = 0.0
            for n, commit in enumerate(list(cycle_commits(story))):
                texts = [f"{PROMPT}{story.number}"] if n in (3, 4) else []
                before = time.perf_counter()
                ledger.write(commit, blobs=texts)
                single.append((time.perf_counter() - before) * 1_000)
                total += single[-1]
            whole.append(total)
        reads = [timed(lambda: account(ledger)) * 1_000 for _ in range(100)]
    whole.sort()
    middle = statistics.median(whole)
    print(f"one raw 4 KB append + fsync            {fsync:8.3f} ms")
    print(f"one commit, median                     {statistics.median(single):8.3f} ms")
    print(f"a cycle's 8 durable commits, median    {middle:8.2f} ms   p95 {whole[int(cycles * 0.95)]:.2f} ms")
    print(f"ratio to 8 raw fsyncs                  {middle / (8 * fsync):8.2f}     to one: {middle / fsync:.1f}")
    print(f"reading the account (own connection)   {statistics.median(reads):8.2f} ms")


def account(ledger: Ledger) -> None:
    """One account read on a connection of its own."""
    with ledger.reader() as view:
        view.account(DESK)


def long_history(home: Path, cycles: int) -> None:
    """A ledger of many cycles: how fast it rebuilds and how soon it is ready."""
    story = Story(cash=CASH * 1_000_000)
    records = 1
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000_000)])
        for start in range(0, cycles, 100):
            batch: list[Record] = [
                record for _ in range(min(100, cycles - start)) for commit in cycle_commits(story) for record in commit
            ]
            ledger.write(batch)
            records += len(batch)
    size = (home / DATABASE).stat().st_size
    print(f"history of {cycles:,} cycles               {records:8,} entries, {size / 1e6:,.0f} MB, {size / records:.0f} bytes each")
    worked = time.process_time()
    seconds = timed(lambda: rebuild(home))
    worked = time.process_time() - worked
    rates = f"{records / seconds:8,.0f} entries/s ({seconds:.2f} s), {records / worked:,.0f} per second of processor time"
    print(f"rebuild of every projection            {rates}")
    before = time.perf_counter()
    with Ledger.open(home, clock=Ticking()) as ledger:
        opening = time.perf_counter() - before
        with ledger.reader() as view:
            view.unfinished_cycles()
            view.open_orders()
            view.account(DESK)
            view.cycles(DESK, limit=100)
            view.unacknowledged()
            view.pending_commands()
            view.trading_state(DESK)
        ready = time.perf_counter() - before
    print(f"restart: open {opening * 1_000:.1f} ms, ready to trade    {ready * 1_000:8.1f} ms")


if __name__ == "__main__":
    main()
