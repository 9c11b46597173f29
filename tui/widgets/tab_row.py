"""The tab row: the panels' names where only one of them fits the terminal, and the keys of the pages beside them."""

from __future__ import annotations

from tui.face import Face
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row, Span, span_width


class TabRow(Painted):
    """One row over the whole width; the active panel is lit."""

    def __init__(self, face: Face, *, id: str) -> None:
        super().__init__(face, id=id)
        self._titles: tuple[str, ...] = ()
        self._active = 0
        self._pages: tuple[tuple[str, str], ...] = ()

    def light(self, titles: tuple[str, ...], index: int, pages: tuple[tuple[str, str], ...] = ()) -> None:
        """Show these titles, which of them is the active one, and the (key, action) of each page that is elsewhere."""
        self._titles, self._active, self._pages = titles, index, pages
        self.settle()

    def compose_row(self, y: int, width: int) -> Row:
        """The titles in order, and at the right as much of the pages' keys as fits."""
        row: list[Span] = []
        for index, key in enumerate(self._titles):
            row.append((f" {self.face.words.t(key)} ", "tab-on" if index == self._active else "tab"))
            row.append((" ", "tab"))
        room = width - span_width(tuple(row))
        hint = next((hint for hint in self._hints() if span_width(hint) <= room), ())
        return exactly((*row, (" " * (room - span_width(hint)), "tab"), *hint), width, "tab")

    def _hints(self) -> tuple[Row, ...]:
        words = self.face.words
        long: list[Span] = []
        short: list[Span] = []
        for key, action in self._pages:
            long += [(f"{key} ", "keys-key"), (f"{words.t(f'action.{action}')} ", "tab")]
            short.append((f"{key} ", "keys-key"))
        return (tuple(long), (*short, (f"{words.t('app.pages')} ", "tab"))) if self._pages else ()
