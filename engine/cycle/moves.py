"""How names have moved, read from a snapshot's daily bars as exact integers: adjusted daily returns and average true ranges.

bars (adjusted by factor) ──► closes by session, gaps carried forward ──► returns in ppm, the same sessions for every name
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from engine.core.units import PPM
from engine.store.snapshot import Snapshot

SESSIONS = 60
RANGE_SESSIONS = 14


def daily_returns(snapshot: Snapshot, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Returns in ppm over the last 60 sessions of the snapshot, oldest first; a name without a bar in each half has no entry.

    A session in which a name did not trade is a return of 0, its next print carries the whole move.
    """
    daily = snapshot.bars.filter((pl.col("interval") == "1d") & pl.col("symbol").is_in(list(names)))
    days = sorted(set(daily["trading_day"].to_list()))[-SESSIONS - 1 :]
    if len(days) < 2:
        return {}
    place = {day: index for index, day in enumerate(days)}
    closes: dict[str, list[int]] = {}
    columns = daily.filter(pl.col("trading_day") >= days[0]).select("symbol", "trading_day", "close", "factor_ppm")
    for symbol, day, close, factor in columns.iter_rows():
        closes.setdefault(symbol, [0] * len(days))[place[day]] = close * factor
    half = len(days) // 2
    return {symbol: _returns(prices) for symbol, prices in sorted(closes.items()) if any(prices[:half]) and any(prices[half:])}


def _returns(prices: list[int]) -> tuple[int, ...]:
    found, last = [], 0
    for price in prices:
        found.append((price - last) * PPM // last if price and last else 0)
        last = price or last
    return tuple(found[1:])


def average_ranges(snapshot: Snapshot, names: Collection[str]) -> dict[str, int]:
    """The mean true range of the last 14 daily bars of each name, in price units; a name with fewer bars has no entry."""
    daily = snapshot.bars.filter((pl.col("interval") == "1d") & pl.col("symbol").is_in(list(names)))
    true: dict[str, list[int]] = {}
    for symbol, high, low, reference in daily.select("symbol", "high", "low", "pre_close").iter_rows():
        true.setdefault(symbol, []).append(max(high, reference) - min(low, reference))
    return {
        symbol: sum(moves[-RANGE_SESSIONS:]) // RANGE_SESSIONS for symbol, moves in true.items() if len(moves) >= RANGE_SESSIONS
    }
