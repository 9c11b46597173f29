"""A paper broker of one perpetual beside a fold of its own records, driven by prices, fundings and marks in plain decimals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from engine.brokers import Book, Effects, PaperBroker, Venue
from engine.brokers.fold import Fold
from engine.core.account import Account
from engine.core.bookkeeping import DeskOpened, OrderCreated
from engine.core.instrument import Board, Instrument
from engine.core.journal import Record
from engine.core.market import Bar, Funding, Quote
from engine.core.order import Order, OrderType, Side
from engine.core.units import Market, to_units
from engine.exchange import Contract, FeeSchedule, PerpTerms, calendar, conserved, margin_tiers, new_account, open_account

E8 = 10**8
DAY = date(2026, 11, 20)
DESK, SYMBOL = "perps", "BTCUSDT.BINANCE"
BTC = Contract("BTCUSDT", 10**7, 10**5, 10**5, 1_000 * E8, 1_000 * E8, 100 * E8, 12_000, 8, margin_tiers("BTCUSDT"))
PERP = BTC.instrument(Board.PERP)
FREE = FeeSchedule(perp_taker_ppm=0)


def e8(text: str | int) -> int:
    """A decimal in 1e-8."""
    return to_units(text, E8)


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 20) -> datetime:
    """An instant of November 2026 in UTC."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


def quote(last: str, when: datetime) -> Quote:
    """The tape shows a last price."""
    price = e8(last)
    return Quote(SYMBOL, "", when.date(), when, price, price, price, price, price, 1, 1, "test")


def order(name: str, side: Side, quantity: str, limit: str, when: datetime, **more: Any) -> Order:
    """A limit order decided on at `when`."""
    facts: dict[str, Any] = {"order_type": OrderType.LIMIT, "instrument": SYMBOL, **more}
    return Order(
        order_id=name,
        desk=DESK,
        cycle_id="",
        side=side,
        quantity=e8(quantity),
        limit_price=e8(limit),
        trading_day=when.date(),
        created_at=when,
        **facts,
    )


def funding(rate: str, when: datetime, mark: str, *, known: datetime | None = None) -> Funding:
    """A settlement of eight hours' funding."""
    return Funding(SYMBOL, when, e8(rate), e8(mark), 8, known or when, "test")


def position_of(account: Account) -> tuple[int, int, int]:
    """Signed quantity, entry notional and margin; zeros where nothing is held."""
    held = account.perps.get(SYMBOL)
    return (held.quantity, held.entry, held.margin) if held is not None else (0, 0, 0)


class Bench:
    """The broker, the fold of what it said, and every record so far; conservation is checked at each effect."""

    def __init__(self, cash: str = "100000", leverage: int = 10, *, shorts: bool = True, schedule: FeeSchedule = FREE) -> None:
        self.terms = PerpTerms(leverage, shorts, {SYMBOL: BTC})
        self.names: dict[str, Instrument] = {SYMBOL: PERP}
        self.schedule = schedule
        self.broker = PaperBroker(DESK, Market.CRYPTO, schedule, self.names, self.terms)
        self.broker.load(Book(new_account(DESK, Market.CRYPTO, e8(cash)), {}))
        self.fold = Fold(DESK)
        self.records: list[Record] = []
        self.tell(DeskOpened(DESK, "crypto", "USDT", e8(cash), open_account(DESK, Market.CRYPTO, e8(cash))))

    @property
    def account(self) -> Account:
        """The account as the broker has it."""
        return self.broker.account()

    @property
    def venue(self) -> Venue:
        """Where the broker's orders meet, as a replay makes it."""
        return Venue(DESK, self.names, calendar(Market.CRYPTO), self.schedule, self.terms)

    def tell(self, record: Record) -> None:
        """One record for the journal."""
        self.records.append(record)
        self.fold.apply(record)

    def take(self, effects: Effects) -> tuple[Record, ...]:
        """Let what the broker says be so; the fold must come to the same book."""
        self.broker.adopt(effects)
        for record in effects.records:
            self.tell(record)
        assert conserved(self.account) == 0
        assert self.account.cash >= self.account.reserved >= 0
        assert self.fold.book == Book(self.account, self.broker.working(), {}, effects.book.settled, effects.book.trades), (
            "what the journal says is what the broker holds"
        )
        return effects.records

    def send(self, *orders: Order) -> list[str]:
        """Send orders as a cycle does; the codes of those refused, '' for those accepted."""
        for one in orders:
            self.broker.see([quote("60000", one.created_at)])
            # What risk would reserve; the ledger believes it.
            self.tell(OrderCreated(one, self.would_reserve(one)))
        effects = self.broker.submit(orders, orders[0].created_at)
        records = self.take(effects)
        return [getattr(record, "code", "") for record in records if getattr(record, "status", "") in ("accepted", "rejected")]

    def would_reserve(self, one: Order) -> int:
        """What the broker holds back for an order, 0 where it refuses it."""
        accepted = self.broker.submit([one], one.created_at).book.working.get(one.order_id)
        return accepted.reserved if accepted is not None else 0

    def bar(self, prices: tuple[str, str, str, str], start: datetime, end: datetime, volume: str = "1000") -> tuple[Record, ...]:
        """A bar passes: open, high, low, close."""
        open_, high, low, close = map(e8, prices)
        one = Bar(SYMBOL, "1h", start.date(), start, end, open_, high, low, close, e8(volume), 0, open_)
        seen = quote(prices[3], end)
        records = self.take(self.broker.match([(seen, one)]))
        self.broker.see([seen])
        return records

    def trade(self, side: Side, quantity: str, price: str, hour: int, minute: int = 0, *, day: int = 20) -> None:
        """Buy or sell at exactly `price` within a minute that ends at hour:minute + 1."""
        name = f"o{len(self.records)}"
        assert self.send(order(name, side, quantity, price, at(hour, minute, day=day))) == [""]
        limit = e8(price)
        beyond = limit + BTC.tick * (1 if side is Side.SELL else -1)
        flat = str(price)
        text = f"{beyond / E8:f}"
        # It opens on the wrong side of the limit and comes to it: what rests at its limit trades there.
        opens = f"{(limit - BTC.tick * 10 * (1 if side is Side.SELL else -1)) / E8:f}"
        high, low = (max(text, flat, opens, key=float), min(text, flat, opens, key=float))
        self.bar((opens, high, low, flat), at(hour, minute, day=day), at(hour, minute, 59, day=day), "100000")
