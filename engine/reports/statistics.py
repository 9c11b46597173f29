"""How sure one may be: intervals for the mean of daily differences, and what stated confidence was worth. Pure; floats, no money.

paired daily returns ──stationary bootstrap──► mean, 95 % interval     (confidence, came true) ──► Brier score, reliability curve
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from engine.backtest.metrics import sharpe

DRAWS = 4_000
LEVEL = 0.95
FEWEST = 10
"""With fewer sessions than this no interval is given: resampling so few days says more about the days than about the desk."""
BINS = 10
_Z = 1.959963984540054
_STILL = 1e-12
"""A spread of returns below this is rounding, not movement."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` values, and between what it lies with 95 % confidence; None where `n` is too small to say.

    `block` is the mean length of the blocks that were drawn, in sessions.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    block: float = 1.0

    @property
    def tells(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def daily_returns(closes: Sequence[tuple[date, int]], before: int) -> dict[date, float]:
    """Close-to-close returns by session, from equity or price in any unit; `before` is the value before the first session."""
    found: dict[date, float] = {}
    for day, value in closes:
        if before > 0:
            found[day] = value / before - 1
        before = value
    return found


def paired(left: Mapping[date, float], right: Mapping[date, float]) -> list[float]:
    """`left` less `right` on the sessions that both have, in order."""
    return [left[day] - right[day] for day in sorted(left.keys() & right.keys())]


def block_length(n: int) -> float:
    """The mean length of a block for `n` sessions: n^(1/3), the rate at which the bootstrap estimates a variance best.

    Source: Politis and White (2004), Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23(1);
    their data-driven constant is left at 1, because it cannot be estimated from a few dozen days.
    """
    return max(1.0, round(math.cbrt(n), 6))


def interval(values: Sequence[float], *, seed: int, draws: int = DRAWS) -> Interval:
    """The mean with its percentile interval by the stationary bootstrap; the same seed and values give the same interval.

    Source: Politis and Romano (1994), The Stationary Bootstrap, Journal of the American Statistical Association 89(428): blocks of
    geometrically distributed length begin anywhere and wrap around, so that what follows a day mostly still follows it.
    """
    n = len(values)
    mean = math.fsum(values) / n if n else 0.0
    if n < FEWEST:
        return Interval(mean, None, None, n)
    block = block_length(n)
    low, high = _between(_resampled(np.asarray(values, dtype=np.float64), block, np.random.default_rng(seed), draws).mean(axis=1))
    return Interval(mean, low, high, n, block)


def sharpe_interval(returns: Sequence[float], *, periods: int, seed: int, draws: int = DRAWS) -> Interval:
    """The Sharpe ratio a year (risk-free rate 0, `periods` returns a year) with its percentile interval by the same bootstrap.

    A resample in which nothing moved counts as 0, as in engine.backtest.metrics.sharpe.
    """
    n, found = len(returns), sharpe(returns, periods)
    if n < FEWEST:
        return Interval(found, None, None, n)
    block = block_length(n)
    drawn = _resampled(np.asarray(returns, dtype=np.float64), block, np.random.default_rng(seed), draws)
    spread = drawn.std(axis=1, ddof=1)
    ratios = np.divide(drawn.mean(axis=1), spread, out=np.zeros(draws), where=spread > _STILL) * math.sqrt(periods)
    low, high = _between(ratios)
    return Interval(found, low, high, n, block)


def _between(drawn: np.ndarray) -> tuple[float, float]:
    """The percentiles that leave half of what is beyond LEVEL on either side."""
    ordered, tail = np.sort(drawn), (1 - LEVEL) / 2
    low, high = (float(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) for share in (tail, 1 - tail))
    return low, high


def _resampled(values: np.ndarray, block: float, chance: np.random.Generator, draws: int) -> np.ndarray:
    """`draws` resamples, a row each: at each place a new block begins with probability 1/`block`, else the next day follows."""
    n = len(values)
    places = np.empty((draws, n), dtype=np.int64)
    places[:, 0] = chance.integers(0, n, draws)
    begins = chance.random((draws, n)) < 1 / block
    fresh = chance.integers(0, n, (draws, n))
    for column in range(1, n):
        places[:, column] = np.where(begins[:, column], fresh[:, column], (places[:, column - 1] + 1) % n)
    return np.asarray(values[places])


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was claimed with which confidence (0 to 1), and whether it came true."""

    confidence: float
    came_true: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts whose confidence lies in [low, high): how many, how confident, how often right, and the 95 % interval of that."""

    low: float
    high: float
    n: int
    confidence: float
    hit_rate: float
    hit_low: float
    hit_high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Hit rate against stated confidence. `brier` is 0 for a prophet, 0.25 for who always says one half, 1 for the always wrong."""

    n: int
    hit_rate: float
    confidence: float
    brier: float
    bins: tuple[Bin, ...]


def calibration(forecasts: Sequence[Forecast], *, bins: int = BINS) -> Calibration | None:
    """The Brier score and the reliability curve over equally wide bins, empty ones left out; None where nothing was forecast.

    Source: Brier (1950), Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78(1); intervals by
    Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22(158).
    """
    if not forecasts:
        return None
    n = len(forecasts)
    brier = math.fsum((one.confidence - one.came_true) ** 2 for one in forecasts) / n
    hits = sum(one.came_true for one in forecasts)
    sorted_in: dict[int, list[Forecast]] = {}
    for one in forecasts:
        sorted_in.setdefault(min(bins - 1, int(one.confidence * bins)), []).append(one)
    curve = tuple(_bin(place, bins, sorted_in[place]) for place in sorted(sorted_in))
    return Calibration(n, hits / n, math.fsum(one.confidence for one in forecasts) / n, brier, curve)


def _bin(place: int, bins: int, inside: Sequence[Forecast]) -> Bin:
    n, hits = len(inside), sum(one.came_true for one in inside)
    confidence = math.fsum(one.confidence for one in inside) / n
    return Bin(place / bins, (place + 1) / bins, n, confidence, hits / n, *wilson(hits, n))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share; (0, 1) where there is nothing to count."""
    if n <= 0:
        return 0.0, 1.0
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)
