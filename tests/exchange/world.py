"""A small world of three accounts in which anything may happen, and the books must balance after every step.

It is driven by numbers alone, so that hypothesis and the long proof drive the same thing. Beside the books it keeps a ledger of its
own, made of plain sums, and compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from engine.core.account import Account, PerpPosition
from engine.core.errors import CalendarUnknown
from engine.core.ids import fill_id
from engine.core.instrument import Board, Instrument
from engine.core.order import Fees, Fill, OrderType, Side
from engine.core.units import PPM, UNITS, Market
from engine.exchange import kernel
from engine.exchange.boards import Product, product_of
from engine.exchange.booking import Booking, BookingRefused, apply_booking, book_fill, cash_of, conserved, new_account
from engine.exchange.calendar import calendar
from engine.exchange.contracts import Contract, margin_tiers
from engine.exchange.corporate import CorporateAction, book_dividend, book_sale_tax, ex_reference
from engine.exchange.depth import KINDS, SIDES
from engine.exchange.fees import NOTHING_CHARGED, Charged, FeeSchedule, fees, plus, worst_case_cost
from engine.exchange.limits import price_limits
from engine.exchange.lots import floor_quantity, lot_rule, tick_of
from engine.exchange.perps import book_funding, book_perp_fill, liquidate, must_liquidate
from engine.exchange.settlement import settles_on

FIRST_DAY = date(2022, 6, 1)
SCHEDULE = FeeSchedule()
A, U, C = Market.ASHARE, Market.US, Market.CRYPTO
INSTRUMENTS = (
    Instrument("600519.SH", A, Board.MAIN_SH, "main"),
    Instrument("300750.SZ", A, Board.CHINEXT, "chinext"),
    Instrument("688981.SH", A, Board.STAR, "star"),
    Instrument("510300.SH", A, Board.ETF_SH, "fund"),
    Instrument("511880.SH", A, Board.ETF_SH, "money fund"),
    Instrument("113050.SH", A, Board.CB_SH, "convertible"),
    Instrument("AAPL.US", U, Board.US, "us"),
    Instrument("BTCUSDT.BINANCE", C, Board.SPOT, "spot", tick=10**6, step=10**3),
)
START = {A: 10**6 * 10**4, U: 10**5 * 10**4, C: 10**5 * 10**8}
PRICES = {A: 20 * 10**4, U: 150 * 10**4, C: 60_000 * 10**8}
PERP = "BTCUSDT.PERP"
CONTRACT = Contract("BTCUSDT", 10**7, 10**5, 10**5, 10**11, 10**11, 10**9, 12_000, 8, margin_tiers("BTCUSDT"))


@dataclass
class Working:
    """An open order with what it has traded and what cash still stands for it."""

    order_id: str
    instrument: Instrument
    side: Side
    kind: OrderType
    quantity: int
    limit: int
    stop: int
    reserved: int
    remaining: int
    charged: Charged = NOTHING_CHARGED
    fills: int = 0


@dataclass
class World:
    """Three accounts, their open orders, prices and the world's own sums. Every public method is one operation."""

    day: date = FIRST_DAY
    accounts: dict[Market, Account] = field(default_factory=lambda: {m: new_account(m.value, m, cash) for m, cash in START.items()})
    prices: dict[str, int] = field(default_factory=lambda: {i.symbol: PRICES[i.market] for i in INSTRUMENTS})
    closes: dict[str, int] = field(default_factory=lambda: {i.symbol: PRICES[i.market] for i in INSTRUMENTS})
    orders: list[Working] = field(default_factory=list)
    actions: list[CorporateAction] = field(default_factory=list)
    perp: PerpPosition | None = None
    mark: int = PRICES[C]
    sums: dict[Market, int] = field(default_factory=lambda: dict(START))
    held: dict[str, int] = field(default_factory=dict)
    made: int = 0
    fills: int = 0
    partial: int = 0
    taxed: int = 0
    over: bool = False

    def place(self, which: int, side: Side, kind: OrderType, wanted_ppm: int, offset: int) -> None:
        """Send an order for `wanted_ppm` of what could be bought or sold, `offset` ticks off the price."""
        instrument = INSTRUMENTS[which % len(INSTRUMENTS)]
        tick, price = tick_of(instrument, self.day), self.prices[instrument.symbol]
        off = max(tick, (price + offset * tick) // tick * tick)
        limit = off if kind is OrderType.LIMIT else 0
        stop = off if kind is OrderType.STOP else 0
        account = self.accounts[instrument.market]
        sellable = account.sellable(instrument.symbol, self.day)
        bound = limit or self._cap(instrument)
        free = account.cash - account.reserved
        units = instrument.units
        most = sellable if side is Side.SELL else free * units.price * units.quantity // (bound * units.money)
        quantity = floor_quantity(instrument, side, most * wanted_ppm // PPM, sellable, kind, self.day)
        if quantity == 0:
            return
        need = worst_case_cost(instrument, quantity, bound, self.day, SCHEDULE) if side is Side.BUY else 0
        if need > free:
            return
        self.made += 1
        self.orders.append(Working(f"o{self.made}", instrument, side, kind, quantity, limit, stop, need, quantity))
        self._reserve(instrument.market)

    def bar(self, which: int, moves: tuple[int, int, int], volume: int, slippage: int) -> None:
        """Let a bar pass: every open order of the instrument meets it in turn."""
        instrument = INSTRUMENTS[which % len(INSTRUMENTS)]
        tick = tick_of(instrument, self.day)
        low_cap, high_cap = self._limits(instrument)
        price = self.prices[instrument.symbol]
        corners = [min(max(price + move * tick, low_cap or tick), high_cap or price * 2) for move in (*moves, 0)]
        open_, close, high, low = corners[0], corners[1], max(corners), min(corners)
        available = kernel.participation_cap(volume * lot_rule(instrument, OrderType.MARKET, self.day).step, 100_000)
        for order in [working for working in self.orders if working.instrument is instrument]:
            cap = high_cap or (order.limit or self._cap(instrument) if order.side is Side.BUY else 0)
            quantity, at, code = kernel.match_bar(
                SIDES[order.side],
                KINDS[order.kind],
                order.remaining,
                order.limit,
                order.stop,
                open_,
                high,
                low,
                close,
                available,
                cap,
                low_cap,
                slippage * tick,
                lot_rule(instrument, order.kind, self.day).step,
            )
            assert (quantity > 0) == (kernel.CODES[code] in ("FILLED", "PARTIAL"))
            if quantity:
                available -= quantity
                self._execute(order, quantity, at)
        self.prices[instrument.symbol] = close

    def cancel(self, which: int) -> None:
        """Withdraw an open order; what was reserved for it is free again."""
        if self.orders:
            order = self.orders.pop(which % len(self.orders))
            self._reserve(order.instrument.market)

    def next_day(self) -> None:
        """Day orders expire, settled shares become sellable, yesterday's price is the new reference."""
        try:
            self.day = calendar(A).next_session(self.day)
            calendar(A).next_session(self.day)
        except CalendarUnknown:
            self.over = True
        self.orders.clear()
        for market in START:
            self._reserve(market)
        self.closes = dict(self.prices)

    def corporate_action(self, which: int, cash_ppm: int, bonus_e8: int, transfer_e8: int) -> None:
        """An ex day: dividend of `cash_ppm` of the price, bonus and transferred shares, before any order of the day."""
        stocks = [i for i in INSTRUMENTS if product_of(i) is Product.STOCK]
        instrument = stocks[which % len(stocks)]
        self.next_day()
        price = self.prices[instrument.symbol]
        action = CorporateAction(
            instrument.symbol, self.day, price * cash_ppm // PPM * 10**4 + which % 9_999, bonus_e8, transfer_e8
        )
        before = self.accounts[A]
        booking = book_dividend(before, action)
        self._book(A, booking)
        old = before.positions[instrument.symbol].quantity if instrument.symbol in before.positions else 0
        self.held[instrument.symbol] = old * (10**8 + action.new_shares_e8) // 10**8
        self.sums[A] += cash_of(booking.postings)
        self.actions.append(action)
        reference = ex_reference(action, price, tick_of(instrument, self.day))
        self.prices[instrument.symbol] = self.closes[instrument.symbol] = reference

    def perp_trade(self, side: Side, lots: int, leverage: int) -> None:
        """Trade the perpetual at the mark price, unless cash or brackets forbid it."""
        quantity = lots * CONTRACT.step
        notional = UNITS[C].notional(self.mark, quantity)
        held = abs(self.perp.quantity) if self.perp else 0
        if UNITS[C].notional(self.mark, quantity + held) > CONTRACT.tiers[0].cap * 10 or leverage > 75:
            return
        self.made += 1
        charge = fees(replace(INSTRUMENTS[-1], board=Board.PERP), side, self.mark, quantity, self.day, SCHEDULE)
        fill = self._fill(f"p{self.made}", 1, PERP, side, quantity, self.mark, notional, charge)
        try:
            outcome = book_perp_fill(self._spendable(C), self.perp, fill, CONTRACT, leverage)
        except BookingRefused:
            return
        self.perp = outcome.position
        self._book(C, outcome.booking)
        self.sums[C] += cash_of(outcome.booking.postings)

    def move_mark(self, ppm: int) -> None:
        """The mark price moves; a position beyond its maintenance margin is liquidated."""
        self.mark = max(CONTRACT.tick, min(self.mark * (PPM + ppm) // PPM, 10**6 * 10**8))
        if self.perp is not None and must_liquidate(self.perp, CONTRACT, self.mark):
            margin, outcome = self.perp.margin, liquidate(self.perp, CONTRACT, self.mark)
            self.perp = None
            self._book(C, outcome.booking)
            back = cash_of(outcome.booking.postings)
            assert 0 <= back <= margin * 3
            self.sums[C] += back

    def funding(self, rate_e8: int) -> None:
        """A funding settlement."""
        if self.perp is not None:
            outcome = book_funding(self._spendable(C), self.perp, self.mark, rate_e8)
            self.perp = outcome.position
            self._book(C, outcome.booking)
            self.sums[C] += cash_of(outcome.booking.postings)

    def check(self) -> None:
        """Every invariant, after any operation."""
        for market, account in self.accounts.items():
            assert conserved(account) == 0, (market, conserved(account))
            assert account.cash == self.sums[market], (market, account.cash, self.sums[market])
            assert account.cash >= account.reserved >= 0, (market, account.cash, account.reserved)
        assert self.accounts[C].perps.get(PERP) == self.perp
        for instrument in INSTRUMENTS:
            position = self.accounts[instrument.market].positions.get(instrument.symbol)
            assert (position.quantity if position else 0) == self.held.get(instrument.symbol, 0)
            if position is not None:
                assert all(lot.quantity > 0 and lot.cost >= 0 for lot in position.lots)
        for order in self.orders:
            assert 0 < order.remaining <= order.quantity and order.reserved >= 0

    def _execute(self, order: Working, quantity: int, price: int) -> None:
        instrument, market = order.instrument, order.instrument.market
        charge = fees(instrument, order.side, price, quantity, self.day, SCHEDULE, order.charged)
        notional = instrument.units.notional(price, quantity)
        order.fills += 1
        fill = self._fill(order.order_id, order.fills, instrument.symbol, order.side, quantity, price, notional, charge)
        before = self.accounts[market]
        sellable_on = settles_on(instrument, self.day, calendar(market))
        try:
            booking = book_fill(before, fill, sellable_on=sellable_on)
        except BookingRefused:
            # Five yuan for a sale worth less, with no cash left to pay them: the broker would refuse the order.
            assert order.side is Side.SELL and before.cash - before.reserved + notional < charge.total
            self.orders.remove(order)
            self._reserve(market)
            return
        self._book(market, booking)
        self.sums[market] += (-notional if order.side is Side.BUY else notional) - charge.total
        sign = 1 if order.side is Side.BUY else -1
        self.held[instrument.symbol] = self.held.get(instrument.symbol, 0) + sign * (quantity - charge.base)
        if order.side is Side.SELL and market is A:
            tax = book_sale_tax(before, booking, instrument.symbol, self.day, self.actions)
            self._book(A, tax)
            self.taxed += bool(tax.postings)
            self.sums[A] += cash_of(tax.postings)
        done = order.charged
        order.charged = Charged(done.quantity + quantity, done.notional + notional, plus(done.fees, charge))
        order.remaining -= quantity
        if order.side is Side.BUY:
            order.reserved -= notional + charge.total
            assert order.reserved >= 0, "the reservation must cover every way the order can trade"
        self.fills += 1
        self.partial += order.remaining > 0
        if order.remaining == 0:
            self.orders.remove(order)
        self._reserve(market)

    def _fill(
        self, order_id: str, number: int, symbol: str, side: Side, quantity: int, price: int, notional: int, charge: Fees
    ) -> Fill:
        at = datetime(self.day.year, self.day.month, self.day.day, 3, tzinfo=UTC)
        name = fill_id(order_id, number)
        return Fill(name, order_id, "w", "", symbol, side, quantity, price, notional, charge, self.day, at, "world")

    def _book(self, market: Market, booking: Booking) -> None:
        self.accounts[market] = apply_booking(self.accounts[market], booking)

    def _spendable(self, market: Market) -> Account:
        account = self.accounts[market]
        return replace(account, cash=account.cash - account.reserved)

    def _reserve(self, market: Market) -> None:
        mine = [order for order in self.orders if order.instrument.market is market]
        pending: dict[str, int] = {}
        for order in mine:
            if order.side is Side.SELL:
                pending[order.instrument.symbol] = pending.get(order.instrument.symbol, 0) + order.remaining
        reserved = sum(order.reserved for order in mine)
        self.accounts[market] = replace(self.accounts[market], reserved=reserved, pending_sells=pending)

    def _limits(self, instrument: Instrument) -> tuple[int, int]:
        limits = price_limits(instrument, self.day, self.closes[instrument.symbol], sessions_listed=None)
        return (limits.down, limits.up) if limits is not None else (0, 0)

    def _cap(self, instrument: Instrument) -> int:
        """What a market order may cost at most: limit-up, or a tenth above the price where there is none."""
        tick = tick_of(instrument, self.day)
        return self._limits(instrument)[1] or self.closes[instrument.symbol] * 11 // 10 // tick * tick
