"""Text from outside is data: one gate that makes it safe for a screen, a log or an export."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 20_000
_KEEP = {"\n", "\t"}
_VARIATION = re.compile("[\ufe00-\ufe0f]")
_DROP_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_text(text: str, *, limit: int = MAX_CHARS, one_line: bool = False) -> str:
    """`text` without control, escape, bidirectional, zero-width or unassigned characters, cut to `limit` characters.

    New lines and tabs survive unless `one_line`, where each becomes a space. Variation selectors and joiners are dropped, because
    terminals disagree about their width.
    """
    short = text[:limit]
    if short.isprintable() and (short.isascii() or _VARIATION.search(short) is None):
        return short  # nearly every text: nothing in it to drop
    kept: list[str] = []
    for char in text[: limit * 2]:
        if char in _KEEP:
            kept.append(" " if one_line else char)
        elif char.isascii():
            if char >= " " and char != "\x7f":
                kept.append(char)
        elif unicodedata.category(char) not in _DROP_CATEGORIES and not "\ufe00" <= char <= "\ufe0f":
            kept.append(char)
        if len(kept) >= limit:
            break
    return "".join(kept)
