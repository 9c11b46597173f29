"""A table of keyed rows drawn line by line: columns that fit, dirty rows only, a cursor that stays on its key, sort and filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.cells import cell_len

from engine.core.text import safe_text
from engine.state import TopicView
from tui.face import Face
from tui.format import fit
from tui.widgets.lines import Lines
from tui.widgets.painted import Row, Span

R = TypeVar("R")
GAP = 1
BLOCK_INKS = frozenset({"critical"})
"""Inks with a ground of their own: only the word stands on it, not the rest of its cell."""


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column: its width in cells, how a row is drawn in it, and what it sorts by.

    `rank` says who leaves first when there is no room (the highest; 0 stays). What is left widens columns up to their `most`, in
    order; a `snug` column is instead as wide as its widest text, from `width` to `most`. `zh` is the width in Chinese, if another.
    """

    key: str
    width: int
    draw: Callable[[R, Face], Span]
    align: str = "right"
    sort: Callable[[R], Any] | None = None
    rank: int = 0
    most: int = 0
    zh: int = 0
    snug: bool = False


def lay_out(columns: tuple[Column[R], ...], width: int, least: Mapping[str, int]) -> list[tuple[Column[R], int]]:
    """The columns that fit in `width` cells, each with its width, which is at least `least` of its key."""
    kept = list(columns)
    while len(kept) > 1 and sum(least[column.key] for column in kept) + GAP * (len(kept) - 1) > width:
        kept.remove(max(reversed(kept), key=lambda column: column.rank))
    left = width - sum(least[column.key] for column in kept) - GAP * (len(kept) - 1)
    laid = []
    for column in kept:
        more = 0 if column.snug else max(0, min(left, column.most - least[column.key]))
        left -= more
        laid.append((column, least[column.key] + more))
    return laid


class LineTable(Lines, Generic[R]):
    """Rows of one topic. Only rows in view are ever drawn; `apply` takes a version of the topic and repaints what differs."""

    def __init__(
        self,
        face: Face,
        *,
        id: str,
        title_key: str,
        columns: tuple[Column[R], ...],
        haystack: Callable[[R], str],
        empty_key: str,
        newest: Callable[[R], Any] | None = None,
    ) -> None:
        super().__init__(face, id=id, title_key=title_key)
        self.columns = columns
        self.empty_key = empty_key
        self.filter = ""
        self.sort_key = ""
        self.reverse = False
        self._haystack = haystack
        self._newest = newest
        self._data: Mapping[str, R] = {}
        self._order: list[str] = []
        self._drawn: dict[str, Row] = {}
        self._laid: list[tuple[Column[R], int]] = []
        self._laid_for = -1

    def apply(self, view: TopicView[R], changed: frozenset[str] | None) -> None:
        """Show this version; `changed` names the rows that differ from the last one, None means any may."""
        self._data = view.rows
        if changed is None:
            self._drawn.clear()
            self._laid_for = -1
            self._arrange()
        else:
            for key in changed:
                self._drawn.pop(key, None)
            if self.sort_key or self.filter or self._newest is not None:
                self._arrange()
        self.settle()

    def count(self) -> int:
        """Rows that pass the filter."""
        return len(self._order)

    def total(self) -> int:
        """Rows before the filter."""
        return len(self._data)

    def row_at_cursor(self) -> tuple[str, R] | None:
        """The key and the row under the cursor."""
        if not self._order:
            return None
        key = self._order[self.cursor]
        return key, self._data[key]

    def set_filter(self, text: str) -> None:
        """Show only rows that contain `text`, in any case; empty shows all."""
        self.filter = text
        self._arrange()
        self.settle()

    def show_columns(self, columns: tuple[Column[R], ...]) -> None:
        """Draw these columns from now on."""
        if columns is not self.columns:
            self.columns, self._laid_for = columns, -1
            self.refresh()

    def sort_next(self) -> str:
        """Sort by the next column that can be sorted; returns its key, empty when back in the engine's order."""
        keys = ["", *(column.key for column, _ in self._columns_now(self.inner()) if column.sort is not None)]
        self.sort_key = keys[(keys.index(self.sort_key) + 1) % len(keys)] if self.sort_key in keys else ""
        self.reverse = bool(self.sort_key)
        self._arrange()
        self.settle()
        return self.sort_key

    def reverse_order(self) -> None:
        """The other way round."""
        self.reverse = not self.reverse
        self._arrange()
        self.settle()

    def set_face(self, face: Face) -> None:
        """Draw every row again in the new face."""
        self._drawn.clear()
        self._laid_for = -1
        super().set_face(face)

    def note(self) -> str:
        """Why there is nothing to see."""
        words = self.face.words
        return words.t("empty.filtered", filter=self.filter) if self.filter else words.t(self.empty_key)

    def info(self) -> Row:
        """The cursor's place, the filter, and how many rows there are."""
        shown = f"{self.cursor + 1}/{self.count()}" if self.count() else "0"
        if self.filter:
            return ((f"/{self.filter} ", "accent"), (f"{shown} ({self.total()})", "dim"))
        return ((shown, "dim"),) if self.total() else ()

    def heading(self, width: int) -> Row:
        """The column labels, with a mark on the one that sorts."""
        spans: list[Span] = []
        for column, cells in self._columns_now(width):
            label = self.face.words.t(f"column.{column.key}")
            sorted_here = column.key == self.sort_key and column.sort is not None
            if sorted_here:
                label = f"{label}{self.face.glyphs.falling if self.reverse else self.face.glyphs.rising}"
            if spans:
                spans.append((" " * GAP, "head"))
            spans.append(
                (fit(label, cells, align=column.align, ellipsis=self.face.glyphs.more), "accent" if sorted_here else "head")
            )
        return tuple(spans)

    def line_at(self, index: int, width: int) -> Row:
        """The row at `index`, drawn once and kept until it changes."""
        laid = self._columns_now(width)
        key = self._order[index]
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._drawn[key] = self._draw(self._data[key], laid)
        return drawn

    def _draw(self, row: R, laid: list[tuple[Column[R], int]]) -> Row:
        spans: list[Span] = []
        for column, cells in laid:
            text, ink = column.draw(row, self.face)
            if spans:
                spans.append((" " * GAP, "text"))
            safe = text if text.isascii() and text.isprintable() else safe_text(text, limit=cells * 2 + 8, one_line=True)
            fitted = fit(safe, cells, align=column.align, ellipsis=self.face.glyphs.more)
            shown = fitted.rstrip() if ink in BLOCK_INKS else fitted
            spans += [(shown, ink), (fitted[len(shown) :], "text")] if len(shown) < len(fitted) else [(fitted, ink)]
        return tuple(spans)

    def _columns_now(self, width: int) -> list[tuple[Column[R], int]]:
        if width != self._laid_for:
            self._laid, self._laid_for = (
                lay_out(self.columns, width, {column.key: self._least(column) for column in self.columns}),
                width,
            )
            self._drawn.clear()
        return self._laid

    def _least(self, column: Column[R]) -> int:
        if not column.snug:
            return column.zh if column.zh and self.face.words.language == "zh" else column.width
        widest = max((cell_len(column.draw(row, self.face)[0]) for row in self._data.values()), default=0)
        return max(column.width, min(column.most, widest))

    def _arrange(self) -> None:
        held = self._order[self.cursor] if self.cursor and self.cursor < len(self._order) else None
        keys, data = list(self._data), self._data
        if self._newest is not None:
            newest = self._newest
            keys.reverse()
            keys.sort(key=lambda key: newest(data[key]), reverse=True)
        if self.filter:
            wanted = self.filter.casefold()
            keys = [key for key in keys if wanted in self._haystack(self._data[key]).casefold()]
        sort = next((column.sort for column in self.columns if column.key == self.sort_key), None)
        if sort is not None:
            keys.sort(key=lambda key: sort(data[key]))
        if self.reverse:
            keys.reverse()
        self._order = keys
        if held is not None and held in self._data:
            self.cursor = keys.index(held) if held in keys else 0
        self.keep_in_view()
