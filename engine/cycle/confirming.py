"""Confirm mode: orders that passed risk wait for a person, and only those with a yes are sent. The ledger alone says who said what.

OrderCreated + ConfirmAsked ──► Approvals.wait (desk's thread) ◄── OrderAnswered (commands' thread, durable first)
                                      └──► settled: yes ─► changed? ─► send · less ─► a smaller order · no, late ─► DENIED
A restart finds the same records: what was approved is sent once, what was not answered is refused; nobody is asked twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.brokers import Book
from engine.brokers.margined import reservation
from engine.core.account import Account
from engine.core.bookkeeping import OrderCreated, OrderMoved
from engine.core.ids import order_id
from engine.core.instrument import Instrument
from engine.core.journal import AlertRaised, Record, Severity, TradingState
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.person import Answer, ConfirmAsked, OrderAnswered, ProposedOrder
from engine.core.units import PPM, to_units
from engine.cycle.mandate import Mandate
from engine.cycle.steps import Seen, instruments_in, limits_of
from engine.exchange import Charged, accepts_orders, calendar, exchange_of, fees, quantity_problem, worst_case_cost
from engine.store.snapshot import Snapshot

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,8})?")
TIMEOUT, REFUSED, AMENDED = "CONFIRM_TIMEOUT", "CONFIRM_REFUSED", "CONFIRM_AMENDED"


def propose(
    mandate: Mandate, cycle_id: str, snapshot: Snapshot, seen: Seen, created: Sequence[OrderCreated], now: datetime
) -> list[Record]:
    """What a person is asked about the orders of a ruling, with the alert that says so; nothing when there are none. Pure."""
    if not created:
        return []
    instruments, quotes = instruments_in(snapshot), {quote.symbol: quote for quote in snapshot.quotes}
    proposed = []
    for item in created:
        order, instrument = item.order, instruments[item.order.instrument]
        band = limits_of(instrument, quotes[order.instrument], order.trading_day) or (0, 0)
        fee = _fee(mandate, instrument, order)
        proposed.append(ProposedOrder(order.order_id, seen.prices.get(order.instrument, 0), fee, *band))
    until = now + timedelta(seconds=mandate.confirm_s)
    params = (("count", str(len(proposed))), ("seconds", str(mandate.confirm_s)))
    alert = AlertRaised(f"{mandate.desk}:ORDERS_WAIT", mandate.desk, Severity.WARNING, "ORDERS_WAIT", params, cycle_id)
    return [ConfirmAsked(cycle_id, mandate.desk, until, tuple(proposed)), alert]


def _fee(mandate: Mandate, instrument: Instrument, order: Order) -> int:
    """The most an order can cost in fees at its limit, in money units."""
    if order.side is Side.BUY:
        notional = instrument.units.notional(order.limit_price, order.quantity)
        return worst_case_cost(instrument, order.quantity, order.limit_price, order.trading_day, mandate.fees) - notional
    return fees(instrument, order.side, order.limit_price, order.quantity, order.trading_day, mandate.fees, Charged()).total


def answer(
    verb: str, argument: str, waiting: Sequence[Order], instruments: Mapping[str, Instrument], by: str
) -> OrderAnswered | str:
    """A person's words as an answer, or the code that says why they are none. `argument`: an order's id or its beginning, and for
    amend the quantity as people write it. Pure."""
    name, _, rest = argument.strip().partition(" ")
    matches = [order for order in waiting if name and order.order_id.startswith(name)]
    if len(matches) != 1:
        return "ORDER_NOT_UNIQUE" if matches else "NOTHING_WAITS"
    order = matches[0]
    quantity = order.quantity if verb == "approve" else 0
    if verb == "amend":
        instrument = instruments[order.instrument]
        if not _AMOUNT.fullmatch(rest.strip()):
            return "AMEND_NOT_A_NUMBER"
        try:
            quantity = to_units(rest.strip(), instrument.units.quantity)
        except ValueError:
            return "AMEND_NOT_A_NUMBER"
        if not 0 < quantity < order.quantity:
            return "AMEND_NOT_SMALLER"
        held = order.quantity if order.side is Side.SELL else 0
        problem = quantity_problem(instrument, order.side, quantity, held, OrderType.LIMIT, order.trading_day)
        if problem:
            return problem
    return OrderAnswered(order.cycle_id, order.desk, order.order_id, Answer(verb), quantity, by)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person was asked about a cycle's orders, and each answer that is in the ledger."""

    asked: ConfirmAsked
    answers: Mapping[str, OrderAnswered]


def said_in(records: Iterable[Record]) -> Said | None:
    """From a cycle's records, in order; None where nobody was asked. The first answer to an order counts."""
    asked: ConfirmAsked | None = None
    answers: dict[str, OrderAnswered] = {}
    for record in records:
        if isinstance(record, ConfirmAsked):
            asked = record
        elif isinstance(record, OrderAnswered):
            answers.setdefault(record.order_id, record)
    return None if asked is None else Said(asked, answers)


@dataclass(frozen=True, slots=True)
class Cleared:
    """An order with a yes: the cash it needs with fees, and the price at which a person was asked about it (0 = none)."""

    order: Order
    reserved: int
    asked_at: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of proposed orders: denials, smaller orders in place of amended ones, and what has a yes, in order."""

    denied: tuple[OrderMoved, ...]
    created: tuple[OrderCreated, ...]
    cleared: tuple[Cleared, ...]


def settled(
    said: Said | None, orders: Sequence[OrderCreated], mandate: Mandate, instruments: Mapping[str, Instrument], book: Book
) -> Settled:
    """Apply the answers to orders beside `book`. Pure, so that a replay of the cycle comes to the same; without a question every
    order is sent."""
    if said is None:
        return Settled((), (), tuple(Cleared(item.order, item.reserved) for item in orders))
    asked_at = {proposed.order_id: proposed.price for proposed in said.asked.orders}
    denied: list[OrderMoved] = []
    created: list[OrderCreated] = []
    cleared: list[Cleared] = []
    for item in orders:
        order, word = item.order, said.answers.get(item.order.order_id)
        code = TIMEOUT if word is None else {Answer.REFUSE: REFUSED, Answer.AMEND: AMENDED}.get(word.answer, "")
        if code:
            denied.append(OrderMoved(order.order_id, order.desk, OrderStatus.DENIED, code))
        if word is not None and word.answer is Answer.AMEND:
            item = _smaller(order, word.quantity, mandate, instruments[order.instrument], book)
            created.append(item)
        if word is not None and word.answer is not Answer.REFUSE:
            cleared.append(Cleared(item.order, item.reserved, asked_at.get(order.order_id, 0)))
    return Settled(tuple(denied), tuple(created), tuple(cleared))


def _smaller(order: Order, quantity: int, mandate: Mandate, instrument: Instrument, book: Book) -> OrderCreated:
    """The same order for less, under the name of the second attempt."""
    smaller = replace(order, order_id=order_id(order.cycle_id, f"{order.instrument}:{order.side}", 1), quantity=quantity)
    reserved = 0
    if mandate.perps is not None:
        reserved = reservation(mandate.perps, mandate.fees, book, instrument, smaller, quantity)
    elif order.side is Side.BUY:
        reserved = worst_case_cost(instrument, quantity, order.limit_price, order.trading_day, mandate.fees)
    return OrderCreated(smaller, reserved)


def void(
    cleared: Sequence[Cleared], prices: Mapping[str, int], account: Account, state: TradingState, band_ppm: int
) -> tuple[OrderMoved, ...]:
    """Denials of what changed while a person thought: the desk's state, a price that left its band, cash or shares gone. Pure.

    `prices` are the newest ones by symbol, price units; the band is around the price at which the person was asked.
    """
    spent = account.reserved
    denied: list[OrderMoved] = []
    for item in cleared:
        order, price = item.order, prices.get(item.order.instrument, 0)
        code = ""
        if state is TradingState.HALTED:
            code = "STATE_HALTED"
        elif state is TradingState.REDUCING and item.reserved:
            code = "STATE_REDUCING"
        elif item.asked_at and price and abs(price - item.asked_at) * PPM > item.asked_at * band_ppm:
            code = "PRICE_MOVED"
        elif not item.reserved and _more_than_held(account, order):
            code = "QUANTITY_OVER_SELLABLE"
        elif item.reserved > account.cash - spent:
            code = "CASH_INSUFFICIENT"
        if code:
            denied.append(OrderMoved(order.order_id, order.desk, OrderStatus.DENIED, code))
        else:
            spent += item.reserved
    return tuple(denied)


def _more_than_held(account: Account, order: Order) -> bool:
    """Whether an order that only reduces is larger than what it reduces has become; every other order holds cash back."""
    perp = account.perps.get(order.instrument)
    if perp is None:
        return order.quantity > account.sellable(order.instrument, order.trading_day)
    return order.quantity > abs(perp.quantity) or (perp.quantity > 0) is (order.side is Side.BUY)


def late(
    cleared: Sequence[Cleared], voided: Sequence[OrderMoved], instruments: Mapping[str, Instrument], at: datetime
) -> tuple[OrderMoved, ...]:
    """Denials of orders whose session takes none any more at the instant `at` at which they would leave."""
    gone = {moved.order_id for moved in voided}
    denied: list[OrderMoved] = []
    for item in cleared:
        order, instrument = item.order, instruments[item.order.instrument]
        open_now = accepts_orders(calendar(instrument.market).phase(at, instrument), exchange_of(instrument))
        if order.order_id not in gone and not open_now:
            denied.append(OrderMoved(order.order_id, order.desk, OrderStatus.DENIED, "SESSION_CLOSED"))
    return tuple(denied)
