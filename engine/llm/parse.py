"""A model's reply becomes decisions here, or it becomes nothing: strict, per item, and never by guessing.

text ──one object──► items ──strict model──► ranges, grid, universe ──no contradiction──► Parsed(decisions, rejected, outcome)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from engine.core.decision import Decision, Intent
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.core.text import safe_text
from engine.llm.document import Refused, as_object, fault_of, items_of, judged, ppm_of, price_of
from engine.llm.schema import MAX_REASONING, ReplyItem

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


def parse_reply(text: str, offered: Mapping[str, Instrument], *, max_weight_ppm: int) -> Parsed:
    """The decisions in `text` about the instruments in `offered`, and every refused item with its code.

    A weight above `max_weight_ppm` is refused (WEIGHT_OVER_CAP); smaller ones are risk's to cut. Weights and confidences are
    floored to whole ppm; prices must lie on the price grid of their market. Never raises.
    """
    found = items_of(text, "decisions")
    decisions, rejected = judged(found, offered, lambda item: _decision(item, offered, max_weight_ppm), _asks)
    return Parsed(decisions, rejected, found.outcome, found.detail)


def _asks(decision: Decision) -> tuple[object, ...]:
    return decision.intent, decision.target_weight_ppm, decision.stop_loss, decision.take_profit


def _decision(item: object, offered: Mapping[str, Instrument], cap: int) -> Decision:
    try:
        told = ReplyItem.model_validate(as_object(item))
    except ValidationError as fault:
        raise fault_of(fault, _CODES) from None
    instrument = offered.get(told.instrument)
    if instrument is None:
        raise Refused("UNKNOWN_INSTRUMENT", told.instrument)
    intent = Intent(told.intent)
    weight = ppm_of(told.target_weight, "WEIGHT_RANGE")
    if weight > cap:
        raise Refused("WEIGHT_OVER_CAP", str(told.target_weight))
    if (intent in _NO_WEIGHT and weight) or (intent in _NEEDS_WEIGHT and not weight):
        raise Refused("INTENT_WEIGHT", f"{intent} with weight {told.target_weight}")
    stop, target = price_of(told.stop_loss, instrument), price_of(told.take_profit, instrument)
    if stop and target and stop >= target:
        raise Refused("PRICE_ORDER", f"stop {told.stop_loss} is not below target {told.take_profit}")
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
