"""Intervals that cover, scores that are known by hand, and no answer where there is too little to answer from."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest.metrics import sharpe
from engine.reports.statistics import (
    FEWEST,
    Forecast,
    block_length,
    calibration,
    daily_returns,
    interval,
    paired,
    sharpe_interval,
    wilson,
)

MONDAY = date(2020, 3, 2)
DAYS = [MONDAY + timedelta(days=n) for n in range(40)]
VALUES = st.lists(st.floats(-0.1, 0.1), min_size=FEWEST, max_size=60)


def test_returns_go_from_close_to_close_and_begin_with_the_opening_cash() -> None:
    assert daily_returns([(DAYS[0], 110), (DAYS[1], 99)], 100) == pytest.approx({DAYS[0]: 0.1, DAYS[1]: -0.1})
    assert daily_returns([(DAYS[0], 110), (DAYS[1], 99)], 0) == pytest.approx({DAYS[1]: -0.1})


def test_only_sessions_that_both_have_are_compared() -> None:
    left, right = {DAYS[0]: 0.01, DAYS[1]: 0.02}, {DAYS[1]: 0.005, DAYS[2]: 0.5}
    assert paired(left, right) == pytest.approx([0.015])


def test_too_few_sessions_have_a_mean_and_no_interval() -> None:
    few = interval([0.01] * (FEWEST - 1), seed=1)
    assert few.mean == pytest.approx(0.01) and few.low is None and not few.tells
    assert interval([], seed=1).n == 0


def test_a_constant_difference_is_certain() -> None:
    sure = interval([0.001] * 30, seed=1)
    assert (sure.low, sure.high) == pytest.approx((0.001, 0.001)) and sure.tells


@given(VALUES, st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_an_interval_lies_within_the_values_and_is_the_same_for_the_same_seed(values: list[float], seed: int) -> None:
    once = interval(values, seed=seed, draws=200)
    assert once == interval(values, seed=seed, draws=200)
    assert once.low is not None and once.high is not None
    assert min(values) - 1e-12 <= once.low <= once.high <= max(values) + 1e-12


@given(VALUES, st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_sharpe_ratio_is_the_textbooks_and_its_interval_the_same_for_the_same_seed(values: list[float], seed: int) -> None:
    once = sharpe_interval(values, periods=252, seed=seed, draws=200)
    assert once == sharpe_interval(values, periods=252, seed=seed, draws=200)
    assert once.mean == sharpe(values, 252) and once.low is not None and once.high is not None and once.low <= once.high


def test_a_sharpe_interval_covers_what_is_true_and_says_nothing_of_a_few_days_or_of_a_standstill() -> None:
    truth, chance = 0.1 * math.sqrt(252), np.random.default_rng(11)
    held = [sharpe_interval(chance.normal(0.001, 0.01, 250).tolist(), periods=252, seed=n, draws=400) for n in range(60)]
    assert sum(one.low <= truth <= one.high for one in held if one.low is not None and one.high is not None) >= 51
    few = sharpe_interval([0.01, -0.01] * 4, periods=252, seed=1)
    assert few.low is None and few.n == 8
    still = sharpe_interval([0.0] * 30, periods=252, seed=1)
    assert (still.mean, still.low, still.high) == (0, 0, 0)


@given(VALUES, st.floats(-0.05, 0.05))
@settings(max_examples=25, deadline=None)
def test_an_interval_moves_with_its_values(values: list[float], by: float) -> None:
    plain, moved = interval(values, seed=7, draws=200), interval([value + by for value in values], seed=7, draws=200)
    assert plain.low is not None and moved.low is not None
    assert moved.low == pytest.approx(plain.low + by, abs=1e-9)


def test_about_nineteen_intervals_of_twenty_cover_the_truth() -> None:
    chance, covered = np.random.default_rng(3), 0
    for trial in range(200):
        found = interval(list(chance.normal(0.0005, 0.01, 60)), seed=trial, draws=400)
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.0005 <= found.high
    assert 0.85 <= covered / 200 <= 0.99


def test_blocks_widen_the_interval_of_days_that_hang_together() -> None:
    chance, level = np.random.default_rng(5), 0.0
    values = []
    for shock in chance.normal(0, 0.01, 200):
        level = 0.8 * level + float(shock)
        values.append(level)
    shuffled = list(chance.permutation(values))
    wide, narrow = interval(values, seed=1), interval(shuffled, seed=1)
    assert wide.high is not None and wide.low is not None and narrow.high is not None and narrow.low is not None
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_the_mean_length_of_a_block_grows_with_the_cube_root() -> None:
    assert block_length(27) == pytest.approx(3) and block_length(1) == 1


def test_brier_scores_known_by_hand() -> None:
    prophet = calibration([Forecast(1, True), Forecast(0, False)])
    coin = calibration([Forecast(0.5, True), Forecast(0.5, False)])
    wrong = calibration([Forecast(1, False)])
    assert prophet and coin and wrong
    assert (prophet.brier, coin.brier, wrong.brier) == (0, 0.25, 1)
    mixed = calibration([Forecast(0.8, True), Forecast(0.8, False), Forecast(0.6, True)])
    assert mixed is not None
    assert mixed.brier == pytest.approx((0.04 + 0.64 + 0.16) / 3)
    assert mixed.hit_rate == pytest.approx(2 / 3) and mixed.confidence == pytest.approx(2.2 / 3)
    assert [(one.low, one.n, one.hit_rate) for one in mixed.bins] == [(0.6, 1, 1.0), (0.8, 2, 0.5)]


def test_without_a_forecast_there_is_no_score() -> None:
    assert calibration([]) is None


@given(st.lists(st.builds(Forecast, st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_every_forecast_is_in_one_bin_and_scores_are_bounded(forecasts: list[Forecast]) -> None:
    found = calibration(forecasts)
    assert found is not None and 0 <= found.brier <= 1
    assert sum(one.n for one in found.bins) == found.n == len(forecasts)
    for one in found.bins:
        assert one.low - 1e-9 <= one.confidence <= one.high + 1e-9
        assert 0 <= one.hit_low <= one.hit_rate + 1e-9 and one.hit_rate - 1e-9 <= one.hit_high <= 1


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)])
def test_wilsons_interval_against_tabulated_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilsons_interval_holds_the_share(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert low - 1e-12 <= hits / n <= high + 1e-12 and not math.isnan(low)
