"""Measure the store at the size of a whole market: `python tests/benchmarks/bench_market_store.py`; elapsed and CPU medians here.

5,500 shares × 250 sessions of synthetic figures in real shapes, on a real disk, files verified and decoded anew at each read.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.core.units import Market
from engine.exchange import calendar
from engine.store.market import SECURITIES, SECURITY_SCHEMA, MarketStore
from engine.store.snapshot import BAR_SCHEMA

SHARES, SESSIONS = 5_500, 250
LAST = date(2024, 12, 19)
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def symbols() -> list[str]:
    """Codes of every board, in the market's own proportions."""
    parts = (("60", 0, 1_700, "SH"), ("688", 0, 600, "SH"), ("00", 0, 1_500, "SZ"), ("300", 0, 999, "SZ"), ("301", 0, 401, "SZ"))
    codes = [
        f"{head}{number:0{6 - len(head)}d}.{suffix}"
        for head, first, count, suffix in parts
        for number in range(first, first + count)
    ]
    return sorted([*codes, *(f"920{number:03d}.BJ" for number in range(SHARES - len(codes)))])


def market(days: list[date]) -> pl.DataFrame:
    """Bars of every share on `days`: a walk of a few ticks a day, each reference price the close before."""
    chance, names = np.random.default_rng(1), symbols()
    steps = chance.integers(-3, 4, (len(names), len(days))) * 100
    close = chance.integers(1_000, 20_000, len(names))[:, None] * 100 + np.cumsum(steps, axis=1)
    before = (close - steps).ravel()
    close = close.ravel()
    rows = pl.DataFrame({"symbol": names}).join(pl.DataFrame({"trading_day": days}), how="cross")
    volume = chance.integers(1, 10**6, rows.height) * 100
    midnight = pl.col("trading_day").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC")
    figures = {"open": before, "high": np.maximum(before, close) + 100, "low": np.minimum(before, close) - 100, "close": close}
    made = rows.with_columns(
        interval=pl.lit("1d"),
        start=midnight + pl.duration(minutes=570),
        known_at=midnight + pl.duration(hours=15),
        **{name: pl.Series(values) for name, values in figures.items()},
        volume=pl.Series(volume),
        amount=pl.Series(volume * close),
        pre_close=pl.Series(before),
        factor_ppm=pl.lit(1_000_000),
    )
    return made.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA)


def measure(name: str, work: Callable[[], object], *, times: int, before: Callable[[], object] = lambda: None) -> None:
    """Print medians of elapsed and CPU time over `times` runs, in milliseconds."""
    elapsed, spent = [], []
    for _ in range(times):
        before()
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        elapsed.append((time.perf_counter() - clock) * 1e3)
        spent.append((time.process_time() - cpu) * 1e3)
    told = f"median {statistics.median(elapsed):7.1f} ms   best {min(elapsed):7.1f} ms"
    told += f"   CPU median {statistics.median(spent):7.1f} ms   best {min(spent):7.1f} ms"
    print(f"{name:<58} {told}")


def main() -> None:
    """Fill a store and measure reading and writing it."""
    days = calendar(Market.ASHARE).sessions(LAST - timedelta(days=500), LAST)[-SESSIONS - 8 :]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        store = MarketStore.open(home, Market.ASHARE)
        listed = [
            {**dict.fromkeys(SECURITY_SCHEMA), "symbol": symbol, "known_at": datetime(2020, 1, 1, tzinfo=UTC)}
            for symbol in symbols()
        ]
        facts = pl.DataFrame([{**row, "listed": True, "source": "bench"} for row in listed], schema=SECURITY_SCHEMA, orient="row")
        store.write_facts(SECURITIES, facts, source="bench", now=NOW)
        everything = market(days)
        first = everything.filter(pl.col("trading_day") <= days[SESSIONS - 1])
        written = store.write_bars(first, "1d", source="bench", now=NOW)
        names, at = symbols(), datetime(2025, 1, 1, tzinfo=UTC)
        size = sum(path.stat().st_size for path in home.rglob("*.bars"))
        print(f"{written.kept:,} bars kept, {written.refused} refused, {size / 1e6:.0f} MB")

        def cold() -> None:
            MarketStore.open(home, Market.ASHARE).as_of(at).daily(names, SESSIONS)

        warm = MarketStore.open(home, Market.ASHARE).as_of(at)
        measure(f"read {SESSIONS} days × {SHARES:,} symbols as of a date, cold", cold, times=9)
        measure(f"read {SESSIONS} days × {SHARES:,} symbols again", lambda: warm.daily(names, SESSIONS), times=9)
        measure(
            "read 20 days × 5,500 symbols, cold", lambda: MarketStore.open(home, Market.ASHARE).as_of(at).daily(names, 20), times=9
        )
        measure(
            "read 250 days × 50 symbols, cold",
            lambda: MarketStore.open(home, Market.ASHARE).as_of(at).daily(names[:50], 250),
            times=9,
        )
        ahead = iter(days[SESSIONS:])
        pending: list[pl.DataFrame] = []
        measure(
            "write one day of the whole market, judged and durable",
            lambda: store.write_bars(pending.pop(), "1d", source="bench", now=NOW),
            times=len(days) - SESSIONS,
            before=lambda: pending.append(everything.filter(pl.col("trading_day") == next(ahead))),
        )


if __name__ == "__main__":
    main()
