"""Clamps from the snapshot's bars: names that move together, the portfolio's volatility, and its value at risk; integers only.

returns (ppm a session, aligned) × weights (ppm) ──► the portfolio's own returns ──► deviation, quantile ──► what still fits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from operator import itemgetter, mul
from typing import NamedTuple

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
_VALUE = itemgetter(1)


def returns_of(view: View, symbol: str) -> Series:
    """The name's daily returns in ppm; raises KeyError or ValueError where too little is known."""
    found = view.returns[symbol]
    if len(found) < MINIMUM:
        raise ValueError(f"{len(found)} sessions of {symbol}")
    return found


def correlation_ppm(one: Series, other: Series) -> int:
    """Pearson's correlation in ppm; 0 where one of them does not move. Raises ValueError where they differ in length."""
    return _together(Moments.of(one), Moments.of(other))


class Moments(NamedTuple):
    """Moves with their sum and n² times their variance: exact, where a mean would have to be rounded."""

    moves: Series
    total: int
    spread: int

    @staticmethod
    def of(moves: Series) -> Moments:
        """Computed once a batch for a name."""
        total = sum(moves)
        return Moments(moves, total, len(moves) * sum(map(mul, moves, moves)) - total * total)


def _together(one: Moments, other: Moments) -> int:
    n = len(one.moves)
    if n != len(other.moves):
        raise ValueError(f"{n} sessions of one name, {len(other.moves)} of the other")
    alone = n * n * one.spread * other.spread
    shared: int = n * (n * sum(map(mul, one.moves, other.moves)) - one.total * other.total)
    return shared * PPM // isqrt(alone) if alone else 0


def _moments_of(view: View, symbol: str) -> Moments:
    known = view.moments.get(symbol)
    if known is None:
        known = view.moments[symbol] = Moments.of(returns_of(view, symbol))
    return known


def max_cluster(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A name together with all held or planned names that move as it does counts as one; a short one moves the other way."""
    if not policy.max_cluster_ppm:
        return None
    room = (policy.max_cluster_ppm - wish.target_ppm) * view.equity // PPM
    left, inside = view.total - view.values.get(wish.symbol, 0), 0
    if left <= room:
        return None  # even if everything moved together
    mine, shorts, short = _moments_of(view, wish.symbol), view.shorts, wish.way < 0
    for symbol, value in sorted(view.values.items(), key=_VALUE, reverse=True):  # the large ones settle it soonest
        if symbol == wish.symbol or not value:
            continue
        left -= value
        alike = _together(mine, _moments_of(view, symbol))
        if (alike if short == (symbol in shorts) else -alike) >= policy.cluster_correlation_ppm:
            inside += value
        if inside + left <= room:
            return None  # even if all the rest moved with it
    others = div_up(inside * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_CLUSTER", observed, fraction(policy.max_cluster_ppm), policy.max_cluster_ppm - others)


def deviation_ppm(moves: Series) -> int:
    """Standard deviation of a portfolio's returns (ppm²) a session, in ppm."""
    return _deviation(Moments.of(moves))


def volatility_ppm(moves: Series) -> int:
    """A year's volatility of returns in ppm², in ppm of equity."""
    return _volatility(Moments.of(moves))


def historical_var_ppm(moves: Series) -> int:
    """The loss that one session in twenty was worse than, in ppm of equity; 0 for a gain."""
    worst = sorted(moves)[len(moves) * TAIL_PPM // PPM]
    return max(0, -worst) // PPM


def parametric_var_ppm(moves: Series) -> int:
    """The loss of one session in twenty if returns were normal, in ppm of equity."""
    return _parametric_var(Moments.of(moves))


def _deviation(of: Moments) -> int:
    n = len(of.moves)
    return isqrt(of.spread // (n * (n - 1))) // PPM


def _volatility(of: Moments) -> int:
    n = len(of.moves)
    return isqrt(SESSIONS_A_YEAR * of.spread // (n * (n - 1))) // PPM


def _historical_var(of: Moments) -> int:
    return historical_var_ppm(of.moves)


def _parametric_var(of: Moments) -> int:
    mean = of.total // len(of.moves) // PPM
    return max(0, _deviation(of) * NORMAL_95_PPM // PPM - mean)


def max_volatility(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The whole portfolio's volatility with the wish in it."""
    return _fits(view, wish, "RISK_VOLATILITY", policy.max_volatility_ppm, _volatility)


def max_var_historical(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The portfolio's value at risk as its past would have had it."""
    return _fits(view, wish, "RISK_VAR_HISTORICAL", policy.max_var_ppm, _historical_var)


def max_var_parametric(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The portfolio's value at risk if returns were normal."""
    return _fits(view, wish, "RISK_VAR_PARAMETRIC", policy.max_var_ppm, _parametric_var)


def _fits(view: View, wish: Wish, code: str, limit: int, measure: Callable[[Moments], int]) -> Finding | None:
    """No finding where the target stays within `limit`; else the largest weight found that does, by halving."""
    if not limit:
        return None
    observed = measure(_wished(view, wish))
    if observed <= limit:
        return None
    low, high = wish.current_ppm, wish.target_ppm
    if measure(_with(view, wish, low)) <= limit:
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if measure(_with(view, wish, middle)) <= limit else (low, middle)
    return clamp(wish, code, fraction(observed), fraction(limit), low)


def _wished(view: View, wish: Wish) -> Moments:
    """The portfolio with the wish in it; three rules ask."""
    known = view.wished.get((wish.symbol, wish.target_ppm))
    if known is None:
        known = view.wished[wish.symbol, wish.target_ppm] = _with(view, wish, wish.target_ppm)
    return known


def _with(view: View, wish: Wish, weight: int) -> Moments:
    """Daily returns of everything held and planned at today's weights, but the wish's name at `weight` its way, in ppm²."""
    mine = returns_of(view, wish.symbol)
    more = wish.way * (weight - view.values.get(wish.symbol, 0) * PPM // view.equity)
    return Moments.of([total + more * move for total, move in zip(view.portfolio or (0,) * len(mine), mine, strict=True)])
