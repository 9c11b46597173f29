"""The paper broker: orders meet the tape under the exchange's own rules, and nothing is filled at a price nobody traded.

submit ──► session, tick, limit band, lot, T+1, cash ──► accepted / rejected by code
print  ──► orders sent before it ──► the matching kernel ──► fees by date ──► double-entry booking
close  ──► what is left expires
Every method computes what would be; `adopt` makes it so once the ledger has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.brokers.broker import Book, Effects, Working
from engine.core.account import Account
from engine.core.errors import KanpanError
from engine.core.ids import fill_id
from engine.core.instrument import Instrument
from engine.core.journal import Adjusted, Filled, OrderMoved
from engine.core.market import Bar, Quote
from engine.core.order import OPEN_STATUSES, Fill, Order, OrderStatus, OrderType, Side
from engine.core.units import Market
from engine.exchange import (
    Booking,
    Charged,
    FeeSchedule,
    accepts_orders,
    apply_booking,
    book_fill,
    calendar,
    exchange_of,
    fees,
    kernel,
    on_tick,
    price_limits,
    quantity_problem,
    sessions_listed,
    settles_on,
    tick_of,
    worst_case_cost,
)
from engine.exchange.fees import plus

PARTICIPATION_PPM = 100_000
"""A paper order takes at most this share of a bar's volume: market_rules §7, ten per cent."""
AUCTION_SHARE_PPM = 10_000
"""Where an auction's own volume is unknown, an order takes at most this share of the last session's: our choice, one per cent."""

Record = OrderMoved | Filled | Adjusted


class PaperBroker:
    """One desk's simulated exchange account."""

    def __init__(self, desk: str, market: Market, schedule: FeeSchedule, instruments: Mapping[str, Instrument]) -> None:
        self._desk = desk
        self._calendar = calendar(market)
        self._schedule = schedule
        self._instruments = instruments
        self._quotes: dict[str, Quote] = {}
        self._volumes: dict[str, int] = {}
        self._book = Book(Account(desk, "", 0, 0, 0, 0), {})

    def load(self, account: Account, working: Mapping[str, Working]) -> None:
        """Begin from what the ledger holds."""
        self._book = Book(account, dict(working))

    def account(self) -> Account:
        """Cash and positions, with what open orders reserve and claim."""
        return self._book.account

    def working(self) -> Mapping[str, Working]:
        """Open orders by id."""
        return self._book.working

    def adopt(self, effects: Effects) -> None:
        """The ledger has the records: what they say is now so."""
        self._book = effects.book

    def see(self, quotes: Sequence[Quote]) -> None:
        """Remember the newest row of each name."""
        for quote in quotes:
            self._quotes[quote.symbol] = quote

    def remember_volumes(self, volumes: Mapping[str, int]) -> None:
        """Each name's volume in its last whole session, in quantity units: what an auction of unknown volume is measured by."""
        self._volumes = dict(volumes)

    def last_price(self, symbol: str) -> int:
        """The newest known price in price units; 0 where there is none."""
        quote = self._quotes.get(symbol)
        return quote.last if quote is not None else 0

    # -- orders -----------------------------------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order], at: datetime) -> Effects:
        """Send orders at `at`; each is accepted or rejected with its code, in the order given."""
        book, records = self._book, list[Record]()
        for order in orders:
            records.append(OrderMoved(order.order_id, self._desk, OrderStatus.SUBMITTED))
            code, reserved = self._problem(book, order, at)
            if code:
                records.append(OrderMoved(order.order_id, self._desk, OrderStatus.REJECTED, code))
                continue
            records.append(OrderMoved(order.order_id, self._desk, OrderStatus.ACCEPTED))
            working = Working(order, OrderStatus.ACCEPTED, 0, 0, reserved, Charged())
            book = _claimed(Book(book.account, {**book.working, order.order_id: working}))
        return Effects(tuple(records), book)

    def deny(self, orders: Sequence[Order], code: str) -> Effects:
        """Orders that were created but may not leave any more."""
        return Effects(tuple(OrderMoved(order.order_id, self._desk, OrderStatus.DENIED, code) for order in orders), self._book)

    def cancel(self, order_id: str, code: str) -> Effects:
        """Withdraw what is left of an order; nothing happens for one that is not open."""
        return self._closed([order_id] if order_id in self._book.working else [], OrderStatus.CANCELLED, code)

    def expire(self) -> Effects:
        """The session has ended: day orders die with it."""
        return self._closed(list(self._book.working), OrderStatus.EXPIRED, "SESSION_END")

    def _closed(self, order_ids: Sequence[str], status: OrderStatus, code: str) -> Effects:
        working = {key: value for key, value in self._book.working.items() if key not in order_ids}
        records = tuple(OrderMoved(order_id, self._desk, status, code) for order_id in order_ids)
        return Effects(records, _claimed(Book(self._book.account, working)))

    def _problem(self, book: Book, order: Order, at: datetime) -> tuple[str, int]:
        """Why the exchange would refuse this order ('' when it would not), and the cash a buy must hold back."""
        instrument, day = self._instruments[order.instrument], order.trading_day
        quote = self._quotes.get(order.instrument)
        if not accepts_orders(self._calendar.phase(at, instrument), exchange_of(instrument)):
            return "SESSION_CLOSED", 0
        if quote is None or quote.suspended:
            return "INSTRUMENT_SUSPENDED", 0
        if order.order_type is not OrderType.LIMIT:
            return "ORDER_TYPE_UNKNOWN", 0
        if not on_tick(instrument, day, order.limit_price):
            return "PRICE_TICK", 0
        band = self.limits(quote)
        if band is not None and not band[1] <= order.limit_price <= band[0]:
            return "PRICE_LIMIT", 0
        sellable = book.account.sellable(order.instrument, day) if order.side is Side.SELL else 0
        problem = quantity_problem(instrument, order.side, order.quantity, sellable, order.order_type, day)
        if problem or order.side is Side.SELL:
            return problem, 0
        reserved = worst_case_cost(instrument, order.quantity, order.limit_price, day, self._schedule)
        return ("CASH_INSUFFICIENT", 0) if reserved > book.account.cash - book.account.reserved else ("", reserved)

    def limits(self, quote: Quote) -> tuple[int, int] | None:
        """(limit-up, limit-down) of a name on the quote's day; None without limits. Published limits win over computed ones."""
        if quote.limit_up and quote.limit_down:
            return quote.limit_up, quote.limit_down
        instrument = self._instruments[quote.symbol]
        limits = price_limits(
            instrument, quote.trading_day, quote.pre_close, sessions_listed=sessions_listed(instrument, quote.trading_day)
        )
        return None if limits is None else (limits.up, limits.down)

    # -- the tape ---------------------------------------------------------------------------------------------------------

    def match(self, prints: Sequence[tuple[Quote, Bar | None]]) -> Effects:
        """Every order sent before these prints meets them; call `see` with the quotes after, not before."""
        book, records = self._book, list[Record]()
        for quote, bar in prints:
            due = [item for item in book.working.values() if item.order.instrument == quote.symbol]
            for working in sorted(due, key=lambda item: (item.order.created_at, item.order.order_id)):
                filled = self._match_one(book, working, quote, bar)
                if filled is not None:
                    record, book = filled
                    records.append(record)
        return Effects(tuple(records), book)

    def _match_one(self, book: Book, working: Working, quote: Quote, bar: Bar | None) -> tuple[Filled, Book] | None:
        order = working.order
        if quote.suspended or not quote.last or order.created_at >= quote.known_at:
            return None
        band = self.limits(quote)
        up, down = band if band is not None else (0, 0)
        side = kernel.BUY if order.side is Side.BUY else kernel.SELL
        lot = self._lot(order.instrument)
        if quote.auction:
            if quote.print_volume:
                cap = kernel.participation_cap(quote.print_volume, PARTICIPATION_PPM)
            else:
                cap = kernel.participation_cap(self._volumes.get(quote.symbol, 0), AUCTION_SHARE_PPM)
            quantity, price, _ = kernel.match_print(
                side, kernel.LIMIT, working.remaining, order.limit_price, 0, quote.last, cap, up, down, lot
            )
        elif bar is not None and bar.start >= order.created_at:
            cap = kernel.participation_cap(bar.volume, PARTICIPATION_PPM)
            prices = (bar.open, bar.high, bar.low, bar.close)
            slippage = tick_of(self._instruments[order.instrument], quote.trading_day)
            quantity, price, _ = kernel.match_bar(
                side, kernel.LIMIT, working.remaining, order.limit_price, 0, *prices, cap, up, down, slippage, lot
            )
        else:
            return None
        return self._fill(book, working, quantity, price, quote) if quantity else None

    def _lot(self, symbol: str) -> int:
        """Partial fills come in whole lots, as they do where the other side's orders are whole lots."""
        return 100 if self._calendar.market is Market.ASHARE else self._instruments[symbol].step

    def _fill(self, book: Book, working: Working, quantity: int, price: int, quote: Quote) -> tuple[Filled, Book] | None:
        order, instrument = working.order, self._instruments[working.order.instrument]
        charge = fees(instrument, order.side, price, quantity, quote.trading_day, self._schedule, working.charged)
        notional = instrument.units.notional(price, quantity)
        fill = Fill(
            fill_id=fill_id(order.order_id, working.fills + 1),
            order_id=order.order_id,
            desk=self._desk,
            cycle_id=order.cycle_id,
            instrument=order.instrument,
            side=order.side,
            quantity=quantity,
            price=price,
            notional=notional,
            fees=charge,
            trading_day=quote.trading_day,
            at=quote.known_at,
            source=quote.source,
        )
        try:
            booking: Booking = book_fill(book.account, fill, sellable_on=settles_on(instrument, quote.trading_day, self._calendar))
        except KanpanError:
            return None  # the books cannot take it: no fill, the order stays and expires
        remaining = working.remaining - quantity
        status = OrderStatus.PARTIALLY_FILLED if remaining else OrderStatus.FILLED
        charged = Charged(
            working.charged.quantity + quantity, working.charged.notional + notional, plus(working.charged.fees, charge)
        )
        reserved = 0
        if remaining and order.side is Side.BUY:
            whole = worst_case_cost(instrument, order.quantity, order.limit_price, order.trading_day, self._schedule)
            reserved = max(0, whole - charged.notional - charged.fees.total)
        after = replace(
            working, status=status, filled=working.filled + quantity, fills=working.fills + 1, reserved=reserved, charged=charged
        )
        open_orders = {key: value for key, value in book.working.items() if key != order.order_id}
        if status in OPEN_STATUSES:
            open_orders[order.order_id] = after
        account = apply_booking(book.account, booking)
        return Filled(fill, status, reserved, booking.lots, booking.postings), _claimed(Book(account, open_orders))

    def adjust(self, adjustment_id: str, instrument: str, reason: str, booking: Booking) -> Effects:
        """A corporate action or another change of the books that is not a trade."""
        record = Adjusted(self._desk, adjustment_id, instrument, reason, booking.lots, booking.postings)
        return Effects((record,), _claimed(Book(apply_booking(self._book.account, booking), self._book.working)))


def _claimed(book: Book) -> Book:
    """The book with its reservations and claims counted again from the open orders."""
    reserved = sum(item.reserved for item in book.working.values())
    claims: dict[str, int] = {}
    for item in book.working.values():
        if item.order.side is Side.SELL:
            claims[item.order.instrument] = claims.get(item.order.instrument, 0) + item.remaining
    return Book(replace(book.account, reserved=reserved, pending_sells=claims), book.working)
