"""How names have moved, read from a snapshot's daily bars as exact integers: adjusted daily returns and average true ranges.

bars (adjusted by factor) ──► closes by session, gaps carried forward ──► returns in ppm, the same sessions for every name
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl

from engine.core.units import PPM
from engine.store.snapshot import Snapshot

SESSIONS = 60
RANGE_SESSIONS = 14


def daily_returns(snapshot: Snapshot, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Returns in ppm over the last 60 sessions of the snapshot, oldest first; a name without a bar in each half has no entry.

    A session in which a name did not trade is a return of 0, its next print carries the whole move.
    """
    rows = _daily(snapshot, names, "trading_day", "close", "factor_ppm")
    days = sorted({day for _, day, _, _ in rows})[-SESSIONS - 1 :]
    if len(days) < 2:
        return {}
    place = {day: index for index, day in enumerate(days)}
    closes: dict[str, list[int]] = {}
    for symbol, day, close, factor in rows:
        if day in place:
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
    true: dict[str, list[int]] = {}
    for symbol, high, low, reference in _daily(snapshot, names, "high", "low", "pre_close"):
        true.setdefault(symbol, []).append(max(high, reference) - min(low, reference))
    return {
        symbol: sum(moves[-RANGE_SESSIONS:]) // RANGE_SESSIONS for symbol, moves in true.items() if len(moves) >= RANGE_SESSIONS
    }


def _daily(snapshot: Snapshot, names: Collection[str], *columns: str) -> list[tuple[Any, ...]]:
    """(symbol, columns…) of the names' daily bars, by symbol and time; one pass, as each has its price."""
    wanted = (pl.col("interval") == "1d") & pl.col("symbol").is_in(list(names))
    return snapshot.bars.lazy().filter(wanted).select("symbol", *columns).collect().rows()
