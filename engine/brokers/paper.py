"""The paper broker: orders meet the tape under the exchange's own rules, and nothing is filled at a price nobody traded.

submit ──► the rulebook's admission (phase, lots, T+1, tick, limits, cage), cash ──► accepted / rejected by code
print  ──► orders sent before it ──► the matching kernel ──► fees by date ──► double-entry booking
funding, marks ──► what perpetuals pay and earn, and what the exchange liquidates
close  ──► what is left expires
Every method computes what would be; `adopt` makes it so once the ledger has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from engine.brokers import settling
from engine.brokers.broker import Book, Effects, Working
from engine.brokers.execution import Venue, claimed, execute, lot_of, with_action
from engine.brokers.margined import refusal
from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, Distribution, Filled, OrderMoved, PrintMet
from engine.core.instrument import Instrument
from engine.core.market import Bar, Funding, Quote
from engine.core.order import Order, OrderStatus, Side
from engine.core.units import Market
from engine.exchange import (
    Charged,
    FeeSchedule,
    PerpTerms,
    PriceLimits,
    Request,
    accepts_orders,
    apply_booking,
    cage_base,
    calendar,
    exchange_of,
    kernel,
    order_problem,
    price_limits,
    tick_of,
    worst_case_cost,
)
from engine.exchange.calendar import sessions_listed
from engine.exchange.corporate import CorporateAction, book_dividend

PARTICIPATION_PPM = 100_000
"""A paper order takes at most this share of a bar's volume: market_rules §7, ten per cent."""
AUCTION_SHARE_PPM = 10_000
"""Where an auction's own volume is unknown, an order takes at most this share of the last session's: our choice, one per cent."""

Record = OrderMoved | Filled | Adjusted


class PaperBroker:
    """One desk's simulated exchange account."""

    def __init__(
        self,
        desk: str,
        market: Market,
        schedule: FeeSchedule,
        instruments: Mapping[str, Instrument],
        perps: PerpTerms | None = None,
    ) -> None:
        self._venue = Venue(desk, instruments, calendar(market), schedule, perps)
        self._marks: dict[str, int] = {}
        self._quotes: dict[str, Quote] = {}
        self._volumes: dict[str, int] = {}
        self._book = Book(Account(desk, "", 0, 0, 0, 0), {})

    def load(self, book: Book) -> None:
        """Begin from what the ledger holds."""
        self._book = book

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

    def newest(self, symbol: str) -> Quote | None:
        """The newest row of the tape of a name; None before there is one."""
        return self._quotes.get(symbol)

    def last_price(self, symbol: str) -> int:
        """The newest known price in price units; 0 where there is none."""
        quote = self._quotes.get(symbol)
        return quote.last if quote is not None else 0

    def mark_price(self, symbol: str) -> int:
        """What a position is valued at: the newest mark the exchange gave, else the newest price; 0 where there is neither."""
        return self._marks.get(symbol) or self.last_price(symbol)

    # -- orders -----------------------------------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order], at: datetime, *, sent_at: datetime | None = None) -> Effects:
        """Send orders decided on at `at`; each is accepted or rejected with its code, in the order given.

        `sent_at` is when they really leave, where time went on meanwhile.
        """
        book, records = self._book, list[Record]()
        for order in orders:
            records.append(OrderMoved(order.order_id, self._venue.desk, OrderStatus.SUBMITTED))
            code, reserved = self._problem(book, order, at)
            if code:
                records.append(OrderMoved(order.order_id, self._venue.desk, OrderStatus.REJECTED, code))
                continue
            records.append(OrderMoved(order.order_id, self._venue.desk, OrderStatus.ACCEPTED))
            working = Working(order, OrderStatus.ACCEPTED, 0, 0, reserved, Charged(), sent_at)
            book = claimed(replace(book, working={**book.working, order.order_id: working}))
        return Effects(tuple(records), book)

    def deny(self, orders: Sequence[Order], code: str) -> Effects:
        """Orders that were created but may not leave any more."""
        return Effects(
            tuple(OrderMoved(order.order_id, self._venue.desk, OrderStatus.DENIED, code) for order in orders), self._book
        )

    def cancel(self, order_id: str, code: str) -> Effects:
        """Withdraw what is left of an order; nothing happens for one that is not open."""
        return self._closed([order_id] if order_id in self._book.working else [], OrderStatus.CANCELLED, code)

    def expire(self) -> Effects:
        """The session has ended: day orders die with it."""
        return self._closed(list(self._book.working), OrderStatus.EXPIRED, "SESSION_END")

    def _closed(self, order_ids: Sequence[str], status: OrderStatus, code: str) -> Effects:
        working = {key: value for key, value in self._book.working.items() if key not in order_ids}
        records = tuple(OrderMoved(order_id, self._venue.desk, status, code) for order_id in order_ids)
        return Effects(records, claimed(replace(self._book, working=working)))

    def _problem(self, book: Book, order: Order, at: datetime) -> tuple[str, int]:
        """Why the exchange would refuse this order ('' when it would not), and the cash it must hold back."""
        instrument, day = self._venue.instruments[order.instrument], order.trading_day
        quote = self._quotes.get(order.instrument)
        if quote is None or quote.trading_day != day:
            return "NO_PRICE_TODAY", 0
        terms = self._venue.terms_of(instrument)
        if terms is not None:
            closed = self._closed_to(quote, instrument, at)
            return (closed, 0) if closed else refusal(terms, self._venue.schedule, book, instrument, order)
        band, position = self.limits(quote), book.account.positions.get(order.instrument)
        bought = sum(lot.quantity for lot in position.lots if lot.bought_on == day) if position is not None else 0
        problem = order_problem(
            instrument,
            Request(order.side, order.order_type, order.quantity, order.limit_price, order.stop_price, bought),
            day,
            phase=self._venue.calendar.phase(at, instrument),
            limits=None if band is None else PriceLimits(*band),
            reference=quote.pre_close,
            cage_from=cage_base(order.side, bid=quote.bid, ask=quote.ask, last=quote.last, pre_close=quote.pre_close),
            sellable=book.account.sellable(order.instrument, day) if order.side is Side.SELL else 0,
            suspended=quote.suspended,
        )
        if problem or order.side is Side.SELL:
            return problem, 0
        dearest = order.limit_price or (band[0] if band is not None else 0)
        if not dearest:
            return "PRICE_UNBOUNDED", 0  # without a limit of any kind nothing bounds what a buy may cost
        reserved = worst_case_cost(instrument, order.quantity, dearest, day, self._venue.schedule)
        return ("CASH_INSUFFICIENT", 0) if reserved > book.account.cash - book.account.reserved else ("", reserved)

    def _closed_to(self, quote: Quote, instrument: Instrument, at: datetime) -> str:
        phase = self._venue.calendar.phase(at, instrument)
        if quote.suspended:
            return "SUSPENDED"
        return "" if accepts_orders(phase, exchange_of(instrument)) else f"PHASE_{phase.value.upper()}"

    def limits(self, quote: Quote) -> tuple[int, int] | None:
        """(limit-up, limit-down) of a name on the quote's day; None without limits. Published limits win over computed ones."""
        if quote.limit_up and quote.limit_down:
            return quote.limit_up, quote.limit_down
        instrument = self._venue.instruments[quote.symbol]
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
                met = self._print(working, quote, bar)
                if met is None:
                    continue
                filled = execute(self._venue, book, working, met, quote.trading_day, quote.known_at, quote.source)
                if filled is not None:
                    record, book = filled
                    records.append(record)
        return Effects(tuple(records), book)

    def _print(self, working: Working, quote: Quote, bar: Bar | None) -> PrintMet | None:
        """What an order meets at this row of the tape; None where the row is no print it could trade at."""
        instrument = self._venue.instruments[quote.symbol]
        if quote.suspended or not quote.last or working.since >= quote.known_at:
            return None
        up, down = self.limits(quote) or (0, 0)
        lot = lot_of(instrument)
        if quote.auction:
            available = kernel.participation_cap(quote.print_volume, PARTICIPATION_PPM)
            if not quote.print_volume:
                available = kernel.participation_cap(self._volumes.get(quote.symbol, 0), AUCTION_SHARE_PPM)
            return PrintMet("auction", 0, 0, 0, quote.last, available, up, down, 0, lot)
        if bar is None or bar.start < working.since:
            return None
        available = kernel.participation_cap(bar.volume, PARTICIPATION_PPM)
        slippage = tick_of(instrument, quote.trading_day)
        return PrintMet("bar", bar.open, bar.high, bar.low, bar.close, available, up, down, slippage, lot)

    def distribute(self, adjustment_id: str, action: CorporateAction) -> Effects:
        """Cash and new shares of an ex-date, before the open; nothing for a name that is not held."""
        booking = book_dividend(self._book.account, action)
        if not booking.postings and not booking.lots:
            return Effects((), self._book)
        terms = Distribution(action.ex_date.isoformat(), action.cash_e8, action.bonus_e8, action.transfer_e8)
        record = Adjusted(self._venue.desk, adjustment_id, action.symbol, "DISTRIBUTION", booking.lots, booking.postings, terms)
        book = with_action(self._book, action)
        return Effects((record,), claimed(replace(book, account=apply_booking(book.account, booking))))

    # -- perpetuals -------------------------------------------------------------------------------------------------------

    def settle(self, fundings: Sequence[Funding]) -> Effects:
        """Funding of what was held at these settlements; what is booked already, or was not held, gives no record."""
        return settling.settle(self._venue.desk, self._book, fundings)

    def watch_margins(self, marks: Mapping[str, int], at: datetime, day: date) -> Effects:
        """Mark prices (price units) as of `at`: a position whose margin no longer covers its maintenance is liquidated.

        Ask once an instant, after its funding: a liquidation is named by desk, instrument and instant.
        """
        self._marks.update(marks)
        if self._venue.perps is None:
            return Effects((), self._book)
        return settling.watch_margins(self._venue.desk, self._venue.perps, self._book, marks, at, day)
