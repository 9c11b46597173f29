"""The provider `offline`: no language model, a plain rule that reads the real prompt and answers in real JSON, for the demo.

prompt text ──tables──► momentum and stretch of each instrument ──► decisions ──► JSON, streamed in pieces

Its conviction can reach 45 % of equity on purpose: a newcomer should see risk cut an answer down.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from engine.llm.model import CANCELLED, OK, TIMEOUT, Prompt, Reply
from engine.llm.offline_figures import figure
from engine.llm.offline_perps import margin_decisions
from engine.llm.offline_rules import strategy_answer
from engine.llm.offline_views import channel_answer
from engine.llm.rule_schema import RULES_ID
from engine.llm.schema import CHANNEL_ID

_TABLE = re.compile(r'<data id="(\w+)">\n(.*?)\n</data>', re.DOTALL)
_MOMENTUM_COLUMNS = (re.compile(r"(ret|mom|roc)\w*20"), re.compile(r"ret|mom|roc"), re.compile(r"change"))
_CHUNK = 120
_MAX_OPENS = 3
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One instrument as the prompt shows it; `score` is its momentum against the strongest on offer, -1 to 1."""

    symbol: str
    last: Decimal
    momentum: Decimal
    momentum_column: str
    score: Decimal
    stretch: Decimal | None
    stretch_column: str
    change: Decimal


class OfflineModel:
    """Deterministic: the same prompt gives the same reply. `pace_s` is a pause between pieces, so that streaming can be watched."""

    def __init__(self, *, name: str = "offline", pace_s: float = 0.0) -> None:
        self._name = name
        self._pace_s = pace_s

    @property
    def name(self) -> str:
        return self._name

    @property
    def provider(self) -> str:
        return "offline"

    @property
    def offline(self) -> bool:
        return True

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        """Answer from the tables in `prompt.user`; costs nothing, ends early on `cancelled` or the deadline."""
        start = time.monotonic()
        text = answer(prompt)
        sent = ""
        outcome = OK
        for at in range(0, len(text), _CHUNK):
            if cancelled.is_set() or (self._pace_s > 0 and at and cancelled.wait(self._pace_s)):
                outcome = CANCELLED
                break
            if time.monotonic() - start > deadline_s:
                outcome = TIMEOUT
                break
            sent += text[at : at + _CHUNK]
            on_text(text[at : at + _CHUNK])
        return Reply(sent, outcome, "offline, no language model", int((time.monotonic() - start) * 1000))


def answer(prompt: Prompt) -> str:
    """The reply to `prompt`, whole."""
    tables = {match[1]: _rows(match[2]) for match in _TABLE.finditer(prompt.user)}
    if prompt.form == RULES_ID:
        return strategy_answer(prompt)
    if prompt.form == CHANNEL_ID:
        return channel_answer(tables.get("features", []), chinese=prompt.id.endswith(".zh"))
    if tables.get("terms"):
        return _listed(margin_decisions(tables, chinese=prompt.id.endswith(".zh")))
    holdings = {row["symbol"]: row for row in tables.get("holdings", []) if "symbol" in row}
    quotes = {row["symbol"]: row for row in tables.get("quotes", []) if "symbol" in row}
    seen = _seen([{**row, **quotes[row["symbol"]]} for row in tables.get("features", []) if row.get("symbol") in quotes])
    words = _CHINESE if prompt.id.endswith(".zh") else _ENGLISH
    decisions: list[dict[str, object]] = []
    opens = 0
    for one in sorted(seen, key=lambda each: (-each.score, each.symbol)):
        held = holdings.get(one.symbol)
        if held is not None:
            decisions.append(_for_held(one, held, words))
        elif opens < _MAX_OPENS and (told := _for_new(one, words)) is not None:
            decisions.append(told)
            opens += 1
    return _listed(decisions)


def _listed(decisions: list[dict[str, object]]) -> str:
    body = ",".join(json.dumps(decision, ensure_ascii=False, separators=(",", ":")) for decision in decisions)
    return f'{{"decisions":[{body}]}}'


def _rows(table: str) -> list[dict[str, str]]:
    lines = table.splitlines()
    head = lines[0].split("|")
    return [dict(zip(head, line.split("|"), strict=True)) for line in lines[1:] if line.count("|") == len(head) - 1]


def _seen(rows: list[dict[str, str]]) -> list[_Seen]:
    if not rows:
        return []
    columns = [column for column in rows[0] if column not in {"symbol", "last"}]
    momentum_column = next((column for pattern in _MOMENTUM_COLUMNS for column in columns if pattern.search(column)), "")
    stretch_column = next((column for column in columns if "rsi" in column), "")
    found: list[tuple[str, Decimal, Decimal, Decimal | None, Decimal]] = []
    for row in rows:
        last, momentum = figure(row.get("last")), figure(row.get(momentum_column))
        if last is not None and last > 0 and momentum is not None:
            found.append(
                (row["symbol"], last, momentum, figure(row.get(stretch_column)), figure(row.get("change_pct")) or Decimal(0))
            )
    strongest = max((abs(each[2]) for each in found), default=Decimal(0))
    if not strongest:
        return []
    return [
        _Seen(symbol, last, momentum, momentum_column, momentum / strongest, stretch, stretch_column, change)
        for symbol, last, momentum, stretch, change in found
    ]


def _conviction(one: _Seen) -> Decimal:
    """10 % to 45 % of equity: up to 20 points for momentum, 15 more where it rose 1 % today and is not stretched."""
    confirmed = one.change >= 1 and (one.stretch is None or 55 <= one.stretch <= 70)
    return (Decimal("0.10") + Decimal("0.20") * one.score + (Decimal("0.15") if confirmed else 0)).quantize(_CENT, ROUND_DOWN)


def _for_new(one: _Seen, words: dict[str, str]) -> dict[str, object] | None:
    if one.score >= Decimal("0.25") and (one.stretch is None or one.stretch < 75):
        return _decision(one, "open", _conviction(one), words["rising"], words)
    if one.stretch is not None and one.stretch < 28:
        return _decision(one, "open", Decimal("0.08"), words["fallen"], words)
    return None


def _for_held(one: _Seen, held: dict[str, str], words: dict[str, str]) -> dict[str, object]:
    weight = min(max(figure(held.get("weight")) or Decimal(0), Decimal(0)), Decimal(1)).quantize(Decimal("0.0001"), ROUND_DOWN)
    if not figure(held.get("sellable")):
        return _decision(one, "hold", weight, words["unsettled"], words)
    if one.score < Decimal("-0.10"):
        return _decision(one, "exit", Decimal(0), words["falling"], words)
    if one.stretch is not None and one.stretch > 80:
        return _decision(one, "reduce", weight / 2, words["stretched"], words)
    wanted = _conviction(one)
    if one.score >= Decimal("0.25") and wanted - weight >= Decimal("0.05") and (one.stretch is None or one.stretch < 75):
        return _decision(one, "add", wanted, words["rising"], words)
    return _decision(one, "hold", weight, words["steady"], words)


def _decision(one: _Seen, intent: str, weight: Decimal, why: str, words: dict[str, str]) -> dict[str, object]:
    grid = Decimal(1).scaleb(min(int(one.last.as_tuple().exponent), 0))
    figures = f"{one.momentum_column} {one.momentum}" + (f", {one.stretch_column} {one.stretch}" if one.stretch is not None else "")
    entering = intent in {"open", "add"}
    sources = [f"{one.symbol}.{one.momentum_column}"] + ([f"{one.symbol}.{one.stretch_column}"] if one.stretch is not None else [])
    confidence = (Decimal("0.50") + abs(one.score) * Decimal("0.25")).quantize(_CENT, ROUND_DOWN)
    return {
        "instrument": one.symbol,
        "intent": intent,
        "target_weight": float(weight),
        "confidence": float(confidence),
        "stop_loss": float((one.last * Decimal("0.92")).quantize(grid, ROUND_DOWN)) if entering else None,
        "take_profit": float((one.last * Decimal("1.15")).quantize(grid, ROUND_DOWN)) if entering else None,
        "reasoning": f"{words['label']}: {figures}: {why}",
        "sources": sources,
    }


_ENGLISH = {
    "label": "offline rule, no language model",
    "rising": "momentum among the strongest on offer and not yet stretched",
    "fallen": "fallen far enough for a small counter-move position",
    "falling": "momentum has turned against the position",
    "stretched": "risen far; take half off",
    "steady": "nothing has changed enough to pay the cost of trading",
    "unsettled": "bought today, cannot be sold before the next session",
}
_CHINESE = {
    "label": "离线规则，非语言模型",
    "rising": "动量在候选中居前，且未超买",
    "fallen": "跌幅较深，小仓位博反弹",
    "falling": "动量转弱，与持仓方向相反",
    "stretched": "涨幅过大，减半",
    "steady": "变化不足以覆盖交易成本",
    "unsettled": "今日买入，下一交易日才能卖出",
}
