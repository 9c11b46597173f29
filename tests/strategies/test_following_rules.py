"""A rule strategy followed: conditions on named figures, one decision a name, nothing done for what nobody knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis import FEATURE_NAMES, Features
from engine.core.decision import Intent
from engine.core.strategy import (
    Beside,
    Condition,
    Needs,
    Range,
    Relation,
    RuleStrategy,
    Threshold,
    strategy_of,
    text_of,
)
from engine.llm.rule_schema import FIGURES
from engine.strategies import GatePolicy, Trial, follow, in_words, missed, rule_figures
from engine.strategies.rules import enters, holds

A, B, C = "600000.SH", "600001.SH", "600002.SH"
D = Decimal
OVERSOLD = Threshold("rsi_14", Beside.BELOW, D(30))
RISING = Relation("sma_5", Beside.ABOVE, "sma_20")


def strategy(entry: tuple[Condition, ...] = (OVERSOLD, RISING), needs: Needs = Needs.ALL) -> RuleStrategy:
    return RuleStrategy("test", (A, B), needs, entry, (Threshold("rsi_14", Beside.ABOVE, D(70)),), 200_000, 30, "why")


def test_every_figure_a_condition_may_name_is_one_that_there_is() -> None:
    assert set(FIGURES) <= {*FEATURE_NAMES, "last"}
    known = rule_figures(Features(60, rsi_14=41.5), 12.34)
    assert set(FIGURES) <= set(known) and known["rsi_14"] == 41.5 and known["last"] == 12.34 and known["sma_5"] is None


@pytest.mark.parametrize(
    ("condition", "figures", "true"),
    [
        (OVERSOLD, {"rsi_14": 29.99}, True),
        (OVERSOLD, {"rsi_14": 30.0}, False),
        (Threshold("rsi_14", Beside.ABOVE, D(30)), {"rsi_14": 30.0}, False),
        (Threshold("rsi_14", Beside.ABOVE, D("29.9999")), {"rsi_14": 30.0}, True),
        (Range("rsi_14", D(30), D(40)), {"rsi_14": 30.0}, True),
        (Range("rsi_14", D(30), D(40)), {"rsi_14": 40.0}, True),
        (Range("rsi_14", D(30), D(40)), {"rsi_14": 40.1}, False),
        (RISING, {"sma_5": 10.0, "sma_20": 9.0}, True),
        (RISING, {"sma_5": 9.0, "sma_20": 9.0}, False),
        (RISING, {"sma_5": 9.0, "sma_20": None}, False),
        (RISING, {"sma_5": 9.0}, False),
        (OVERSOLD, {"rsi_14": None}, False),
        (OVERSOLD, {}, False),
    ],
)
def test_a_condition_is_true_of_figures_that_are_known(condition: Condition, figures: dict[str, float | None], true: bool) -> None:
    assert holds(condition, figures) is true


def test_all_or_any_of_the_entry_conditions() -> None:
    one, both = {"rsi_14": 20.0, "sma_5": 1.0, "sma_20": 2.0}, {"rsi_14": 20.0, "sma_5": 2.0, "sma_20": 1.0}
    assert not enters(strategy(), one) and enters(strategy(), both)
    assert enters(strategy(needs=Needs.ANY), one) and not enters(strategy(needs=Needs.ANY), {"rsi_14": 50.0})


ENTERS, LEAVES, WAITS = {"rsi_14": 20.0, "sma_5": 2.0, "sma_20": 1.0}, {"rsi_14": 71.0}, {"rsi_14": 50.0}


def told(figures: dict[str, dict[str, float]], held: dict[str, int], *, entering: bool = True) -> dict[str, tuple[Intent, int]]:
    batch = follow(strategy(), figures, (A, B, C), held, entering=entering)
    return {one.instrument: (one.intent, one.target_weight_ppm) for one in batch}


def test_the_table_of_what_follows() -> None:
    assert told({A: ENTERS, B: WAITS, C: ENTERS}, {}) == {A: (Intent.OPEN, 200_000)}
    assert told({A: ENTERS, B: LEAVES}, {A: 150_000, B: 90_000}) == {A: (Intent.HOLD, 150_000), B: (Intent.EXIT, 0)}
    assert told({A: WAITS, C: WAITS}, {C: 50_000}) == {C: (Intent.EXIT, 0)}, "not one of its names"
    assert told({A: ENTERS, B: LEAVES}, {B: 90_000}, entering=False) == {B: (Intent.EXIT, 0)}, "past its review date"
    assert told({}, {A: 150_000}) == {A: (Intent.HOLD, 150_000)}, "nothing is known, nothing is done"


def test_a_name_that_is_no_candidate_today_is_not_opened() -> None:
    assert follow(strategy(), {A: ENTERS}, (B,), {}, entering=True) == ()


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
CONDITIONS = st.one_of(
    st.builds(Threshold, st.sampled_from(FIGURES), st.sampled_from(Beside), NUMBERS),
    st.builds(Range, st.sampled_from(FIGURES), NUMBERS, NUMBERS),
    st.builds(Relation, st.sampled_from(FIGURES), st.sampled_from(Beside), st.sampled_from(FIGURES)),
)
STRATEGIES = st.builds(
    RuleStrategy,
    name=st.text(st.characters(codec="utf-8"), max_size=20),
    symbols=st.lists(st.sampled_from((A, B, C)), unique=True, min_size=1).map(tuple),
    needs=st.sampled_from(Needs),
    entry=st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple),
    exit=st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple),
    weight_ppm=st.integers(1, 10**6),
    review_after_days=st.integers(1, 366),
    reasoning=st.text(st.characters(codec="utf-8"), max_size=40),
)


@given(STRATEGIES)
def test_what_the_journal_keeps_of_a_strategy_is_the_strategy(written: RuleStrategy) -> None:
    text = text_of(written)
    assert strategy_of(text) == written and text_of(strategy_of(text)) == text


@given(STRATEGIES, st.dictionaries(st.sampled_from((A, B, C)), st.integers(1, 10**6)), st.booleans())
def test_a_batch_never_opens_what_is_held_or_not_offered(written: RuleStrategy, held: dict[str, int], entering: bool) -> None:
    figures: dict[str, dict[str, float | None]] = {name: dict.fromkeys(FIGURES, 1.0) for name in (A, B, C)}
    batch = follow(written, figures, (A, B), held, entering=entering)
    opened = {one.instrument for one in batch if one.intent is Intent.OPEN}
    assert opened <= ({A, B} & set(written.symbols)) - set(held) and (entering or not opened)
    assert set(held) <= {one.instrument for one in batch}


TESTED = Trial(
    first=date(2024, 1, 2),
    last=date(2024, 3, 29),
    sessions=60,
    return_ppm=0,
    max_drawdown_ppm=150_000,
    sharpe_milli=500,
    hit_rate_ppm=400_000,
    trades=1,
    turnover_ppm=30_000_000,
    costs=1,
)


def test_a_strategy_on_every_bound_is_accepted() -> None:
    assert missed(GatePolicy(), TESTED) == ()


@pytest.mark.parametrize(
    ("figure", "value", "code"),
    [
        ("sessions", 19, "GATE_SESSIONS"),
        ("return_ppm", -1, "GATE_RETURN"),
        ("max_drawdown_ppm", 150_001, "GATE_DRAWDOWN"),
        ("sharpe_milli", 499, "GATE_SHARPE"),
        ("hit_rate_ppm", 399_999, "GATE_HIT_RATE"),
        ("trades", 0, "GATE_TRADES"),
        ("turnover_ppm", 30_000_001, "GATE_TURNOVER"),
        ("cycles_failed", 1, "GATE_CYCLES_FAILED"),
    ],
)
def test_each_bound_missed_by_the_least_is_named(figure: str, value: int, code: str) -> None:
    changed: dict[str, Any] = {figure: value}
    assert missed(GatePolicy(), replace(TESTED, **changed)) == (code,)


def test_a_model_is_told_what_it_will_be_judged_by() -> None:
    assert in_words(GatePolicy()) == (
        "over the last 60 sessions: return at least 0 %, drawdown at most 15 %, Sharpe ratio at least 0.5, "
        "at least 1 closed trades and 40 % of them won, turnover at most 3000 % of equity a year"
    )
