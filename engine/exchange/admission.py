"""Whether the exchange takes an order at an instant: phase, tick, quantity, day's limits and cage, as one code.

The broker asks before it accepts; risk may ask before it sends. The first rule that refuses names itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine.core.instrument import Board, Instrument
from engine.core.order import OrderType, Side
from engine.core.units import Market
from engine.exchange.boards import Product, exchange_of, product_of
from engine.exchange.limits import CageRule, PriceLimits, cage_rule, price_cage
from engine.exchange.lots import on_tick, quantity_problem
from engine.exchange.sessions import Phase, accepts_orders

AUCTION_CEILING_PPM, AUCTION_FLOOR_PPM = 9_000_000, 500_000
"""On a day without limits the opening call takes prices from 50 % to 900 % of the reference [K]."""
ST_DAILY_BUY_MAXIMUM = 500_000
"""Shares of one SSE main-board risk-warning stock that one account may buy in a day (SSE 2026 rules, chapter 4)."""


@dataclass(frozen=True, slots=True)
class Request:
    """An order as a person or a desk asks for it; prices in price units, 0 for none. `bought_today` counts earlier fills."""

    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int = 0
    stop_price: int = 0
    bought_today: int = 0


def order_problem(
    instrument: Instrument,
    request: Request,
    day: date,
    *,
    phase: Phase,
    limits: PriceLimits | None,
    reference: int,
    cage_from: int,
    sellable: int,
    suspended: bool = False,
) -> str:
    """Why the exchange refuses this order now, as a code; empty when it takes it.

    `reference` is the day's reference price and `cage_from` the price the cage is drawn around (limits.cage_base); `sellable` is
    what may be sold today. An order outside the session may be queued by the broker until the next one: the exchange never sees it.
    """
    if suspended:
        return "SUSPENDED"
    if not accepts_orders(phase, exchange_of(instrument)):
        return f"PHASE_{phase.value.upper()}"
    problem = quantity_problem(instrument, request.side, request.quantity, sellable, request.order_type, day)
    if problem:
        return problem
    if request.side is Side.BUY:
        if instrument.delisting:
            return "DELISTING_SELL_ONLY"
        if _over_st_maximum(instrument, request):
            return "ST_DAILY_MAXIMUM"
    return _price_problem(instrument, request, day, phase, limits, reference, cage_from)


def _over_st_maximum(instrument: Instrument, request: Request) -> bool:
    capped = instrument.special_treatment and instrument.board is Board.MAIN_SH
    return capped and request.bought_today + request.quantity > ST_DAILY_BUY_MAXIMUM


def _price_problem(
    instrument: Instrument,
    request: Request,
    day: date,
    phase: Phase,
    limits: PriceLimits | None,
    reference: int,
    cage_from: int,
) -> str:
    limit = request.limit_price
    if request.order_type is OrderType.LIMIT and limit <= 0:
        return "PRICE_MISSING"
    if request.order_type is OrderType.STOP and request.stop_price <= 0:
        return "STOP_MISSING"
    if request.order_type is OrderType.MARKET:
        # Market orders exist in continuous trading only.
        return "" if phase is Phase.CONTINUOUS or instrument.market is not Market.ASHARE else "MARKET_ORDER_IN_CALL"
    for price in (limit, request.stop_price):
        if price and not on_tick(instrument, day, price):
            return "PRICE_NOT_ON_TICK"
    if limit == 0:
        return ""
    if limits is not None and not limits.down <= limit <= limits.up:
        return "PRICE_OUTSIDE_LIMITS"
    if phase is Phase.AFTER_HOURS_FIXED:
        # cage_from is the close by then: a buy below it or a sale above it is void.
        void = limit < cage_from if request.side is Side.BUY else limit > cage_from
        return "PRICE_VOID_AFTER_HOURS" if void else ""
    if phase is Phase.CONTINUOUS and request.order_type is OrderType.LIMIT:
        return _cage_problem(instrument, request, day, cage_from)
    calling = phase in (Phase.OPEN_CALL, Phase.OPEN_CALL_NO_CANCEL)
    if limits is None and calling and product_of(instrument) is Product.STOCK:
        low, high = reference * AUCTION_FLOOR_PPM, reference * AUCTION_CEILING_PPM
        return "" if low <= limit * 1_000_000 <= high else "PRICE_OUTSIDE_AUCTION_RANGE"
    return ""


def _cage_problem(instrument: Instrument, request: Request, day: date, cage_from: int) -> str:
    rule = cage_rule(instrument, day)
    edge = price_cage(instrument, request.side, day, cage_from)
    if edge is None or rule is CageRule.NONE:
        return ""
    beyond = request.limit_price > edge if request.side is Side.BUY else request.limit_price < edge
    if not beyond:
        return ""
    return "PRICE_PARKED_BY_CAGE" if rule is CageRule.PARK else "PRICE_OUTSIDE_CAGE"


def effective_cap(instrument: Instrument, side: Side, day: date, limits: PriceLimits | None, cage_from: int) -> int:
    """The worst price a market order may trade at in continuous trading, in price units; 0 where nothing bounds it.

    Market orders on SSE and SZSE are modelled as limit orders at the nearer of the day's limit and the cage.
    """
    edges = [edge for edge in (price_cage(instrument, side, day, cage_from),) if edge is not None]
    if limits is not None:
        edges.append(limits.up if side is Side.BUY else limits.down)
    if not edges:
        return 0
    return min(edges) if side is Side.BUY else max(edges)
