"""How the provider `offline` reads a channel: no language model, a plain rule over the figures of the prompt, labelled as such.

features table ──► slow: trend, momentum │ fast: breakout, micro-trend, stretch ──► views ──► JSON
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from engine.llm.offline_figures import figure

_CENT = Decimal("0.01")
_OVERBOUGHT, _OVERSOLD = 75, 25


def channel_answer(features: Sequence[Mapping[str, str]], *, chinese: bool) -> str:
    """The reply to a channel's prompt, whole: a view for every row whose figures are known."""
    words = _CHINESE if chinese else _ENGLISH
    views = [_slow(row, words) if "trend" in row else _fast(row, words) for row in features if "symbol" in row]
    body = ",".join(json.dumps(view, ensure_ascii=False, separators=(",", ":")) for view in views if view is not None)
    return f'{{"views":[{body}]}}'


def _slow(row: Mapping[str, str], words: Mapping[str, str]) -> dict[str, object] | None:
    """Up with both means and the momentum on its side, down with both against it."""
    trend = figure(row.get("trend"))
    window = next((name for name in ("return_30", "return_6") if figure(row.get(name)) is not None), "return_30")
    momentum = figure(row.get(window))
    if trend is None or momentum is None:
        return None
    agreed = trend * momentum > 0
    score = trend / 4 + max(Decimal(-1), min(Decimal(1), momentum / 10)) / 2 if agreed else Decimal(0)
    return _view(row, score, ("trend", window), words, row.get("support"), row.get("resistance"))


def _fast(row: Mapping[str, str], words: Mapping[str, str]) -> dict[str, object] | None:
    """Breakout, micro-trend and momentum; nothing is chased that is overbought, and nothing left that is oversold."""
    breakout, micro, recent = (figure(row.get(name)) for name in ("breakout", "micro_trend", "return_5"))
    stretch = figure(row.get("rsi_14"))
    if breakout is None or micro is None or recent is None:
        return None
    push = Decimal(0) if not recent else (recent / abs(recent)) * Decimal("0.2")
    score = breakout * Decimal("0.3") + micro / 10 + push
    if stretch is not None and ((score > 0 and stretch > _OVERBOUGHT) or (score < 0 and stretch < _OVERSOLD)):
        score = Decimal(0)
    return _view(row, score, ("breakout", "micro_trend", "return_5"), words, None, None)


def _view(
    row: Mapping[str, str],
    score: Decimal,
    used: Sequence[str],
    words: Mapping[str, str],
    support: str | None,
    resistance: str | None,
) -> dict[str, object]:
    strength = min(Decimal(1), abs(score)).quantize(_CENT, ROUND_DOWN)
    direction = "flat" if not strength else ("up" if score > 0 else "down")
    below, above = figure(support), figure(resistance)
    ordered = below is not None and above is not None and 0 < below < above
    figures = ", ".join(f"{name} {row[name]}" for name in used)
    confidence = (Decimal("0.50") + strength / 4).quantize(_CENT, ROUND_DOWN)
    return {
        "instrument": row["symbol"],
        "direction": direction,
        "strength": float(strength),
        "confidence": float(confidence),
        "support": float(below) if ordered and below is not None else None,
        "resistance": float(above) if ordered and above is not None else None,
        "reasoning": f"{words['label']}: {figures}: {words[direction]}",
        "evidence": [f"{row['symbol']}.{name}" for name in used],
    }


_ENGLISH = {
    "label": "offline rule, no language model",
    "up": "points up",
    "down": "points down",
    "flat": "no direction",
}
_CHINESE = {"label": "离线规则，非语言模型", "up": "方向向上", "down": "方向向下", "flat": "无方向"}
