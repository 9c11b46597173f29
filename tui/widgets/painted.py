"""A widget as a function from state to rows of inked spans; `settle` repaints only the stretch of each row that differs."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from engine.core.text import safe_text
from tui.face import Face

Span = tuple[str, str]
Row = tuple[Span, ...]
CURSOR = "@"
"""An ink that starts with this sign is drawn on the cursor's ground."""


def span_width(row: Row) -> int:
    """Cells taken by a row."""
    return sum(cell_len(text) for text, _ink in row)


def differing(old: Row, new: Row) -> tuple[int, int] | None:
    """The first and one past the last cell in which two rows of equal width differ; None when they do not.

    Rows of another shape differ as far as their spans are not the same from either end.
    """
    if old == new:
        return None
    start, first = 0, 0
    shorter = min(len(old), len(new))
    while first < shorter and old[first] == new[first]:
        start += cell_len(new[first][0])
        first += 1
    end, last = span_width(new), 0
    while last < shorter - first and old[-1 - last] == new[-1 - last]:
        end -= cell_len(new[-1 - last][0])
        last += 1
    return (start, end) if end > start else (0, span_width(new))


class Painted(Widget):
    """Base of everything on the screen: subclasses say what row `y` is, in spans whose widths sum to the widget's width."""

    can_focus = False

    def __init__(self, face: Face, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.face = face
        self._painted: list[Row] = []

    def compose_row(self, y: int, width: int) -> Row:
        """Row `y` of the widget, exactly `width` cells."""
        raise NotImplementedError

    def set_face(self, face: Face) -> None:
        """Speak or look differently from now on."""
        self.face = face
        self.repaint()

    def repaint(self) -> None:
        """Paint everything again."""
        self._painted = []
        self.refresh()

    def settle(self) -> None:
        """Compare every row with what was last painted and refresh the stretches that differ."""
        width, height = self.size
        if not width or not height:
            return
        fresh = [self.compose_row(y, width) for y in range(height)]
        if len(self._painted) != height or (self._painted and span_width(self._painted[0]) != width):
            self._painted = fresh
            self.refresh()
            return
        regions = []
        for y, (old, new) in enumerate(zip(self._painted, fresh, strict=True)):
            stretch = differing(old, new)
            if stretch is not None:
                regions.append(Region(stretch[0], y, stretch[1] - stretch[0], 1))
        self._painted = fresh
        if regions:
            self.refresh(*regions)

    def on_resize(self) -> None:
        """A new size is a new picture."""
        self.repaint()

    def render_line(self, y: int) -> Strip:
        """Textual's line API: row `y` as a strip."""
        width, height = self.size
        if len(self._painted) != height:
            self._painted = [self.compose_row(line, width) for line in range(height)]
        if y >= height:
            return Strip.blank(width, self.face.inks.ground)
        return Strip(self._segments(self._painted[y])).adjust_cell_length(width, self.face.inks.ground)

    def _segments(self, row: Row) -> list[Segment]:
        """The row with neighbours of one look joined, blanks with whatever they follow: each segment costs its colours in bytes.

        This is also the last gate before the terminal: whatever a subclass let through, nothing but printable text leaves.
        """
        inks = self.face.inks
        joined: list[tuple[str, Style]] = []
        for text, ink in row:
            if not text:
                continue
            style = inks.on_cursor(ink[1:]) if ink.startswith(CURSOR) else inks.style(ink)
            safe = text if text.isprintable() else safe_text(text, one_line=True)
            if joined and _same_look(joined[-1][1], style, blank=safe.isspace()):
                joined[-1] = (joined[-1][0] + safe, joined[-1][1])
            else:
                joined.append((safe, style))
        return [Segment(text, style) for text, style in joined]


def _same_look(one: Style, other: Style, *, blank: bool) -> bool:
    if one is other:
        return True
    return blank and one.bgcolor == other.bgcolor and not (one.reverse or other.reverse or one.underline or other.underline)
