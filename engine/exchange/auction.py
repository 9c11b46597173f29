"""The price of a call auction, with the tie rules of Shanghai and of Shenzhen.

The price (1) trades the most, (2) leaves no better-priced order unfilled, (3) fills one side at that price whole. Where several
do, SSE takes those with the smallest unfilled quantity and of them the midpoint; SZSE (and BSE) those with the smallest cumulative
difference between the sides and of them the one closest to the previous close (opening) or last trade (closing).
Source: SSE 3.6.2, SZSE 3.5.2; SSE's candidates are the prices of orders, as open-source reconstructions of its data have it [S].
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from engine.core.errors import RuleUnknown
from engine.core.units import div_half_up
from engine.exchange.boards import Exchange

Level = tuple[int, int]
"""(price in price units, quantity)."""


@dataclass(frozen=True, slots=True)
class AuctionPrint:
    """What an auction prints: one price, and the quantity that trades at it."""

    price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class _Book:
    """Both sides as sorted prices with running totals: bids from the lowest, asks from the lowest."""

    bid_prices: list[int]
    bids_below: list[int]
    ask_prices: list[int]
    asks_upto: list[int]

    def bid(self, price: int) -> int:
        """Quantity bid at `price` or better."""
        return self.bids_below[-1] - self.bids_below[bisect_left(self.bid_prices, price)]

    def better_bid(self, price: int) -> int:
        """Quantity bid above `price`."""
        return self.bids_below[-1] - self.bids_below[bisect_right(self.bid_prices, price)]

    def ask(self, price: int) -> int:
        """Quantity asked at `price` or better."""
        return self.asks_upto[bisect_right(self.ask_prices, price)]

    def better_ask(self, price: int) -> int:
        """Quantity asked below `price`."""
        return self.asks_upto[bisect_left(self.ask_prices, price)]

    def traded(self, price: int) -> int:
        """What would trade at `price`."""
        return min(self.bid(price), self.ask(price))

    def left_over(self, price: int) -> int:
        """How far the two sides are apart at `price`."""
        return abs(self.bid(price) - self.ask(price))


def _book(bids: Sequence[Level], asks: Sequence[Level]) -> _Book:
    ups, downs = sorted(bids), sorted(asks)
    return _Book(
        [price for price, _ in ups],
        list(accumulate((quantity for _, quantity in ups), initial=0)),
        [price for price, _ in downs],
        list(accumulate((quantity for _, quantity in downs), initial=0)),
    )


def auction_price(
    bids: Sequence[Level], asks: Sequence[Level], *, reference: int, tick: int, exchange: Exchange
) -> AuctionPrint | None:
    """The print of a call auction, or None when the sides do not meet.

    `reference` is the previous close at the opening and the last trade at the closing. The BSE follows the Shenzhen tie rule [?].
    Raises RuleUnknown for exchanges whose auctions are not modelled.
    """
    if exchange not in (Exchange.SSE, Exchange.SZSE, Exchange.BSE):
        raise RuleUnknown(f"the auctions of {exchange} are not in the rulebook")
    book = _book([level for level in bids if level[1] > 0], [level for level in asks if level[1] > 0])
    orders = sorted({*book.bid_prices, *book.ask_prices})
    most = max((book.traded(price) for price in orders), default=0)
    if most == 0:
        return None
    valid = [price for price in orders if _valid(book, price, most)]
    least = min((book.left_over(price) for price in valid), default=None)
    if least is None:
        raise RuleUnknown(f"no price of the {exchange} auction satisfies its rules")
    best = [price for price in valid if book.left_over(price) == least]
    if exchange is Exchange.SSE:
        return AuctionPrint(div_half_up(best[0] + best[-1], 2 * tick) * tick, most)
    return AuctionPrint(_closest(book, orders, most, reference, tick), most)


def _valid(book: _Book, price: int, most: int) -> bool:
    full = most in (book.bid(price), book.ask(price))
    return full and book.traded(price) == most and book.better_bid(price) <= most and book.better_ask(price) <= most


def _closest(book: _Book, orders: Sequence[int], most: int, reference: int, tick: int) -> int:
    """Of all valid prices on the grid with the smallest difference, the one closest to the reference, the lower on a tie.

    Between two neighbouring order prices nothing changes, so only the ends of such a stretch and the point nearest the reference in
    it need to be looked at.
    """
    candidates = set(orders)
    for low, high in pairwise(orders):
        if high - low > tick:
            candidates.update((low + tick, high - tick, min(max(_on_grid(reference, low, tick), low + tick), high - tick)))
    valid = [price for price in candidates if _valid(book, price, most)]
    least = min(book.left_over(price) for price in valid)
    return min((price for price in valid if book.left_over(price) == least), key=lambda price: (abs(price - reference), price))


def _on_grid(reference: int, origin: int, tick: int) -> int:
    return origin + div_half_up(reference - origin, tick) * tick
