"""Perpetuals through the real ledger as a state machine: no unit is lost, and the journal alone tells it all again.

After each step the broker, the fold of the journal, the ledger's projections and a replay's own computation agree; at the end a
rebuild gives the same bytes and the doctor has nothing to say.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from perp_bench import BTC, DESK, E8, PERP, SYMBOL, e8

from engine.brokers import Book, Effects, Fold, PaperBroker, Venue
from engine.brokers.settling import funding_settled, held_at, liquidated
from engine.core.bookkeeping import DeskOpened, Filled, FundingSettled, Liquidated, OrderCreated
from engine.core.journal import CycleClaimed, Record
from engine.core.market import Bar, Funding, Quote
from engine.core.order import Order, OrderType, Side
from engine.core.units import Market
from engine.cycle.comparing import open_orders, with_perps
from engine.cycle.marking import mark
from engine.exchange import FeeSchedule, PerpTerms, calendar, conserved, new_account, open_account
from engine.replay.aftermath import check_fill, check_funding
from engine.replay.past import Past
from engine.store import Ledger, check, connect, rebuild
from engine.store.rebuild import fingerprint

START = datetime(2026, 11, 20, tzinfo=UTC)
CASH = e8("300000")
NAMES = {SYMBOL: PERP}
SIDES = st.sampled_from(Side)
KINDS = [OrderType.LIMIT, OrderType.STOP]


class Stopped:
    """The machine's clock stands still."""

    def now(self) -> datetime:
        return START


class Perpetuals(RuleBasedStateMachine):
    """Hypothesis chooses orders, bars, cancels, fundings, marks and days; every effect is written before it is adopted."""

    @initialize(leverage=st.integers(1, 75), shorts=st.sampled_from([True, True, True, False]))
    def open(self, leverage: int, shorts: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name) / "home"
        self.ledger = Ledger.open(self.home, clock=Stopped())
        self.terms = PerpTerms(leverage, shorts, {SYMBOL: BTC})
        self.broker = PaperBroker(DESK, Market.CRYPTO, FeeSchedule(), NAMES, self.terms)
        self.broker.load(Book(new_account(DESK, Market.CRYPTO, CASH), {}))
        self.fold = Fold(DESK)
        self.now, self.price, self.made = START, e8("60000"), 0
        self.told: Counter[str] = Counter()
        claimed = CycleClaimed("c", DESK, "manual", START, START.date(), "")
        self.replayed = Past(claimed, START, venue=Venue(DESK, NAMES, calendar(Market.CRYPTO), FeeSchedule(), self.terms))
        self._write([DeskOpened(DESK, "crypto", "USDT", CASH, open_account(DESK, Market.CRYPTO, CASH))])
        self._seen()

    @rule(side=SIDES, lots=st.integers(1, 40_000), off=st.integers(-300, 300), kind=st.sampled_from(KINDS))
    def place(self, side: Side, lots: int, off: int, kind: OrderType) -> None:
        self._tick()
        self.made += 1
        limit = max(BTC.tick, (self.price + off * self.price // 1_000) // BTC.tick * BTC.tick)
        stop = limit if kind is OrderType.STOP else 0
        order = Order(f"o{self.made}", DESK, "", SYMBOL, side, kind, lots * BTC.step, limit, self.now.date(), self.now, stop)
        self._seen()
        effects = self.broker.submit([order], self.now)
        working = effects.book.working.get(order.order_id)
        self._take(Effects((OrderCreated(order, working.reserved if working else 0), *effects.records), effects.book))  # type: ignore[arg-type]

    @rule(moves=st.tuples(*[st.integers(-60, 60)] * 3), lots=st.integers(0, 400_000))
    def bar(self, moves: tuple[int, int, int], lots: int) -> None:
        start = self.now
        self._tick()
        corners = [max(BTC.tick, (self.price + move * self.price // 1_000) // BTC.tick * BTC.tick) for move in (*moves, 0)]
        open_, close, high, low = corners[0], corners[1], max(corners), min(corners)
        self.price = close
        one = Bar(SYMBOL, "1m", self.now.date(), start, self.now, open_, high, low, close, lots * BTC.step, 0, open_)
        self._take(self.broker.match([(self._quote(), one)]))
        self._seen()

    @rule(side=SIDES, lots=st.integers(1, 40_000), volume=st.integers(0, 400_000))
    def trade(self, side: Side, lots: int, volume: int) -> None:
        """An order well through the price meets a bar at the price."""
        self.place(side, lots, 5 if side is Side.BUY else -5, OrderType.LIMIT)
        self.now += timedelta(seconds=1)
        self.bar((0, 0, 0), volume)

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        names = sorted(self.broker.working())
        if names:
            self._take(self.broker.cancel(names[which % len(names)], "PERSON"))

    @rule(rate=st.integers(-3_000_000, 3_000_000), late=st.integers(0, 3))
    def funding(self, rate: int, late: int) -> None:
        due = Funding(SYMBOL, self.now - timedelta(minutes=late), rate, self.price, 8, self.now, "test")
        self._take(self.broker.settle([due]))
        assert self.broker.settle([due]).records == (), "a repeated step is a no-op"

    @rule(ppm=st.integers(-250_000, 250_000))
    def move_mark(self, ppm: int) -> None:
        self._tick()
        self.price = max(BTC.tick * 100, min(self.price * (10**6 + ppm) // 10**6, 10**6 * E8) // BTC.tick * BTC.tick)
        self._seen()
        effects = self.broker.watch_margins({SYMBOL: self.price}, self.now, self.now.date())
        self._take(effects)
        assert not effects.records or (not self.broker.working() and not self.broker.account().perps)

    @precondition(lambda self: self.made % 7 == 6)
    @rule()
    def day_ends(self) -> None:
        self._take(self.broker.expire())
        self._write([mark(DESK, "", self.now.date(), self.now, self.broker, NAMES)])
        self.now = datetime(self.now.year, self.now.month, self.now.day, tzinfo=UTC) + timedelta(days=1)
        self._seen()

    @precondition(lambda self: self.made % 5 == 4)
    @rule()
    def restart(self) -> None:
        """The engine comes back and knows of its perpetuals what the ledger holds."""
        self.ledger.close()
        self.ledger = Ledger.open(self.home, clock=Stopped())
        self.broker = PaperBroker(DESK, Market.CRYPTO, FeeSchedule(), NAMES, self.terms)
        with self.ledger.reader() as books:
            found = with_perps(books, DESK, Book(books.account(DESK), open_orders(books, DESK)))
        self.broker.load(found)
        self._seen()
        told = self.fold.book
        assert (found.account, dict(found.working), found.settled) == (told.account, dict(told.working), told.settled)
        for instant in (self.now + timedelta(minutes=late) for late in range(-3, 3)):
            assert held_at(found, SYMBOL, instant) == held_at(told, SYMBOL, instant)

    @invariant()
    def every_book_agrees(self) -> None:
        account = self.broker.account()
        assert conserved(account) == 0
        assert account.cash >= account.reserved >= 0
        assert all(held.quantity and held.margin >= 0 and held.entry >= 0 for held in account.perps.values())
        assert self.terms.shorts or all(held.quantity > 0 for held in account.perps.values())
        assert self.fold.book.account == account and dict(self.fold.book.working) == dict(self.broker.working())
        with self.ledger.reader() as books:
            balances = books.balances(DESK)
            booked = books.account(DESK)
        assert sum(balances.values()) == 0
        assert booked == account
        assert balances.get(f"margin:{SYMBOL}", 0) == account.margin
        assert self.replayed.differences == []

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.ledger.close()
        assert [finding for finding in check(self.home) if not finding.ok] == []
        before = self._bytes()
        rebuild(self.home)
        assert self._bytes() == before
        self.folder.cleanup()

    # What drives it ------------------------------------------------------------------------------------------------------------

    def _bytes(self) -> tuple[str, int]:
        connection = connect.reader(self.home)
        try:
            return fingerprint(connection)
        finally:
            connection.close()

    def _tick(self) -> None:
        self.now += timedelta(seconds=61)

    def _quote(self) -> Quote:
        price = self.price
        return Quote(SYMBOL, "", self.now.date(), self.now, price, price, price, price, price, 1, 1, "test")

    def _seen(self) -> None:
        self.broker.see([self._quote()])

    def _take(self, effects: Effects) -> None:
        self._write(effects.records)
        self.broker.adopt(effects)

    def _write(self, records: Sequence[Record]) -> None:
        if not records:
            return
        self.ledger.write(records)
        for record in records:
            self._again(record)
            self.fold.apply(record)

    def _again(self, record: Record) -> None:
        """What a replay computes from the record and the books before it."""
        self.told[type(record).__name__] += 1
        match record:
            case Filled():
                check_fill(self.replayed, self.fold, record)
            case FundingSettled():
                check_funding(self.replayed, self.fold, record)
                assert record == funding_settled(DESK, self.fold.book, SYMBOL, record.at, record.mark, record.rate_e8, record.hours)
            case Liquidated():
                assert record == liquidated(DESK, self.terms, self.fold.book, SYMBOL, record.at, record.mark, record.trading_day)
            case _:
                pass


Perpetuals.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_no_unit_is_lost_and_the_journal_tells_it_all_again = Perpetuals.TestCase


@pytest.mark.parametrize(("seed", "leverage"), [(1, 10), (2, 25), (3, 75)])
def test_a_long_walk_meets_everything(seed: int, leverage: int) -> None:
    """The same machine on a seed of its own: long enough that positions grow, flip, pay, and are liquidated."""
    draw, walk = random.Random(seed), Perpetuals()
    walk.open(leverage, shorts=True)
    try:
        for step in range(220):
            match draw.choices(range(6), (10, 4, 3, 5, 6, 1))[0]:
                case 0:
                    walk.trade(draw.choice(list(Side)), draw.randint(1, 5_000), draw.randint(0, 400_000))
                case 1:
                    walk.place(draw.choice(list(Side)), draw.randint(1, 5_000), draw.randint(-50, 50), draw.choice(KINDS))
                case 2:
                    walk.bar((draw.randint(-40, 40), draw.randint(-40, 40), draw.randint(-40, 40)), draw.randint(0, 400_000))
                case 3:
                    walk.funding(draw.randint(-3_000_000, 3_000_000), draw.randint(0, 3))
                case 4:
                    walk.move_mark(draw.randint(-60_000, 60_000))
                case _:
                    walk.day_ends()
            if step % 5 == 4:
                walk.cancel(draw.randrange(50))
            if step % 40 == 39:
                walk.restart()
            walk.every_book_agrees()
    finally:
        walk.teardown()
    assert min(walk.told[kind] for kind in ("Filled", "FundingSettled", "OrderMoved")) > 20, walk.told
    assert walk.told["Liquidated"] > 1, walk.told
