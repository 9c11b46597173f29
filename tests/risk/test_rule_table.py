"""The rest of the table: each rule bites exactly at its limit and not just inside it, and the table keeps its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from engine.core.decision import Decision, Intent, VerdictResult
from engine.core.past import Holding, Past
from engine.core.units import PPM
from engine.risk import RULES, Policy, judge
from engine.risk.edge import round_trip_ppm
from engine.risk.view import Wish
from tests.risk.test_rules import BITES, CLAMPS, DAY, EQUITY, FEES, OPEN, WALL, codes, holding, quote, view, wants

BANK, MATE, STEEL = "600000.SH", "600001.SH", "000001.SZ"
SESSIONS_AGO = {0: date(2026, 3, 4), 1: date(2026, 3, 3), 2: date(2026, 3, 2), 3: date(2026, 2, 27)}


def held(days: int) -> Holding:
    return Holding(SESSIONS_AGO[days], WALL, {"lot": 100}, 0, 0, 0, 0)


def streak(length: int, days: int) -> Past:
    return Past("demo", losing_streak=length, lost_on=SESSIONS_AGO[days])


def week(start: int) -> Past:
    return Past("demo", week=DAY.isocalendar()[:2], week_began_with=start)


def bought(times: int, day: date = DAY) -> Past:
    return Past("demo", entries_on=day, entries=times)


def left(days: int) -> Past:
    return Past("demo", exited_on={BANK: SESSIONS_AGO[days]})


OLD = replace(quote(BANK), trading_day=SESSIONS_AGO[1])
TABLE: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # rule, code, policy, the view it bites in, the view just inside
    ("halt_file", "HALT_FILE", {}, {"halt_file": True}, {}),
    ("books_reconciled", "BOOKS_UNRECONCILED", {}, {"books_reconciled": False}, {}),
    ("instrument_priced", "PRICE_NOT_TODAY", {}, {"quotes": {BANK: OLD}}, {}),
    ("session_open", "SESSION_CLOSED", {}, {"closed": frozenset({BANK})}, {"closed": frozenset({MATE})}),
    ("max_weekly_loss", "LOSS_WEEKLY", {"max_weekly_loss_ppm": 100_000},
        {"past": week(EQUITY * 10 // 9 + 1)}, {"past": week(EQUITY * 10 // 9 - 20_000)}),
    ("max_weekly_loss", "EQUITY_UNKNOWN", {"max_weekly_loss_ppm": 100_000}, {"past": Past("demo")}, {"past": week(EQUITY)}),
    ("losing_streak", "LOSS_STREAK", {"max_losing_streak": 3}, {"past": streak(3, 1)}, {"past": streak(2, 1)}),
    ("losing_streak", "LOSS_STREAK", {"max_losing_streak": 3, "cooling_off": 2}, {"past": streak(4, 2)}, {"past": streak(4, 3)}),
    ("max_entries_cycle", "THROTTLE_CYCLE", {"max_entries_cycle": 2}, {"entered": 2}, {"entered": 1}),
    ("max_entries_day", "THROTTLE_DAY", {"max_entries_day": 3}, {"past": bought(3)}, {"past": bought(2)}),
    ("max_entries_day", "THROTTLE_DAY", {"max_entries_day": 3},
        {"past": bought(2), "entered": 1}, {"past": bought(9, SESSIONS_AGO[1])}),
    ("reentry_cooldown", "THROTTLE_REENTRY", {"reentry_cooldown": 2}, {"past": left(2)}, {"past": left(3)}),
    ("max_orders_minute", "THROTTLE_MINUTE", {"max_orders_minute": 2},
        {"as_of": WALL, "ordered": 1, "past": Past("demo", ordered_at=(WALL - timedelta(seconds=59),))},
        {"as_of": WALL, "ordered": 1, "past": Past("demo", ordered_at=(WALL - timedelta(seconds=60),))}),
    ("max_orders_minute", "RULE_UNEVALUABLE", {"max_orders_minute": 2}, {"as_of": None}, {"as_of": WALL}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "code", "policy", "outside", "inside"), TABLE, ids=[f"{b[0]}-{b[1]}-{n}" for n, b in enumerate(TABLE)]
)
def test_a_rule_denies_at_its_limit_and_not_inside(
    rule: str, code: str, policy: dict[str, Any], outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    terms = replace(OPEN, **policy)
    bitten = judge(view(**outside), terms, [wants(BANK, 0.1)], FEES)
    assert [(v.rule, v.code) for v in bitten.verdicts] == [(rule, code)] and bitten.proposals == ()
    passed = judge(view(**inside), terms, [wants(BANK, 0.1)], FEES)
    assert codes(passed) == ["ALLOWED"] and len(passed.proposals) == 1


def test_a_policy_broken_in_memory_denies_everything() -> None:
    broken = replace(OPEN)
    object.__setattr__(broken, "max_gross_ppm", PPM + 1)
    here = view({MATE: holding(MATE, 10_000)})
    ruling = judge(here, broken, [wants(BANK, 0.1), wants(MATE, 0, Intent.EXIT)], FEES)
    assert {v.code for v in ruling.verdicts} == {"POLICY_INVALID"} and ruling.proposals == ()


def test_entries_of_a_batch_stop_at_the_cycle_s_throttle() -> None:
    batch = [wants(symbol, 0.05, confidence=0.9 - n / 10) for n, symbol in enumerate((BANK, MATE, STEEL))]
    ruling = judge(view(), replace(OPEN, max_entries_cycle=2), batch, FEES)
    assert [p.instrument for p in ruling.proposals] == [BANK, MATE] and codes(ruling, STEEL) == ["THROTTLE_CYCLE"]


def test_orders_of_a_batch_count_against_the_minute_and_exits_are_never_held_back() -> None:
    here = view({MATE: holding(MATE, 10_000), STEEL: holding(STEEL, 10_000)}, as_of=WALL)
    batch = [wants(MATE, 0, Intent.EXIT), wants(STEEL, 0, Intent.EXIT), wants(BANK, 0.05)]
    ruling = judge(here, replace(OPEN, max_orders_minute=2), batch, FEES)
    assert {p.instrument for p in ruling.proposals} == {MATE, STEEL} and codes(ruling) == ["THROTTLE_MINUTE"]


@pytest.mark.parametrize(("sessions", "wanted"), [(1, ["THROTTLE_HOLDING"]), (2, ["ALLOWED"])])
def test_a_model_may_not_leave_before_the_minimum_holding(sessions: int, wanted: list[str]) -> None:
    past = Past("demo", holdings={BANK: held(sessions)})
    here = view({BANK: holding(BANK, 10_000)}, past=past)
    assert codes(judge(here, replace(OPEN, min_holding=2), [wants(BANK, 0, Intent.EXIT)], FEES)) == wanted
    guarded = replace(here, protecting=True)
    assert codes(judge(guarded, replace(OPEN, min_holding=2), [wants(BANK, 0, Intent.EXIT)], FEES)) == ["ALLOWED"]


# -- clamps from leverage, correlation, volatility, value at risk ---------------------------------------------------------------

WAVE = tuple(10_000 if n % 2 else -10_000 for n in range(60))
"""One per cent up, one per cent down."""
LATE = tuple(10_000 if n % 4 > 1 else -10_000 for n in range(60))
"""The same moves, out of step: no correlation with WAVE."""
MATES = {BANK: WAVE, MATE: WAVE, STEEL: LATE}


def cut(ruling: Any) -> list[tuple[str, str, str]]:
    return [(v.rule, v.result.value, v.after) for v in ruling.verdicts]


def test_leverage_clamps_at_exactly_its_limit() -> None:
    here = view({MATE: holding(MATE, 20_000)})
    assert cut(judge(here, replace(OPEN, max_leverage_ppm=500_000), [wants(BANK, 0.75)], FEES)) == [
        ("max_leverage", "CLAMP", "0.300000")
    ]
    assert codes(judge(here, replace(OPEN, max_leverage_ppm=500_000), [wants(BANK, 0.3)], FEES)) == ["ALLOWED"]


def test_names_that_move_together_are_one_and_others_are_not() -> None:
    together = view({MATE: holding(MATE, 20_000)}, returns=MATES)
    policy = replace(OPEN, max_cluster_ppm=300_000, cluster_correlation_ppm=800_000)
    assert cut(judge(together, policy, [wants(BANK, 0.2)], FEES)) == [("max_cluster", "CLAMP", "0.100000")]
    assert codes(judge(together, policy, [wants(BANK, 0.1)], FEES)) == ["ALLOWED"]
    apart = view({STEEL: holding(STEEL, 20_000)}, returns=MATES)
    assert codes(judge(apart, policy, [wants(BANK, 0.2)], FEES)) == ["ALLOWED"]


def test_a_cluster_begins_at_exactly_its_correlation() -> None:
    turned = tuple(-move if n < 6 else move for n, move in enumerate(WAVE))  # six of sixty turned round: correlation 0.8 exactly
    here = view({MATE: holding(MATE, 20_000)}, returns={BANK: WAVE, MATE: turned})
    policy = replace(OPEN, max_cluster_ppm=200_000, cluster_correlation_ppm=800_000)
    assert codes(judge(here, policy, [wants(BANK, 0.1)], FEES)) == ["EXPOSURE_CLUSTER"]
    assert codes(judge(here, replace(policy, cluster_correlation_ppm=800_001), [wants(BANK, 0.1)], FEES)) == ["ALLOWED"]


@pytest.mark.parametrize(
    ("rule", "limit", "after"),
    [("max_volatility", {"max_volatility_ppm": 80_000}, 0.4998), ("max_var_historical", {"max_var_ppm": 5_000}, 0.5)],
)
def test_a_statistical_clamp_leaves_the_largest_weight_that_fits(rule: str, limit: dict[str, int], after: float) -> None:
    here = view(returns=MATES)
    rules = [one for one in RULES if one.name != "max_var_parametric"]
    (verdict,) = judge(here, replace(OPEN, **limit), [wants(BANK, 0.9)], FEES, rules).verdicts
    assert (verdict.rule, verdict.result) == (rule, VerdictResult.CLAMP)
    assert abs(float(verdict.after) - after) < 0.001
    weight = int(float(verdict.after) * PPM)
    inside = [replace(wants(BANK, 0), target_weight_ppm=weight)]
    assert codes(judge(here, replace(OPEN, **limit), inside, FEES, rules)) == ["ALLOWED"]


def test_value_at_risk_if_returns_were_normal_clamps_where_the_past_does_not() -> None:
    here = view(returns=MATES)
    (verdict,) = judge(here, replace(OPEN, max_var_ppm=12_000), [wants(BANK, 0.9)], FEES).verdicts
    assert (verdict.rule, verdict.result) == ("max_var_parametric", VerdictResult.CLAMP)
    assert abs(float(verdict.after) - 0.7234) < 0.001  # 1.2 % / (1.6449 × 1.0084 %)


def test_a_name_that_moves_against_the_rest_is_welcome() -> None:
    mirror = {BANK: tuple(-move for move in WAVE), MATE: WAVE}
    here = view({MATE: holding(MATE, 40_000)}, returns=mirror)
    assert codes(judge(here, replace(OPEN, max_volatility_ppm=60_000, max_var_ppm=4_000), [wants(BANK, 0.3)], FEES)) == ["ALLOWED"]


@pytest.mark.parametrize("policy", [{"max_cluster_ppm": 1}, {"max_volatility_ppm": 1}, {"max_var_ppm": 1}])
def test_without_a_history_a_statistical_clamp_denies(policy: dict[str, int]) -> None:
    short = view(returns={BANK: WAVE[:19]})
    assert codes(judge(short, replace(OPEN, **policy), [wants(BANK, 0.1)], FEES)) == ["RULE_UNEVALUABLE"]
    assert codes(judge(view(), replace(OPEN, **policy), [wants(BANK, 0.1)], FEES)) == ["RULE_UNEVALUABLE"]


# -- edge -------------------------------------------------------------------------------------------------------------------------


def hoping(target: int, stop: int = 90_000, chance: float = 0.5) -> Decision:
    return Decision(BANK, Intent.OPEN, 100_000, round(chance * PPM), "because", stop, target)


def test_an_edge_must_pay_the_round_trip() -> None:
    here = view()
    cost = round_trip_ppm(replace(here, fees=FEES), Wish(hoping(0), 0, 100_000))
    assert cost == 3_020  # of 100,000 yuan: 25 + 25 commission, 50 stamp, 1 + 1 transfer, and a tick of 0.01 in 10 each way
    at = 100_000 + 10_000 + cost * 2 // 10 + 1  # half the gain less half of a tenth is just the cost
    assert codes(judge(here, replace(OPEN, min_edge_ppm=PPM), [hoping(at)], FEES)) == ["ALLOWED"]
    assert codes(judge(here, replace(OPEN, min_edge_ppm=PPM), [hoping(at - 2)], FEES)) == ["EDGE_BELOW_COST"]
    assert codes(judge(here, replace(OPEN, min_edge_ppm=PPM), [hoping(0)], FEES)) == ["ALLOWED"]
    assert codes(judge(here, replace(OPEN, min_edge_ppm=PPM), [hoping(110_000, stop=0)], FEES)) == ["RULE_UNEVALUABLE"]


# -- the table ------------------------------------------------------------------------------------------------------------


def test_the_table_is_asked_in_the_order_that_the_room_promises() -> None:
    groups = {
        "halt": ("halt_file", "trading_state", "policy_valid", "books_reconciled"),
        "gate": ("instrument_known", "session_open", "instrument_priced", "one_open_order", "one_way", "min_holding"),
        "entry": ("data_fresh", "blacklist", "special_treatment", "shorts_allowed", "max_funding"),
        "lock": ("max_daily_loss", "max_weekly_loss", "max_drawdown", "losing_streak"),
        "throttle": ("max_entries_cycle", "max_entries_day", "reentry_cooldown", "max_orders_minute"),
        "clamp": (
            "sizing", "evidence_cap", "max_position", "max_sector", "max_cluster", "max_gross", "max_net", "max_leverage",
            "leverage_bracket", "cash_reserve", "max_volume_share", "min_liquidation_distance",
            "max_volatility", "max_var_historical", "max_var_parametric",
        ),
        "edge": ("expected_edge",),
    }  # fmt: skip
    assert [rule.name for rule in RULES] == [name for group in groups.values() for name in group]
    passes_exits = {*groups["halt"], *groups["gate"]}
    assert {rule.name for rule in RULES if not rule.entries_only} == passes_exits


def test_the_policy_s_defaults_are_the_mission_s() -> None:
    assert (Policy().max_position_ppm, Policy().max_gross_ppm, Policy().max_daily_loss_ppm) == (300_000, 800_000, 50_000)
    assert Policy().cash_reserve == 100_000_000


def test_every_rule_has_a_named_test_at_its_limit() -> None:
    tabled = {bite[0] for bite in (*BITES, *TABLE)} | {clamp[0] for clamp in CLAMPS}
    named = {
        "policy_valid", "min_holding", "sizing", "cash_reserve", "max_leverage", "max_cluster", "max_volatility",
        "max_var_historical", "max_var_parametric", "expected_edge", "evidence_cap",
        "one_way", "shorts_allowed", "max_funding", "max_net", "leverage_bracket", "min_liquidation_distance",
    }  # fmt: skip
    assert {rule.name for rule in RULES} == tabled | named
