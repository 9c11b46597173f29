"""What a strategy proposes and what risk makes of it: decisions carry a target weight, never a quantity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """What a decision wants of one instrument. ABSTAIN is not an intent: a model that could not answer proposes nothing."""

    OPEN = "open"
    ADD = "add"
    HOLD = "hold"
    REDUCE = "reduce"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Decision:
    """One proposal for one instrument. Weights in ppm of equity, confidence in ppm, prices in price units (0 = none given)."""

    instrument: str
    intent: Intent
    target_weight_ppm: int
    confidence_ppm: int
    reasoning: str
    stop_loss: int = 0
    take_profit: int = 0
    sources: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    """Numbers of the reasons and sources that are no figure of what the model was shown, as written; empty where all hold."""


class Direction(StrEnum):
    """Which way a channel points."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What one model reads in one time frame of one instrument: no size. Strength and confidence in ppm, prices in price units
    (0 = none given)."""

    instrument: str
    direction: Direction
    strength_ppm: int
    confidence_ppm: int
    reasoning: str
    support: int = 0
    resistance: int = 0
    evidence: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


class VerdictResult(StrEnum):
    """What a rule did with a decision."""

    ALLOW = "ALLOW"
    CLAMP = "CLAMP"
    DENY = "DENY"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALT = "HALT"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's ruling on one decision. `observed` to `after` are decimal strings; `code` is CATEGORY_CONDITION."""

    instrument: str
    rule: str
    scope: str
    result: VerdictResult
    code: str
    observed: str
    limit: str
    before: str
    after: str
