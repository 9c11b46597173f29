"""Locks: losses of the whole account that stop new risk, and the trading state that a lock moves the desk to."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.journal import TradingState
from engine.core.units import PPM
from engine.exchange import calendar
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, deny, fraction


def fallen(start: int, now: int) -> int:
    """How far `now` is below `start`, in ppm of it; raises ValueError where there was nothing."""
    if start <= 0:
        raise ValueError("no equity to fall from")
    return (start - now) * PPM // start


def _lost(wish: Wish, code: str, start: int, now: int, limit: int) -> Finding | None:
    if start <= 0:
        return deny(wish, "EQUITY_UNKNOWN", str(start), "positive")
    lost = fallen(start, now)
    return deny(wish, code, fraction(lost), fraction(limit)) if lost >= limit else None


def max_daily_loss(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Lost since the last close."""
    return _lost(wish, "LOSS_DAILY", view.equity_day_start, view.equity, policy.max_daily_loss_ppm)


def max_weekly_loss(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Lost since the last close of the week before; a desk without a past has lost nothing."""
    if policy.max_weekly_loss_ppm >= PPM:
        return None
    return _lost(wish, "LOSS_WEEKLY", view.past.equity_week_start(view.trading_day), view.equity, policy.max_weekly_loss_ppm)


def max_drawdown(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Below the highest equity ever marked, which the ledger keeps."""
    return _lost(wish, "LOSS_DRAWDOWN", view.equity_peak, view.equity, policy.max_drawdown_ppm)


def losing_streak(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """After so many losing trades in a row, no entry for `cooling_off` sessions."""
    if not policy.max_losing_streak or view.past.losing_streak < policy.max_losing_streak:
        return None
    days = calendar(view.instruments[wish.symbol].market)
    waited = days.count(view.past.lost_on, view.trading_day) - 1
    if waited > policy.cooling_off:
        return None
    return deny(wish, "LOSS_STREAK", str(view.past.losing_streak), str(policy.max_losing_streak))


@dataclass(frozen=True, slots=True)
class Escalation:
    """A lock has bitten: the trading state it asks for, under the name of its rule."""

    state: TradingState
    rule: str
    observed: str
    limit: str


_STATES = {"reduce": TradingState.REDUCING, "halt": TradingState.HALTED}


def escalation(
    policy: Policy, *, equity: int, day_start: int, week_start: int, peak: int, current: TradingState
) -> Escalation | None:
    """What the locks make of an equity, amounts in money units: the sternest state asked for, None where none is sterner.

    Only a person moves back; a lock that has let go leaves the state where it put it.
    """
    asked: list[Escalation] = []
    for rule, start, limit, move in (
        ("max_daily_loss", day_start, policy.max_daily_loss_ppm, policy.on_daily_loss),
        ("max_weekly_loss", week_start, policy.max_weekly_loss_ppm, policy.on_weekly_loss),
        ("max_drawdown", peak, policy.max_drawdown_ppm, policy.on_drawdown),
    ):
        if move in _STATES and start > 0 and (lost := fallen(start, equity)) >= limit:
            asked.append(Escalation(_STATES[move], rule, fraction(lost), fraction(limit)))
    order = list(TradingState)
    sterner = [item for item in asked if order.index(item.state) > order.index(current)]
    return max(sterner, key=lambda item: order.index(item.state), default=None)
