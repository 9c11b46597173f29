"""Measure the path from the store to the candidates: `python tests/benchmarks/bench_data.py`; medians on this machine.

Small is the demo (8 shares × 120 sessions), large the whole market (5,500 × 250, synthetic figures, real shapes).
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

from engine.analysis import features, screen
from engine.core.instrument import Board, Instrument
from engine.core.market import Quote
from engine.core.units import Market
from engine.feeds import ReplayTape
from engine.store import snapshot as snapshots
from engine.store.bars import DIVIDEND_SCHEMA, INSTRUMENT_SCHEMA, BarStore
from engine.store.sample import sample_dir
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

TODAY = date(2020, 6, 16)


def measure(name: str, work: Callable[[], object], *, times: int) -> None:
    """Print the median and the best of `times` runs, in milliseconds."""
    work()
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        taken.append((time.perf_counter() - before) * 1e3)
    print(f"{name:<52} {statistics.median(taken):9.2f} ms   best {min(taken):9.2f} ms")


def whole_market(shares: int, sessions: int) -> BarStore:
    """A store of `shares` × `sessions` random bars."""
    chance = np.random.default_rng(1)
    symbols = [f"{600_000 + place:06d}.SH" for place in range(shares)]
    days = pl.date_range(TODAY - timedelta(days=sessions - 1), TODAY, eager=True)
    rows = pl.DataFrame({"symbol": symbols}).join(pl.DataFrame({"trading_day": days}), how="cross")
    close = chance.integers(10_000, 1_000_000, rows.height) // 100 * 100
    at = pl.col("trading_day").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    bars = rows.with_columns(
        interval=pl.lit("1d"),
        start=at + pl.duration(hours=1),
        known_at=at + pl.duration(hours=7),
        **{name: pl.Series(close) for name in ("open", "high", "low", "close", "pre_close")},
        volume=pl.Series(chance.integers(1, 10**8, rows.height)),
        amount=pl.Series(chance.integers(1, 10**13, rows.height)),
        factor_ppm=pl.lit(1_000_000),
    )
    empty = {"minutes": pl.DataFrame(schema=BAR_SCHEMA), "dividends": pl.DataFrame(schema=DIVIDEND_SCHEMA)}
    return BarStore(daily=bars, **empty, instruments=pl.DataFrame(schema=INSTRUMENT_SCHEMA))


def picture(store: BarStore, symbols: list[str], sessions: int) -> Snapshot:
    """The last `sessions` of a store as a snapshot, with a quote for each symbol."""
    now = datetime(TODAY.year, TODAY.month, TODAY.day, 8, tzinfo=UTC)
    shares = [Instrument(symbol, Market.ASHARE, Board.MAIN_SH, "浦发银行", list_date=date(2000, 1, 4)) for symbol in symbols]
    numbers = {"last": 100_000, "pre_close": 100_000, "open": 100_000, "high": 100_000, "low": 100_000, "volume": 1, "amount": 1}
    quotes = [Quote(symbol=one, name="", trading_day=TODAY, known_at=now, source="bench", **numbers) for one in symbols]
    bars = store.as_of(now).daily(symbols, sessions)
    facts = {"as_of": now, "market": Market.ASHARE, "trading_day": TODAY, "source": "bench"}
    return freeze(**facts, instruments=shares, quotes=quotes, bars=bars)


def main() -> None:
    """All figures."""
    store = BarStore.load(sample_dir())
    tape = ReplayTape(store)
    names = [item.symbol for item in tape.instruments()]
    at = datetime(2020, 6, 15, 2, tzinfo=UTC)
    measure("sample: load the store", lambda: BarStore.load(sample_dir()), times=10)
    measure("sample: replay 109 sessions", lambda: ReplayTape(store).advance(datetime(2021, 1, 1, tzinfo=UTC)), times=5)
    measure("sample: snapshot of 8 names, 120 sessions", lambda: tape.snapshot(at, names, history_days=120), times=50)
    compare(tape.snapshot(at, names, history_days=120), "small", times=50)
    large = whole_market(5_500, 250)
    symbols = [f"{600_000 + place:06d}.SH" for place in range(5_500)]
    now = datetime(2020, 6, 16, 8, tzinfo=UTC)
    measure("large: read 250 sessions × 5,500 as of a date", lambda: large.as_of(now).daily(symbols, 250), times=5)
    compare(picture(large, symbols, 250), "large", times=3)


def compare(taken: Snapshot, size: str, *, times: int) -> None:
    """Freeze, hash, write, read, compute and screen one snapshot."""
    facts = {name: getattr(taken, name) for name in ("as_of", "market", "trading_day", "source", "instruments", "quotes", "bars")}
    figures = features(taken)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        fresh = iter(Path(scratch) / str(number) for number in range(10_000))
        measure(f"{size}: freeze", lambda: freeze(**facts), times=times)
        measure(f"{size}: hash", lambda: snapshots.content_hash(taken), times=times)
        measure(f"{size}: freeze, hash, write durably", lambda: snapshots.write(freeze(**facts), next(fresh)), times=times)
        name = snapshots.write(taken, Path(scratch))
        measure(f"{size}: read and verify", lambda: snapshots.read(Path(scratch), name), times=times)
    measure(f"{size}: features", lambda: features(taken), times=times)
    measure(f"{size}: screen", lambda: screen(taken, figures, top=50, by="amount"), times=times)


if __name__ == "__main__":
    main()
