"""What the ledger holds of a desk, set beside what its broker says: at the start and in every cycle."""

from __future__ import annotations

from collections.abc import Mapping

from engine.brokers import Line, Working, reconcile
from engine.core.account import Account
from engine.core.order import OrderStatus
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


def compared(books: Books, desk: str, held: Account, working: Mapping[str, Working]) -> tuple[Line, ...]:
    """The broker's account and open orders against the ledger's."""
    return reconcile(books.account(desk), open_orders(books, desk), held, working)
