"""What the provider `offline` answers where a strategy is asked for: a plain trend rule on the names that rose most; no model.

prompt text ──features table──► the strongest names ──► one strategy as JSON, the same for the same prompt
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from engine.llm.model import Prompt

_TABLE = re.compile(r'<data id="features">\n(.*?)\n</data>', re.DOTALL)
_NAMES = 4
_WEIGHT = Decimal("0.18")
_REVIEW_DAYS = 30


def strategy_answer(prompt: Prompt) -> str:
    """The whole reply."""
    found = _TABLE.search(prompt.user)
    names = _strongest(found[1].splitlines() if found else [])
    chinese = prompt.id.endswith(".zh")
    strategy = {
        "name": "短均线在长均线之上" if chinese else "short mean over long mean",
        "symbols": names,
        "needs": "all",
        "entry": [
            {"kind": "relation", "figure": "sma_5", "is": "above", "other": "sma_20"},
            {"kind": "threshold", "figure": "rsi_14", "is": "below", "value": 75},
        ],
        "exit": [
            {"kind": "relation", "figure": "sma_5", "is": "below", "other": "sma_20"},
            {"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 85},
        ],
        "weight": float(_WEIGHT),
        "review_after_days": _REVIEW_DAYS,
        "reasoning": "离线规则，非语言模型：买入二十日涨幅居前者，短均线下穿即离场"
        if chinese
        else "offline rule, no language model: the names that rose most in twenty sessions, left when the short mean turns",
    }
    return json.dumps({"strategies": [strategy] if names else []}, ensure_ascii=False, separators=(",", ":"))


def _strongest(lines: Sequence[str]) -> list[str]:
    """The names with the largest return over twenty sessions, best first; none where the table does not show it."""
    head = lines[0].split("|") if lines else []
    if "return_20" not in head or "symbol" not in head:
        return []
    symbol, figure = head.index("symbol"), head.index("return_20")
    ranked = [
        (-value, cells[symbol])
        for cells in (line.split("|") for line in lines[1:])
        if (value := _number(cells, figure)) is not None
    ]
    return [name for _, name in sorted(ranked)[:_NAMES]]


def _number(cells: Sequence[str], at: int) -> Decimal | None:
    try:
        value = Decimal(cells[at])
    except (InvalidOperation, IndexError):
        return None
    return value if value.is_finite() else None
