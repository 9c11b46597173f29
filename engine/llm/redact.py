"""Keys never leave: what an endpoint says is searched for the key, and for whatever looks like one, before anybody sees it."""

from __future__ import annotations

import re

from engine.core.text import safe_text

HIDDEN = "[redacted]"
_WINDOW = 8
_LOOKS_LIKE_A_KEY = re.compile(r"(?i)\bbearer\s+[^\s\"',;]+|\b(?:sk|ak|pk|gsk|xai)-[\w*.\-]{8,}|\bAIza[\w\-]{20,}")


def redact(text: str, secret: str) -> str:
    """`text` without `secret`, without any eight characters of it in a row, and without anything shaped like a key."""
    if secret:
        text = text.replace(secret, HIDDEN)
        for at in range(len(secret) - _WINDOW + 1):
            text = text.replace(secret[at : at + _WINDOW], HIDDEN)
    return _LOOKS_LIKE_A_KEY.sub(HIDDEN, text)


def detail(text: str, secret: str, *, limit: int = 300) -> str:
    """One safe line from something outside, for people and the ledger."""
    return safe_text(redact(text[:10_000], secret), limit=limit, one_line=True).strip()


class StreamRedactor:
    """Hides the key itself in a model's words, which arrive in pieces: holds back an ending that could be its beginning.

    Only the key as it is: words that merely look like one are the model's own. Placeholders shorter than eight characters
    (`ollama`, `none`) are no secrets.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret if len(secret) >= _WINDOW else ""
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be shown now."""
        if not self._secret:
            return piece
        text = (self._held + piece).replace(self._secret, HIDDEN)
        longest = min(len(self._secret) - 1, len(text))
        keep = next((size for size in range(longest, 0, -1) if text.endswith(self._secret[:size])), 0)
        self._held = text[len(text) - keep :] if keep else ""
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, at the end."""
        held, self._held = self._held, ""
        return held
