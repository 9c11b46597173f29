"""What an equity curve was worth: return, drawdown, Sharpe ratio, volatility, by the textbook formulas.

Returns are fractions for one period, oldest first; `periods` is how many of them make a year (252 sessions, 365 days). Statistics,
not money: binary floats are in place here, and every sum is exact (`math.fsum`), so that each machine comes to the same figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from engine.core.units import PPM, Market

PERIODS = {Market.ASHARE: 252, Market.US: 252, Market.CRYPTO: 365}
"""Periods of a daily curve in a year."""
MILLI = 1_000


def returns_of(values: Sequence[int]) -> list[float]:
    """The change of each value against the one before, as a fraction; every value must be positive."""
    return [after / before - 1 for before, after in pairwise(values)]


def total_return(returns: Sequence[float]) -> float:
    """What one became, less one: the product of (1 + r), less 1."""
    return math.prod(1 + change for change in returns) - 1


def annual_return(returns: Sequence[float], periods: int) -> float:
    """Compound annual growth: (1 + total)^(periods / n) - 1; 0 without a period."""
    return float((1 + total_return(returns)) ** (periods / len(returns)) - 1) if returns else 0.0


def volatility(returns: Sequence[float], periods: int) -> float:
    """Sample standard deviation (n - 1) of the returns times the square root of `periods`; 0 below two of them."""
    return _deviation(returns) * math.sqrt(periods)


def sharpe(returns: Sequence[float], periods: int) -> float:
    """Mean over sample deviation, times the square root of `periods`, risk-free rate 0 (Sharpe 1994); 0 where nothing moved."""
    spread = _deviation(returns)
    return _mean(returns) / spread * math.sqrt(periods) if spread else 0.0


def sortino(returns: Sequence[float], periods: int) -> float:
    """Mean over the root mean square of the losses, times the square root of `periods` (Sortino, Price 1994); 0 without a loss."""
    below = math.sqrt(math.fsum(min(change, 0.0) ** 2 for change in returns) / len(returns)) if returns else 0.0
    return _mean(returns) / below * math.sqrt(periods) if below else 0.0


def max_drawdown(returns: Sequence[float]) -> float:
    """The deepest fall from a peak as a fraction, 0 to 1; the curve starts at 1, which is a peak too."""
    level = peak = 1.0
    deepest = 0.0
    for change in returns:
        level *= 1 + change
        peak = max(peak, level)
        deepest = max(deepest, 1 - level / peak)
    return deepest


def drawdown_ppm(values: Sequence[int]) -> int:
    """The deepest fall from a peak of exact values, in ppm rounded down."""
    peak, deepest = 0, 0
    for value in values:
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) * PPM // peak if peak > 0 else 0)
    return deepest


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _deviation(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    middle = _mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
