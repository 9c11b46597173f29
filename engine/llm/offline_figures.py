"""How the provider `offline` reads a figure of a prompt's tables."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


def figure(text: str | None) -> Decimal | None:
    """The finite number that a cell says; None for an empty cell, for words and for what is not finite."""
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
