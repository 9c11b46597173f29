"""The one matching kernel: plain functions of integers that say how much of an order trades, at what price, and why not more.

The paper broker calls them as they stand; the backtest compiles this very source (see compiled.py). So: only ints and tuples of
ints, no objects, no exceptions, no division of negative numbers (Python and C round those differently).

Prices are price units, quantities are quantity units, SIDE is BUY or SELL, an absent price or limit is 0. Every function answers
(quantity, price, code). A sale is matched as a purchase in a mirror: all prices negated, the answer negated back.

What may be assumed of a bar (market_rules §7): it opened at `open` and touched `low` and `high` in an unknown order; an order in
hand before it opened may trade at the open, or at its own limit if the price reached it; nothing trades through a sealed limit; and
of two things that could both have happened within the bar, the worse one did.
"""

from __future__ import annotations

BUY, SELL = 1, -1
MARKET, LIMIT, STOP = 0, 1, 2

FILLED, PARTIAL, NO_VOLUME, NOT_REACHED, NOT_TRIGGERED, SEALED, NOTHING_LEFT = range(7)
CODES = ("FILLED", "PARTIAL", "NO_VOLUME", "NOT_REACHED", "NOT_TRIGGERED", "SEALED", "NOTHING_LEFT")
"""The names of the codes, as they travel in events."""

MAX_UNITS = 10**15
"""The door: with prices, quantities and slippage up to this, and volume up to a thousand times this, no sum or product in this file
leaves a signed 64-bit integer. Python would not mind; the compiled form would wrap without a word, so its callers check first."""


def participation_cap(volume: int, participation_ppm: int) -> int:
    """How much of `volume` one order may take: `participation_ppm` of it, rounded down; exact beyond 64 bits by splitting."""
    millions = volume // 1_000_000
    rest = volume - millions * 1_000_000
    return millions * participation_ppm + rest * participation_ppm // 1_000_000


def take(remaining: int, available: int, lot: int) -> int:
    """What trades of `remaining` when `available` is on offer: all of it, or whole lots of what there is."""
    if remaining <= available:
        return remaining
    if available <= 0:
        return 0
    return available - available % lot


def match_bar(
    side: int,
    kind: int,
    remaining: int,
    limit: int,
    stop: int,
    open_: int,
    high: int,
    low: int,
    close: int,
    available: int,
    up: int,
    down: int,
    slippage: int,
    lot: int,
) -> tuple[int, int, int]:
    """Match an order that was in hand before the bar opened.

    `available` is what may be taken of the bar's volume (participation_cap), `up` and `down` the day's limits (0 for none),
    `slippage` the price units a taker loses. A market order trades at the open, worse by the slippage; a limit order at the better
    of the open and its limit; a stop order once its trigger is touched, at the worse of trigger and open. With `limit` set, a stop
    becomes that limit order. A market order is a limit order at the day's limit. A bar sealed at a limit price never fills the
    blocked side, whatever its volume.
    """
    if remaining <= 0:
        return 0, 0, NOTHING_LEFT
    if available <= 0 or open_ <= 0:
        return 0, 0, NO_VOLUME
    if side == BUY:
        best, worst, first, cap, bound, trigger, sign = low, high, open_, up, limit, stop, 1
        capped = up > 0
    else:
        best, worst, first, cap, bound, trigger, sign = -high, -low, -open_, -down, -limit, -stop, -1
        capped = down > 0
    if capped and best >= cap:
        return 0, 0, SEALED
    bounded = kind != MARKET and limit > 0
    if bounded and capped and bound > cap:
        return 0, 0, NOT_REACHED
    price = first
    if kind == STOP:
        if worst < trigger:
            return 0, 0, NOT_TRIGGERED
        price = max(first, trigger)
    if bounded and price > bound:
        # It rests at its limit: a taker no more. A triggered stop counts on the price coming back only if the close did.
        reached = -close if side == SELL else close
        if best > bound or (kind == STOP and reached > bound):
            return 0, 0, NOT_REACHED
        price = bound
    else:
        price += slippage
        if bounded and price > bound:
            price = bound
    if capped and price > cap:
        price = cap
    price = sign * price
    if price <= 0:
        return 0, 0, NOT_REACHED
    quantity = take(remaining, available, lot)
    if quantity <= 0:
        return 0, 0, NO_VOLUME
    return quantity, price, FILLED if quantity == remaining else PARTIAL


def match_print(
    side: int, kind: int, remaining: int, limit: int, stop: int, price: int, available: int, up: int, down: int, lot: int
) -> tuple[int, int, int]:
    """Match an order in hand against one print at one price: a call auction's, or the close in after-hours trading.

    A print at a limit price leaves the blocked side unfilled: the queue before us is not known, so we stand at its end.
    """
    if remaining <= 0:
        return 0, 0, NOTHING_LEFT
    if available <= 0 or price <= 0:
        return 0, 0, NO_VOLUME
    if side == BUY:
        if up > 0 and price >= up:
            return 0, 0, SEALED
        if kind == STOP and price < stop:
            return 0, 0, NOT_TRIGGERED
        if kind != MARKET and limit > 0 and price > limit:
            return 0, 0, NOT_REACHED
    else:
        if down > 0 and price <= down:
            return 0, 0, SEALED
        if kind == STOP and price > stop:
            return 0, 0, NOT_TRIGGERED
        if kind != MARKET and limit > 0 and price < limit:
            return 0, 0, NOT_REACHED
    quantity = take(remaining, available, lot)
    if quantity <= 0:
        return 0, 0, NO_VOLUME
    return quantity, price, FILLED if quantity == remaining else PARTIAL


def match_quote(
    side: int,
    kind: int,
    remaining: int,
    limit: int,
    stop: int,
    last: int,
    opposite: int,
    opposite_size: int,
    up: int,
    down: int,
    slippage: int,
    lot: int,
) -> tuple[int, int, int]:
    """Match an order against the best opposite quote (the ask for a buy), or against `last` where the source shows no book.

    With a book the order takes what is offered at that price. Without one (`opposite` 0) the price is `last`, worse by `slippage`,
    and `opposite_size` is the quantity the caller allows; a `last` at the day's limit then means sealed.
    """
    if remaining <= 0:
        return 0, 0, NOTHING_LEFT
    if last <= 0 and opposite <= 0:
        return 0, 0, NO_VOLUME
    if kind == STOP and ((side == BUY and last < stop) or (side == SELL and last > stop) or last <= 0):
        return 0, 0, NOT_TRIGGERED
    if opposite <= 0 and ((side == BUY and up > 0 and last >= up) or (side == SELL and down > 0 and last <= down)):
        return 0, 0, SEALED
    bounded = kind != MARKET and limit > 0
    price = opposite if opposite > 0 else last + side * slippage
    if side == BUY:
        if bounded and (opposite if opposite > 0 else last) > limit:
            return 0, 0, NOT_REACHED
        if bounded and price > limit:
            price = limit
        if up > 0 and price > up:
            price = up
    else:
        if bounded and (opposite if opposite > 0 else last) < limit:
            return 0, 0, NOT_REACHED
        if bounded and price < limit:
            price = limit
        if price < down:
            price = down
    if price <= 0:
        return 0, 0, NOT_REACHED
    quantity = take(remaining, opposite_size, lot)
    if quantity <= 0:
        return 0, 0, NO_VOLUME
    return quantity, price, FILLED if quantity == remaining else PARTIAL
