"""The tab row: the panels' names where only one of them fits the terminal."""

from __future__ import annotations

from tui.face import Face
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row, Span


class TabRow(Painted):
    """One row over the whole width; the active panel is lit."""

    def __init__(self, face: Face, *, id: str, titles: tuple[str, ...]) -> None:
        super().__init__(face, id=id)
        self._titles = titles
        self._active = 0

    def light(self, index: int) -> None:
        """Show which panel is the active one."""
        self._active = index
        self.settle()

    def compose_row(self, y: int, width: int) -> Row:
        """The titles in order."""
        row: list[Span] = []
        for index, key in enumerate(self._titles):
            row.append((f" {self.face.words.t(key)} ", "tab-on" if index == self._active else "tab"))
            row.append((" ", "tab"))
        return exactly(tuple(row), width, "tab")
