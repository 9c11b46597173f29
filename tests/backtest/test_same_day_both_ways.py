"""One real day, two ways through one kernel: order by order in the paper broker, and as columns; every fill is the same."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest

from engine.backtest.sweep import Execution, sweep
from engine.brokers import Book, PaperBroker
from engine.core.account import Account, Lot, Position
from engine.core.bookkeeping import Filled, OrderMoved
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.units import Market
from engine.exchange import FeeSchedule, new_account, tick_of
from engine.feeds.replay import ReplayTape
from engine.feeds.tape import QuoteEvent, TapeEvent
from tests.engine.desk_harness import store

BEIJING = ZoneInfo("Asia/Shanghai")
FEES = FeeSchedule()
INTRADAY, DAILY_ONLY = "000338.SZ", "300027.SZ"
SEALED, BUSY, QUIET = date(2020, 2, 3), date(2020, 2, 4), date(2020, 3, 9)
"""The first session after the holiday of 2020 opened at the lower limit almost everywhere."""

Prints = list[tuple[Quote, Bar | None]]


@lru_cache(maxsize=4)
def session(day: date) -> tuple[tuple[TapeEvent, ...], dict[str, Instrument]]:
    tape = ReplayTape(store(), start=day, end=day)
    instruments = {item.symbol: item for item in tape.instruments()}
    return tuple(tape.advance(datetime.combine(day, time(16), BEIJING))), instruments


def prints_of(day: date, symbol: str) -> Prints:
    return [(e.quote, e.bar) for e in session(day)[0] if isinstance(e, QuoteEvent) and e.quote.symbol == symbol]


def last_volume(day: date, symbol: str) -> int:
    bars = store().as_of(datetime.combine(day, time(9), BEIJING)).daily([symbol], 5)
    return int(bars["volume"][-1])


def orders_for(day: date, instrument: Instrument, prints: Prints, *, seed: int, count: int) -> list[Order]:
    """Limit, market and stop orders of a day, most near its prices, some far away, from the opening call to the closing one."""
    rng = random.Random(seed)
    tick = tick_of(instrument, day)
    bars = [bar for _, bar in prints if bar is not None]
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    open_from = datetime.combine(day, time(9, 15), BEIJING)
    made = []
    for number in range(count):
        minute = rng.choice([rng.randint(0, 4), rng.randint(15, 135), rng.randint(225, 344)])
        created = (open_from + timedelta(minutes=minute, seconds=rng.choice([0, 0, 20]))).astimezone(UTC)
        near = rng.randint(low // tick - 3, high // tick + 3) * tick
        kind = rng.choice(list(OrderType))
        made.append(
            Order(
                order_id=f"{number:04d}",
                desk="demo",
                cycle_id="c",
                instrument=instrument.symbol,
                side=rng.choice(list(Side)),
                order_type=kind,
                quantity=rng.choice([100, 1_000, 20_000, 300_000, 900_000]),
                limit_price=0 if kind is OrderType.MARKET or (kind is OrderType.STOP and rng.random() < 0.5) else near,
                trading_day=day,
                created_at=created,
                stop_price=rng.randint(low // tick - 2, high // tick + 2) * tick if kind is OrderType.STOP else 0,
            )
        )
    return made


def by_broker(
    day: date, symbol: str, orders: list[Order], events: tuple[TapeEvent, ...], instruments: dict[str, Instrument]
) -> tuple[list[Execution], list[Order], PaperBroker]:
    """Event by event, as a desk does it: print, then book; what was accepted, and every fill."""
    broker = PaperBroker("demo", Market.ASHARE, FEES, instruments)
    settled = Lot("old", 10**9, 10**15, date(2019, 1, 2), date(2019, 1, 3))
    funded: Account = replace(new_account("demo", Market.ASHARE, 10**16), positions={symbol: Position(symbol, (settled,))})
    broker.load(Book(funded, {}))
    broker.remember_volumes({symbol: last_volume(day, symbol)})
    waiting, accepted, fills = sorted(orders, key=lambda one: one.created_at), set[str](), list[Execution]()
    for at, group in itertools.groupby(events, key=lambda event: event.at):
        due = [one for one in waiting if one.created_at < at]
        waiting = waiting[len(due) :]
        for one in due:
            sent = broker.submit([one], one.created_at)
            accepted |= {r.order_id for r in sent.records if isinstance(r, OrderMoved) and r.status is OrderStatus.ACCEPTED}
            broker.adopt(sent)
        prints = [(e.quote, e.bar) for e in group if isinstance(e, QuoteEvent) and e.quote.symbol == symbol]
        matched = broker.match(prints)
        broker.adopt(matched)
        broker.see([quote for quote, _ in prints])
        for record in matched.records:
            assert isinstance(record, Filled)
            fill = record.fill
            fills.append(Execution(fill.order_id, fill.quantity, fill.price, fill.fees, fill.at))
    return fills, [one for one in orders if one.order_id in accepted], broker


@pytest.mark.parametrize("day", [SEALED, BUSY, QUIET])
@pytest.mark.parametrize("symbol", [INTRADAY, DAILY_ONLY])
def test_every_fill_of_a_day_is_the_same_both_ways(day: date, symbol: str) -> None:
    events, instruments = session(day)
    prints = prints_of(day, symbol)
    orders = orders_for(day, instruments[symbol], prints, seed=day.toordinal(), count=400)
    fills, accepted, broker = by_broker(day, symbol, orders, events, instruments)
    limits = broker.limits(prints[0][0])
    assert limits is not None
    swept = sweep(instruments[symbol], accepted, prints, limits=limits, last_volume=last_volume(day, symbol), schedule=FEES)
    assert swept == fills
    assert len(accepted) > 200 and len(fills) > 40
    left = {working.order.order_id: working.remaining for working in broker.working().values()}
    taken = Counter[str]()
    for one in swept:
        taken[one.order_id] += one.quantity
    unfilled = {one.order_id: one.quantity - taken[one.order_id] for one in accepted if taken[one.order_id] < one.quantity}
    assert unfilled == left, "what the broker lets expire is what the sweep left"
    expired = broker.expire().records
    assert {r.order_id for r in expired if isinstance(r, OrderMoved)} == set(left)


def test_the_days_reach_volume_caps_sealed_limits_auctions_stops_and_expiry() -> None:
    seen = Counter[str]()
    for day, symbol in itertools.product((SEALED, BUSY, QUIET), (INTRADAY, DAILY_ONLY)):
        events, instruments = session(day)
        prints = prints_of(day, symbol)
        orders = orders_for(day, instruments[symbol], prints, seed=day.toordinal(), count=400)
        fills, accepted, broker = by_broker(day, symbol, orders, events, instruments)
        kinds = {one.order_id: one for one in accepted}
        auctions = {quote.known_at for quote, _ in prints if quote.auction}
        highest = {quote.known_at: quote.last if quote.auction or bar is None else bar.high for quote, bar in prints}
        limits = broker.limits(prints[0][0])
        assert limits is not None
        for one in fills:
            order = kinds[one.order_id]
            seen[f"{order.order_type} {order.side}"] += 1
            seen["auction"] += one.at in auctions
            seen["bar"] += one.at not in auctions
            seen["partial"] += one.quantity < order.quantity
            assert limits[1] <= one.price <= limits[0]
            sealed = highest[one.at] == limits[1]
            assert not (sealed and order.side is Side.SELL), "nothing is sold while the lower limit holds"
            seen["bought while sealed"] += sealed
        seen["expired"] += len(broker.working())
    assert set(seen) == {
        *(f"{kind} {side}" for kind in OrderType for side in Side),
        *("auction", "bar", "partial", "expired", "bought while sealed"),
    }
    assert min(seen.values()) >= 10, seen
