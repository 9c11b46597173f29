"""What a bar, a print and a quote fill: the matching kernel, one case a line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.exchange.kernel import (
    BUY,
    CODES,
    LIMIT,
    MARKET,
    MAX_UNITS,
    SELL,
    STOP,
    match_bar,
    match_print,
    match_quote,
    participation_cap,
    take,
)

UP, DOWN = 110_000, 90_000


def bar(
    side: int,
    kind: int,
    o: int,
    h: int,
    low: int,
    c: int,
    *,
    limit: int = 0,
    stop: int = 0,
    slip: int = 0,
    n: int = 1000,
    available: int = 10_000,
    lot: int = 100,
) -> tuple[int, int, str]:
    quantity, price, code = match_bar(side, kind, n, limit, stop, o, h, low, c, available, UP, DOWN, slip, lot)
    return quantity, price, CODES[code]


def test_a_market_order_trades_at_the_open_and_loses_the_slippage() -> None:
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_500) == (1000, 100_000, "FILLED")
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_500, slip=200) == (1000, 100_200, "FILLED")
    assert bar(SELL, MARKET, 100_000, 101_000, 99_000, 100_500, slip=200) == (1000, 99_800, "FILLED")


def test_slippage_never_goes_beyond_the_days_limit_or_the_orders_own() -> None:
    assert bar(BUY, MARKET, 109_900, 110_000, 109_000, 110_000, slip=500) == (1000, UP, "FILLED")
    assert bar(SELL, MARKET, 90_100, 91_000, 90_000, 90_000, slip=500) == (1000, DOWN, "FILLED")
    assert bar(BUY, LIMIT, 100_000, 101_000, 99_000, 100_000, limit=100_100, slip=500) == (1000, 100_100, "FILLED")


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (BUY, 100_500, (1000, 100_000, "FILLED")),
        (BUY, 100_000, (1000, 100_000, "FILLED")),
        (BUY, 99_500, (1000, 99_500, "FILLED")),
        (BUY, 99_000, (1000, 99_000, "FILLED")),
        (BUY, 98_900, (0, 0, "NOT_REACHED")),
        (SELL, 99_500, (1000, 100_000, "FILLED")),
        (SELL, 100_000, (1000, 100_000, "FILLED")),
        (SELL, 100_500, (1000, 100_500, "FILLED")),
        (SELL, 101_000, (1000, 101_000, "FILLED")),
        (SELL, 101_100, (0, 0, "NOT_REACHED")),
    ],
)
def test_a_limit_order_trades_at_the_better_of_open_and_limit(side: int, limit: int, expected: tuple[int, int, str]) -> None:
    assert bar(side, LIMIT, 100_000, 101_000, 99_000, 100_500, limit=limit) == expected


def test_a_sealed_bar_never_fills_the_blocked_side_and_fills_the_other() -> None:
    # 600602 on 2026-08-12: reference 18.41, open = high = low = close = 20.25 = limit-up.
    sealed = (202_500, 202_500, 202_500, 202_500)
    assert match_bar(BUY, MARKET, 100, 0, 0, *sealed, 10**6, 202_500, 165_700, 0, 100) == (0, 0, CODES.index("SEALED"))
    assert match_bar(BUY, LIMIT, 100, 202_500, 0, *sealed, 10**6, 202_500, 165_700, 0, 100) == (0, 0, CODES.index("SEALED"))
    assert match_bar(SELL, MARKET, 100, 0, 0, *sealed, 10**6, 202_500, 165_700, 0, 100) == (100, 202_500, 0)
    down = (165_700, 165_700, 165_700, 165_700)
    assert match_bar(SELL, STOP, 100, 0, 170_000, *down, 10**6, 202_500, 165_700, 0, 100) == (0, 0, CODES.index("SEALED"))
    assert match_bar(BUY, MARKET, 100, 0, 0, *down, 10**6, 202_500, 165_700, 0, 100) == (100, 165_700, 0)


def test_a_board_that_opened_fills_at_the_limit_price_only() -> None:
    assert bar(BUY, MARKET, UP, UP, 109_000, UP) == (1000, UP, "FILLED")
    assert bar(BUY, LIMIT, UP, UP, 109_000, UP, limit=109_500) == (1000, 109_500, "FILLED")
    assert bar(SELL, MARKET, DOWN, 91_000, DOWN, DOWN) == (1000, DOWN, "FILLED")


def test_without_limits_nothing_is_sealed() -> None:
    assert match_bar(BUY, MARKET, 5, 0, 0, 50, 50, 50, 50, 100, 0, 0, 3, 1) == (5, 53, 0)
    assert match_bar(SELL, MARKET, 5, 0, 0, 50, 50, 50, 50, 100, 0, 0, 3, 1) == (5, 47, 0)
    assert match_bar(SELL, MARKET, 5, 0, 0, 2, 2, 2, 2, 100, 0, 0, 3, 1) == (0, 0, CODES.index("NOT_REACHED"))


@pytest.mark.parametrize(
    ("side", "stop", "expected"),
    [
        (BUY, 100_500, (1000, 100_700, "FILLED")),
        (BUY, 99_500, (1000, 100_200, "FILLED")),
        (BUY, 101_100, (0, 0, "NOT_TRIGGERED")),
        (SELL, 99_500, (1000, 99_300, "FILLED")),
        (SELL, 100_500, (1000, 99_800, "FILLED")),
        (SELL, 98_900, (0, 0, "NOT_TRIGGERED")),
    ],
)
def test_a_stop_trades_at_the_worse_of_trigger_and_open(side: int, stop: int, expected: tuple[int, int, str]) -> None:
    assert bar(side, STOP, 100_000, 101_000, 99_000, 100_500, stop=stop, slip=200) == expected


def test_a_triggered_stop_with_a_limit_waits_for_its_limit() -> None:
    assert bar(BUY, STOP, 100_000, 103_000, 99_000, 102_500, stop=101_000, limit=101_500) == (1000, 101_000, "FILLED")
    assert bar(BUY, STOP, 102_000, 103_000, 101_000, 102_500, stop=101_000, limit=101_500) == (0, 0, "NOT_REACHED")
    assert bar(BUY, STOP, 102_000, 103_000, 101_000, 101_200, stop=101_000, limit=101_500) == (1000, 101_500, "FILLED")
    assert bar(SELL, STOP, 98_000, 99_500, 97_000, 98_200, stop=99_000, limit=98_500) == (0, 0, "NOT_REACHED")
    assert bar(SELL, STOP, 98_000, 99_500, 97_000, 99_000, stop=99_000, limit=98_500) == (1000, 98_500, "FILLED")


def test_a_trigger_or_a_limit_that_is_just_touched_counts() -> None:
    assert bar(BUY, STOP, 100_000, 101_000, 99_000, 100_500, stop=101_000) == (1000, 101_000, "FILLED")
    assert bar(SELL, STOP, 100_000, 101_000, 99_000, 100_500, stop=99_000) == (1000, 99_000, "FILLED")
    assert bar(BUY, STOP, 102_000, 103_000, 101_000, 101_500, stop=101_000, limit=101_500) == (1000, 101_500, "FILLED")
    assert bar(BUY, LIMIT, 109_000, UP, 108_000, 109_500, limit=UP) == (1000, 109_000, "FILLED")
    assert bar(SELL, LIMIT, 91_000, 92_000, DOWN, 91_500, limit=DOWN) == (1000, 91_000, "FILLED")
    assert bar(BUY, LIMIT, 109_000, UP, 108_000, 109_500, limit=UP + 100) == (0, 0, "NOT_REACHED")
    assert bar(SELL, LIMIT, 91_000, 92_000, DOWN, 91_500, limit=DOWN - 100) == (0, 0, "NOT_REACHED")


def test_participation_leaves_whole_lots_and_the_rest_of_the_order() -> None:
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_000, available=250) == (200, 100_000, "PARTIAL")
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_000, available=99) == (0, 0, "NO_VOLUME")
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_000, available=0) == (0, 0, "NO_VOLUME")
    assert bar(SELL, MARKET, 100_000, 101_000, 99_000, 100_000, n=150, available=150) == (150, 100_000, "FILLED")
    assert bar(BUY, MARKET, 0, 0, 0, 0) == (0, 0, "NO_VOLUME")
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_000, n=0) == (0, 0, "NOTHING_LEFT")


@given(st.integers(0, 10**24), st.integers(0, 10**6))
def test_participation_is_exact_whatever_the_size(volume: int, ppm: int) -> None:
    assert participation_cap(volume, ppm) == volume * ppm // 10**6


@given(st.integers(1, 10**6), st.integers(-10, 10**6), st.sampled_from([1, 10, 100, 200]))
def test_taking_never_takes_more_than_wanted_or_offered(remaining: int, available: int, lot: int) -> None:
    taken = take(remaining, available, lot)
    assert 0 <= taken <= min(remaining, max(available, 0))
    assert taken == remaining or taken % lot == 0


@pytest.mark.parametrize(
    ("side", "kind", "limit", "price", "expected"),
    [
        (BUY, MARKET, 0, 100_000, (1000, 100_000, "FILLED")),
        (BUY, LIMIT, 100_000, 100_000, (1000, 100_000, "FILLED")),
        (BUY, LIMIT, 99_900, 100_000, (0, 0, "NOT_REACHED")),
        (SELL, LIMIT, 100_000, 100_000, (1000, 100_000, "FILLED")),
        (SELL, LIMIT, 100_100, 100_000, (0, 0, "NOT_REACHED")),
        (BUY, LIMIT, UP, UP, (0, 0, "SEALED")),
        (SELL, LIMIT, DOWN, UP, (1000, UP, "FILLED")),
        (SELL, MARKET, 0, DOWN, (0, 0, "SEALED")),
        (BUY, MARKET, 0, DOWN, (1000, DOWN, "FILLED")),
        (BUY, MARKET, 0, 0, (0, 0, "NO_VOLUME")),
    ],
)
def test_an_auction_prints_at_one_price(side: int, kind: int, limit: int, price: int, expected: tuple[int, int, str]) -> None:
    quantity, at, code = match_print(side, kind, 1000, limit, 0, price, 10_000, UP, DOWN, 100)
    assert (quantity, at, CODES[code]) == expected


def test_an_auction_triggers_stops_and_shares_its_volume() -> None:
    assert match_print(BUY, STOP, 1000, 0, 100_100, 100_000, 10_000, UP, DOWN, 100) == (0, 0, CODES.index("NOT_TRIGGERED"))
    assert match_print(BUY, STOP, 1000, 0, 100_000, 100_000, 10_000, UP, DOWN, 100) == (1000, 100_000, 0)
    assert match_print(SELL, STOP, 1000, 0, 99_900, 100_000, 10_000, UP, DOWN, 100) == (0, 0, CODES.index("NOT_TRIGGERED"))
    assert match_print(SELL, STOP, 1000, 0, 100_000, 100_000, 10_000, UP, DOWN, 100) == (1000, 100_000, 0)
    assert match_print(BUY, MARKET, 1000, 0, 0, 100_000, 350, UP, DOWN, 100) == (300, 100_000, CODES.index("PARTIAL"))
    assert match_print(BUY, MARKET, 1000, 0, 0, 100_000, 50, UP, DOWN, 100) == (0, 0, CODES.index("NO_VOLUME"))
    assert match_print(BUY, MARKET, 0, 0, 0, 100_000, 350, UP, DOWN, 100) == (0, 0, CODES.index("NOTHING_LEFT"))


@pytest.mark.parametrize(
    ("side", "kind", "limit", "last", "opposite", "size", "expected"),
    [
        (BUY, MARKET, 0, 100_000, 100_100, 5_000, (1000, 100_100, "FILLED")),
        (BUY, LIMIT, 100_000, 100_000, 100_100, 5_000, (0, 0, "NOT_REACHED")),
        (BUY, LIMIT, 100_100, 100_000, 100_100, 500, (500, 100_100, "PARTIAL")),
        (SELL, LIMIT, 99_900, 100_000, 99_900, 5_000, (1000, 99_900, "FILLED")),
        (SELL, LIMIT, 100_000, 100_000, 99_900, 5_000, (0, 0, "NOT_REACHED")),
        (BUY, MARKET, 0, 100_000, 0, 5_000, (1000, 100_200, "FILLED")),
        (SELL, MARKET, 0, 100_000, 0, 5_000, (1000, 99_800, "FILLED")),
        (BUY, LIMIT, 100_100, 100_000, 0, 5_000, (1000, 100_100, "FILLED")),
        (SELL, LIMIT, 99_900, 100_000, 0, 5_000, (1000, 99_900, "FILLED")),
        (BUY, MARKET, 0, UP, 0, 5_000, (0, 0, "SEALED")),
        (SELL, MARKET, 0, DOWN, 0, 5_000, (0, 0, "SEALED")),
        (BUY, MARKET, 0, UP, UP, 5_000, (1000, UP, "FILLED")),
        (BUY, MARKET, 0, 109_900, 0, 5_000, (1000, UP, "FILLED")),
        (SELL, MARKET, 0, 90_100, 0, 5_000, (1000, DOWN, "FILLED")),
        (BUY, MARKET, 0, 0, 0, 5_000, (0, 0, "NO_VOLUME")),
        (BUY, MARKET, 0, 100_000, 100_100, 0, (0, 0, "NO_VOLUME")),
    ],
)
def test_a_quote_fills_at_the_opposite_side_or_at_the_last_price(
    side: int, kind: int, limit: int, last: int, opposite: int, size: int, expected: tuple[int, int, str]
) -> None:
    quantity, price, code = match_quote(side, kind, 1000, limit, 0, last, opposite, size, UP, DOWN, 200, 100)
    assert (quantity, price, CODES[code]) == expected


def test_the_numbers_of_the_words_are_fixed_for_columns() -> None:
    assert (BUY, SELL, MARKET, LIMIT, STOP, MAX_UNITS) == (1, -1, 0, 1, 2, 10**15)


def test_one_share_is_an_order_and_a_price_of_nothing_is_none() -> None:
    assert bar(BUY, MARKET, 100_000, 100_000, 100_000, 100_000, n=1, available=1, lot=1) == (1, 100_000, "FILLED")
    assert match_print(BUY, MARKET, 1, 0, 0, 1, 1, 0, 0, 1) == (1, 1, 0)
    assert match_quote(BUY, MARKET, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1) == (1, 1, 0)
    assert match_bar(SELL, MARKET, 5, 0, 0, 3, 3, 3, 3, 100, 0, 0, 3, 1) == (0, 0, CODES.index("NOT_REACHED"))
    assert match_bar(SELL, MARKET, 5, 0, 0, 3, 3, 3, 3, 100, 0, 0, 2, 1) == (5, 1, 0)
    assert match_quote(SELL, MARKET, 5, 0, 0, 3, 0, 100, 0, 0, 3, 1) == (0, 0, CODES.index("NOT_REACHED"))
    assert match_quote(SELL, MARKET, 5, 0, 0, 3, 0, 100, 0, 0, 2, 1) == (5, 1, 0)
    assert match_quote(BUY, MARKET, 0, 0, 0, 3, 3, 100, 0, 0, 0, 1) == (0, 0, CODES.index("NOTHING_LEFT"))
    assert match_quote(SELL, STOP, 5, 0, 1, 0, 3, 100, 0, 0, 0, 1) == (0, 0, CODES.index("NOT_TRIGGERED"))
    assert match_quote(BUY, STOP, 5, 0, 1, 0, 3, 100, 0, 0, 0, 1) == (0, 0, CODES.index("NOT_TRIGGERED"))


def test_a_quote_without_a_book_is_bounded_on_both_sides() -> None:
    def at(side: int, last: int, *, kind: int = LIMIT, limit: int = 0, slip: int = 200) -> tuple[int, int, int]:
        return match_quote(side, kind, 100, limit, 0, last, 0, 500, UP, DOWN, slip, 100)

    assert at(SELL, 100_000, kind=MARKET, limit=99_950) == (100, 99_800, 0)
    assert at(SELL, 100_000, limit=100_000) == (100, 100_000, 0)
    assert at(SELL, 100_000, limit=100_100) == (0, 0, CODES.index("NOT_REACHED"))
    assert at(BUY, 100_000, limit=100_000) == (100, 100_000, 0)
    assert match_quote(BUY, LIMIT, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1) == (1, 1, 0)
    assert match_quote(BUY, MARKET, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1) == (1, 1, 0), "a book before the first print"
    assert match_quote(SELL, STOP, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1) == (1, 1, 0)
    assert match_quote(BUY, LIMIT, 1, 1, 0, 3, 2, 1, 0, 0, 0, 1) == (0, 0, CODES.index("NOT_REACHED"))
    assert match_print(BUY, LIMIT, 1, 1, 0, 2, 1, 0, 0, 1) == (0, 0, CODES.index("NOT_REACHED"))
    assert match_print(BUY, MARKET, 1, 0, 0, 1, 1, 1, 0, 1) == (0, 0, CODES.index("SEALED"))
    assert match_print(SELL, MARKET, 1, 0, 0, 1, 1, 2, 1, 1) == (0, 0, CODES.index("SEALED"))


def test_a_market_order_has_no_limit_and_a_stop_without_one_neither() -> None:
    assert bar(BUY, MARKET, 100_000, 101_000, 99_000, 100_500, limit=98_000) == (1000, 100_000, "FILLED")
    assert match_quote(BUY, MARKET, 100, 98_000, 0, 100_000, 100_100, 500, UP, DOWN, 0, 100) == (100, 100_100, 0)
    assert match_quote(BUY, STOP, 100, 0, 99_000, 100_000, 100_100, 500, UP, DOWN, 0, 100) == (100, 100_100, 0)
    assert match_print(BUY, MARKET, 100, 98_000, 0, 100_000, 500, UP, DOWN, 100) == (100, 100_000, 0)


@pytest.mark.parametrize(
    ("side", "stop", "last", "triggered"),
    [(BUY, 100_000, 99_900, False), (BUY, 100_000, 100_000, True), (SELL, 100_000, 100_100, False), (SELL, 100_000, 100_000, True)],
)
def test_a_quote_triggers_a_stop_at_its_price(side: int, stop: int, last: int, triggered: bool) -> None:
    quantity, _, code = match_quote(side, STOP, 100, 0, stop, last, last, 500, UP, DOWN, 0, 100)
    assert (quantity > 0, CODES[code]) == ((True, "FILLED") if triggered else (False, "NOT_TRIGGERED"))


PRICES = st.integers(1, 2 * 10**5)


@settings(max_examples=400)
@given(
    st.sampled_from([BUY, SELL]),
    st.sampled_from([MARKET, LIMIT, STOP]),
    st.integers(1, 10**6),
    PRICES,
    PRICES,
    st.lists(PRICES, min_size=4, max_size=4),
    st.integers(0, 10**6),
    st.integers(0, 500),
)
def test_no_fill_breaks_its_limit_the_days_limits_or_its_quantity(
    side: int, kind: int, remaining: int, limit: int, stop: int, prices: list[int], available: int, slippage: int
) -> None:
    low, open_, close, high = sorted(prices)
    up, down = high + 50, max(low - 50, 1)
    quantity, price, code = match_bar(
        side, kind, remaining, limit, stop, open_, high, low, close, available, up, down, slippage, 100
    )
    assert quantity <= min(remaining, available)
    if quantity:
        assert down <= price <= up
        assert kind == MARKET or side * price <= side * limit
        assert low - slippage <= price <= high + slippage
        assert code in (0, 1)
        if kind == STOP:
            assert side * (high if side == BUY else low) >= side * stop
    else:
        assert price == 0
        assert code > 1


def told(matched: tuple[int, int, int]) -> tuple[int, int, str]:
    quantity, price, code = matched
    return quantity, price, CODES[code]


def test_one_unit_is_a_price_a_limit_and_a_quantity_like_any_other() -> None:
    """Coins are quoted down to 1e-8, so the smallest unit must count: nothing but 0 means none."""
    one, two, rising = (1, 1, 1, 1), (2, 2, 2, 2), (1, 9, 1, 5)
    assert told(match_bar(BUY, MARKET, 5, 0, 0, *one, 9, 0, 0, 0, 1)) == (5, 1, "FILLED")
    assert told(match_bar(BUY, MARKET, 5, 0, 0, *rising, 1, 0, 0, 0, 1)) == (1, 1, "PARTIAL")
    assert told(match_bar(BUY, MARKET, 5, 0, 0, *one, 9, 1, 0, 0, 1)) == (0, 0, "SEALED")
    assert told(match_bar(SELL, MARKET, 5, 0, 0, *one, 9, 0, 1, 0, 1)) == (0, 0, "SEALED")
    assert told(match_bar(SELL, MARKET, 5, 0, 0, *two, 9, 0, 1, 4, 1)) == (5, 1, "FILLED")
    assert told(match_bar(BUY, LIMIT, 5, 1, 0, *two, 9, 0, 0, 0, 1)) == (0, 0, "NOT_REACHED")
    assert told(match_print(BUY, MARKET, 5, 0, 0, 1, 1, 0, 0, 1)) == (1, 1, "PARTIAL")
    assert told(match_print(BUY, MARKET, 5, 0, 0, 1, 9, 1, 0, 1)) == (0, 0, "SEALED")
    assert told(match_print(SELL, MARKET, 5, 0, 0, 1, 9, 0, 1, 1)) == (0, 0, "SEALED")
    assert told(match_quote(BUY, MARKET, 5, 0, 0, 1, 0, 9, 1, 0, 0, 1)) == (0, 0, "SEALED")
    assert told(match_quote(SELL, MARKET, 5, 0, 0, 1, 0, 9, 0, 1, 0, 1)) == (0, 0, "SEALED")
    assert told(match_quote(BUY, MARKET, 5, 0, 0, 1, 1, 9, 1, 0, 0, 1)) == (5, 1, "FILLED")
    assert told(match_quote(BUY, MARKET, 5, 0, 0, 1, 2, 9, 1, 0, 0, 1)) == (5, 1, "FILLED")
    assert told(match_quote(BUY, LIMIT, 5, 1, 0, 5, 1, 9, 0, 0, 0, 1)) == (5, 1, "FILLED")
    assert told(match_quote(SELL, LIMIT, 5, 1, 0, 0, 1, 9, 0, 0, 0, 1)) == (5, 1, "FILLED")


def test_what_has_no_price_or_no_volume_says_so_before_anything_else() -> None:
    sealed = (UP, UP, UP, UP)
    assert told(match_bar(BUY, MARKET, 100, 0, 0, *sealed, 0, UP, DOWN, 0, 100)) == (0, 0, "NO_VOLUME")
    assert told(match_bar(SELL, MARKET, 100, 0, 0, 0, UP, DOWN, UP, 1000, UP, DOWN, 0, 100)) == (0, 0, "NO_VOLUME")
    assert told(match_print(BUY, MARKET, 100, 0, 0, UP, 0, UP, DOWN, 100)) == (0, 0, "NO_VOLUME")
    assert told(match_print(BUY, LIMIT, 100, DOWN, 0, 0, 1000, UP, DOWN, 100)) == (0, 0, "NO_VOLUME")


def test_a_stop_whose_limit_is_its_trigger_trades_as_the_price_goes_through() -> None:
    assert bar(BUY, STOP, 99_000, 105_000, 99_000, 104_000, limit=100_000, stop=100_000) == (1000, 100_000, "FILLED")
    assert bar(SELL, STOP, 101_000, 101_000, 95_000, 96_000, limit=100_000, stop=100_000) == (1000, 100_000, "FILLED")


@pytest.mark.parametrize("opposite", [0, 100_000])
def test_a_limit_that_is_just_the_price_trades(opposite: int) -> None:
    for side in (BUY, SELL):
        matched = match_quote(side, LIMIT, 100, 100_000, 0, 100_000, opposite, 1000, UP, DOWN, 0, 100)
        assert told(matched) == (100, 100_000, "FILLED")


def test_a_last_price_beyond_the_limit_is_not_reached_where_no_book_is_shown() -> None:
    for side, last in ((BUY, 101_000), (SELL, 99_000)):
        matched = match_quote(side, LIMIT, 100, 100_000, 0, last, 0, 1000, UP, DOWN, 0, 100)
        assert told(matched) == (0, 0, "NOT_REACHED")
