"""A rule strategy as a model writes one: typed conditions on named figures, and what became of it, for the journal.

RuleStrategy ──text_of──► canonical JSON (what the ledger keeps and the hash covers) ──strategy_of──► the same RuleStrategy
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Beside(StrEnum):
    """On which side of something a figure stands."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure against a number: `rsi_14` below 30."""

    figure: str
    stands: Beside
    value: Decimal


@dataclass(frozen=True, slots=True)
class Range:
    """A figure within two numbers, both included."""

    figure: str
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Relation:
    """A figure against another one: `sma_5` above `sma_20`."""

    figure: str
    stands: Beside
    other: str


Condition = Threshold | Range | Relation


class Needs(StrEnum):
    """How many of the entry conditions must hold."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class RuleStrategy:
    """When to hold which names: enter where `needs` of `entry` hold, leave where any of `exit` does; each name at `weight_ppm`.

    `review_after_days` calendar days after it was accepted nothing may be opened by it any more.
    """

    name: str
    symbols: tuple[str, ...]
    needs: Needs
    entry: tuple[Condition, ...]
    exit: tuple[Condition, ...]
    weight_ppm: int
    review_after_days: int
    reasoning: str


@dataclass(frozen=True, slots=True)
class StrategyProposed:
    """A model wrote a strategy, the desk's `version`-th; `text` is its canonical JSON, `strategy_hash` the SHA-256 of that."""

    cycle_id: str
    desk: str
    version: int
    model: str
    strategy_hash: str
    text: str


@dataclass(frozen=True, slots=True)
class StrategyJudged:
    """What the acceptance gate made of it: the desk's own cycle over the sessions from `first` to `last`, all known by then.

    Fractions in ppm, Sharpe in thousandths, `costs` in money units. `failed` are the codes of the thresholds it missed. An accepted
    strategy may open positions before `review_on`; after a refusal no model is asked again before that day.
    """

    cycle_id: str
    desk: str
    version: int
    strategy_hash: str
    accepted: bool
    failed: tuple[str, ...]
    first: date
    last: date
    sessions: int
    return_ppm: int
    max_drawdown_ppm: int
    sharpe_milli: int
    hit_rate_ppm: int
    trades: int
    turnover_ppm: int
    costs: int
    review_on: date


def text_of(strategy: RuleStrategy) -> str:
    """Canonical JSON: sorted keys, no spaces, numbers of conditions as decimal strings."""
    payload = {
        "name": strategy.name,
        "symbols": list(strategy.symbols),
        "needs": strategy.needs.value,
        "entry": [_plain(one) for one in strategy.entry],
        "exit": [_plain(one) for one in strategy.exit],
        "weight_ppm": strategy.weight_ppm,
        "review_after_days": strategy.review_after_days,
        "reasoning": strategy.reasoning,
    }
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def strategy_of(text: str) -> RuleStrategy:
    """The strategy that `text_of` wrote; raises ValueError, KeyError or TypeError for anything else."""
    found = json.loads(text)
    return RuleStrategy(
        name=found["name"],
        symbols=tuple(found["symbols"]),
        needs=Needs(found["needs"]),
        entry=tuple(_condition(one) for one in found["entry"]),
        exit=tuple(_condition(one) for one in found["exit"]),
        weight_ppm=found["weight_ppm"],
        review_after_days=found["review_after_days"],
        reasoning=found["reasoning"],
    )


def _plain(condition: Condition) -> dict[str, str]:
    match condition:
        case Threshold():
            return {"kind": "threshold", "figure": condition.figure, "is": condition.stands.value, "value": f"{condition.value:f}"}
        case Range():
            return {"kind": "range", "figure": condition.figure, "low": f"{condition.low:f}", "high": f"{condition.high:f}"}
        case Relation():
            return {"kind": "relation", "figure": condition.figure, "is": condition.stands.value, "other": condition.other}


def _condition(found: dict[str, Any]) -> Condition:
    match found["kind"]:
        case "threshold":
            return Threshold(found["figure"], Beside(found["is"]), Decimal(found["value"]))
        case "range":
            return Range(found["figure"], Decimal(found["low"]), Decimal(found["high"]))
        case "relation":
            return Relation(found["figure"], Beside(found["is"]), found["other"])
        case kind:
            raise ValueError(f"no condition is called {kind}")
