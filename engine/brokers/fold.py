"""What a desk's books were at any moment of the past: the journal's records applied one after another.

records in order ──► Fold.apply ──► the book, the trading state and the equity marks as a cycle of that moment saw them
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from engine.brokers.broker import Book, Working, traded
from engine.brokers.execution import claimed, with_action
from engine.brokers.settling import after_funding, after_liquidation
from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, DeskOpened, Filled, FundingSettled, Liquidated, Marked, OrderCreated, OrderMoved
from engine.core.journal import Record, TradingState, TradingStateMoved
from engine.core.order import OPEN_STATUSES, OrderStatus, Side
from engine.core.past import Past
from engine.core.units import Market
from engine.exchange import Booking, Charged, apply_booking, new_account
from engine.exchange.corporate import CorporateAction
from engine.exchange.fees import plus


def action_of(adjusted: Adjusted) -> CorporateAction:
    """The corporate action that an adjustment booked."""
    terms = adjusted.terms
    return CorporateAction(
        adjusted.instrument,
        date.fromisoformat(terms.ex_date),
        cash_e8=terms.cash_e8,
        bonus_e8=terms.bonus_e8,
        transfer_e8=terms.transfer_e8,
    )


@dataclass(slots=True)
class Fold:
    """One desk's past, up to the last record applied. `created` holds orders not yet sent, by id, with their reservation."""

    desk: str
    book: Book = field(default_factory=lambda: Book(Account("", "", 0, 0, 0, 0), {}))
    created: dict[str, OrderCreated] = field(default_factory=dict)
    trading_state: TradingState = TradingState.ACTIVE
    equity_day_start: int = 0
    equity_peak: int = 0
    past: Past = field(default_factory=Past)

    def __post_init__(self) -> None:
        self.past = replace(self.past, desk=self.desk)

    def apply(self, record: Record) -> None:
        """Take the next record of the journal; those of other desks and other kinds change nothing."""
        self.past = self.past.after(record)
        match record:
            case DeskOpened(desk=self.desk):
                self.book = Book(new_account(record.desk, Market(record.market), record.cash), {})
                self.equity_day_start = self.equity_peak = record.cash
            case OrderCreated() if record.order.desk == self.desk:
                self.created[record.order.order_id] = record
            case OrderMoved(desk=self.desk):
                self._moved(record)
            case Filled() if record.fill.desk == self.desk:
                self._filled(record)
            case Adjusted(desk=self.desk):
                account = apply_booking(self.book.account, Booking(record.lots, record.postings))
                self.book = claimed(replace(self.book, account=account))
                if record.terms.ex_date:
                    self.book = with_action(self.book, action_of(record))
            case FundingSettled(desk=self.desk):
                self.book = after_funding(self.book, record)
            case Liquidated(desk=self.desk):
                self.book = after_liquidation(self.book, record)
            case TradingStateMoved(desk=self.desk):
                self.trading_state = record.state
            case Marked(desk=self.desk):
                self.equity_peak = max(self.equity_peak, record.equity)
                if not record.cycle_id:
                    self.equity_day_start = record.equity
            case _:
                pass

    def _moved(self, record: OrderMoved) -> None:
        working = dict(self.book.working)
        if record.status is OrderStatus.ACCEPTED:
            created = self.created.pop(record.order_id)
            working[record.order_id] = Working(created.order, record.status, 0, 0, created.reserved, Charged())
        elif record.status not in OPEN_STATUSES:
            self.created.pop(record.order_id, None)
            working.pop(record.order_id, None)
        self.book = claimed(replace(self.book, working=working))

    def _filled(self, record: Filled) -> None:
        fill, working = record.fill, dict(self.book.working)
        item = working.pop(fill.order_id)
        if record.status in OPEN_STATUSES:
            before = item.charged
            charged = Charged(before.quantity + fill.quantity, before.notional + fill.notional, plus(before.fees, fill.fees))
            working[fill.order_id] = replace(
                item,
                status=record.status,
                filled=item.filled + fill.quantity,
                fills=item.fills + 1,
                reserved=record.reserved,
                charged=charged,
            )
        account = apply_booking(self.book.account, Booking(record.lots, record.postings, perps=record.perps))
        book = replace(self.book, account=account, working=working)
        if record.perps:
            book = traded(book, fill.instrument, fill.at, fill.quantity if fill.side is Side.BUY else -fill.quantity)
        self.book = claimed(book)
