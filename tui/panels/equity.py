"""The equity curve: a few figures and a line of blocks over the points the engine published."""

from __future__ import annotations

from engine.state import EquityPoint, StatusView, TopicView
from tui.charts.spark import spark
from tui.face import Face
from tui.format import cents, percent, sign_of, signed_cents
from tui.widgets.frame import exactly
from tui.widgets.lines import Lines
from tui.widgets.painted import Row, span_width
from tui.widgets.status_row import SYMBOLS


class EquityPanel(Lines):
    """A panel without rows: figures above, the curve below."""

    def __init__(self, face: Face) -> None:
        super().__init__(face, id="equity", title_key="panel.equity")
        self._values: list[float] = []
        self._status = StatusView()
        self._drawn: tuple[int, int, list[str]] = (0, 0, [])

    def apply(self, view: TopicView[EquityPoint], changed: frozenset[str] | None) -> None:
        """Take the points as they are now."""
        self._values = [point.equity for point in view.rows.values()]
        self._drawn = (0, 0, [])
        self.settle()

    def apply_status(self, status: StatusView) -> None:
        """The exact figures come from the status."""
        self._status = status
        self.settle()

    def count(self) -> int:
        """There is no row to put a cursor on."""
        return 0

    def note(self) -> str:
        """What to say before the first point."""
        return self.face.words.t("empty.equity")

    def info(self) -> Row:
        """How many points the curve has."""
        return ((self.face.words.t("equity.points", count=len(self._values)), "dim"),) if self._values else ()

    def inside(self, y: int, width: int) -> Row:
        """The figures, then the curve."""
        if not self._values:
            return ((self.note(), "dim"),) if y == 0 else ()
        if y == 0:
            return exactly(self._figures(width), width)
        rows = self.size.height - (2 if self.framed else 0) - 1
        if self._drawn[:2] != (width, rows):
            steps = self.face.glyphs.steps
            self._drawn = (width, rows, spark(self._values, width, rows, steps))
        return ((self._drawn[2][y - 1], "spark"),) if y - 1 < len(self._drawn[2]) else ()

    def set_face(self, face: Face) -> None:
        """Other glyphs draw another curve."""
        self._drawn = (0, 0, [])
        super().set_face(face)

    def _figures(self, width: int) -> Row:
        words, status = self.face.words, self._status
        high, last = max(self._values), self._values[-1]
        fall = round((last - high) / high * 1_000_000) if high > 0 else 0
        ink = self.face.inks.signed(sign_of(status.day_change))
        parts: tuple[Row, ...] = (
            ((f"{SYMBOLS.get(status.currency, '')}{cents(status.equity)}", "title-on"),),
            ((f"  {words.t('equity.day')} ", "dim"), (f"{signed_cents(status.day_change)} {percent(status.day_change_ppm)}%", ink)),
            ((f"  {words.t('equity.drawdown')} ", "dim"), (f"{percent(fall)}%", "text")),
            ((f"  {words.t('equity.high')} ", "dim"), (f"{high:,.0f}", "text")),
            ((f"  {words.t('equity.low')} ", "dim"), (f"{min(self._values):,.0f}", "text")),
        )
        row: Row = ()
        for part in parts:
            if span_width(row) + span_width(part) > width:
                break
            row += part
        return row
