"""Clamps from the snapshot's bars: names that move together, the portfolio's volatility, and its value at risk; integers only.

returns (ppm a session, aligned) × weights (ppm) ──► the portfolio's own returns ──► deviation, quantile ──► what still fits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from operator import mul

from engine.core.units import PPM, div_up
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, clamp, fraction

MINIMUM = 20
"""Sessions of returns below which nothing is known of how a name moves: then the rule cannot be evaluated, and denies."""
SESSIONS_A_YEAR = 252
TAIL_PPM = 50_000
NORMAL_95_PPM = 1_644_854
"""The 95 % quantile of the normal distribution."""

Series = Sequence[int]


def returns_of(view: View, symbol: str) -> Series:
    """The name's daily returns in ppm; raises KeyError or ValueError where too little is known."""
    found = view.returns[symbol]
    if len(found) < MINIMUM:
        raise ValueError(f"{len(found)} sessions of {symbol}")
    return found


def correlation_ppm(one: Series, other: Series) -> int:
    """Pearson's correlation in ppm; 0 where one of them does not move."""
    n = len(one)
    sum_one, sum_other = sum(one), sum(other)
    together = n * sum(map(mul, one, other)) - sum_one * sum_other
    alone = (n * sum(map(mul, one, one)) - sum_one**2) * (n * sum(map(mul, other, other)) - sum_other**2)
    return together * PPM // isqrt(alone) if alone > 0 else 0


def max_cluster(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A name together with all held or planned names that move as it does counts as one."""
    if not policy.max_cluster_ppm:
        return None
    if (view.total - view.value(wish.symbol)) * PPM + wish.target_ppm * view.equity <= policy.max_cluster_ppm * view.equity:
        return None  # even if everything moved together
    mine, inside = returns_of(view, wish.symbol), 0
    for symbol, value in view.values.items():
        if symbol != wish.symbol and value and correlation_ppm(mine, returns_of(view, symbol)) >= policy.cluster_correlation_ppm:
            inside += value
    others = div_up(inside * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_CLUSTER", observed, fraction(policy.max_cluster_ppm), policy.max_cluster_ppm - others)


def portfolio_returns(view: View, without: str) -> list[int]:
    """Daily returns of everything held and planned but one name, at today's weights, in ppm²."""
    length = len(returns_of(view, without))
    total = [0] * length
    for symbol, value in view.values.items():
        if symbol != without and value:
            weight = value * PPM // view.equity
            total = [sofar + weight * move for sofar, move in zip(total, returns_of(view, symbol), strict=True)]
    return total


def deviation_ppm(moves: Series) -> int:
    """Standard deviation of a portfolio's returns (ppm²) a session, in ppm."""
    n, total = len(moves), sum(moves)
    return isqrt((n * sum(map(mul, moves, moves)) - total * total) // (n * (n - 1))) // PPM


def volatility_ppm(moves: Series) -> int:
    """A year's volatility, in ppm of equity."""
    n, total = len(moves), sum(moves)
    return isqrt(SESSIONS_A_YEAR * (n * sum(map(mul, moves, moves)) - total * total) // (n * (n - 1))) // PPM


def historical_var_ppm(moves: Series) -> int:
    """The loss that one session in twenty was worse than, in ppm of equity; 0 for a gain."""
    worst = sorted(moves)[len(moves) * TAIL_PPM // PPM]
    return max(0, -worst) // PPM


def parametric_var_ppm(moves: Series) -> int:
    """The loss of one session in twenty if returns were normal, in ppm of equity."""
    mean = sum(moves) // len(moves) // PPM
    return max(0, deviation_ppm(moves) * NORMAL_95_PPM // PPM - mean)


def max_volatility(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The whole portfolio's volatility with the wish in it."""
    return _fits(view, wish, "RISK_VOLATILITY", policy.max_volatility_ppm, volatility_ppm)


def max_var_historical(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The portfolio's value at risk as its past would have had it."""
    return _fits(view, wish, "RISK_VAR_HISTORICAL", policy.max_var_ppm, historical_var_ppm)


def max_var_parametric(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The portfolio's value at risk if returns were normal."""
    return _fits(view, wish, "RISK_VAR_PARAMETRIC", policy.max_var_ppm, parametric_var_ppm)


def _fits(view: View, wish: Wish, code: str, limit: int, measure: Callable[[Series], int]) -> Finding | None:
    """No finding where the target stays within `limit`; else the largest weight found that does, by halving."""
    if not limit:
        return None
    others, mine = portfolio_returns(view, wish.symbol), returns_of(view, wish.symbol)

    def at(weight: int) -> int:
        return measure([rest + weight * move for rest, move in zip(others, mine, strict=True)])

    observed = at(wish.target_ppm)
    if observed <= limit:
        return None
    low, high = wish.current_ppm, wish.target_ppm
    if at(low) <= limit:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if at(middle) <= limit else (low, middle)
    return clamp(wish, code, fraction(observed), fraction(limit), low)
