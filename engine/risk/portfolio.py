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
    return _together(centred(one), centred(other))


def centred(moves: Series) -> tuple[tuple[int, ...], int]:
    """n × each move less their sum, and the sum of the squares of that: exact, where a mean would have to be rounded."""
    n, total = len(moves), sum(moves)
    around = tuple([n * move - total for move in moves])
    return around, sum(map(mul, around, around))


def _together(one: tuple[tuple[int, ...], int], other: tuple[tuple[int, ...], int]) -> int:
    alone = one[1] * other[1]
    return sum(map(mul, one[0], other[0])) * PPM // isqrt(alone) if alone else 0


def _centred_of(view: View, symbol: str) -> tuple[tuple[int, ...], int]:
    known = view.centred.get(symbol)
    if known is None:
        known = view.centred[symbol] = centred(returns_of(view, symbol))
    return known


def max_cluster(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A name together with all held or planned names that move as it does counts as one."""
    if not policy.max_cluster_ppm:
        return None
    room = (policy.max_cluster_ppm - wish.target_ppm) * view.equity // PPM
    left, inside = view.total - view.values.get(wish.symbol, 0), 0
    if left <= room:
        return None  # even if everything moved together
    mine = _centred_of(view, wish.symbol)
    for symbol, value in view.values.items():
        if symbol == wish.symbol or not value:
            continue
        left -= value
        if _together(mine, _centred_of(view, symbol)) >= policy.cluster_correlation_ppm:
            inside += value
        if inside + left <= room:
            return None  # even if all the rest moved with it
    others = div_up(inside * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_CLUSTER", observed, fraction(policy.max_cluster_ppm), policy.max_cluster_ppm - others)


def portfolio_returns(view: View, without: str) -> list[int]:
    """Daily returns of everything held and planned but one name, at today's weights, in ppm²."""
    known = view.rest.get(without)
    if known is not None:
        return known
    mine, whole = returns_of(view, without), view.portfolio or (0,) * len(returns_of(view, without))
    weight = view.values.get(without, 0) * PPM // view.equity
    view.rest[without] = rest = [total - weight * move for total, move in zip(whole, mine, strict=True)]
    return rest


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
