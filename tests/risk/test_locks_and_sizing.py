"""What locks ask of the trading state, what sizings make of a wish, what the shape keeps to, and what a desk's past remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.core.bookkeeping import Marked
from engine.core.decision import Decision, Intent, VerdictResult
from engine.core.journal import TradingState
from engine.core.order import Side
from engine.core.past import Past
from engine.core.units import PPM
from engine.risk import Policy, escalation, judge
from engine.risk.sizing import atr_share, fixed_fraction, kelly, volatility_share
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate
from tests.risk.test_rule_table import MATES
from tests.risk.test_rules import EQUITY, FEES, OPEN, WALL, codes, holding, quote, view, wants

BANK, STAR = "600000.SH", "688001.SH"

# -- the trading state ------------------------------------------------------------------------------------------------------------


def asked(policy: Policy, equity: int, current: TradingState = TradingState.ACTIVE) -> Any:
    found = escalation(policy, equity=equity, day_start=100_000, week_start=100_000, peak=100_000, current=current)
    return None if found is None else (found.state, found.rule)


@pytest.mark.parametrize("rule", ["daily_loss", "weekly_loss", "drawdown"])
def test_a_lock_moves_the_state_at_its_limit_as_its_policy_says(rule: str) -> None:
    open_policy = Policy(max_daily_loss_ppm=PPM, max_weekly_loss_ppm=PPM, max_drawdown_ppm=PPM)
    changes: dict[str, Any] = {f"max_{rule}_ppm": 50_000, f"on_{rule}": "reduce"}
    policy = replace(open_policy, **changes)
    assert asked(policy, 95_000) == (TradingState.REDUCING, f"max_{rule}") and asked(policy, 95_001) is None
    halting: dict[str, Any] = {f"on_{rule}": "halt"}
    assert asked(replace(policy, **halting), 95_000) == (TradingState.HALTED, f"max_{rule}")
    locking: dict[str, Any] = {f"on_{rule}": "lock"}
    assert asked(replace(policy, **locking), 95_000) is None


def test_the_sternest_lock_speaks_and_no_rule_moves_back() -> None:
    policy = Policy(max_daily_loss_ppm=50_000, on_daily_loss="reduce", max_drawdown_ppm=60_000, on_drawdown="halt")
    assert asked(policy, 94_000) == (TradingState.HALTED, "max_drawdown")
    assert asked(policy, 95_000, TradingState.REDUCING) is None and asked(policy, 95_000, TradingState.HALTED) is None


def test_a_real_desk_that_loses_too_much_reduces_until_a_person_says_otherwise(tmp_path: Path) -> None:
    terms = mandate(risk={"max_daily_loss": "0.01", "stop_loss": 0})
    with desk_at(tmp_path, terms, start=date(2020, 2, 20), end=date(2020, 3, 18)) as desk:
        carry(desk)
    with books(tmp_path) as read:
        state = read.trading_state("demo")
        bought = [item for item in read.orders("demo", limit=1_000) if item.order.side is Side.BUY]
        told = [alert.alert for alert in read.alerts("demo", limit=1_000) if alert.alert.code == "STATE_MOVED"]
    assert (state.state, state.by) == (TradingState.REDUCING, "rule:max_daily_loss") and told and state.at is not None
    assert bought, "it traded before it lost"


# -- sizing -----------------------------------------------------------------------------------------------------------------------


def test_the_sizings_are_plain_arithmetic() -> None:
    assert fixed_fraction(120_000) == 120_000
    assert kelly(600_000, PPM, PPM, PPM) == 200_000 and kelly(600_000, PPM, PPM, 150_000) == 150_000
    assert kelly(400_000, PPM, PPM, PPM) == 0
    assert atr_share(100_000, 2_000, 10_000) == 250_000
    assert volatility_share(300_000, 150_000) == 500_000


@pytest.mark.parametrize("call", [lambda: kelly(PPM, 0, 1, PPM), lambda: atr_share(100, 0, 1), lambda: volatility_share(0, 1)])
def test_a_sizing_without_its_figures_refuses(call: Any) -> None:
    with pytest.raises(ValueError, match=r"needs|no price|volatility"):
        call()


@pytest.mark.parametrize(
    ("policy", "after"),
    [
        ({"sizing": "fixed", "size_ppm": 120_000}, "0.120000"),
        ({"sizing": "kelly", "kelly_cap_ppm": 250_000}, "0.250000"),
        ({"sizing": "atr", "risk_per_trade_ppm": 10_000}, "0.250000"),
        ({"sizing": "volatility", "volatility_target_ppm": 40_000}, "0.249"),
    ],
)
def test_a_sizing_cuts_what_a_model_wants_and_never_adds(policy: dict[str, Any], after: str) -> None:
    here = view(returns=MATES, ranges={BANK: 2_000})
    greedy = Decision(BANK, Intent.OPEN, 800_000, 800_000, "because", 90_000, 120_000)
    (verdict,) = judge(here, replace(OPEN, **policy), [greedy], FEES).verdicts
    assert (verdict.rule, verdict.result) == ("sizing", VerdictResult.CLAMP) and verdict.after.startswith(after)
    modest = replace(greedy, target_weight_ppm=100_000)
    assert codes(judge(here, replace(OPEN, **policy), [modest], FEES)) == ["ALLOWED"]


def test_a_sizing_that_cannot_be_computed_denies() -> None:
    assert codes(judge(view(), replace(OPEN, sizing="atr"), [wants(BANK, 0.1)], FEES)) == ["RULE_UNEVALUABLE"]
    assert codes(judge(view(), replace(OPEN, sizing="kelly"), [wants(BANK, 0.1)], FEES)) == ["RULE_UNEVALUABLE"]


# -- the shape ------------------------------------------------------------------------------------------------------------


def test_an_order_stays_inside_the_day_s_limits() -> None:
    near = view(prices={BANK: 109_000}, quotes={BANK: quote(BANK, 109_000)})
    (order,) = judge(near, replace(OPEN, entry_band_ppm=20_000), [wants(BANK, 0.1)], FEES).proposals
    assert order.limit_price == 110_000


def test_in_continuous_trading_the_cage_binds_buys_and_sales() -> None:
    policy = replace(OPEN, entry_band_ppm=50_000)
    (before,) = judge(view(), policy, [wants(STAR, 0.1)], FEES).proposals
    (inside,) = judge(view(continuous=frozenset({STAR})), policy, [wants(STAR, 0.1)], FEES).proposals
    assert (before.limit_price, inside.limit_price) == (105_000, 102_000)
    here = view({STAR: holding(STAR, 10_000)}, continuous=frozenset({STAR}))
    (sale,) = judge(here, policy, [wants(STAR, 0, Intent.EXIT)], FEES).proposals
    assert sale.limit_price == 98_000


def test_an_order_below_the_minimum_is_none() -> None:
    policy = replace(OPEN, min_order=100_000_000)
    assert codes(judge(view(), policy, [wants(BANK, 0.01)], FEES)) == ["ALLOWED"]
    assert codes(judge(view(), replace(OPEN, min_order=100_000_001), [wants(BANK, 0.01)], FEES)) == ["SHAPE_MINIMUM"]


# -- the past -------------------------------------------------------------------------------------------------------------


def closed(day: date, equity: int) -> Marked:
    return Marked("demo", "", day, WALL, equity, 0, equity, 0, ())


def test_a_week_begins_with_the_last_close_before_it() -> None:
    past = Past("demo", last_close=100)
    for day, equity in ((date(2026, 2, 26), 110), (date(2026, 2, 27), 120), (date(2026, 3, 2), 115), (date(2026, 3, 3), 90)):
        past = past.after(closed(day, equity))
    assert past.equity_week_start(date(2026, 3, 4)) == 120
    assert past.equity_week_start(date(2026, 3, 9)) == 90
    assert EQUITY
