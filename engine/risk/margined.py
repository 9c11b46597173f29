"""Perpetuals on margin: what brackets, liquidation and funding leave of a wish, and the shape of an order that the exchange takes.

wish ──► bracket of its notional · distance to its liquidation · what funding costs ──► quantity by margin, limit either side
"""

from __future__ import annotations

from engine.core.account import PerpPosition
from engine.core.decision import VerdictResult
from engine.core.order import OrderType, Side
from engine.core.units import PPM
from engine.exchange import Contract, FeeSchedule, PerpTerms, initial_margin, liquidation_price, opening_cost
from engine.risk.policy import Policy
from engine.risk.shape import Proposal
from engine.risk.view import Finding, View, Wish, clamp, deny, fraction

HOURS_A_YEAR = 365 * 24
_PPM_E8 = 100
"""Rates come in 1e-8, limits in ppm."""


def leverage_bracket(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """No larger a position than the contract's brackets allow at the desk's leverage; Binance allows less the larger it is."""
    terms, contract = _contract(view, wish)
    cap = max((tier.cap for tier in contract.tiers if tier.max_leverage >= terms.leverage), default=0)
    held = view.account.perps.get(wish.symbol)
    entered = held.entry if held is not None else 0
    more = _more(view, wish)
    if entered + more <= cap:
        return None
    allowed = wish.current_ppm + max(0, cap - entered) * PPM // view.equity
    most = max((tier.max_leverage for tier in contract.tiers if entered + more <= tier.cap), default=0)
    return clamp(wish, "LEVERAGE_BRACKET", str(terms.leverage), str(most), allowed)


def min_liquidation_distance(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Nothing whose liquidation lies nearer to the mark than the desk wants it, with what is held already."""
    if not policy.min_liquidation_distance_ppm:
        return None
    _, contract = _contract(view, wish)
    mark, after = view.mark(wish.symbol), _after(view, wish)
    price = liquidation_price(after, contract)
    distance = wish.way * (mark - price) * PPM // mark
    if not price or distance >= policy.min_liquidation_distance_ppm:
        return None
    return deny(wish, "LIQUIDATION_NEAR", fraction(distance), fraction(policy.min_liquidation_distance_ppm))


def max_funding(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Nothing that would pay more funding a year than the desk is ready to, as the last settlement had it."""
    if not policy.max_funding_ppm:
        return None
    last = view.funding.get(wish.symbol)
    if last is None:
        return deny(wish, "FUNDING_UNKNOWN", "no settlement", "a settlement")
    paid = yearly_ppm(wish.way * last.rate_e8, last.hours)
    if paid <= policy.max_funding_ppm:
        return None
    return deny(wish, "FUNDING_COST", fraction(paid), fraction(policy.max_funding_ppm))


def yearly_ppm(rate_e8: int, hours: int) -> int:
    """A funding rate (1e-8 for so many hours) as ppm of the notional a year, not compounded."""
    return rate_e8 * HOURS_A_YEAR // (hours * _PPM_E8)


def shape_margined(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding | None:
    """The order the exchange would take: on the tick, in whole steps, with margin and fees covered. None: nothing to do."""
    if wish.entry:
        return _entry(view, policy, wish, schedule)
    return _exit(view, wish) if wish.target_ppm < wish.current_ppm or not wish.target_ppm else None


def _entry(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding:
    terms, contract = _contract(view, wish)
    instrument, mark = view.instruments[wish.symbol], view.mark(wish.symbol)
    units, side = instrument.units, Side.BUY if wish.way > 0 else Side.SELL
    # Sized at the worst price either way: a short sold above its mark is a larger short.
    worst = mark * (PPM + policy.entry_band_ppm) // PPM
    limit = worst if wish.way > 0 else mark * (PPM - policy.entry_band_ppm) // PPM
    limit = limit // contract.tick * contract.tick if wish.way > 0 else -(-limit // contract.tick) * contract.tick
    entered = view.account.perps[wish.symbol].entry if wish.symbol in view.account.perps else 0
    spendable = max(0, view.cash_free - policy.cash_reserve)

    def cost(quantity: int, price: int) -> int:
        return opening_cost(instrument, contract, terms.leverage, entered, side, quantity, price, view.trading_day, schedule)

    budget = max(0, wish.target_ppm * view.equity // PPM - view.value(wish.symbol))
    wanted = budget * units.price * units.quantity // (worst * units.money)
    quantity = min(wanted, contract.max_quantity) // contract.step * contract.step
    while quantity > 0 and (needed := cost(quantity, worst)) > spendable:
        fits = quantity * spendable // needed // contract.step * contract.step
        quantity = min(fits, quantity - contract.step)
    if quantity < max(contract.min_quantity, 1):
        return Finding("SHAPE_LOT", str(wanted), str(contract.min_quantity), wish.current_ppm, VerdictResult.DENY)
    notional = units.notional(limit, quantity)
    if notional < max(policy.min_order, contract.min_notional):
        least = max(policy.min_order, contract.min_notional)
        return Finding("SHAPE_MINIMUM", str(notional), str(least), wish.current_ppm, VerdictResult.DENY)
    exposure = units.notional(worst, quantity)
    return Proposal(wish.symbol, side, OrderType.LIMIT, quantity, limit, cost(quantity, limit), exposure)


def _exit(view: View, wish: Wish) -> Proposal | Finding | None:
    """Exits are priced to trade: a tenth beyond the mark, on the side that closes."""
    _, contract = _contract(view, wish)
    held, mark = view.account.perps.get(wish.symbol), view.mark(wish.symbol)
    if held is None:
        return None
    units, size = view.instruments[wish.symbol].units, abs(held.quantity)
    quantity = size
    if wish.target_ppm > 0:
        surplus = (wish.current_ppm - wish.target_ppm) * view.equity // PPM
        quantity = min(size, surplus * units.price * units.quantity // (mark * units.money) // contract.step * contract.step)
    quantity = min(quantity, contract.max_quantity)
    if quantity == 0:
        return Finding("SHAPE_LOT", "0", str(contract.step), wish.current_ppm, VerdictResult.DENY)
    tick = contract.tick
    if held.quantity > 0:
        return Proposal(wish.symbol, Side.SELL, OrderType.LIMIT, quantity, max(tick, mark * 9 // 10 // tick * tick), 0)
    return Proposal(wish.symbol, Side.BUY, OrderType.LIMIT, quantity, -(-mark * 11 // (10 * tick)) * tick, 0)


def _contract(view: View, wish: Wish) -> tuple[PerpTerms, Contract]:
    """The desk's terms and the name's contract; raises KeyError or ValueError where there is none, and the rule denies."""
    if view.perps is None:
        raise ValueError("the desk has no terms for perpetuals")
    return view.perps, view.perps.contracts[wish.symbol]


def _more(view: View, wish: Wish) -> int:
    """The notional that the wish adds, in money units."""
    return (wish.target_ppm - wish.current_ppm) * view.equity // PPM


def _after(view: View, wish: Wish) -> PerpPosition:
    """The position as it would stand, opened at the mark. Raises RuleUnknown beyond the brackets."""
    terms, contract = _contract(view, wish)
    held = view.account.perps.get(wish.symbol) or PerpPosition(wish.symbol, 0, 0, 0)
    more, units = _more(view, wish), view.instruments[wish.symbol].units
    quantity = more * units.price * units.quantity // (view.mark(wish.symbol) * units.money)
    margin = initial_margin(contract, held.entry + more, terms.leverage)
    margin -= initial_margin(contract, held.entry, terms.leverage) if held.entry else 0
    return PerpPosition(wish.symbol, held.quantity + wish.way * quantity, held.entry + more, held.margin + margin)
