"""Every decision of a desk and what risk made of it, newest first: what was asked for, what was left of it, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from engine.state import DecisionRow, FindingRow
from tui.face import Face
from tui.format import stamp, weight
from tui.i18n import Words
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Span

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_QUIET = frozenset({"", "ALLOW"})
_INK = {"": "dim", "ALLOW": "text", "CLAMP": "accent"}


def because(finding: FindingRow, words: Words) -> str:
    """Why one rule ruled so, in a sentence."""
    told = (("rule", finding.rule), ("code", finding.code), ("observed", finding.observed), ("limit", finding.limit))
    return words.because(told)


def left_of(row: DecisionRow) -> str:
    """The weight that risk left, as a percentage; '' before it ruled."""
    after = row.findings[-1].after if row.findings else ""
    return f"{Decimal(after) * 100:.1f}%" if after else ""


def asked_of(row: DecisionRow) -> str:
    """The weight that was asked for; '' for an item that could not be read."""
    return weight(row.target_weight_ppm) if row.intent else ""


def ink_of(verdict: str) -> str:
    """The ink of a ruling."""
    return _INK.get(verdict, "warning")


def _verdict(row: DecisionRow, face: Face) -> Span:
    return (face.words.get("verdict", row.verdict) if row.verdict else face.glyphs.more, ink_of(row.verdict))


def _left(row: DecisionRow, face: Face) -> Span:
    return (left_of(row), "text" if row.verdict in _QUIET else ink_of(row.verdict))


def _why(row: DecisionRow, face: Face) -> Span:
    told = [because(finding, face.words) for finding in row.findings if finding.result not in _QUIET]
    return ("; ".join(told) or row.reasoning, "text" if told else "dim")


def _at(row: DecisionRow) -> datetime:
    return row.at or _BEFORE_ALL


def _time(row: DecisionRow, face: Face) -> Span:
    return (stamp(row.at, face.market, "%m-%d %H:%M") if row.at else "", "dim")


COLUMNS: tuple[Column[DecisionRow], ...] = (
    Column("time", 11, _time, "left", _at),
    Column("code", 9, lambda row, face: (row.symbol, "text"), "left", lambda row: row.symbol, most=16, snug=True),
    Column("name", 8, lambda row, face: (row.name, "text"), "left", lambda row: row.name, rank=3, most=16),
    Column("intent", 6, lambda row, face: (face.words.get("intent", row.intent) if row.intent else "", "text"), "left"),
    Column("target", 6, lambda row, face: (asked_of(row), "text"), "right", lambda row: row.target_weight_ppm),
    Column("ruled", 6, _left, "right"),
    Column("confidence", 6, lambda row, face: (weight(row.confidence_ppm) if row.intent else "", "dim"), "right", rank=4),
    Column("verdict", 10, _verdict, "left", lambda row: row.verdict, zh=6),
    Column("because", 24, _why, "left", most=400),
)


def decisions_panel(face: Face) -> LineTable[DecisionRow]:
    """The decisions table."""
    return LineTable(
        face,
        id="decisions",
        title_key="panel.decisions",
        columns=COLUMNS,
        haystack=lambda row: f"{row.symbol} {row.name} {row.verdict} {row.rule} {row.code} {row.reasoning}",
        empty_key="empty.decisions",
        newest=_at,
    )
