"""An order against a book of several levels: what each level gives, best first, none beyond the order's own price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.order import OrderType, Side
from engine.exchange.kernel import BUY, CODES, FILLED, LIMIT, MARKET, NO_VOLUME, NOTHING_LEFT, PARTIAL, SELL, STOP, match_quote

SIDES = {Side.BUY: BUY, Side.SELL: SELL}
KINDS = {OrderType.MARKET: MARKET, OrderType.LIMIT: LIMIT, OrderType.STOP: STOP}
"""The kernel's numbers for the words of the trade."""


@dataclass(frozen=True, slots=True)
class DepthFill:
    """Fills as (quantity, price), best price first, and why the rest did not trade (FILLED when nothing is left)."""

    fills: tuple[tuple[int, int], ...]
    code: str


def match_depth(
    side: Side,
    kind: OrderType,
    remaining: int,
    limit: int,
    levels: Sequence[tuple[int, int]],
    *,
    up: int,
    down: int,
    lot: int,
) -> DepthFill:
    """Take from the opposite side's `levels` (price, quantity; best first) until the order or its price is exhausted.

    The book is what was shown: nothing behind the last level is assumed, what is left stays in the order.
    """
    fills: list[tuple[int, int]] = []
    left = remaining
    code = NOTHING_LEFT if remaining <= 0 else NO_VOLUME
    for price, offered in levels:
        if left <= 0:
            break
        quantity, at, code = match_quote(SIDES[side], KINDS[kind], left, limit, 0, price, price, offered, up, down, 0, lot)
        if quantity:
            fills.append((quantity, at))
            left -= quantity
        elif code != NO_VOLUME:
            break
    if fills:
        code = FILLED if left == 0 else PARTIAL
    return DepthFill(tuple(fills), CODES[code])
