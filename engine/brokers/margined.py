"""Orders in perpetuals at the paper broker: why one is refused, what cash stands for it, how its fills are booked.

order ──► the contract's filters, shorts, brackets ──► cash for what it opens ──► accepted / rejected by code
fill  ──► margin at the desk's leverage for what opens, gain or loss for what closes
"""

from __future__ import annotations

from dataclasses import replace

from engine.brokers.broker import Book
from engine.core.errors import RuleUnknown
from engine.core.instrument import Instrument
from engine.core.order import Fill, Order, OrderType, Side
from engine.exchange import (
    Booking,
    BookingRefused,
    Contract,
    FeeSchedule,
    PerpTerms,
    book_perp_fill,
    contract_problem,
    opening_cost,
)


def contract_of(terms: PerpTerms, instrument: str) -> Contract:
    """The contract of an instrument; raises RuleUnknown where the desk's terms hold none."""
    contract = terms.contracts.get(instrument)
    if contract is None:
        raise RuleUnknown(f"{instrument}: the desk's terms hold no contract for it")
    return contract


def opening_part(book: Book, order: Order, quantity: int) -> int:
    """How much of `quantity` would open rather than reduce; other open orders of the same side reduce first."""
    position = book.account.perps.get(order.instrument)
    if position is None or (position.quantity > 0) is (order.side is Side.BUY):
        return quantity
    claimed = sum(
        item.remaining
        for item in book.working.values()
        if item.order.instrument == order.instrument and item.order.side is order.side and item.order.order_id != order.order_id
    )
    return max(0, quantity - max(0, abs(position.quantity) - claimed))


def reservation(terms: PerpTerms, schedule: FeeSchedule, book: Book, instrument: Instrument, order: Order, quantity: int) -> int:
    """The cash held back for `quantity` of an order, in money units: margin and fees of what opens, at its limit price.

    What reduces needs none: it sets margin free. A sale may fill above its limit and then needs more; the fill is refused where
    free cash does not cover that. Raises RuleUnknown where the brackets forbid the leverage at that size.
    """
    opening = opening_part(book, order, quantity)
    if not opening:
        return 0
    position = book.account.perps.get(order.instrument)
    same_way = position is not None and (position.quantity > 0) is (order.side is Side.BUY)
    entered = position.entry if position is not None and same_way else 0
    contract = contract_of(terms, order.instrument)
    return opening_cost(
        instrument, contract, terms.leverage, entered, order.side, opening, order.limit_price, order.trading_day, schedule
    )


def refusal(terms: PerpTerms, schedule: FeeSchedule, book: Book, instrument: Instrument, order: Order) -> tuple[str, int]:
    """Why the exchange would refuse this order, as a code ('' when it would not), and the cash it must hold back."""
    contract = terms.contracts.get(order.instrument)
    if contract is None:
        return "CONTRACT_UNKNOWN", 0
    if not order.limit_price:
        return "PRICE_UNBOUNDED", 0  # without a limit nothing bounds what a position may cost
    opening = opening_part(book, order, order.quantity)
    problem = contract_problem(contract, order.quantity, order.limit_price, order.order_type)
    if problem and not (problem == "NOTIONAL_BELOW_MINIMUM" and not opening):
        return problem, 0  # what only reduces may be as small as what is left
    if order.order_type is OrderType.STOP and order.stop_price <= 0:
        return "STOP_MISSING", 0
    if order.stop_price % contract.tick:
        return "PRICE_NOT_ON_TICK", 0
    if opening and order.side is Side.SELL and not terms.shorts:
        return "SHORT_FORBIDDEN", 0
    try:
        reserved = reservation(terms, schedule, book, instrument, order, order.quantity)
    except RuleUnknown:
        return _over_brackets(contract, book, instrument, order, opening), 0
    return ("CASH_INSUFFICIENT", 0) if reserved > max(0, book.account.cash - book.account.reserved) else ("", reserved)


def _over_brackets(contract: Contract, book: Book, instrument: Instrument, order: Order, opening: int) -> str:
    position = book.account.perps.get(order.instrument)
    entered = position.entry if position is not None else 0
    notional = entered + instrument.units.notional(order.limit_price, opening)
    covered = bool(contract.tiers) and notional <= contract.tiers[-1].cap
    return "LEVERAGE_OVER_BRACKET" if covered else "NOTIONAL_OVER_BRACKETS"


def book_margined(terms: PerpTerms, book: Book, fill: Fill) -> Booking:
    """Book a fill; what stands reserved for other orders is not spent on it.

    Raises BookingRefused where cash does not cover it or it would leave a short that the terms forbid, RuleUnknown beyond the
    brackets.
    """
    others = sum(item.reserved for item in book.working.values() if item.order.order_id != fill.order_id)
    spendable = replace(book.account, cash=book.account.cash - others)
    position = book.account.perps.get(fill.instrument)
    outcome = book_perp_fill(spendable, position, fill, contract_of(terms, fill.instrument), terms.leverage)
    if outcome.position is not None and outcome.position.quantity < 0 and not terms.shorts and fill.side is Side.SELL:
        raise BookingRefused(f"{fill.fill_id}: would go short, which the desk's terms forbid")
    return outcome.booking
