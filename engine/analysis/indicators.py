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


class Averaged(NamedTuple):
    """What runs over a whole history: exponential means of 12 and 26, MACD of those and 9, RSI and ATR of 14."""

    ema_12: Series
    ema_26: Series
    macd: Macd
    rsi_14: Series
    atr_14: Series


class Average(NamedTuple):
    """A running mean to be taken: y[t] = y[t-1] + alpha (x[t] - y[t-1]) from each row's place in `seeds`, where it is the plain
    mean of the last `window` values."""

    values: Series
    alpha: float
    seeds: Places
    window: int


def sma(values: Series, window: int) -> Series:
    """Simple mean of the last `window` values."""
    out = np.full_like(values, np.nan)
    if values.shape[-1] >= window:
        out[..., window - 1 :] = _windows(values, window).mean(axis=-1)
    return out


def ema(values: Series, window: int) -> Series:
    """Exponential mean, alpha 2 / (window + 1), seeded with the simple mean of the first `window` values."""
    return _smoothed(_exponential(values, window, _first(values)))[0]


def rsi(closes: Series, window: int) -> Series:
    """Relative strength index of Wilder (1978), 0 to 100; 0 when nothing ever moved, as TA-Lib has it."""
    return _strength(*_smoothed(*_gains_and_losses(closes, window)))


def macd(closes: Series, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """MACD of Appel; both averages start together, when the slow one is full."""
    first = _first(closes)
    quick, steady = _smoothed(_exponential(closes, fast, first + slow - fast), _exponential(closes, slow, first))
    return _macd(quick, steady, first + slow - 1, signal)


def averaged(high: Series, low: Series, close: Series) -> Averaged:
    """What `ema`, `macd`, `rsi` and `atr` give, each figure the same to the bit, in one walk over time instead of seven."""
    first = _first(close)
    ema_12, fast, ema_26, gains, losses, ranges = _smoothed(
        _exponential(close, 12, first),
        _exponential(close, 12, first + 26 - 12),
        _exponential(close, 26, first),
        *_gains_and_losses(close, 14),
        _wilder(true_range(high, low, close), 14),
    )
    return Averaged(ema_12, ema_26, _macd(fast, ema_26, first + 26 - 1, 9), _strength(gains, losses), ranges)


def true_range(high: Series, low: Series, close: Series) -> Series:
    """The day's range including the gap from yesterday's close; NaN on a share's first day."""
    before = shifted(close)
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def atr(high: Series, low: Series, close: Series, window: int) -> Series:
    """Average true range of Wilder (1978)."""
    return _smoothed(_wilder(true_range(high, low, close), window))[0]


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


def _exponential(values: Series, window: int, first: Places) -> Average:
    """The mean of alpha 2 / (window + 1), full `window` values after the places `first`, that one counted."""
    return Average(values, 2 / (window + 1), first + window - 1, window)


def _wilder(values: Series, window: int) -> Average:
    """The mean of alpha 1 / window, full when `window` values are there."""
    return Average(values, 1 / window, _first(values) + window - 1, window)


def _gains_and_losses(closes: Series, window: int) -> tuple[Average, Average]:
    change = _change(closes)
    rising = _wilder(np.maximum(change, 0), window)  # what is not known stays so
    return rising, rising._replace(values=np.maximum(-change, 0))


def _strength(gains: Series, losses: Series) -> Series:
    both = gains + losses
    return np.where(both == 0, 0.0, 100 * gains / np.where(both == 0, 1.0, both))


def _macd(fast: Series, slow: Series, start: Places, signal: int) -> Macd:
    line = fast - slow
    (smooth,) = _smoothed(Average(line, 2 / (signal + 1), start + signal - 1, signal))
    return Macd(line, smooth, line - smooth)


FEW = 20
"""Below so many rows a plain loop over floats beats one over short arrays; both round each step alike."""


def _smoothed(*averages: Average) -> list[Series]:
    """Each running mean, all of arrays of one shape."""
    rows, length = averages[0].values.shape
    seeds, means = np.concatenate([one.seeds for one in averages]), np.concatenate([_seed(one) for one in averages])
    alphas = np.repeat([one.alpha for one in averages], rows)
    level = np.empty((length, seeds.size)).T
    for place, one in enumerate(averages):
        level[place * rows : (place + 1) * rows] = one.values
    (_row_by_row if seeds.size < FEW else _step_by_step)(level, alphas, seeds, means)
    return [level[place * rows : (place + 1) * rows] for place in range(len(averages))]


def _seed(average: Average) -> Series:
    """The plain mean that each row starts from."""
    values, seeds, window = average.values, average.seeds, average.window
    means = np.full(seeds.size, np.nan)
    seeded = np.flatnonzero(seeds < values.shape[1])
    if seeded.size:
        means[seeded] = values[seeded[:, None], seeds[seeded, None] + np.arange(1 - window, 1)].mean(axis=1)
    return means


def _row_by_row(level: Series, alphas: Series, seeds: Places, means: Series) -> None:
    """Turn the values in `level` into their means."""
    for row, (alpha, start, before) in enumerate(zip(alphas.tolist(), seeds.tolist(), means.tolist(), strict=True)):
        values = level[row].tolist()
        found = [before]
        for value in values[start + 1 :]:
            before += alpha * (value - before)
            found.append(before)
        level[row, :start] = np.nan
        level[row, start:] = found[: len(values) - start]


def _step_by_step(level: Series, alphas: Series, seeds: Places, means: Series) -> None:
    """Turn the values in `level` into their means; time runs along its first axis in memory, so that a step touches one stretch."""
    begins = set(seeds.tolist())
    before = np.full(seeds.size, np.nan)
    for place, now in enumerate(level.T):
        np.subtract(now, before, now)
        np.multiply(now, alphas, now)
        np.add(now, before, now)
        if place in begins:
            np.copyto(now, means, where=seeds == place)
        before = now


def _first(values: Series) -> Places:
    """Each row's first place with a value; the row's length where there is none."""
    known = ~np.isnan(values)
    places: Places = np.where(known.any(axis=-1), known.argmax(axis=-1), values.shape[-1]).astype(np.int64)
    return places


def _change(values: Series) -> Series:
    return values - shifted(values)


def _windows(values: Series, window: int) -> Series:
    if values.shape[-1] == window:
        return values[..., None, :]
    return np.lib.stride_tricks.sliding_window_view(values, window, axis=-1)
