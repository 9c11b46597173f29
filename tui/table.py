"""Records as plain aligned text, by cells and not by characters, so that Chinese names line up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from engine.core.text import safe_text

WIDEST = 48


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """A header and one line a record; numbers to the right, long text cut."""
    if not records:
        return ""
    columns = list(records[0])
    cells = [[_cell(record.get(column)) for column in columns] for record in records]
    widths = [max(cell_len(column), *(cell_len(row[n]) for row in cells)) for n, column in enumerate(columns)]
    numeric = [all(_number(row[n]) for row in cells) for n in range(len(columns))]
    lines = [columns, *cells]
    return "".join(
        "  ".join(_padded(cell, widths[n], right=numeric[n]) for n, cell in enumerate(line)).rstrip() + "\n" for line in lines
    )


def document(record: Mapping[str, Any]) -> str:
    """One `name  value` line a field."""
    width = max((cell_len(name) for name in record), default=0)
    return "".join(f"{name:<{width}}  {_text(value)}\n" for name, value in record.items())


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or "-"
    return safe_text(str(value), one_line=True) or "-"


def _cell(value: Any) -> str:
    text = _text(value)
    return text if cell_len(text) <= WIDEST else set_cell_size(text, WIDEST - 1) + "…"


def _number(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).replace("-", "", 1).isdigit()


def _padded(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap
