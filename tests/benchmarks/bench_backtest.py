"""How fast the past is played.

usage: python -m tests.benchmarks.bench_backtest [--orders 2000]

Prints sessions a second of the desk's own cycle over the sample, the seconds of one acceptance gate of sixty sessions, and fills of
one real day by the broker (order by order) and by columns.
"""

from __future__ import annotations

import argparse
import threading
import time
from datetime import UTC, date, datetime

from engine.backtest import backtest, try_strategy
from engine.backtest.sweep import sweep
from engine.core.strategy import Beside, Needs, Relation, RuleStrategy, text_of
from engine.feeds.replay import ReplayTape
from tests.backtest.test_same_day_both_ways import BUSY, FEES, INTRADAY, by_broker, last_volume, orders_for, prints_of, session
from tests.engine.desk_harness import mandate, store

START, END = date(2020, 2, 4), date(2020, 6, 16)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000)
    orders = parser.parse_args().orders
    tape = ReplayTape(store(), start=START, end=END)
    began = time.perf_counter()
    result = backtest(mandate(strategy="baseline"), tape)
    took = time.perf_counter() - began
    sessions = len(result.closes)
    print(f"backtest: {sessions} sessions, {result.cycles} cycles in {took:.2f} s, {sessions / took:.1f} sessions/s")

    names = tuple(item.symbol for item in tape.instruments())
    rising, falling = Relation("sma_5", Beside.ABOVE, "sma_20"), Relation("sma_5", Beside.BELOW, "sma_20")
    strategy = RuleStrategy("bench", names[:4], Needs.ALL, (rising,), (falling,), 180_000, 30, "")
    snapshot = tape.snapshot(datetime(2020, 5, 13, 1, 20, tzinfo=UTC), names, history_days=120)
    began = time.perf_counter()
    tested = try_strategy(mandate(strategy="rules"), text_of(strategy), snapshot, threading.Event())
    print(f"gate: {tested.sessions} sessions in {time.perf_counter() - began:.2f} s")

    _same_day(orders)


def _same_day(count: int) -> None:
    events, instruments = session(BUSY)
    prints = prints_of(BUSY, INTRADAY)
    orders = orders_for(BUSY, instruments[INTRADAY], prints, seed=1, count=count)
    began = time.perf_counter()
    fills, accepted, broker = by_broker(BUSY, INTRADAY, orders, events, instruments)
    by_one = time.perf_counter() - began
    limits = broker.limits(prints[0][0]) or (0, 0)
    volume = last_volume(BUSY, INTRADAY)
    sweep(instruments[INTRADAY], accepted[:1], prints, limits=limits, last_volume=volume, schedule=FEES)  # numba compiles once
    began = time.perf_counter()
    swept = sweep(instruments[INTRADAY], accepted, prints, limits=limits, last_volume=volume, schedule=FEES)
    by_columns = time.perf_counter() - began
    print(
        f"one day of {INTRADAY}: {len(accepted)} orders, {len(fills)} fills: broker {by_one:.2f} s, columns {by_columns:.3f} s, "
        f"{'the same fills' if swept == fills else 'DIFFERENT FILLS'}"
    )


if __name__ == "__main__":
    main()
