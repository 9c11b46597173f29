"""Ticks, lots, odd lots and order maxima, by board and date.

Sources: chapter 3 of the exchanges' 2026 trading rules, the STAR (2019) and ChiNext (2020) special provisions; market_rules §4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.order import OrderType, Side
from engine.core.units import Market
from engine.exchange.dated import Dated, since
from engine.exchange.kernel import MAX_UNITS

_FUND_TICK, _SHARE_TICK = 10, 100
"""0.001 and 0.01 in 1e-4 units."""
_TICKS: dict[Board, int] = {
    Board.MAIN_SH: _SHARE_TICK,
    Board.MAIN_SZ: _SHARE_TICK,
    Board.STAR: _SHARE_TICK,
    Board.CHINEXT: _SHARE_TICK,
    Board.BSE: _SHARE_TICK,
    Board.BSE_OLD: _SHARE_TICK,
    Board.B_SHARE_SH: _FUND_TICK,
    Board.B_SHARE_SZ: _SHARE_TICK,
    Board.ETF_SH: _FUND_TICK,
    Board.ETF_SZ: _FUND_TICK,
    Board.ETF_STAR_20: _FUND_TICK,
    Board.LOF_SZ: _FUND_TICK,
    Board.REIT: _FUND_TICK,
    Board.CB_SH: _FUND_TICK,
    Board.CB_SZ: _FUND_TICK,
}
US_DOLLAR = 10_000


def tick_of(instrument: Instrument, day: date) -> int:
    """The smallest price step in price units; for US shares at or above one dollar. Crypto's comes with the instrument.

    A-share ticks are sourced from 2006-07-01; the same 0.01 is assumed before (marina-rules gap G-0005).
    """
    if instrument.market is Market.ASHARE:
        return _TICKS[instrument.board]
    if instrument.market is Market.US:
        return _SHARE_TICK
    return instrument.tick


def tick_at(instrument: Instrument, day: date, price: int) -> int:
    """The price step at a price: US shares below one dollar move by 0.0001 (Reg NMS rule 612)."""
    if instrument.market is Market.US and price < US_DOLLAR:
        return 1
    return tick_of(instrument, day)


def on_tick(instrument: Instrument, day: date, price: int) -> bool:
    """Whether `price` is positive and lies on the price grid."""
    return price > 0 and price % tick_at(instrument, day, price) == 0


def to_tick(instrument: Instrument, side: Side, day: date, price: int) -> int:
    """`price` moved onto the grid to the cautious side: a buy down, a sell up."""
    tick = tick_at(instrument, day, price)
    return price // tick * tick if side is Side.BUY else -(-price // tick) * tick


@dataclass(frozen=True, slots=True)
class LotRule:
    """How quantities are built: at least `minimum`, in steps of `step`; the odd remainder below `odd_below` sells in one piece.

    `odd_joins`: the remainder may ride along with round lots (main board); otherwise (STAR, BSE) it may only be sold when nothing
    else is held.
    """

    minimum: int
    step: int
    odd_below: int
    odd_joins: bool
    max_limit: int
    max_market: int


_HUNDREDS = LotRule(100, 100, 100, True, 1_000_000, 1_000_000)
_CHINEXT = LotRule(100, 100, 100, True, 300_000, 150_000)
_STAR = LotRule(200, 1, 200, False, 100_000, 50_000)
_BSE = LotRule(100, 1, 100, False, 1_000_000, 1_000_000)
_BONDS = LotRule(10, 10, 10, True, 1_000_000, 1_000_000)
_SINCE_1990 = ("1990-12-19", _HUNDREDS)
_RULES: dict[Board, Dated[LotRule]] = {
    Board.MAIN_SH: since("lots, SSE main board", _SINCE_1990),
    Board.MAIN_SZ: since("lots, SZSE main board", _SINCE_1990),
    Board.CHINEXT: since("lots, ChiNext", ("2009-10-30", _HUNDREDS), ("2020-08-24", _CHINEXT)),
    Board.STAR: since("lots, STAR", ("2019-07-22", _STAR)),
    Board.BSE: since("lots, BSE", ("2021-11-15", _BSE)),
    Board.BSE_OLD: since("lots, BSE", ("2021-11-15", _BSE)),
    Board.B_SHARE_SH: since("lots, B shares", _SINCE_1990),
    Board.B_SHARE_SZ: since("lots, B shares", _SINCE_1990),
    Board.ETF_SH: since("lots, SSE funds", _SINCE_1990),
    Board.ETF_SZ: since("lots, SZSE funds", _SINCE_1990),
    Board.ETF_STAR_20: since("lots, SSE funds", _SINCE_1990),
    Board.LOF_SZ: since("lots, SZSE funds", _SINCE_1990),
    Board.REIT: since("lots, REITs", ("2021-01-29", _HUNDREDS)),
    Board.CB_SH: since("lots, convertible bonds", ("2006-07-01", _BONDS)),
    Board.CB_SZ: since("lots, convertible bonds", ("2006-07-01", _BONDS)),
}
US_SHARE = 1_000_000
"""One US share in quantity units."""


def lot_rule(instrument: Instrument, order_type: OrderType, day: date) -> LotRule:
    """The rule for one instrument on `day`.

    US shares: fractions down to 1e-6 by market order, whole shares otherwise (broker practice). Crypto: the pair's own step.
    """
    if instrument.market is Market.ASHARE:
        return _RULES[instrument.board].on(day)
    step = instrument.step
    if instrument.market is Market.US and order_type is not OrderType.MARKET:
        step = US_SHARE
    if step <= 0:
        raise RuleUnknown(f"{instrument.symbol}: no quantity step known")
    return LotRule(step, step, 0, False, MAX_UNITS, MAX_UNITS)


def order_maximum(instrument: Instrument, order_type: OrderType, day: date) -> int:
    """The largest quantity of one order."""
    rule = lot_rule(instrument, order_type, day)
    return rule.max_market if order_type is OrderType.MARKET else rule.max_limit


def quantity_problem(instrument: Instrument, side: Side, quantity: int, sellable: int, order_type: OrderType, day: date) -> str:
    """Why an order of `quantity` is not valid, as a code; empty when it is. `sellable` is what may be sold today."""
    rule = lot_rule(instrument, order_type, day)
    if quantity <= 0:
        return "QUANTITY_NOT_POSITIVE"
    if quantity > (rule.max_market if order_type is OrderType.MARKET else rule.max_limit):
        return "QUANTITY_OVER_MAXIMUM"
    if side is Side.SELL:
        if quantity > sellable:
            return "QUANTITY_OVER_SELLABLE"
        odd = sellable % rule.step if rule.odd_joins else sellable
        if rule.odd_joins and odd and quantity % rule.step == odd:
            return ""
        if not rule.odd_joins and quantity == odd < rule.odd_below:
            return ""
    if quantity < rule.minimum:
        return "QUANTITY_BELOW_MINIMUM"
    return "QUANTITY_NOT_LOT" if quantity % rule.step else ""


def floor_quantity(instrument: Instrument, side: Side, wanted: int, sellable: int, order_type: OrderType, day: date) -> int:
    """The largest valid quantity not above `wanted` (nor `sellable` on a sale, nor the order maximum); 0 when there is none.

    Never rounds up: a person or a model that asks for less than a lot gets nothing.
    """
    rule = lot_rule(instrument, order_type, day)
    top = min(wanted, rule.max_market if order_type is OrderType.MARKET else rule.max_limit)
    if side is Side.SELL:
        top = min(top, sellable)
    if top <= 0:
        return 0
    round_lots = top // rule.step * rule.step
    best = round_lots if round_lots >= rule.minimum else 0
    if side is Side.SELL:
        if rule.odd_joins:
            odd = sellable % rule.step
            with_odd = (top - odd) // rule.step * rule.step + odd if top >= odd else 0
            best = max(best, with_odd)
        elif top == sellable < rule.odd_below:
            best = top
    return best
