"""Throttles: how often a desk may act. 0 in the policy switches one off; only `min_holding` meets an exit, and only a model's."""

from __future__ import annotations

from engine.core.decision import Intent
from engine.core.past import MINUTE
from engine.exchange import calendar
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, deny


def max_entries_cycle(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """So many buys of one batch."""
    if policy.max_entries_cycle and view.entered >= policy.max_entries_cycle:
        return deny(wish, "THROTTLE_CYCLE", str(view.entered + 1), str(policy.max_entries_cycle))
    return None


def max_entries_day(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """So many buys of one session, whatever became of them."""
    if not policy.max_entries_day:
        return None
    earlier = view.past.entries if view.past.entries_on == view.trading_day else 0
    made = earlier + view.entered
    return deny(wish, "THROTTLE_DAY", str(made + 1), str(policy.max_entries_day)) if made >= policy.max_entries_day else None


def reentry_cooldown(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A name that was sold out stays out for so many sessions after the one that sold it."""
    left = view.past.exited_on.get(wish.symbol)
    if not policy.reentry_cooldown or left is None or wish.symbol in view.past.holdings:
        return None
    waited = calendar(view.instruments[wish.symbol].market).count(left, view.trading_day) - 1
    if waited > policy.reentry_cooldown:
        return None
    return deny(wish, "THROTTLE_REENTRY", str(waited), str(policy.reentry_cooldown))


def min_holding(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A model may not leave what it has just entered; the engine's own protection, and a desk that must reduce, always may."""
    if not policy.min_holding or view.protecting or wish.entry or wish.decision.intent is Intent.HOLD:
        return None
    held = view.past.holdings.get(wish.symbol)
    if held is None or view.trading_state.value != "ACTIVE":
        return None
    sessions = calendar(view.instruments[wish.symbol].market).count(held.opened_on, view.trading_day) - 1
    if sessions >= policy.min_holding:
        return None
    return deny(wish, "THROTTLE_HOLDING", str(sessions), str(policy.min_holding))


def max_orders_minute(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A desk that has gone mad is slowed down; exits count, and only entries wait."""
    if not policy.max_orders_minute:
        return None
    if view.as_of is None:
        raise ValueError("the instant of the ruling is not known")
    recent = view.ordered + sum(1 for at in view.past.ordered_at if at > view.as_of - MINUTE)
    if recent < policy.max_orders_minute:
        return None
    return deny(wish, "THROTTLE_MINUTE", str(recent + 1), str(policy.max_orders_minute))
