"""Call auctions: the shared vectors, and the three conditions checked against every price by brute force."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulebook import cny, vectors

from engine.core.errors import RuleUnknown
from engine.exchange.auction import AuctionPrint, auction_price
from engine.exchange.boards import Exchange


def levels(rows: list[list[Any]]) -> list[tuple[int, int]]:
    return [(cny(price), quantity) for price, quantity in rows]


@pytest.mark.parametrize(("exchange", "key"), [(Exchange.SSE, "sse"), (Exchange.SZSE, "szse")])
def test_auction_vectors(exchange: Exchange, key: str) -> None:
    for row in vectors("auction"):
        found = auction_price(levels(row["bids"]), levels(row["asks"]), reference=cny(row["ref"]), tick=100, exchange=exchange)
        expected = row[key] and AuctionPrint(cny(row[key][0]), row[key][1])
        assert found == expected, row


def test_nothing_prints_without_two_sides() -> None:
    for bids, asks in (([], []), ([(100, 5)], []), ([], [(100, 5)]), ([(100, 0)], [(100, 5)])):
        assert auction_price(bids, asks, reference=100, tick=1, exchange=Exchange.SSE) is None


def test_other_exchanges_auctions_are_not_in_the_rulebook() -> None:
    with pytest.raises(RuleUnknown, match="US"):
        auction_price([(100, 5)], [(100, 5)], reference=100, tick=1, exchange=Exchange.US)


def test_the_closing_auction_looks_at_the_last_trade() -> None:
    bids, asks = [(1010, 500)], [(1000, 500)]
    prices = {ref: auction_price(bids, asks, reference=ref, tick=1, exchange=Exchange.BSE) for ref in (1003, 1007, 990, 1200)}
    assert {ref: found.price for ref, found in prices.items() if found} == {1003: 1003, 1007: 1007, 990: 1000, 1200: 1010}


SIDE = st.lists(st.tuples(st.integers(90, 110), st.integers(1, 9)), min_size=1, max_size=6)


def brute(bids: list[tuple[int, int]], asks: list[tuple[int, int]], reference: int) -> tuple[set[int], int, int]:
    """All valid prices by the letter of the rule, the traded quantity, and SZSE's choice."""

    def bid(price: int) -> int:
        return sum(n for p, n in bids if p >= price)

    def ask(price: int) -> int:
        return sum(n for p, n in asks if p <= price)

    most = max(min(bid(p), ask(p)) for p in range(90, 111))
    valid = {
        p
        for p in range(90, 111)
        if min(bid(p), ask(p)) == most and bid(p + 1) <= most and ask(p - 1) <= most and most in (bid(p), ask(p))
    }
    least = min((abs(bid(p) - ask(p)) for p in valid), default=0)
    choice = min((p for p in valid if abs(bid(p) - ask(p)) == least), key=lambda p: (abs(p - reference), p), default=0)
    return valid, most, choice


@given(SIDE, SIDE, st.integers(85, 115))
def test_every_auction_obeys_the_letter_of_the_rule(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], reference: int
) -> None:
    valid, most, choice = brute(bids, asks, reference)
    shenzhen = auction_price(bids, asks, reference=reference, tick=1, exchange=Exchange.SZSE)
    shanghai = auction_price(bids, asks, reference=reference, tick=1, exchange=Exchange.SSE)
    if most == 0:
        assert shenzhen is None and shanghai is None
        return
    assert shenzhen == AuctionPrint(choice, most)
    assert shanghai is not None and shanghai.quantity == most
    assert shanghai.price in valid
