"""Rows made to measure: cut and padded to the cell, and framed with a title in the border. Pure."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from tui.face import Face
from tui.widgets.painted import CURSOR, Row, Span, span_width


def exactly(row: Row, width: int, ink: str = "text") -> Row:
    """`row` in exactly `width` cells: padded with `ink`, or cut, never through a wide character."""
    used = span_width(row)
    if used == width:
        return row
    if used < width:
        return (*row, (" " * (width - used), ink))
    kept: list[Span] = []
    left = width
    for text, span_ink in row:
        cells = cell_len(text)
        if cells > left:
            kept.append((set_cell_size(text, left), span_ink))
            break
        kept.append((text, span_ink))
        left -= cells
        if not left:
            break
    return tuple(kept)


def under_cursor(row: Row) -> Row:
    """The same row on the cursor's ground."""
    return tuple((text, CURSOR + ink) for text, ink in row)


def top_border(face: Face, width: int, title: Row, info: Row, *, on: bool) -> Row:
    """The upper edge of a frame with the title at its left and `info` at its right; either gives way when there is no room."""
    ink = "frame-on" if on else "frame"
    glyphs = face.glyphs
    room = width - 6
    if span_width(title) > room:
        title, info = exactly(title, max(0, room)), ()
    elif info and span_width(title) + span_width(info) + 3 > room:
        info = ()
    left: Row = ((glyphs.corners[0] + glyphs.across, ink), (" ", "text"), *title, (" ", "text"))
    right: Row = (
        ((" ", "text"), *info, (" ", "text"), (glyphs.across + glyphs.corners[1], ink))
        if info
        else ((glyphs.across + glyphs.corners[1], ink),)
    )
    fill = width - span_width(left) - span_width(right)
    return exactly((*left, (glyphs.across * max(0, fill), ink), *right), width)


def bottom_border(face: Face, width: int, *, on: bool) -> Row:
    """The lower edge of a frame."""
    glyphs = face.glyphs
    return ((glyphs.corners[2] + glyphs.across * (width - 2) + glyphs.corners[3], "frame-on" if on else "frame"),)


def between_sides(face: Face, row: Row, width: int, *, on: bool) -> Row:
    """`row` fitted between the two sides of a frame, one cell of air on each side."""
    side = (face.glyphs.down, "frame-on" if on else "frame")
    return (side, (" ", "text"), *exactly(row, width - 4), (" ", "text"), side)
