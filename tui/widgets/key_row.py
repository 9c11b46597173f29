"""The key row: the keys that matter now, read from the action table."""

from __future__ import annotations

from rich.cells import cell_len

from engine.state import StatusView
from tui.actions import ActionDef, label_of, shown_key
from tui.face import Face
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row, Span


class KeyRow(Painted):
    """One row over the whole width."""

    def __init__(self, face: Face, *, id: str, actions: tuple[ActionDef, ...]) -> None:
        super().__init__(face, id=id)
        self._actions = actions
        self._status = StatusView()

    def apply_status(self, status: StatusView) -> None:
        """Some labels follow the engine: P says what it would do."""
        self._status = status
        self.settle()

    def compose_row(self, y: int, width: int) -> Row:
        """As many keys as fit, the most needed ones longest, in the table's order."""
        wanted = sorted((action for action in self._actions if action.row), key=lambda action: action.row)
        kept, used = [], 1
        for action in wanted:
            cells = cell_len(shown_key(action)) + 1 + cell_len(self._label(action)) + 2
            if used + cells <= width:
                kept.append(action)
                used += cells
        row: list[Span] = [(" ", "keys")]
        for action in self._actions:
            if action in kept:
                row += [(shown_key(action), "keys-key"), (f" {self._label(action)}  ", "keys")]
        return exactly(tuple(row), width, "keys")

    def _label(self, action: ActionDef) -> str:
        return self.face.words.t(label_of(action, self._status))
