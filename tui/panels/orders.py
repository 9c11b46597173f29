"""Orders and how far each one got, newest first."""

from __future__ import annotations

from engine.state import OrderRow
from tui.face import Face
from tui.format import sign_of, stamp, trimmed
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Span

_STATUS_INK = {
    "filled": "text",
    "partially_filled": "warning",
    "denied": "critical",
    "rejected": "critical",
}


def limit_of(row: OrderRow, face: Face) -> str:
    """The limit price, or the word for a market order."""
    return row.limit_price if sign_of(row.limit_price) else face.words.t("order.market")


def _side(row: OrderRow, face: Face) -> Span:
    return (face.words.get("side", row.side), face.inks.signed(1 if row.side == "buy" else -1))


def _status(row: OrderRow, face: Face) -> Span:
    return (face.words.get("order", row.status), _STATUS_INK.get(row.status, "dim"))


def _average(row: OrderRow, face: Face) -> Span:
    return (row.average if sign_of(row.average) else "", "dim")


COLUMNS: tuple[Column[OrderRow], ...] = (
    Column("time", 11, lambda row, face: (stamp(row.at, face.market, "%m-%d %H:%M"), "dim"), "left", lambda row: row.at),
    Column("side", 4, _side, "left"),
    Column("code", 9, lambda row, face: (row.symbol, "text"), "left", lambda row: row.symbol, most=16, snug=True),
    Column("status", 7, _status, "left", lambda row: row.status, zh=6),
    Column("ordered", 6, lambda row, face: (trimmed(row.quantity), "text"), "right", most=12),
    Column("price", 7, lambda row, face: (limit_of(row, face), "text"), "right", rank=2, most=10),
    Column("filled", 6, lambda row, face: (trimmed(row.filled), "text"), "right", rank=3, most=12),
    Column("average", 9, _average, "right", rank=5),
    Column("name", 8, lambda row, face: (row.name, "text"), "left", lambda row: row.name, rank=2, most=16),
    Column("fees", 8, lambda row, face: (row.fees, "dim"), "right", rank=6, most=20, snug=True),
    Column("reason", 10, lambda row, face: (face.words.get("reason", row.code), "warning"), "left", rank=4, most=28),
)


def orders_panel(face: Face) -> LineTable[OrderRow]:
    """The orders table."""
    return LineTable(
        face,
        id="orders",
        title_key="panel.orders",
        columns=COLUMNS,
        haystack=lambda row: f"{row.symbol} {row.name} {row.side} {row.status} {row.code}",
        empty_key="empty.orders",
        newest=lambda row: row.at,
    )
