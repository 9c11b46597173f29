"""The tape: what each instrument trades at now. Hot columns stand at the left, where a change costs the fewest bytes."""

from __future__ import annotations

from engine.state import QuoteRow
from tui.face import Face
from tui.format import age, compact, percent, price
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Span

OLD_S = 60
"""From here on an age is shown as a warning; from which one on it bars entries is the desk's to say (`max_age_s`)."""


def _code(row: QuoteRow, face: Face) -> Span:
    return (row.symbol, "faint" if row.stale or row.suspended else "text")


def _last(row: QuoteRow, face: Face) -> Span:
    return (price(row.last, row.scale, row.places), _ink(row, face))


def _change(row: QuoteRow, face: Face) -> Span:
    return (percent(row.change_ppm) if row.last else "-", _ink(row, face))


def _ink(row: QuoteRow, face: Face) -> str:
    return "faint" if row.stale or row.suspended or not row.last else face.inks.signed(row.change_ppm)


def _flag(row: QuoteRow, face: Face) -> Span:
    words = face.words
    if row.suspended:
        return (words.t("flag.suspended"), "dim")
    if row.last and row.last == row.limit_up:
        return (words.t("flag.limit_up"), face.inks.signed(1))
    if row.last and row.last == row.limit_down:
        return (words.t("flag.limit_down"), face.inks.signed(-1))
    return (words.t("flag.stale"), "warning") if row.stale else ("", "text")


def _held(row: QuoteRow, face: Face) -> Span:
    return (face.glyphs.held if row.held else "", "accent")


def _name(row: QuoteRow, face: Face) -> Span:
    return (row.name, "faint" if row.stale or row.suspended else "text")


def _volume(row: QuoteRow, face: Face) -> Span:
    return (compact(row.volume, row.quantity_scale, face.words.language), "dim")


def _amount(row: QuoteRow, face: Face) -> Span:
    return (compact(row.amount, row.money_scale, face.words.language), "dim")


def _told(row: QuoteRow, face: Face) -> Span:
    if row.age_s < 0:
        return ("", "text")
    return (f"{row.source} {age(row.age_s) if row.age_s else '0s'}", "warning" if row.age_s > OLD_S else "dim")


COLUMNS: tuple[Column[QuoteRow], ...] = (
    Column("code", 9, _code, "left", lambda row: row.symbol, most=16, snug=True),
    Column("last", 9, _last, "right", lambda row: row.last / row.scale),
    Column("change", 7, _change, "right", lambda row: row.change_ppm),
    Column("seen", 1, _held, "left", rank=1),
    Column("name", 8, _name, "left", lambda row: row.name, most=24),
    Column("flag", 4, _flag, "left", rank=2),
    Column("volume", 6, _volume, "right", lambda row: row.volume / row.quantity_scale, rank=4),
    Column("amount", 7, _amount, "right", lambda row: row.amount / row.money_scale, rank=3),
)
LIVE_COLUMNS: tuple[Column[QuoteRow], ...] = (
    *COLUMNS[:4],
    Column("told", 13, _told, "left", lambda row: row.age_s, rank=1, most=16),
    *COLUMNS[4:],
)
"""Where the market is live: who told each row, and how long ago."""


def quotes_panel(face: Face) -> LineTable[QuoteRow]:
    """The quotes table."""
    return LineTable(
        face,
        id="quotes",
        title_key="panel.quotes",
        columns=COLUMNS,
        haystack=lambda row: f"{row.symbol} {row.name}",
        empty_key="empty.quotes",
    )
