"""Legal stretches of journal for the ledger's tests: a desk, its cycles, orders, fills and marks, with exact bookings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from engine.core import ids
from engine.core.bookkeeping import DeskOpened, Filled, LotChange, Marked, OrderCreated, OrderMoved, Posting
from engine.core.decision import Decision, Intent, Verdict, VerdictResult
from engine.core.journal import (
    CycleClaimed,
    CycleMoved,
    CycleState,
    DecisionsMade,
    ItemRejected,
    ModelAsked,
    ModelReplied,
    Noted,
    Record,
    SnapshotFrozen,
    VerdictsGiven,
)
from engine.core.order import Fees, Fill, Order, OrderStatus, OrderType, Side
from engine.store import Ledger, check

DESK = "demo"
DAY = date(2020, 3, 2)
START = datetime(2020, 3, 2, 1, 30, tzinfo=UTC)
CASH = 10_000_000_000


class Ticking:
    """A clock that moves one second at each look."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at

    def now(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at


def opened(desk: str = DESK, cash: int = CASH) -> DeskOpened:
    """The desk's first entry."""
    return DeskOpened(desk, "ashare", "CNY", cash, (Posting("cash", cash), Posting("capital", -cash)))


def begun(home: Path, notes: int = 0) -> None:
    """A closed ledger with a desk and some notes."""
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000)], key="desk")
        for n in range(notes):
            ledger.write([Noted(DESK, f"N{n}")])


def sound(home: Path) -> None:
    """Nothing to complain about, and the ledger takes new entries."""
    assert [finding for finding in check(home) if not finding.ok] == []
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([Noted(DESK, "ALIVE")])


@dataclass
class Story:
    """A desk that lives through cycles; keeps just enough of the books in its head to write legal records."""

    desk: str = DESK
    cash: int = CASH
    number: int = 0
    lots: dict[str, list[LotChange]] = field(default_factory=dict)

    def claim(self) -> CycleClaimed:
        """The next cycle's claim."""
        slot = START + timedelta(minutes=5 * self.number)
        self.number += 1
        return CycleClaimed(ids.cycle_id(self.desk, "ashare", DAY, slot), self.desk, "schedule", slot, DAY, "c" * 64)

    def buy(self, cycle: str, item: str, quantity: int, price: int, attempt: int = 0) -> list[Record]:
        """Order, send, accept and fill a purchase."""
        order = self._order(cycle, item, Side.BUY, quantity, price, attempt)
        cost = quantity * price
        fees = Fees(commission=50_000, transfer=cost // 100_000)
        lot = LotChange(order.order_id, item, quantity, cost, DAY, DAY + timedelta(days=1))
        self.lots.setdefault(item, []).append(lot)
        self.cash -= cost + fees.total
        postings = (
            Posting("cash", -cost - fees.total),
            Posting(f"position:{item}", cost),
            Posting("fees:commission", fees.commission),
            Posting("fees:transfer", fees.transfer),
        )
        return [*self._sent(order, cost + fees.total), self._filled(order, fees, (lot,), postings)]

    def sell(self, cycle: str, item: str, price: int) -> list[Record]:
        """Order, send, accept and fill the sale of everything held."""
        held = self.lots.pop(item)
        quantity, cost = sum(lot.quantity for lot in held), sum(lot.cost for lot in held)
        order = self._order(cycle, item, Side.SELL, quantity, price, 0)
        proceeds, fees = quantity * price, Fees(commission=50_000, stamp=quantity * price // 1_000)
        self.cash += proceeds - fees.total
        gone = tuple(LotChange(lot.lot_id, item, 0, 0, lot.bought_on, lot.sellable_on) for lot in held)
        postings = (
            Posting("cash", proceeds - fees.total),
            Posting(f"position:{item}", -cost),
            Posting("fees:commission", fees.commission),
            Posting("fees:stamp", fees.stamp),
            Posting(f"realized:{item}", cost - proceeds),
        )
        return [*self._sent(order, 0), self._filled(order, fees, gone, postings)]

    def marked(self, cycle: str) -> Marked:
        """The equity at cost."""
        value = sum(lot.cost for lots in self.lots.values() for lot in lots)
        marks = tuple((item, lots[-1].cost // lots[-1].quantity) for item, lots in sorted(self.lots.items()))
        return Marked(self.desk, cycle, DAY, START, self.cash, value, self.cash + value, 0, marks)

    def _order(self, cycle: str, item: str, side: Side, quantity: int, price: int, attempt: int) -> Order:
        name = ids.order_id(cycle, f"{item}:{side}", attempt)
        return Order(name, self.desk, cycle, item, side, OrderType.LIMIT, quantity, price, DAY, START)

    def _sent(self, order: Order, reserved: int) -> list[Record]:
        return [
            OrderCreated(order, reserved),
            OrderMoved(order.order_id, self.desk, OrderStatus.SUBMITTED),
            OrderMoved(order.order_id, self.desk, OrderStatus.ACCEPTED),
        ]

    def _filled(self, order: Order, fees: Fees, lots: tuple[LotChange, ...], postings: tuple[Posting, ...]) -> Filled:
        fill = Fill(
            ids.fill_id(order.order_id, 1), order.order_id, self.desk, order.cycle_id, order.instrument, order.side,
            order.quantity, order.limit_price, order.quantity * order.limit_price, fees, DAY, START, "paper",
        )  # fmt: skip
        return Filled(fill, OrderStatus.FILLED, 0, lots, postings)


def moved(cycle: str, state: CycleState, reason: str = "") -> CycleMoved:
    """The cycle enters a state."""
    return CycleMoved(cycle, DESK, state, reason)


def cycle_commits(story: Story, symbols: tuple[str, ...] = ("600519.SH", "000338.SZ", "000001.SZ")) -> Iterator[list[Record]]:
    """A whole cycle as the engine commits it: one list of records a transaction, eight of them."""
    claimed = story.claim()
    cycle = claimed.cycle_id
    yield [claimed, moved(cycle, CycleState.RECONCILING)]
    yield [moved(cycle, CycleState.FETCHING)]
    yield [
        SnapshotFrozen(cycle, story.desk, ids.content_hash(cycle.encode()), "replay", START, len(symbols), (), symbols),
        moved(cycle, CycleState.ANALYZING),
    ]
    yield [
        moved(cycle, CycleState.DECIDING),
        ModelAsked(cycle, story.desk, 0, "offline", "offline", "ashare-daily", "1", ids.content_hash(b"prompt")),
    ]
    yield [
        ModelReplied(cycle, story.desk, 0, "offline", "offline", "ok", ids.content_hash(b"reply"), "", 3, 900, 200, 0, "0", "CNY")
    ]
    decisions = tuple(Decision(s, Intent.OPEN, 100_000, 600_000, f"{s} 动量向上, 5日 +3.2%", sources=("ret_5",)) for s in symbols)
    verdicts = tuple(
        Verdict(s, "max_position", "desk", VerdictResult.CLAMP, "POSITION_OVER", "0.45", "0.30", "0.45", "0.30") for s in symbols
    )
    yield [
        DecisionsMade(cycle, story.desk, decisions, (ItemRejected("NVDA.US", "UNKNOWN_INSTRUMENT", "NVDA.US"),)),
        moved(cycle, CycleState.RISK),
    ]
    trades: list[Record] = []
    for symbol in symbols:
        trades += story.sell(cycle, symbol, 101_300) if symbol in story.lots else story.buy(cycle, symbol, 300, 100_000)
    yield [
        VerdictsGiven(cycle, story.desk, verdicts),
        moved(cycle, CycleState.EXECUTING),
        *trades,
        moved(cycle, CycleState.SETTLING),
    ]
    yield [story.marked(cycle), moved(cycle, CycleState.COMPLETED)]
