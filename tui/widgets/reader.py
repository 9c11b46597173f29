"""The reader: one long text over the whole body, for a row opened, or for help. Part of the frame, so nothing is ever covered."""

from __future__ import annotations

from collections.abc import Sequence

from tui.face import Face
from tui.widgets.line_log import Block, LineLog


class Reader(LineLog):
    """A log that starts at its first line and does not follow."""

    def __init__(self, face: Face) -> None:
        super().__init__(face, id="reader", title_key="panel.detail", follow=False)
        self.active = True

    def open(self, title_key: str, blocks: Sequence[Block]) -> None:
        """Show a document from its beginning."""
        self.title_key = title_key
        self.cursor = self.top = 0
        self.show(blocks)
        self.repaint()
