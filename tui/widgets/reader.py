"""The reader: one long text over the whole body, for a row opened, or for help. Part of the frame, so nothing is ever covered."""

from __future__ import annotations

from collections.abc import Sequence

from tui.face import Face
from tui.widgets.frame import exactly, under_cursor
from tui.widgets.line_log import Block, LineLog
from tui.widgets.painted import Row


class Reader(LineLog):
    """A log that starts at its first line, does not follow, and scrolls as a page does: no line of it is chosen."""

    points = False

    def __init__(self, face: Face) -> None:
        super().__init__(face, id="reader", title_key="panel.detail", follow=False)
        self.active = True
        self._found = -1

    def open(self, title_key: str, blocks: Sequence[Block]) -> None:
        """Show a document from its beginning."""
        self.title_key = title_key
        self.cursor = self.top = 0
        self._found = -1
        self.show(blocks)
        self.repaint()

    def move(self, by: int) -> None:
        """Scroll by so many lines."""
        self.go_to(self.top + by)

    def go_to(self, index: int) -> None:
        """Scroll so that a line is the first one, as far as the page goes."""
        self.top = index
        self.keep_in_view()
        self.settle()

    def keep_in_view(self) -> None:
        """Stay on the page."""
        self.cursor = self.top = max(0, min(self.top, self.count() - max(1, self.window())))

    def search(self, text: str, way: int) -> int:
        """Mark the next line (`way` 1) or the one before (-1) that holds `text` in any case; its index, -1 when there is none."""
        wanted, count = text.casefold(), self.count()
        for step in range(1, count + 1):
            index = (self._found + way * step) % count
            if wanted in "".join(part for part, _ink in self.line_at(index, self.inner())).casefold():
                self._found = index
                self.top = index - self.window() // 3
                self.keep_in_view()
                self.settle()
                return index
        return -1

    def inside(self, y: int, width: int) -> Row:
        """A line of the page, marked if it was searched for."""
        row = super().inside(y, width)
        return under_cursor(exactly(row, width)) if self._found >= 0 and self.top + y == self._found else row

    def info(self) -> Row:
        """The last line in view, of how many."""
        return ((f"{min(self.count(), self.top + self.window())}/{self.count()}", "dim"),) if self.count() else ()
