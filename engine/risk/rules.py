"""The one table of rules, in the order in which they are asked.

gates      may this desk / this instrument trade at all     -> deny; exits pass on from here to the shape
locks      account-wide losses that stop new risk           -> deny
throttles  how often                                        -> deny
clamps     how much of it                                   -> cut the target weight; what is cut is handed to no other name
edge       is it worth its cost                             -> deny
then the shape (shape.py, margined.py) makes an order of what is left, and the view after it is what the next wish meets. Rules
marked `perps` are asked of desks of perpetuals only.
"""

from __future__ import annotations

from engine.risk import clamps, edge, gates, locks, margined, portfolio, sizing, throttles, two_way
from engine.risk.view import Check, Finding, Rule, View, Wish, fraction

RULES: tuple[Rule, ...] = (
    Rule("halt_file", "desk", False, gates.halt_file, once=True),
    Rule("trading_state", "desk", False, gates.trading_state, once=True),
    Rule("policy_valid", "desk", False, gates.policy_valid, once=True),
    Rule("books_reconciled", "desk", False, gates.books_reconciled, once=True),
    Rule("instrument_known", "instrument", False, gates.instrument_known),
    Rule("session_open", "instrument", False, gates.session_open),
    Rule("instrument_priced", "instrument", False, gates.instrument_priced),
    Rule("one_open_order", "instrument", False, gates.one_open_order),
    Rule("one_way", "instrument", False, two_way.one_way, perps=True),
    Rule("min_holding", "instrument", False, throttles.min_holding),
    Rule("data_fresh", "instrument", True, gates.data_fresh),
    Rule("blacklist", "instrument", True, gates.blacklist),
    Rule("special_treatment", "instrument", True, gates.special_treatment),
    Rule("shorts_allowed", "instrument", True, two_way.shorts_allowed, perps=True),
    Rule("max_funding", "instrument", True, margined.max_funding, perps=True),
    Rule("max_daily_loss", "account", True, locks.max_daily_loss, once=True),
    Rule("max_weekly_loss", "account", True, locks.max_weekly_loss, once=True),
    Rule("max_drawdown", "account", True, locks.max_drawdown, once=True),
    Rule("losing_streak", "account", True, locks.losing_streak),
    Rule("max_entries_cycle", "desk", True, throttles.max_entries_cycle),
    Rule("max_entries_day", "desk", True, throttles.max_entries_day),
    Rule("reentry_cooldown", "instrument", True, throttles.reentry_cooldown),
    Rule("max_orders_minute", "desk", True, throttles.max_orders_minute),
    Rule("sizing", "instrument", True, sizing.sizing),
    Rule("evidence_cap", "instrument", True, clamps.evidence_cap),
    Rule("max_position", "instrument", True, clamps.max_position),
    Rule("max_sector", "sector", True, clamps.max_sector),
    Rule("max_cluster", "cluster", True, portfolio.max_cluster),
    Rule("max_gross", "account", True, clamps.max_gross),
    Rule("max_net", "account", True, two_way.max_net, perps=True),
    Rule("max_leverage", "account", True, clamps.max_leverage),
    Rule("leverage_bracket", "instrument", True, margined.leverage_bracket, perps=True),
    Rule("cash_reserve", "account", True, clamps.cash_reserve),
    Rule("max_volume_share", "instrument", True, clamps.max_volume_share),
    Rule("min_liquidation_distance", "instrument", True, margined.min_liquidation_distance, perps=True),
    Rule("max_volatility", "account", True, portfolio.max_volatility),
    Rule("max_var_historical", "account", True, portfolio.max_var_historical),
    Rule("max_var_parametric", "account", True, portfolio.max_var_parametric),
    Rule("expected_edge", "instrument", True, edge.expected_edge),
)
"""Asked from top to bottom; the first denial ends the wish, a clamp passes the smaller wish on."""

__all__ = ["RULES", "Check", "Finding", "Rule", "View", "Wish", "fraction"]
