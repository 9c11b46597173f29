"""Textbook indicators over many shares at once: arrays are shares × sessions, oldest first, NaN where a share has no bar yet.

Every function takes and gives float arrays of that one shape; a value is NaN until its window is full. Formulas and starting
values are those of TA-Lib (averages are seeded with a simple mean), so that figures agree with what traders see elsewhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

YEAR = 252
"""Sessions that make a year of volatility."""


class Macd(NamedTuple):
    """Moving average convergence divergence: the line, its signal and their difference."""

    line: Series
    signal: Series
    histogram: Series


class Bands(NamedTuple):
    """Bollinger bands."""

    upper: Series
    middle: Series
    lower: Series


def sma(values: Series, window: int) -> Series:
    """Simple mean of the last `window` values."""
    out = np.full_like(values, np.nan)
    if values.shape[-1] >= window:
        out[..., window - 1 :] = _windows(values, window).mean(axis=-1)
    return out


def ema(values: Series, window: int) -> Series:
    """Exponential mean, alpha 2 / (window + 1), seeded with the simple mean of the first `window` values."""
    return _smoothed(values, 2 / (window + 1), _first(values) + window - 1, window)


def rsi(closes: Series, window: int) -> Series:
    """Relative strength index of Wilder (1978), 0 to 100; 0 when nothing ever moved, as TA-Lib has it."""
    change = _change(closes)
    seeds = _first(change) + window - 1
    gains = _smoothed(np.where(np.isnan(change), np.nan, np.maximum(change, 0)), 1 / window, seeds, window)
    losses = _smoothed(np.where(np.isnan(change), np.nan, np.maximum(-change, 0)), 1 / window, seeds, window)
    both = gains + losses
    return np.where(both == 0, 0.0, 100 * gains / np.where(both == 0, 1.0, both))


def macd(closes: Series, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """MACD of Appel; both averages start together, when the slow one is full."""
    start = _first(closes) + slow - 1
    line = _smoothed(closes, 2 / (fast + 1), start, fast) - _smoothed(closes, 2 / (slow + 1), start, slow)
    smooth = _smoothed(line, 2 / (signal + 1), start + signal - 1, signal)
    return Macd(line, smooth, line - smooth)


def true_range(high: Series, low: Series, close: Series) -> Series:
    """The day's range including the gap from yesterday's close; NaN on a share's first day."""
    before = shifted(close)
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def atr(high: Series, low: Series, close: Series, window: int) -> Series:
    """Average true range of Wilder (1978)."""
    ranges = true_range(high, low, close)
    return _smoothed(ranges, 1 / window, _first(ranges) + window - 1, window)


def bollinger(closes: Series, window: int = 20, width: float = 2.0) -> Bands:
    """Mean ± `width` population standard deviations of the last `window` closes."""
    middle = sma(closes, window)
    spread = width * deviation(closes, window)
    return Bands(middle + spread, middle, middle - spread)


def deviation(values: Series, window: int) -> Series:
    """Population standard deviation of the last `window` values."""
    out = np.full_like(values, np.nan)
    if values.shape[-1] >= window:
        out[..., window - 1 :] = _windows(values, window).std(axis=-1)
    return out


def volatility(closes: Series, window: int) -> Series:
    """Annualised deviation of the last `window` daily returns, as a fraction."""
    return deviation(change_over(closes, 1), window) * math.sqrt(YEAR)


def change_over(values: Series, sessions: int) -> Series:
    """Change over `sessions`, as a fraction of the older value."""
    out = np.full_like(values, np.nan)
    if values.shape[-1] > sessions:
        out[..., sessions:] = values[..., sessions:] / values[..., :-sessions] - 1
    return out


def highest(values: Series, window: int) -> Series:
    """The largest of the last `window` values."""
    out = np.full_like(values, np.nan)
    if values.shape[-1] >= window:
        out[..., window - 1 :] = _windows(values, window).max(axis=-1)
    return out


def lowest(values: Series, window: int) -> Series:
    """The smallest of the last `window` values."""
    return -highest(-values, window)


def shifted(values: Series) -> Series:
    """Every value one session later: what was known the day before."""
    out = np.full_like(values, np.nan)
    out[..., 1:] = values[..., :-1]
    return out


def _smoothed(values: Series, alpha: float, seeds: Places, window: int) -> Series:
    """y[t] = y[t-1] + alpha (x[t] - y[t-1]) from each row's place in `seeds`, where y is the mean of the last `window` values."""
    rows, length = values.shape
    seeded = np.flatnonzero(seeds < length)
    if not seeded.size:
        return np.full((rows, length), np.nan)
    first = seeds[seeded]
    means = values[seeded[:, None], first[:, None] + np.arange(1 - window, 1)].mean(axis=1)
    return (_row_by_row if rows < FEW else _step_by_step)(values, alpha, seeded, first, means)


FEW = 20
"""Below so many rows a plain loop over floats beats one over short arrays; both round each step alike."""


def _row_by_row(values: Series, alpha: float, seeded: Places, first: Places, means: Series) -> Series:
    level = np.full(values.shape, np.nan)
    for row, start, before in zip(seeded.tolist(), first.tolist(), means.tolist(), strict=True):
        found = [before]
        for value in values[row, start + 1 :].tolist():
            before += alpha * (value - before)
            found.append(before)
        level[row, start:] = found
    return level


def _step_by_step(values: Series, alpha: float, seeded: Places, first: Places, means: Series) -> Series:
    """Time runs along the first axis, so that each step of the loop touches one contiguous row."""
    rows, length = values.shape
    level = np.full((length, rows), np.nan)
    seeds = np.full(rows, length)
    seeds[seeded] = first
    by_time = np.ascontiguousarray(values.T)
    level[first, seeded] = means
    begins = set(first.tolist())
    before = np.full(rows, np.nan)
    for place in range(int(first.min()), length):
        now = level[place]
        start = now.copy() if place in begins else None
        np.subtract(by_time[place], before, out=now)
        now *= alpha
        now += before
        if start is not None:
            np.copyto(now, start, where=seeds == place)
        before = now
    return level.T


def _first(values: Series) -> Places:
    """Each row's first place with a value; the row's length where there is none."""
    known = ~np.isnan(values)
    places: Places = np.where(known.any(axis=-1), known.argmax(axis=-1), values.shape[-1]).astype(np.int64)
    return places


def _change(values: Series) -> Series:
    return values - shifted(values)


def _windows(values: Series, window: int) -> Series:
    return np.lib.stride_tricks.sliding_window_view(values, window, axis=-1)
