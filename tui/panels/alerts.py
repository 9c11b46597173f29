"""Risk alerts, newest first, worded here from their codes; a level is a glyph and a word before it is a colour."""

from __future__ import annotations

from engine.state import AlertRow
from tui.face import Face
from tui.format import shortened, stamp
from tui.palette import ink_of_severity
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Span


def mark_of(severity: str, face: Face) -> str:
    """The glyph of a level."""
    return {"critical": face.glyphs.critical, "warning": face.glyphs.warning}.get(severity, face.glyphs.info)


def _level(row: AlertRow, face: Face) -> Span:
    ink = "dim" if row.acknowledged else ink_of_severity(row.severity)
    return (f"{mark_of(row.severity, face)} {face.words.get('severity', row.severity)}", ink)


def _text(row: AlertRow, face: Face) -> Span:
    return (face.words.code(row.code, shortened(row.params)), "dim" if row.acknowledged else "text")


def _seen(row: AlertRow, face: Face) -> Span:
    return (face.glyphs.done if row.acknowledged else "", "dim")


COLUMNS: tuple[Column[AlertRow], ...] = (
    Column("time", 11, lambda row, face: (stamp(row.at, face.market, "%m-%d %H:%M"), "dim"), "left", lambda row: row.at),
    Column("level", 10, _level, "left", lambda row: row.severity, zh=6),
    Column("count", 3, lambda row, face: (str(row.count) if row.count > 1 else "", "dim"), "right", rank=2),
    Column("seen", 1, _seen, "left", rank=1),
    Column("alert", 28, _text, "left", lambda row: row.code, most=400),
)


def alerts_panel(face: Face) -> LineTable[AlertRow]:
    """The alerts table."""
    return LineTable(
        face,
        id="alerts",
        title_key="panel.alerts",
        columns=COLUMNS,
        haystack=lambda row: f"{row.severity} {row.code} {' '.join(value for _name, value in row.params)}",
        empty_key="empty.alerts",
        newest=lambda row: row.at,
    )
