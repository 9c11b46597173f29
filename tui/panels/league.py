"""The league: a desk, its shadows and its benchmarks against holding the index, with how sure one may be of each figure."""

from __future__ import annotations

from engine.state import Estimate, LeagueRow, TopicView
from tui.charts.spark import spark
from tui.face import Face
from tui.format import cents, fit, money, percent, sign_of
from tui.widgets.line_table import Column, LineTable
from tui.widgets.painted import Row, Span

LITTLE = "~"
"""Stands where there are too few sessions to say anything."""
_LEAST_ROWS, _CHART_ROWS = 3, 16
_MARK_CELLS = 10


def ratio_of(found: Estimate | None) -> str:
    """A Sharpe ratio with its interval: `-1.36 [-4.8,+2.3]`."""
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return f"{found.value:+.2f} [{LITTLE}]"
    return f"{found.value:+.2f} [{found.low:+.1f},{found.high:+.1f}]"


def points_of(found: Estimate | None) -> str:
    """A difference in basis points a session with its interval: `-15.0 [-34.1,+4.7]`."""
    if found is None:
        return ""
    if found.low is None or found.high is None:
        return f"{found.value:+.1f} [{LITTLE}]"
    return f"{found.value:+.1f} [{found.low:+.1f},{found.high:+.1f}]"


def tells(found: Estimate | None) -> bool:
    """Whether the interval leaves zero out."""
    return found is not None and found.low is not None and found.high is not None and (found.low > 0 or found.high < 0)


def hits_of(row: LeagueRow) -> str:
    """How many forecasts came true: `62%/84`."""
    return f"{round(row.hits_ppm / 10_000)}%/{row.forecasts}" if row.forecasts else ""


def fees_of(row: LeagueRow) -> str:
    """What was paid, in coin where the exchange took it so."""
    return row.fees_in_coin if row.fees_in_coin and not sign_of(row.fees) else money(row.fees)


def who_of(row: LeagueRow, face: Face, *, several: bool) -> str:
    """The name of a row; the index is named in the language of the screen."""
    if row.kind != "market":
        return row.name
    return face.words.t("league.index_of", desk=row.desk) if several else face.words.t("league.index")


def _estimate(found: Estimate | None, text: str, face: Face) -> Span:
    """In colour only where the interval leaves zero out: what chance alone could give is no news."""
    return (text, face.inks.signed(found.value) if found is not None and tells(found) else "text")


def _return(row: LeagueRow, face: Face) -> Span:
    return (f"{percent(row.return_ppm)}%", face.inks.signed(row.return_ppm))


def _fall(row: LeagueRow, face: Face) -> Span:
    return (f"{percent(row.drawdown_ppm).removeprefix('+')}%", "text")


def _value(found: Estimate | None) -> float:
    return found.value if found is not None else float("-inf")


class LeaguePanel(LineTable[LeagueRow]):
    """The table; its curves share one scale, so that they can be compared by eye."""

    def __init__(self, face: Face) -> None:
        self._several = False
        self._scale = (0.0, 0.0)
        self._drawn_for: tuple[object, ...] = ()
        self._foot: tuple[Row, ...] = ()
        super().__init__(
            face,
            id="league",
            title_key="panel.league",
            columns=self._build(),
            haystack=lambda row: f"{row.desk} {row.name} {row.kind}",
            empty_key="empty.league",
        )

    def apply(self, view: TopicView[LeagueRow], changed: frozenset[str] | None) -> None:
        """Show this version: a new table changes every curve's scale, so all of it is drawn again."""
        rows = list(view.rows.values())
        self._several = len({row.desk for row in rows}) > 1
        worths = [worth for row in rows for worth in row.growth]
        self._scale = (min(worths, default=0.0), max(worths, default=0.0))
        super().apply(view, None)

    def title(self) -> Row:
        """The title with the day to which the table goes."""
        row = next(iter(self._data.values()), None)
        if row is None:
            return super().title()
        return (*super().title(), (f"  {self.face.words.t('league.as_of', day=row.until)}", "dim"))

    def foot(self, width: int) -> tuple[Row, ...]:
        """The curves of the row under the cursor and of its index where there is room, and what the brackets of the table mean."""
        found = self.row_at_cursor()
        if found is None:
            return ()
        row, free = found[1], self.size.height - (2 if self.framed else 0) - 1 - self.count()
        drawn = (row, width, free, self.face)
        if drawn != self._drawn_for:
            told: Row = ((self.face.words.t("league.foot"), "dim"),)
            self._drawn_for, self._foot = drawn, (*self._charts(row, width, free - 2), told)
        return self._foot

    def _charts(self, row: LeagueRow, width: int, free: int) -> tuple[Row, ...]:
        """A row above its index, on one scale, in at most `free` lines; nothing where that is too few to see anything."""
        index = next((other for other in self._data.values() if other.desk == row.desk and other.kind == "market"), row)
        shown = [row] if index is row or free < 2 * (_LEAST_ROWS + 2) else [row, index]
        high = min(_CHART_ROWS, free // len(shown) - 2)
        if high < _LEAST_ROWS:
            return ()
        worths = [worth for one in shown for worth in one.growth]
        scale = (min(worths), max(worths))
        lines: list[Row] = []
        for one in shown:
            name = who_of(one, self.face, several=self._several)
            lines += [
                ((name, "title-on"), (f"  {percent(one.return_ppm)}%", "dim")),
                *self._chart(one, width, high, scale),
                ((" ", "text"),),
            ]
        return tuple(lines)

    def _chart(self, row: LeagueRow, width: int, high: int, scale: tuple[float, float]) -> list[Row]:
        low, top = (f"{percent(round((edge - 1) * 1_000_000))}%" for edge in scale)
        marks = {0: top, high - 1: low}
        drawn = spark(row.growth, max(8, width - _MARK_CELLS), high, self.face.glyphs.steps, within=scale)
        return [((fit(marks.get(y, ""), _MARK_CELLS - 1), "dim"), (" ", "text"), (line, "spark")) for y, line in enumerate(drawn)]

    def _who(self, row: LeagueRow, face: Face) -> Span:
        return (who_of(row, face, several=self._several), "accent" if row.kind == "desk" else "text")

    def _curve(self, row: LeagueRow, face: Face) -> Span:
        cells = next((cells for column, cells in self._laid if column.key == "curve"), 0)
        return (spark(row.growth, cells, 1, face.glyphs.steps, within=self._scale)[0] if cells else "", "spark")

    def _build(self) -> tuple[Column[LeagueRow], ...]:
        return (
            Column("who", 14, self._who, "left", lambda row: row.name, most=26, snug=True),
            Column("return", 8, _return, "right", lambda row: row.return_ppm),
            Column("fall", 7, _fall, "right", lambda row: row.drawdown_ppm),
            Column("sharpe", 17, _sharpe, "right", lambda row: _value(row.sharpe), most=20),
            Column("against_hold", 18, _hold, "right", lambda row: _value(row.against_hold), most=22),
            Column("against_desk", 18, _desk, "right", lambda row: _value(row.against_desk), rank=3, most=22),
            Column("cycles", 7, lambda row, face: (str(row.cycles or ""), "text"), "right", lambda row: row.cycles, rank=1),
            Column("sessions", 7, lambda row, face: (str(row.sessions), "text"), "right", lambda row: row.sessions, rank=2),
            Column("equity", 14, lambda row, face: (cents(row.equity), "text"), "right", rank=5),
            Column("paid", 10, lambda row, face: (fees_of(row), "dim"), "right", rank=4, most=24, snug=True),
            Column("model_cost", 11, lambda row, face: (row.model_cost, "dim"), "right", rank=6),
            Column("hits", 9, lambda row, face: (hits_of(row), "dim"), "right", lambda row: row.hits_ppm, rank=7),
            Column("curve", 9, self._curve, "left", most=80),
        )


def _sharpe(row: LeagueRow, face: Face) -> Span:
    return (ratio_of(row.sharpe), "text")


def _hold(row: LeagueRow, face: Face) -> Span:
    return _estimate(row.against_hold, points_of(row.against_hold), face)


def _desk(row: LeagueRow, face: Face) -> Span:
    return _estimate(row.against_desk, points_of(row.against_desk), face)
