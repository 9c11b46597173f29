"""Measure a whole market from quotes to candidates: `python tests/benchmarks/bench_screen.py [NAMES]`; medians on this machine.

The market is the simulated one (5,500 names × 250 sessions); processor time stands beside the clock, as machines are shared.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.analysis import Filters, features, screen_market, screen_quotes
from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.instrument import Board
from engine.core.units import Market
from engine.cycle.scope import market_seen
from engine.cycle.steps import analyze
from engine.exchange import calendar, new_account
from engine.feeds.sim import SimTape
from engine.feeds.source import QUOTE_TABLE
from engine.store import snapshot as snapshots

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 2, 2, tzinfo=UTC)
STRICT = Filters(locked=False, listed_sessions=60, lowest_price=20_000, boards=frozenset(Board), industries=frozenset())


def measure(name: str, work: Callable[[], object], *, times: int = 7) -> None:
    """Print the median and the best of `times` runs in milliseconds, and the median of the processor's."""
    work()
    taken, spent = [], []
    for _ in range(times):
        before, busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - before) * 1e3)
        spent.append((time.process_time() - busy) * 1e3)
    print(f"{name:<58} {statistics.median(taken):9.2f} ms  best {min(taken):9.2f} ms  cpu {statistics.median(spent):9.2f} ms")


def quotes_table(taken: snapshots.Snapshot) -> pl.DataFrame:
    """The snapshot's quotes as a feed would have brought them."""
    listed = {item.symbol: item for item in taken.instruments}
    names = [name for name in QUOTE_TABLE if name not in ("industry", "float_cap", "list_date")]
    rows = [
        {name: getattr(quote, name) for name in names}
        | {"industry": listed[quote.symbol].industry, "list_date": listed[quote.symbol].list_date}
        for quote in taken.quotes
    ]
    return pl.DataFrame(rows, schema=QUOTE_TABLE)


def main(size: int) -> None:
    """All figures."""
    tape = SimTape(seed=1, size=size, start=DAY, sessions=1)
    symbols = [item.symbol for item in tape.instruments()]
    table = quotes_table(tape.snapshot(AT, symbols, history_days=1))
    for by in ("amount", "change"):
        measure(
            f"screen {size} quotes by {by}",
            lambda by=by: screen_quotes(table, market=Market.ASHARE, day=DAY, top=50, by=by),
            times=50,
        )
    bare = table.with_columns(limit_up=pl.lit(0, pl.Int64), limit_down=pl.lit(0, pl.Int64))
    for name, quotes in (("published limits", table), ("limits computed", bare)):
        measure(
            f"screen {size} quotes, every filter, {name}",
            lambda quotes=quotes: screen_quotes(quotes, market=Market.ASHARE, day=DAY, top=50, by="amount", filters=STRICT),
            times=50,
        )
    terms = mandate_of("bench", DeskConfig.model_validate({"history_days": 250, "feed": ["sim"]}), "en")
    previous = calendar(Market.ASHARE).previous_session(DAY)
    for name, mandate in (("history of all", replace(terms, by="return_20")), ("screened first", terms)):
        paths(name, tape, symbols, mandate, previous)
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def paths(name: str, tape: SimTape, symbols: list[str], mandate: object, previous: date) -> None:
    """What a cycle does with the market: freeze it, write it, screen it and compute its features."""
    taken = market_seen(tape, AT, symbols, mandate, ())  # type: ignore[arg-type]
    account = new_account("bench", Market.ASHARE, 10_000_000_000)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        fresh = iter(Path(scratch) / str(number) for number in range(1_000))
        measure(f"{name}: snapshot", lambda: market_seen(tape, AT, symbols, mandate, ()), times=3)  # type: ignore[arg-type]
        measure(f"{name}: write {taken.bars.height} bars durably", lambda: snapshots.write(taken, next(fresh)), times=3)
    measure(f"{name}: screen by amount", lambda: screen_market(taken, top=50, by="amount"), times=5)
    measure(f"{name}: features of every name", lambda: features(taken), times=3)
    measure(f"{name}: analyze", lambda: analyze(taken, mandate, account, previous), times=3)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_500)
