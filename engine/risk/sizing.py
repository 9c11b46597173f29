"""How large a position its desk would make it, as pure functions of integers; a sizing only ever makes a model's target smaller."""

from __future__ import annotations

from engine.core.units import PPM
from engine.risk.policy import Policy
from engine.risk.portfolio import returns_of, volatility_ppm
from engine.risk.view import Finding, View, Wish, clamp, fraction

ATR_MULTIPLE = 2
"""A position is given up after it has moved two average ranges against the desk."""


def fixed_fraction(size_ppm: int) -> int:
    """The same share of equity for every name, in ppm."""
    return size_ppm


def kelly(chance_ppm: int, gain_ppm: int, loss_ppm: int, cap_ppm: int) -> int:
    """Kelly's share of equity, p/loss - (1-p)/gain, never below 0 nor above the cap; raises ValueError without a gain or a loss."""
    if gain_ppm <= 0 or loss_ppm <= 0:
        raise ValueError("Kelly needs a possible gain and a possible loss")
    share = chance_ppm * PPM // loss_ppm - (PPM - chance_ppm) * PPM // gain_ppm
    return max(0, min(cap_ppm, share))


def atr_share(price: int, average_range: int, risk_ppm: int) -> int:
    """The share of equity that loses `risk_ppm` when the price moves two average ranges; raises ValueError where nothing moves."""
    if price <= 0 or average_range <= 0:
        raise ValueError("no price or no range")
    return risk_ppm * price // (ATR_MULTIPLE * average_range)


def volatility_share(volatility: int, target_ppm: int) -> int:
    """The share of equity at which a name alone has the target volatility; raises ValueError for one that does not move."""
    if volatility <= 0:
        raise ValueError("a name that does not move has no volatility")
    return target_ppm * PPM // volatility


def stakes(view: View, policy: Policy, wish: Wish) -> tuple[int, int]:
    """(possible gain, possible loss) of a decision in ppm of the price; raises ValueError without a target or a stop.

    A short position gains below its price and loses above it.
    """
    price, decision, way = view.mark(wish.symbol), wish.decision, wish.way
    gain = way * (decision.take_profit - price) * PPM // price
    loss = way * (price - decision.stop_loss) * PPM // price if decision.stop_loss else policy.stop_loss_ppm
    if not decision.take_profit or loss <= 0:
        raise ValueError("no target or no stop")
    return gain, loss


def sizing(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The policy's sizing as a clamp: a decision keeps its own target where that is smaller."""
    match policy.sizing:
        case "target":
            return None
        case "fixed":
            size = fixed_fraction(policy.size_ppm)
        case "kelly":
            size = kelly(wish.decision.confidence_ppm, *stakes(view, policy, wish), policy.kelly_cap_ppm)
        case "atr":
            size = atr_share(view.mark(wish.symbol), view.ranges[wish.symbol], policy.risk_per_trade_ppm)
        case "volatility":
            moves = [move * PPM for move in returns_of(view, wish.symbol)]
            size = volatility_share(volatility_ppm(moves), policy.volatility_target_ppm)
        case _:
            raise ValueError(f"no sizing {policy.sizing}")
    return clamp(wish, f"SIZE_{policy.sizing.upper()}", fraction(wish.target_ppm), fraction(size), size)
