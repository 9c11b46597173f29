"""What the ledger holds of a desk, set beside what its broker says: at the start and in every cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from engine.brokers import Book, Line, Working, reconcile
from engine.brokers.broker import REMEMBERED
from engine.core.account import Account
from engine.core.order import OrderStatus, Side
from engine.cycle.mandate import Mandate
from engine.exchange import charged_by
from engine.store import Books


def open_orders(books: Books, desk: str) -> dict[str, Working]:
    """The desk's orders that have left and may still fill, as the ledger tells them, by id."""
    found: dict[str, Working] = {}
    for item in books.open_orders(desk):
        if item.status is not OrderStatus.INITIALIZED:
            fills = books.fills_of(item.order.order_id)
            found[item.order.order_id] = Working(item.order, item.status, item.filled, len(fills), item.reserved, charged_by(fills))
    return found


def book_of(books: Books, mandate: Mandate) -> Book:
    """The account and the open orders; of a desk of perpetuals also what the ledger remembers of those."""
    book = Book(books.account(mandate.desk), open_orders(books, mandate.desk))
    return book if mandate.perps is None else with_perps(books, mandate.desk, book)


def with_perps(books: Books, desk: str, book: Book) -> Book:
    """Fundings booked, and the last day's trades beside: funding that comes late is due from what was held at its settlement."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for fill in books.fills(desk, limit=10_000):
        found.setdefault(fill.instrument, []).append((fill.at, fill.quantity if fill.side is Side.BUY else -fill.quantity))
    for closed in books.liquidations(desk):
        found.setdefault(closed.instrument, []).append((closed.at, -closed.quantity))
    recent = {name: tuple(sorted(trade for trade in all_ if trade[0] > max(all_)[0] - REMEMBERED)) for name, all_ in found.items()}
    return replace(book, settled=books.funded_until(desk), trades=recent)


def compared(books: Books, desk: str, held: Account, working: Mapping[str, Working]) -> tuple[Line, ...]:
    """The broker's account and open orders against the ledger's."""
    return reconcile(books.account(desk), open_orders(books, desk), held, working)
