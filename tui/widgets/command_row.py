"""The command row: what was just said, the question that waits, or the line being typed. It never moves and covers nothing."""

from __future__ import annotations

from rich.cells import cell_len
from textual.geometry import Offset

from engine.core.text import safe_text
from tui.editor import Editor
from tui.face import Face
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row


class CommandRow(Painted):
    """One row over the whole width, fed by the screen."""

    def __init__(self, face: Face, *, id: str) -> None:
        super().__init__(face, id=id)
        self._said = ""
        self._ask = ""
        self._typed: str | None = None
        self._prompt = ""
        self._editor: Editor | None = None

    def say(self, text: str) -> None:
        """A short message until the next one; empty shows the hint."""
        self._said = safe_text(text, limit=400, one_line=True)
        self.settle()

    def ask(self, question: str, typed: str | None = None) -> None:
        """Show a question; `typed` is what has been answered so far where a word is wanted. An empty question ends it."""
        self._ask, self._typed = safe_text(question, limit=400, one_line=True), typed
        self.settle()

    def edit(self, prompt: str, editor: Editor | None) -> None:
        """Show a line being typed after its prompt; None ends it."""
        self._prompt, self._editor = prompt, editor
        self.settle()
        if editor is not None:
            before = cell_len(prompt) + cell_len(editor.text[: editor.at])
            self.app.cursor_position = Offset(self.region.x + min(before, self.size.width - 1), self.region.y)

    def compose_row(self, y: int, width: int) -> Row:
        """The question before the line before the message before the hint."""
        if self._ask:
            row: Row = ((f" {self._ask}", "command-ask"),)
            if self._typed is not None:
                row = (*row, (f" {self._typed}", "text"), (" ", "@text"))
            return exactly(row, width, "command")
        if self._editor is not None:
            text, at = self._editor.text, self._editor.at
            under = text[at : at + 1] or " "
            shown: Row = ((self._prompt, "key"), (text[:at], "text"), (under, "@text"), (text[at + 1 :], "text"))
            return exactly(shown, width, "command")
        said = self._said or self.face.words.t("say.hint")
        return exactly(((f" {said}", "command" if self._said else "faint"),), width, "command")
