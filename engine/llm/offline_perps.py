"""What the provider `offline` answers a desk of perpetuals: with the trend, either way; a plain rule, no language model.

tables ──► return_20, rsi_14 of each name ──► long what rose, short what fell (where terms allow), out where it turned ──► decisions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from engine.llm.offline_figures import figure

_ENTER, _LEAVE = Decimal(2), Decimal(0)
"""Percent in twenty sessions from which on a trend is followed, and at which it is over."""
_STRETCHED = Decimal(75)
_LEAST, _MOST = Decimal("0.10"), Decimal("0.90")
_STOP, _TARGET = Decimal("0.06"), Decimal("0.15")
_FIGURES = ("return_20", "rsi_14")

Rows = Sequence[Mapping[str, str]]


def margin_decisions(tables: Mapping[str, Rows], *, chinese: bool) -> list[dict[str, object]]:
    """One decision for every name that is held or worth opening, in the order of the prompt."""
    terms = tables["terms"][0]
    words = _CHINESE if chinese else _ENGLISH
    held = {row["symbol"]: row for row in tables.get("holdings", ())}
    last = {row["symbol"]: row["last"] for row in tables.get("quotes", ())}
    made: list[dict[str, object]] = []
    for row in tables.get("features", ()):
        symbol = row["symbol"]
        trend, stretch, price = figure(row.get("return_20")), figure(row.get("rsi_14")), figure(last.get(symbol))
        if trend is None or stretch is None or price is None:
            continue
        told = f"{words['label']}: return_20 {row['return_20']}, rsi_14 {row['rsi_14']}: "
        position = held.get(symbol)
        if position is not None:
            made.append(_kept(symbol, position, trend, told, words))
        elif (way := _way(trend, stretch, shorts=terms.get("shorts") == "yes")) != 0:
            made.append(_opened(symbol, way, trend, price, told, words))
    return made


def _way(trend: Decimal, stretch: Decimal, *, shorts: bool) -> int:
    if trend >= _ENTER and stretch < _STRETCHED:
        return 1
    return -1 if shorts and trend <= -_ENTER and stretch > 100 - _STRETCHED else 0


def _kept(symbol: str, position: Mapping[str, str], trend: Decimal, told: str, words: Mapping[str, str]) -> dict[str, object]:
    way = 1 if position["side"] == "long" else -1
    weight = figure(position["weight"]) or Decimal(0)
    if way * trend < _LEAVE:
        return _decision(symbol, "exit", Decimal(0), told + words["turned"])
    return _decision(symbol, "hold", weight, told + words["steady"])


def _opened(symbol: str, way: int, trend: Decimal, price: Decimal, told: str, words: Mapping[str, str]) -> dict[str, object]:
    """A twentieth of equity for each percent of the trend, within bounds; a stop against it, a target with it."""
    size = max(_LEAST, min(_MOST, abs(trend) / 20)).quantize(Decimal("0.01"), ROUND_DOWN)
    grid = Decimal(1).scaleb(min(int(price.as_tuple().exponent), 0))
    stop = (price * (1 - way * _STOP)).quantize(grid, ROUND_DOWN)
    target = (price * (1 + way * _TARGET)).quantize(grid, ROUND_DOWN)
    why = told + words["rising" if way > 0 else "falling"]
    return {**_decision(symbol, "open", way * size, why), "stop_loss": float(stop), "take_profit": float(target)}


def _decision(symbol: str, intent: str, weight: Decimal, why: str) -> dict[str, object]:
    return {
        "instrument": symbol,
        "intent": intent,
        "target_weight": float(weight),
        "confidence": 0.6,
        "stop_loss": None,
        "take_profit": None,
        "reasoning": why,
        "sources": [f"{symbol}.{name}" for name in _FIGURES],
    }


_ENGLISH = {
    "label": "offline rule, no language model",
    "rising": "rising and not yet stretched: long",
    "falling": "falling and not yet stretched: short",
    "turned": "the trend has turned against the position",
    "steady": "the trend holds",
}
_CHINESE = {
    "label": "离线规则，非语言模型",
    "rising": "上行且未超买，做多",
    "falling": "下行且未超卖，做空",
    "turned": "趋势已转向，平仓",
    "steady": "趋势未变",
}
