"""A model's rule strategy becomes typed conditions here, or nothing: as strict as decisions, and only on figures with a name.

text ──one object──► one item ──strict model──► ranges, figures, universe ──► ParsedStrategy(strategy, outcome, detail)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from pydantic import ValidationError

from engine.core.journal import ItemRejected
from engine.core.strategy import Beside, Condition, Needs, Range, Relation, RuleStrategy, Threshold
from engine.core.text import safe_text
from engine.llm.document import Refused, as_object, fault_of, items_of, ppm_of
from engine.llm.rule_schema import ReplyRange, ReplyRelation, ReplyStrategy, ReplyThreshold

MAX_NAME = 60
MAX_REASONING = 400
MAX_REVIEW_DAYS = 366
MAX_VALUE = Decimal(10) ** 12
_CODES = {
    "literal_error": "NO_SUCH_WORD",
    "union_tag_invalid": "CONDITION",
    "union_tag_not_found": "CONDITION",
    "value_error": "FIGURE",
}


@dataclass(frozen=True, slots=True)
class ParsedStrategy:
    """What a reply came to; outcomes and detail as in parse.Parsed. A refused strategy is an invalid reply."""

    strategy: RuleStrategy | None
    outcome: str
    detail: str = ""
    rejected: tuple[ItemRejected, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the model wrote a strategy that could be run."""
        return self.strategy is not None

    @property
    def kept(self) -> int:
        """How many items stand."""
        return int(self.strategy is not None)


def parse_strategy(text: str, offered: Collection[str]) -> ParsedStrategy:
    """The one strategy in `text` about symbols in `offered`. Half a strategy is none: what was cut off is invalid. Never raises."""
    found = items_of(text, "strategies")
    if found.outcome == "recovered":
        return ParsedStrategy(None, "invalid", "TRUNCATED: the object never ends")
    if found.outcome != "ok":
        return ParsedStrategy(None, found.outcome, found.detail)
    if len(found.items) != 1:
        return ParsedStrategy(None, "invalid", f"NOT_ONE: {len(found.items)} strategies, exactly one is allowed")
    try:
        return ParsedStrategy(_strategy(found.items[0], offered), "ok")
    except Refused as refused:
        seen = safe_text(refused.observed, limit=120, one_line=True)
        return ParsedStrategy(None, "invalid", f"{refused.code}: {seen}")


def _strategy(item: object, offered: Collection[str]) -> RuleStrategy:
    try:
        told = ReplyStrategy.model_validate(as_object(item))
    except ValidationError as fault:
        raise fault_of(fault, _CODES) from None
    symbols = tuple(told.symbols)
    unknown = [symbol for symbol in symbols if symbol not in offered]
    if unknown:
        raise Refused("UNKNOWN_INSTRUMENT", unknown[0])
    if len(set(symbols)) < len(symbols):
        raise Refused("DUPLICATE", "a symbol is named twice")
    weight = ppm_of(told.weight, "WEIGHT_RANGE")
    if not weight:
        raise Refused("WEIGHT_RANGE", str(told.weight))
    days = told.review_after_days
    if days != int(days) or not 1 <= days <= MAX_REVIEW_DAYS:
        raise Refused("REVIEW_RANGE", str(days))
    return RuleStrategy(
        name=safe_text(told.name, limit=MAX_NAME, one_line=True),
        symbols=tuple(sorted(symbols)),
        needs=Needs(told.needs),
        entry=tuple(_condition(one) for one in told.entry),
        exit=tuple(_condition(one) for one in told.exit),
        weight_ppm=weight,
        review_after_days=int(days),
        reasoning=safe_text(told.reasoning, limit=MAX_REASONING),
    )


def _condition(told: ReplyThreshold | ReplyRange | ReplyRelation) -> Condition:
    match told:
        case ReplyThreshold():
            return Threshold(told.figure, Beside(told.stands), _number(told.value))
        case ReplyRange():
            if told.low > told.high:
                raise Refused("RANGE_ORDER", f"{told.low} to {told.high}")
            return Range(told.figure, _number(told.low), _number(told.high))
        case ReplyRelation():
            if told.figure == told.other:
                raise Refused("SAME_FIGURE", told.figure)
            return Relation(told.figure, Beside(told.stands), told.other)


def _number(value: Decimal) -> Decimal:
    if abs(value) > MAX_VALUE:
        raise Refused("NUMBER_RANGE", str(value))
    return value
