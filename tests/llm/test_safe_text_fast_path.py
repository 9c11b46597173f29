"""The short way through `safe_text` changes nothing: it agrees with the long way on every text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from engine.core.text import safe_text


def by_the_letter(text: str, limit: int) -> str:
    kept = [
        char
        for char in text[: limit * 2]
        if char in "\n\t"
        or (unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and not "\ufe00" <= char <= "\ufe0f")
    ]
    return "".join(kept)[:limit]


@given(st.text() | st.text(alphabet="ab \u3000\ufe0f\u200d\u202e\x1b\n长é"), st.integers(1, 30))
def test_short_way_and_long_way_agree(text: str, limit: int):
    assert safe_text(text, limit=limit) == by_the_letter(text, limit)
