"""The shape of an order that the exchange would take: tick, limits and cage, whole lots, sellable today."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.decision import VerdictResult
from engine.core.order import OrderType, Side
from engine.core.units import PPM
from engine.exchange import FeeSchedule, cage_base, floor_quantity, price_cage, tick_at, worst_case_cost
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that passed: quantity in quantity units, limit in price units, `reserved` the most cash it can cost with fees.

    `exposure` is what an entry adds at most to what is held, in money units; 0 for an exit.
    """

    instrument: str
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int
    reserved: int
    exposure: int = 0


def shape(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding | None:
    """The order the exchange would take: on the tick, inside the limits, in whole lots, sellable today. None: nothing to do."""
    if wish.target_ppm == wish.current_ppm:
        return None
    return _entry(view, policy, wish, schedule) if wish.entry else _exit(view, wish)


def _entry(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding | None:
    instrument, mark = view.instruments[wish.symbol], view.mark(wish.symbol)
    reference = view.quotes[wish.symbol].pre_close if not view.quotes[wish.symbol].open else mark
    tick = tick_at(instrument, view.trading_day, reference)
    limit = reference * (PPM + policy.entry_band_ppm) // PPM // tick * tick
    band = view.limits[wish.symbol]
    if band is not None:
        limit = min(limit, band[0])
    if (edge := _cage(view, wish, Side.BUY)) is not None:
        limit = min(limit, edge)
    units = instrument.units
    # Sized at the worst price it may pay, so that no fill takes the holding beyond what the rules left it.
    budget = max(0, wish.target_ppm * view.equity // PPM - view.value(wish.symbol))
    wanted = budget * units.price * units.quantity // (limit * units.money)
    spendable = view.cash_free - policy.cash_reserve
    affordable = max(0, spendable) * units.price * units.quantity // (limit * units.money)
    quantity = floor_quantity(instrument, Side.BUY, min(wanted, affordable), 0, OrderType.LIMIT, view.trading_day)
    while quantity > 0 and (cost := worst_case_cost(instrument, quantity, limit, view.trading_day, schedule)) > spendable:
        smaller = floor_quantity(instrument, Side.BUY, quantity - 1, 0, OrderType.LIMIT, view.trading_day)
        quantity = smaller if smaller < quantity else 0
    if quantity <= 0:
        return Finding("SHAPE_LOT", str(wanted), "one lot", wish.current_ppm, VerdictResult.DENY)
    notional = units.notional(limit, quantity)
    if notional < policy.min_order:
        return Finding("SHAPE_MINIMUM", str(notional), str(policy.min_order), wish.current_ppm, VerdictResult.DENY)
    return Proposal(wish.symbol, Side.BUY, OrderType.LIMIT, quantity, limit, cost, notional)


def _exit(view: View, wish: Wish) -> Proposal | Finding | None:
    """Exits are priced to trade: at the limit-down where there is one, so that only a sealed market can hold them back."""
    instrument, mark = view.instruments[wish.symbol], view.mark(wish.symbol)
    position = view.account.positions.get(wish.symbol)
    if position is None or position.quantity == 0:
        return None
    units = instrument.units
    sellable = view.account.sellable(wish.symbol, view.trading_day)
    if sellable == 0:
        return Finding("SHAPE_T1", "0", "sellable today", wish.current_ppm, VerdictResult.DENY)
    wanted = sellable
    if wish.target_ppm > 0:
        surplus = (wish.current_ppm - wish.target_ppm) * view.equity // PPM
        wanted = min(sellable, surplus * units.price * units.quantity // (mark * units.money))
    quantity = floor_quantity(instrument, Side.SELL, wanted, sellable, OrderType.LIMIT, view.trading_day)
    if quantity == 0:
        return Finding("SHAPE_LOT", str(wanted), "one lot", wish.current_ppm, VerdictResult.DENY)
    band = view.limits[wish.symbol]
    tick = tick_at(instrument, view.trading_day, mark)
    limit = band[1] if band is not None else max(tick, mark * 9 // 10 // tick * tick)
    if (edge := _cage(view, wish, Side.SELL)) is not None:
        limit = max(limit, edge)
    return Proposal(wish.symbol, Side.SELL, OrderType.LIMIT, quantity, limit, 0)


def _cage(view: View, wish: Wish, side: Side) -> int | None:
    """The edge of the price cage while the name trades continuously; None where there is none."""
    if wish.symbol not in view.continuous:
        return None
    quote = view.quotes[wish.symbol]
    base = cage_base(side, bid=quote.bid, ask=quote.ask, last=quote.last, pre_close=quote.pre_close)
    return price_cage(view.instruments[wish.symbol], side, view.trading_day, base)
