"""What is held, and how much of it may be sold today (持仓 / 可卖): under T+1 the two differ."""

from __future__ import annotations

from engine.state import PositionRow, TopicView
from tui.face import Face
from tui.format import cents, percent, sign_of, signed_cents, trimmed
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Span


def _profit_ppm(row: PositionRow, face: Face) -> Span:
    return (percent(row.unrealized_ppm), face.inks.signed(row.unrealized_ppm))


def _profit(row: PositionRow, face: Face) -> Span:
    return (signed_cents(row.unrealized), face.inks.signed(sign_of(row.unrealized)))


def _sellable(row: PositionRow, face: Face) -> Span:
    return (trimmed(row.sellable), "text" if row.sellable == row.quantity else "warning")


COLUMNS: tuple[Column[PositionRow], ...] = (
    Column("code", 9, lambda row, face: (row.symbol, "text"), "left", lambda row: row.symbol, most=16, snug=True),
    Column("last", 9, lambda row, face: (row.last, "text"), "right"),
    Column("profit_ppm", 7, _profit_ppm, "right", lambda row: row.unrealized_ppm),
    Column("quantity", 6, lambda row, face: (trimmed(row.quantity), "text"), "right", rank=0, most=12),
    Column("sellable", 6, _sellable, "right", rank=0, most=12),
    Column("name", 8, lambda row, face: (row.name, "text"), "left", lambda row: row.name, rank=1, most=20),
    Column("average", 9, lambda row, face: (row.average, "dim"), "right", rank=4),
    Column("value", 12, lambda row, face: (cents(row.market_value), "text"), "right", rank=3),
    Column("profit", 10, _profit, "right", rank=2),
)


def _side(row: PositionRow, face: Face) -> Span:
    long = row.side == "long"
    return (face.words.t("way.long" if long else "way.short"), face.inks.signed(1 if long else -1))


MARGINED: tuple[Column[PositionRow], ...] = (
    COLUMNS[0],
    Column("way", 5, _side, "left", lambda row: row.side),
    *COLUMNS[1:4],
    Column("liquidation", 9, lambda row, face: (row.liquidation or "-", "warning"), "right", rank=1, most=12),
    Column("leverage", 4, lambda row, face: (row.leverage, "text"), "right", rank=2),
    Column("margin", 10, lambda row, face: (cents(row.margin), "text"), "right", rank=3),
    Column("average", 9, lambda row, face: (row.average, "dim"), "right", rank=4, most=12),
    COLUMNS[-1],
)
"""What a perpetual shows: which way it goes and where it dies, in place of what may be sold today."""


class PositionsTable(LineTable[PositionRow]):
    """The positions table; it shows the columns of perpetuals as long as it holds any."""

    def apply(self, view: TopicView[PositionRow], changed: frozenset[str] | None) -> None:
        self.show_columns(MARGINED if any(row.side for row in view.rows.values()) else COLUMNS)
        super().apply(view, changed)


def positions_panel(face: Face) -> LineTable[PositionRow]:
    """The positions table."""
    return PositionsTable(
        face,
        id="positions",
        title_key="panel.positions",
        columns=COLUMNS,
        haystack=lambda row: f"{row.symbol} {row.name}",
        empty_key="empty.positions",
    )
