"""A virtual log: long texts wrapped once their width is known, kept until they change, followed at the tail while they grow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.text import safe_text
from tui.face import Face
from tui.format import wrap
from tui.widgets.lines import Lines
from tui.widgets.painted import Row, Span, span_width

_JSON = re.compile(
    r'(?P<key>"(?:[^"\\\n]|\\.)*"(?=\s*:))|(?P<string>"(?:[^"\\\n]|\\.)*"?)|(?P<number>-?\b\d+(?:\.\d+)?\b|\btrue\b|\bfalse\b|\bnull\b)'
)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a log: a row that is shown as it is (`row`), or a text that wraps behind a gutter.

    `most` limits the lines shown (0: all); `tail` keeps the last ones instead of the first. `key` names the entry it belongs to.
    `more_key` words what was left out. A row that is too long loses whole spans from its end, or is cut where it ends (`cut`).
    `hang` leaves the gutter of every line but the first blank, for a gutter that is a label.
    """

    key: str
    row: Row = ()
    text: str = ""
    ink: str = "text"
    gutter: Span = ("", "text")
    json: bool = False
    most: int = 0
    tail: bool = False
    more_key: str = ""
    cut: bool = False
    hang: bool = False


class LineLog(Lines):
    """Blocks of text in order. When the cursor is on the last line it stays there as lines arrive."""

    def __init__(self, face: Face, *, id: str, title_key: str, empty_key: str = "", follow: bool = True) -> None:
        super().__init__(face, id=id, title_key=title_key)
        self.empty_key = empty_key
        self._follow = follow
        self._blocks: tuple[Block, ...] = ()
        self._wrapped: dict[Block, list[Row]] = {}
        self._lines: list[tuple[Block, Row]] = []
        self._laid_for = -1

    def show(self, blocks: Sequence[Block]) -> None:
        """These blocks from now on; blocks equal to earlier ones keep their wrapping."""
        self._blocks = tuple(blocks)
        self._lay(self.inner())
        self.settle()

    def count(self) -> int:
        """Lines after wrapping."""
        return len(self._lines)

    def line_at(self, index: int, width: int) -> Row:
        """One wrapped line."""
        return self._lines[index][1]

    def entry_at_cursor(self) -> str:
        """The key of the entry under the cursor, empty when there is none."""
        return self._lines[self.cursor][0].key if self._lines else ""

    def note(self) -> str:
        """Why there is nothing to see."""
        return self.face.words.t(self.empty_key) if self.empty_key else ""

    def set_face(self, face: Face) -> None:
        """Wrap again: some words stand in the lines."""
        self.face = face
        self._wrapped.clear()
        self._lay(self.inner())
        self.repaint()

    def set_framed(self, framed: bool) -> None:
        """Another inner width, so another wrapping."""
        super().set_framed(framed)
        self._lay(self.inner())

    def on_resize(self) -> None:
        """Wrap to the new width."""
        self._lay(self.inner())
        super().on_resize()

    def _lay(self, width: int) -> None:
        if width < 8:
            return
        at_tail = self._follow and (not self._lines or self.cursor >= len(self._lines) - 1)
        if width != self._laid_for:
            self._wrapped.clear()
            self._laid_for = width
        kept: dict[Block, list[Row]] = {}
        lines: list[tuple[Block, Row]] = []
        for block in self._blocks:
            rows = self._wrapped.get(block)
            if rows is None:
                rows = self._wrap(block, width)
            kept[block] = rows
            lines.extend((block, row) for row in rows)
        self._wrapped, self._lines = kept, lines
        if at_tail:
            self.cursor = max(0, len(lines) - 1)
        self.keep_in_view()

    def _wrap(self, block: Block, width: int) -> list[Row]:
        if block.row:
            return [(block.gutter, *block.row)] if block.cut else [_whole_spans(block.row, width)]
        text = safe_text(block.text).expandtabs(2)
        room = width - span_width((block.gutter,))
        pieces = wrap(text, max(2, room))
        left_out = len(pieces) - block.most if block.most else 0
        if left_out > 0:
            pieces = pieces[-block.most :] if block.tail else pieces[: block.most]
        tokens = list(_tokens(text, block.ink)) if block.json else [(0, len(text), block.ink)]
        under = (" " * span_width((block.gutter,)), "text") if block.hang else block.gutter
        gutters = (block.gutter, *(under for _ in pieces[1:]))
        rows = [(gutter, *_slice(text, start, end, tokens)) for gutter, (start, end) in zip(gutters, pieces, strict=True)]
        if left_out > 0 and block.more_key:
            more = (f"{self.face.glyphs.more} {self.face.words.t(block.more_key, count=left_out)}", "faint")
            rows.insert(0 if block.tail else len(rows), (block.gutter, more))
        return rows


def _whole_spans(row: Row, width: int) -> Row:
    while len(row) > 1 and span_width(row) > width:
        row = row[:-1]
    return row


def _tokens(text: str, ink: str) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    at = 0
    for match in _JSON.finditer(text):
        if match.start() > at:
            found.append((at, match.start(), ink))
        found.append((match.start(), match.end(), f"json-{match.lastgroup}"))
        at = match.end()
    found.append((at, len(text), ink))
    return found


def _slice(text: str, start: int, end: int, tokens: list[tuple[int, int, str]]) -> list[Span]:
    return [(text[max(start, low) : min(end, high)], ink) for low, high, ink in tokens if low < end and high > start]
