"""What a taker loses, and what a book of five levels gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.order import OrderType, Side
from engine.exchange.depth import DepthFill, match_depth
from engine.exchange.slippage import NO_SLIPPAGE, ONE_TICK, BasisPoints, FixedTicks, VolumeShare

ASKS = [(100_100, 300), (100_200, 500), (100_300, 1000)]
BIDS = [(100_000, 300), (99_900, 500)]


def taken(side: Side, kind: OrderType, quantity: int, limit: int, levels: list[tuple[int, int]], up: int = 110_000) -> DepthFill:
    return match_depth(side, kind, quantity, limit, levels, up=up, down=90_000, lot=100)


def test_a_market_order_walks_the_book() -> None:
    assert taken(Side.BUY, OrderType.MARKET, 1000, 0, ASKS) == DepthFill(((300, 100_100), (500, 100_200), (200, 100_300)), "FILLED")
    assert taken(Side.SELL, OrderType.MARKET, 1000, 0, BIDS) == DepthFill(((300, 100_000), (500, 99_900)), "PARTIAL")


def test_a_limit_order_stops_at_its_price() -> None:
    assert taken(Side.BUY, OrderType.LIMIT, 1000, 100_200, ASKS) == DepthFill(((300, 100_100), (500, 100_200)), "PARTIAL")
    assert taken(Side.BUY, OrderType.LIMIT, 1000, 100_000, ASKS) == DepthFill((), "NOT_REACHED")
    assert taken(Side.SELL, OrderType.LIMIT, 200, 100_000, BIDS) == DepthFill(((200, 100_000),), "FILLED")


def test_a_book_that_is_used_up_leaves_the_rest_and_one_share_counts() -> None:
    one = match_depth(Side.BUY, OrderType.MARKET, 1, 0, [(100_100, 1)], up=110_000, down=90_000, lot=1)
    assert one == DepthFill(((1, 100_100),), "FILLED")
    two = match_depth(Side.BUY, OrderType.MARKET, 2, 0, [(100_100, 1), (100_200, 1)], up=110_000, down=90_000, lot=1)
    assert two == DepthFill(((1, 100_100), (1, 100_200)), "FILLED")
    sealed = taken(Side.BUY, OrderType.MARKET, 1000, 0, ASKS, up=100_100)
    assert sealed.fills[0] == (300, 100_100), "an offer at limit-up is an offer"


def test_an_empty_book_gives_nothing() -> None:
    assert taken(Side.BUY, OrderType.MARKET, 100, 0, []) == DepthFill((), "NO_VOLUME")
    assert taken(Side.BUY, OrderType.MARKET, 1, 0, []) == DepthFill((), "NO_VOLUME")
    assert taken(Side.BUY, OrderType.MARKET, 0, 0, ASKS) == DepthFill((), "NOTHING_LEFT")
    assert taken(Side.BUY, OrderType.MARKET, 100, 0, [(100_100, 0), (100_200, 100)]) == DepthFill(((100, 100_200),), "FILLED")


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        (NO_SLIPPAGE, 0),
        (ONE_TICK, 100),
        (FixedTicks(3), 300),
        (BasisPoints(500), 100),  # 0.05 % of 10.00 is half a tick, rounded up
        (BasisPoints(1_000), 100),
        (BasisPoints(1_001), 200),
        (VolumeShare(), 100),  # 10 % x (10 %)^2 of 10.00 is one tick
        (VolumeShare(200_000), 200),
    ],
)
def test_models_round_up_to_the_tick(model: FixedTicks | BasisPoints | VolumeShare, cost: int) -> None:
    assert model.cost(100_000, 1_000, 10_000, 100) == cost


def test_one_tick_is_the_default() -> None:
    assert FixedTicks() == ONE_TICK


def test_volume_share_without_volume_costs_as_much_as_taking_it_all() -> None:
    assert VolumeShare().cost(100_000, 1, 0, 100) == VolumeShare().cost(100_000, 50, 50, 100) == 10_000
    assert VolumeShare().cost(100_000, 500, 50, 100) == 10_000


@given(st.integers(1, 10**7), st.integers(0, 10**6), st.integers(1, 10**6))
def test_more_volume_taken_never_costs_less(price: int, quantity: int, volume: int) -> None:
    model = VolumeShare()
    assert model.cost(price, quantity, volume, 100) <= model.cost(price, quantity + 1, volume, 100)
