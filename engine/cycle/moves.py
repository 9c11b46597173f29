"""How names have moved, read from a snapshot's daily bars as exact integers: adjusted daily returns and average true ranges.

bars (adjusted by factor) ──► closes by session, gaps carried forward ──► returns in ppm, the same sessions for every name
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from engine.core.units import PPM
from engine.store.snapshot import Snapshot
from engine.store.stretches import Spans, cells, spans

SESSIONS = 60
RANGE_SESSIONS = 14


def daily_returns(snapshot: Snapshot, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Returns in ppm over the last 60 sessions of the snapshot, oldest first; a name without a bar in each half has no entry.

    A session in which a name did not trade is a return of 0, its next print carries the whole move.
    """
    daily = spans(snapshot.stretches, "1d", names)
    days, closes, factors = (_of_each(snapshot, daily, column) for column in ("trading_day", "close", "factor_ppm"))
    sessions = sorted({day for own in days for day in own})[-SESSIONS - 1 :]
    if len(sessions) < 2:
        return {}
    place, half = {day: index for index, day in enumerate(sessions)}, len(sessions) // 2
    found = {}
    for symbol, *columns in zip(daily.symbols, days, closes, factors, strict=True):
        prices = [0] * len(sessions)
        for day, close, factor in zip(*columns, strict=True):
            if day in place:
                prices[place[day]] = close * factor
        if any(prices[:half]) and any(prices[half:]):
            found[symbol] = _returns(prices)
    return found


def _returns(prices: list[int]) -> tuple[int, ...]:
    found, last = [], 0
    for price in prices:
        found.append((price - last) * PPM // last if price and last else 0)
        last = price or last
    return tuple(found[1:])


def average_ranges(snapshot: Snapshot, names: Collection[str]) -> dict[str, int]:
    """The mean true range of the last 14 daily bars of each name, in price units; a name with fewer bars has no entry."""
    daily = spans(snapshot.stretches, "1d", names)
    columns = (_of_each(snapshot, daily, column, RANGE_SESSIONS) for column in ("high", "low", "pre_close"))
    true = {
        symbol: [max(high, reference) - min(low, reference) for high, low, reference in zip(*own, strict=True)]
        for symbol, *own in zip(daily.symbols, *columns, strict=True)
    }
    return {symbol: sum(moves) // RANGE_SESSIONS for symbol, moves in true.items() if len(moves) == RANGE_SESSIONS}


def _of_each(snapshot: Snapshot, daily: Spans, column: str, most: int = 0) -> list[list[Any]]:
    """A column of each name's daily bars, oldest first, as exact Python integers or days; of each the newest `most`, 0 for all."""
    values = cells(snapshot.bars, column)
    begins = np.maximum(daily.starts, daily.ends - most) if most else daily.starts
    return [values[start:end].tolist() for start, end in zip(begins.tolist(), daily.ends.tolist(), strict=True)]
