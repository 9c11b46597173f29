"""A whole reply in one line for each decision, for where the raw text has no room. What cannot be read so stays raw."""

from __future__ import annotations

import json
import math

from engine.core.text import safe_text
from tui.face import Face
from tui.widgets.painted import Row

MAX_DECISIONS = 40


def digest(reply: str, face: Face) -> list[Row]:
    """One row for each decision of a well-formed reply; empty when the reply is anything else."""
    try:
        whole = json.loads(reply)
    except (ValueError, RecursionError):
        return []
    items = whole.get("decisions") if isinstance(whole, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return []
    return [_line(item, face) for item in items[:MAX_DECISIONS]]


def _line(item: dict[str, object], face: Face) -> Row:
    instrument = safe_text(str(item.get("instrument", "?")), limit=24, one_line=True)
    intent = face.words.get("intent", str(item.get("intent", "?")))
    reasoning = safe_text(str(item.get("reasoning", "")), limit=300, one_line=True)
    return (
        (f"{instrument} ", "text"),
        (intent, "accent"),
        (f" {_share(item.get('target_weight'))}", "json-number"),
        (f" {face.words.t('detail.confidence')} {_share(item.get('confidence'))}", "dim"),
        (f"  {reasoning}", "reply"),
    )


def _share(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1_000:
        return "?"
    return f"{value * 100:.1f}%"
