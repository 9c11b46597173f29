"""Long and short: which way a wish goes where a desk may go both, and what it may not do on the way.

decision (signed weight) ──wish_either_way──► Wish (magnitudes, one way) ──► the same rules as ever, and those of this file
"""

from __future__ import annotations

import contextlib

from engine.core.decision import Decision, Intent, VerdictResult
from engine.core.units import PPM, div_up
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, clamp, deny, fraction


def wish_either_way(view: View, decision: Decision) -> Wish:
    """Where the intent says a perpetual should go. What lies on the other side of nothing is for a later cycle: first, nothing."""
    symbol, current = decision.instrument, 0
    perp = view.account.perps.get(symbol)
    if perp is not None or symbol in view.planned:
        with contextlib.suppress(KeyError, ValueError):  # a name without a price: the rules deny it by name
            current = view.weight(symbol)
        way = -1 if symbol in view.shorts else 1
    else:
        way = -1 if decision.target_weight_ppm < 0 else 1
    along = way * decision.target_weight_ppm
    match decision.intent:
        case Intent.HOLD:
            return Wish(decision, current, current, way)
        case Intent.EXIT:
            return Wish(decision, current, 0, way)
        case _ if along < 0:
            return Wish(decision, current, 0, way, crossing_ppm=-along)
        case Intent.REDUCE:
            return Wish(decision, current, min(current, along), way)
        case _:
            return Wish(decision, current, max(current, along), way)


def one_way(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Never from long to short in one cycle: one order closes, and what it left behind is looked at before another opens."""
    if not wish.crossing_ppm:
        return None
    return Finding("WAY_CROSSES", fraction(-wish.way * wish.crossing_ppm), fraction(0), 0, VerdictResult.CLAMP)


def shorts_allowed(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Short positions only where the desk's terms allow them, whoever asks."""
    if wish.way > 0 or (view.perps is not None and view.perps.shorts):
        return None
    return deny(wish, "SHORT_FORBIDDEN", fraction(-wish.target_ppm), fraction(0))


def max_net(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """What is long less what is short, either way: hedged exposure counts in the gross, and not here."""
    if not policy.max_net_ppm:
        return None
    others = sum(-value if symbol in view.shorts else value for symbol, value in view.values.items() if symbol != wish.symbol)
    along = div_up(wish.way * others * PPM, view.equity)
    observed = fraction(wish.way * (along + wish.target_ppm))
    return clamp(wish, "EXPOSURE_NET", observed, fraction(policy.max_net_ppm), policy.max_net_ppm - along)
