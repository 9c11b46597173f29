"""What is shown while the terminal is smaller than the console can be."""

from __future__ import annotations

from rich.cells import cell_len

from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row

LEAST_WIDTH = 80
LEAST_HEIGHT = 24


class TooSmall(Painted):
    """Three plain lines in the middle of the screen."""

    def compose_row(self, y: int, width: int) -> Row:
        """The words, centred, cut where even they do not fit."""
        words, size = self.face.words, self.app.size
        lines = (
            (words.t("app.too_small"), "warning"),
            (words.t("app.too_small_now", width=size.width, height=size.height), "text"),
            (words.t("app.too_small_do"), "dim"),
        )
        index = y - max(0, (self.size.height - len(lines)) // 2)
        if not 0 <= index < len(lines):
            return ((" " * width, "text"),)
        text, ink = lines[index]
        left = max(0, (width - cell_len(text)) // 2)
        return exactly(((" " * left, "text"), (text, ink)), width)
