"""Flatten and protection leave perpetuals like any holding: a short is covered, and nothing goes beyond nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import FundingSettled, Liquidated, Posting
from engine.core.decision import Intent
from engine.core.journal import Severity, TradingState
from engine.core.order import Side
from engine.core.past import Past
from engine.cycle.perpetuals import _alerts
from engine.cycle.steps import equity_of, own_decisions
from engine.risk import Policy, judge
from tests.risk.test_two_way import AT, COIN, DAY, E8, FEES, MATE, NAMES, OPEN, PRICE, perp, view

NOTHING: Any = None


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_flatten_covers_shorts_and_sells_longs_whole(state: TradingState) -> None:
    here = view(perp(COIN, -30), perp(MATE, 20), trading_state=state)
    asked = own_decisions("flatten", NOTHING, NOTHING, here.account, Past())
    assert [(item.instrument, item.intent) for item in asked] == [(COIN, Intent.EXIT), (MATE, Intent.EXIT)]
    orders = judge(here, OPEN, asked, FEES).proposals
    assert {(order.instrument, order.side, order.quantity) for order in orders} == {
        (COIN, Side.BUY, 30 * E8), (MATE, Side.SELL, 20 * E8),
    }  # fmt: skip


def test_a_desk_that_must_reduce_opens_no_short_and_a_halted_one_sends_nothing() -> None:
    here = view(perp(MATE, 20), trading_state=TradingState.REDUCING)
    asked = own_decisions("flatten", NOTHING, NOTHING, here.account, Past())
    short = replace(asked[0], instrument=COIN, intent=Intent.OPEN, target_weight_ppm=-100_000)
    ruling = judge(here, OPEN, [short, *asked], FEES)
    assert [order.instrument for order in ruling.proposals] == [MATE]
    halted = judge(replace(here, trading_state=TradingState.HALTED), OPEN, asked, FEES)
    assert halted.proposals == () and {verdict.code for verdict in halted.verdicts} == {"STATE_HALTED"}


def test_equity_counts_margin_and_what_each_way_would_gain() -> None:
    held = {COIN: PerpPosition(COIN, -10 * E8, 1_000 * E8, 100 * E8), MATE: PerpPosition(MATE, 10 * E8, 1_000 * E8, 100 * E8)}
    account = Account("demo", "USDT", 500 * E8, 700 * E8, 0, 0, perps=held)
    assert equity_of(account, {COIN: PRICE, MATE: PRICE}, NAMES) == 700 * E8
    assert equity_of(account, {COIN: PRICE * 9 // 10, MATE: PRICE}, NAMES) == 800 * E8
    assert equity_of(account, {COIN: PRICE, MATE: PRICE * 9 // 10}, NAMES) == 600 * E8
    assert equity_of(account, {}, NAMES) == 700 * E8, "at its margin while no price was ever known"


class _Terms:
    desk = "demo"
    policy = Policy(max_funding_ppm=500_000)


def settled(paid: int, rate_e8: int) -> FundingSettled:
    postings = (Posting("cash", -paid), Posting(f"funding:{COIN}", paid))
    return FundingSettled("demo", "s", COIN, AT, PRICE, rate_e8, 8, (), postings)


@pytest.mark.parametrize(
    ("paid", "rate_e8", "told"),
    [(5 * E8, 46_000, ["FUNDING_HIGH"]), (5 * E8, 45_000, []), (-5 * E8, 46_000, []), (5 * E8, -46_000, ["FUNDING_HIGH"])],
)
def test_funding_is_told_of_only_where_much_of_it_was_paid(paid: int, rate_e8: int, told: list[str]) -> None:
    terms: Any = _Terms()
    alerts = _alerts(terms, DAY, [settled(paid, rate_e8)])
    assert [alert.code for alert in alerts] == told and all(alert.severity is Severity.WARNING for alert in alerts)


def test_a_liquidation_is_critical_and_says_what_was_lost() -> None:
    postings = (Posting("cash", 20 * E8), Posting(f"margin:{COIN}", -100 * E8), Posting(f"realized:{COIN}", 70 * E8))
    gone = Liquidated("demo", "l", COIN, AT, PRICE, DAY, (), (*postings, Posting("fees:liquidation", 10 * E8)))
    terms: Any = _Terms()
    (alert,) = _alerts(terms, DAY, [gone])
    assert (alert.severity, alert.code) == (Severity.CRITICAL, "LIQUIDATED")
    assert dict(alert.params) == {"instrument": COIN, "mark": "100.00", "lost": "80.00"}
