"""Clamps on exposure: how much of a name, a sector, the whole; what is cut is handed to no other name."""

from __future__ import annotations

from engine.core.units import PPM, div_up, from_units
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, clamp, fraction


def max_position(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """One name."""
    limit = policy.max_position_ppm
    return clamp(wish, "EXPOSURE_NAME", fraction(wish.target_ppm), fraction(limit), limit)


def evidence_cap(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A decision whose reasons quote what the model was not shown: it may stand, but not be large."""
    if not policy.evidence_cap_ppm or not wish.decision.unverified:
        return None
    limit = policy.evidence_cap_ppm
    return clamp(wish, "EVIDENCE_UNVERIFIED", fraction(wish.target_ppm), fraction(limit), limit)


def max_sector(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """One industry; names without one are in none."""
    sector = view.instruments[wish.symbol].industry
    if not sector:
        return None
    inside = view.sectors.get(sector, 0) - view.values.get(wish.symbol, 0)
    others = div_up(inside * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_SECTOR", observed, fraction(policy.max_sector_ppm), policy.max_sector_ppm - others)


def _others(view: View, wish: Wish) -> int:
    return div_up((view.total - view.value(wish.symbol)) * PPM, view.equity)


def max_gross(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Everything held and planned."""
    others = _others(view, wish)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_GROSS", observed, fraction(policy.max_gross_ppm), policy.max_gross_ppm - others)


def max_leverage(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Everything held and planned over equity, for markets that lend; PPM is once."""
    if not policy.max_leverage_ppm:
        return None
    others = _others(view, wish)
    observed = fraction(others + wish.target_ppm)
    return clamp(wish, "EXPOSURE_LEVERAGE", observed, fraction(policy.max_leverage_ppm), policy.max_leverage_ppm - others)


def cash_reserve(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Cash that is never spent, nor what open orders reserve. On margin a unit of cash opens so many as the leverage says."""
    spendable = max(0, view.cash_free - policy.cash_reserve) * (1 if view.perps is None else view.perps.leverage)
    wanted = (wish.target_ppm - wish.current_ppm) * view.equity // PPM
    if wanted <= spendable:
        return None
    currency = view.instruments[wish.symbol].units
    observed, limit = f"{from_units(wanted, currency.money):f}", f"{from_units(spendable, currency.money):f}"
    return clamp(wish, "CASH_RESERVE", observed, limit, wish.current_ppm + spendable * PPM // view.equity)


def max_volume_share(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """No more than a share of the last whole session's volume, so that paper fills stay believable."""
    instrument = view.instruments[wish.symbol]
    volume = view.session_volume[wish.symbol]
    most = instrument.units.notional(view.mark(wish.symbol), volume * policy.max_volume_share_ppm // PPM)
    wanted = (wish.target_ppm - wish.current_ppm) * view.equity // PPM
    if wanted <= most:
        return None
    observed = f"{from_units(wanted, instrument.units.money):f}"
    limit = f"{from_units(most, instrument.units.money):f}"
    return clamp(wish, "LIQUIDITY_VOLUME", observed, limit, wish.current_ppm + most * PPM // view.equity)
