"""Recovering raw prices: the truth is always among the candidates, and a price that is given is the true one."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.recover_raw import AdjustedBar, Distribution, candidates, half_up, recover, step_backward, step_factor

DAY = date(2020, 5, 27)
PRICES = st.integers(min_value=200, max_value=9_000)
FACTORS = st.builds(Fraction, st.integers(9_500, 9_999), st.just(10_000))


@given(raw=PRICES, factor=FACTORS)
def test_the_true_price_is_always_a_candidate(raw: int, factor: Fraction) -> None:
    assert raw in candidates(half_up(raw * factor), factor)


@given(
    rows=st.lists(
        st.tuples(PRICES, st.integers(0, 30), st.integers(0, 30), st.integers(0, 60), st.integers(10**4, 10**8)), max_size=30
    ),
    factor=FACTORS,
)
def test_a_recovered_row_is_the_true_row(rows: list[tuple[int, int, int, int, int]], factor: Fraction) -> None:
    truth, bars = [], []
    for number, (low, up, down, close_at, volume) in enumerate(rows):
        prices = (low + down % (up + 1), low + up, low, low + min(close_at, up))
        adjusted = tuple(half_up(price * factor) for price in prices)
        amount = volume * sum(prices) // 4
        truth.append((prices, volume))
        bars.append(AdjustedBar(DAY + timedelta(number), adjusted, half_up(volume / factor), amount))
    for (prices, volume), found in zip(truth, recover(bars, [(0, factor, None)], backward_last=None), strict=True):
        assert found.volume == volume
        if found.prices is not None and found.pre_close is None:
            assert found.prices == prices


def test_two_prices_that_round_to_one_are_not_told_apart() -> None:
    factor = Fraction(98, 100)
    pair = candidates(half_up(2_525 * factor), factor)
    assert len(pair) == 2
    bar = AdjustedBar(DAY, (half_up(2_525 * factor),) * 4, 1_000_000, 2_525 * 980_000)
    assert recover([bar], [(0, factor, None)], backward_last=None)[0].prices is None


def test_a_backward_adjusted_price_tells_them_apart() -> None:
    factor, last = Fraction(98, 100), Fraction(20)
    shown = half_up(2_525 * factor)
    bar = AdjustedBar(DAY, (shown,) * 4, 1_000_000, 2_525 * 980_000, backward=(half_up(2_525 * factor * last),) * 4)
    assert recover([bar], [(0, factor, None)], backward_last=last)[0].prices == (2_525,) * 4


@pytest.mark.parametrize(
    ("close", "cash_per_10", "shares_per_10", "reference"),
    [(1_547, 2_000_000, 3_000_000, 1_175), (1_234, 3_600_000, 0, 1_198), (1_234, 1_000_000, 4_000_000, 874)],
)
def test_reference_prices_of_the_rulebook(close: int, cash_per_10: int, shares_per_10: int, reference: int) -> None:
    assert Distribution(DAY, cash_per_10, shares_per_10).reference(close) == reference


def test_a_measured_factor_finds_the_close_and_the_reference() -> None:
    """000001 on 2020-05-28: 10派2.18元, measured 0.983076927."""
    event = Distribution(date(2020, 5, 28), 2_180_000, 0)
    assert step_factor(1_278, event, Fraction(983_076_927, 10**9)) == (1_300, 1_278)


def test_a_factor_that_no_reference_explains_ends_the_chain() -> None:
    event = Distribution(date(2020, 5, 28), 2_180_000, 0)
    assert step_factor(1_278, event, Fraction(99, 100)) is None
    assert step_backward(14_999, Distribution(date(2018, 10, 23), 1_800_000, 0), Fraction(18_758, 1_000)) is None


def test_the_backward_chain_finds_the_close_and_the_reference() -> None:
    """000338 on 2019-10-25: 10派1.5元, 11.78 before, 11.63 reference, backward factor 19.43 after."""
    event = Distribution(date(2019, 10, 25), 1_500_000, 0)
    assert step_backward(half_up(1_163 * Fraction(1943, 100)), event, Fraction(1943, 100)) == (1_178, 1_163)
