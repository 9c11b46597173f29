"""What a model reads in one channel becomes views here, or nothing: as strict as decisions, and with no size in it at all.

text ──one object──► items ──strict model──► ranges, grid, universe ──no contradiction──► ParsedViews(views, rejected, outcome)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.decision import ChannelView, Direction
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.core.text import safe_text
from engine.llm.document import Refused, items_of, judged, ppm_of, price_of
from engine.llm.parse import USABLE
from engine.llm.schema import MAX_REASONING, ReplyView

_CODES = {"literal_error": "DIRECTION"}
_DIRECTIONS = {one.value: one for one in Direction}


@dataclass(frozen=True, slots=True)
class ParsedViews:
    """What a channel's reply came to; outcomes and detail as in parse.Parsed."""

    views: tuple[ChannelView, ...]
    rejected: tuple[ItemRejected, ...]
    outcome: str
    detail: str = ""

    @property
    def usable(self) -> bool:
        """Whether the model has spoken: a sound document, even if it sees nothing."""
        return self.outcome in USABLE

    @property
    def kept(self) -> int:
        """How many items stand."""
        return len(self.views)


def parse_views(text: str, offered: Mapping[str, Instrument]) -> ParsedViews:
    """The views in `text` about the instruments in `offered`, and every refused item with its code. Never raises.

    Strength and confidence are floored to whole ppm; support lies below resistance, both on the price grid of their market.
    """
    found = items_of(text, "views")
    views, rejected = judged(found, ReplyView, _CODES, offered, lambda told: _view(told, offered), _asks)
    return ParsedViews(views, rejected, found.outcome, found.detail)


def _asks(view: ChannelView) -> tuple[object, ...]:
    return view.direction, view.strength_ppm, view.support, view.resistance


def _view(told: ReplyView, offered: Mapping[str, Instrument]) -> ChannelView:
    instrument = offered.get(told.instrument)
    if instrument is None:
        raise Refused("UNKNOWN_INSTRUMENT", told.instrument)
    support, resistance = price_of(told.support, instrument), price_of(told.resistance, instrument)
    if support and resistance and support >= resistance:
        raise Refused("PRICE_ORDER", f"support {told.support} is not below resistance {told.resistance}")
    return ChannelView(
        instrument=instrument.symbol,
        direction=_DIRECTIONS[told.direction],
        strength_ppm=ppm_of(told.strength, "STRENGTH_RANGE"),
        confidence_ppm=ppm_of(told.confidence, "CONFIDENCE_RANGE"),
        reasoning=safe_text(told.reasoning, limit=MAX_REASONING),
        support=support,
        resistance=resistance,
        evidence=tuple([safe_text(source, limit=200, one_line=True) for source in told.evidence]),
    )
