"""A model's reply becomes decisions here, or it becomes nothing: strict, per item, and never by guessing.

text ──one object──► items ──strict model──► ranges, grid, universe ──no contradiction──► Parsed(decisions, rejected, outcome)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.core.decision import Decision, Intent
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.core.text import safe_text
from engine.core.units import PPM
from engine.llm.document import Refused, floored_ppm, items_of, judged, ppm_of, price_of
from engine.llm.schema import MAX_REASONING, ReplyItem

MOST_WEIGHT = 1_000
"""No desk works with more times its equity; a number beyond it is none."""
_NO_WEIGHT = frozenset({Intent.EXIT})
_NEEDS_WEIGHT = frozenset({Intent.OPEN, Intent.ADD})
_CODES = {"literal_error": "INTENT"}
USABLE = frozenset({"ok", "recovered"})


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply came to. `outcome`: ok; recovered (cut off, the complete leading items kept); empty, invalid, too_large.

    `detail` says what was wrong in words that a model can be quoted back; it is safe to show.
    """

    decisions: tuple[Decision, ...]
    rejected: tuple[ItemRejected, ...]
    outcome: str
    detail: str = ""

    @property
    def usable(self) -> bool:
        """Whether the model has spoken: a sound document, even if it proposes nothing."""
        return self.outcome in USABLE

    @property
    def kept(self) -> int:
        """How many items stand."""
        return len(self.decisions)


@dataclass(frozen=True, slots=True)
class Range:
    """Which target weights a reply may name, in ppm of equity: what a desk bought outright goes from nothing to all.

    On margin a weight is the notional, and one below zero is short; `short_ppm` 0 is a desk that may not be. `margined` says which
    of the two a desk is where both ranges look alike.
    """

    long_ppm: int = PPM
    short_ppm: int = 0
    margined: bool = False


OUTRIGHT = Range()


def parse_reply(text: str, offered: Mapping[str, Instrument], *, max_weight_ppm: int) -> Parsed:
    """The decisions in `text` about the instruments in `offered`, and every refused item with its code.

    A weight above `max_weight_ppm` is refused (WEIGHT_OVER_CAP); smaller ones are risk's to cut. Weights and confidences are
    floored to whole ppm; prices must lie on the price grid of their market. Never raises.
    """
    return parse_within(text, offered, Range(max_weight_ppm))


def parse_within(text: str, offered: Mapping[str, Instrument], weights: Range) -> Parsed:
    """The same for the weights that a desk may name. One below zero is SHORT_FORBIDDEN where the desk may not be short."""
    found = items_of(text, "decisions")
    decisions, rejected = judged(found, ReplyItem, _CODES, offered, lambda told: _decision(told, offered, weights), _asks)
    return Parsed(decisions, rejected, found.outcome, found.detail)


def _asks(decision: Decision) -> tuple[object, ...]:
    return decision.intent, decision.target_weight_ppm, decision.stop_loss, decision.take_profit


def _decision(told: ReplyItem, offered: Mapping[str, Instrument], weights: Range) -> Decision:
    instrument = offered.get(told.instrument)
    if instrument is None:
        raise Refused("UNKNOWN_INSTRUMENT", told.instrument)
    intent = Intent(told.intent)
    weight = _signed(told.target_weight, weights) if weights.margined else ppm_of(told.target_weight, "WEIGHT_RANGE")
    if weight > weights.long_ppm or -weight > weights.short_ppm:
        raise Refused("WEIGHT_OVER_CAP", str(told.target_weight))
    if (intent in _NO_WEIGHT and weight) or (intent in _NEEDS_WEIGHT and not weight):
        raise Refused("INTENT_WEIGHT", f"{intent} with weight {told.target_weight}")
    stop, target = price_of(told.stop_loss, instrument), price_of(told.take_profit, instrument)
    if stop and target and (stop <= target if weight < 0 else stop >= target):
        side = "above" if weight < 0 else "below"
        raise Refused("PRICE_ORDER", f"stop {told.stop_loss} is not {side} target {told.take_profit}")
    return Decision(
        instrument=instrument.symbol,
        intent=intent,
        target_weight_ppm=weight,
        confidence_ppm=ppm_of(told.confidence, "CONFIDENCE_RANGE"),
        reasoning=safe_text(told.reasoning, limit=MAX_REASONING),
        stop_loss=stop,
        take_profit=target,
        sources=tuple(safe_text(source, limit=200, one_line=True) for source in told.sources),
    )


def _signed(weight: Decimal, weights: Range) -> int:
    """A weight of either sign in ppm, floored towards nothing."""
    if weight < 0 and not weights.short_ppm:
        raise Refused("SHORT_FORBIDDEN", str(weight))
    if abs(weight) > MOST_WEIGHT:
        raise Refused("WEIGHT_RANGE", str(weight))
    size = floored_ppm(abs(weight))
    return -size if weight < 0 else size
