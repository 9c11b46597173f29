"""A model's reply becomes decisions here, or it becomes nothing: strict, per item, and never by guessing.

text ──one object──► items ──strict model──► ranges, grid, universe ──no contradiction──► Parsed(decisions, rejected, outcome)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

from pydantic import ValidationError

from engine.core.decision import Decision, Intent
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.core.text import safe_text
from engine.core.units import PPM, to_units
from engine.llm.schema import MAX_ITEMS, MAX_REASONING, ReplyItem
from engine.llm.strict_json import MAX_BYTES, Mark, Span, read, spans

MAX_PRICE_UNITS = 10**15
"""No price of any market comes near it, and it leaves room in 64 bits for every product of the kernel."""

_EXACT = Context(prec=64, rounding=ROUND_FLOOR)
_MICRO = Decimal("0.000001")
_HEAD = re.compile(r'\s*(?:```(?:json)?\s*)?\{\s*"decisions"\s*:\s*\[')
_BETWEEN = re.compile(r"\s*,?\s*")
_NO_WEIGHT = frozenset({Intent.EXIT})
_NEEDS_WEIGHT = frozenset({Intent.OPEN, Intent.ADD})
_TYPE_CODES = {
    "extra_forbidden": "UNKNOWN_KEY",
    "missing": "MISSING_KEY",
    "string_too_long": "TOO_LONG",
    "too_long": "TOO_LONG",
    "literal_error": "INTENT",
}


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
        return self.outcome in {"ok", "recovered"}


class _Refused(Exception):
    """One item cannot stand; carries its code and what was seen."""

    def __init__(self, code: str, observed: str) -> None:
        super().__init__(code)
        self.code = code
        self.observed = observed


def parse_reply(text: str, offered: Mapping[str, Instrument], *, max_weight_ppm: int) -> Parsed:
    """The decisions in `text` about the instruments in `offered`, and every refused item with its code.

    A weight above `max_weight_ppm` is refused (WEIGHT_OVER_CAP); smaller ones are risk's to cut. Weights and confidences are
    floored to whole ppm; prices must lie on the price grid of their market. Never raises.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return _nothing("too_large", f"more than {MAX_BYTES} bytes")
    body = _without_thinking(text)
    if not body.strip():
        return _nothing("empty", "no text")
    try:
        return _document(read(body), offered, max_weight_ppm)
    except ValueError:
        found = spans(body)  # not JSON as a whole: one object in prose, a piece of one, or nothing
    if not found:
        return _nothing("invalid", "NO_OBJECT: no JSON object in the reply")
    if len(found) > 1:
        return _nothing("invalid", f"MANY_OBJECTS: {len(found)} JSON objects, exactly one is allowed")
    if found[0].end < 0:
        return _recover(body, offered, max_weight_ppm)
    return _whole(body, found[0], offered, max_weight_ppm)


def _without_thinking(text: str) -> str:
    """Some models think aloud first, between tags; what follows the end tag is the reply. Without an end tag all of it is."""
    if not text.lstrip().startswith("<think>"):
        return text
    _, ended, rest = text.partition("</think>")
    return rest if ended else text


def _whole(body: str, span: Span, offered: Mapping[str, Instrument], cap: int) -> Parsed:
    if body[: span.start].rstrip().endswith("[") or body[span.end :].lstrip()[:1] in {"]", ","}:
        return _nothing("invalid", "ROOT_TYPE: the object stands inside an array")
    try:
        return _document(read(body[span.start : span.end]), offered, cap)
    except ValueError as fault:
        return _nothing("invalid", f"NOT_JSON: {safe_text(str(fault), limit=120, one_line=True)}")


def _document(document: object, offered: Mapping[str, Instrument], cap: int) -> Parsed:
    if isinstance(document, Mark):
        return _nothing("invalid", f"{document.code}: {safe_text(document.observed, limit=40, one_line=True)}")
    if not isinstance(document, dict):
        return _nothing("invalid", "ROOT_TYPE: the reply is not an object, or the object stands in an array")
    if set(document) != {"decisions"}:
        keys = safe_text(", ".join(sorted(document)), limit=80, one_line=True)
        return _nothing("invalid", f"ROOT_KEYS: {keys}; exactly `decisions` is allowed")
    items = document["decisions"]
    if not isinstance(items, list):
        return _nothing("invalid", "TYPE: `decisions` must be an array")
    if len(items) > MAX_ITEMS:
        return _nothing("invalid", f"TOO_MANY: {len(items)} items, at most {MAX_ITEMS}")
    return _judge(items, offered, cap, "ok", "")


def _recover(body: str, offered: Mapping[str, Instrument], cap: int) -> Parsed:
    """The reply was cut off: its complete leading items, if it is ours from the first character on."""
    head = _HEAD.match(body)
    if head is None:
        return _nothing("invalid", "TRUNCATED: the object never ends")
    items: list[object] = []
    at = head.end()
    for span in spans(body, at):
        if span.end < 0 or _BETWEEN.fullmatch(body, at, span.start) is None:
            break
        try:
            items.append(read(body[span.start : span.end]))
        except ValueError as fault:
            return _nothing("invalid", f"NOT_JSON: {safe_text(str(fault), limit=120, one_line=True)}")
        at = span.end
    if not items or len(items) > MAX_ITEMS:
        return _nothing("invalid", "TRUNCATED: the object never ends and holds no complete item")
    parsed = _judge(items, offered, cap, "recovered", f"TRUNCATED: {len(items)} complete items kept for judging")
    tail = body[at:]
    torn = sorted(decision.instrument for decision in parsed.decisions if f'"{decision.instrument}"' in tail)
    refused = tuple(ItemRejected(symbol, "CONTRADICTION", "named again where the reply was cut") for symbol in torn)
    kept = tuple(decision for decision in parsed.decisions if decision.instrument not in torn)
    return Parsed(kept, parsed.rejected + refused, parsed.outcome, parsed.detail)


def _judge(items: Sequence[object], offered: Mapping[str, Instrument], cap: int, outcome: str, detail: str) -> Parsed:
    decisions: list[Decision] = []
    rejected: list[ItemRejected] = []
    times_named = Counter(name for name in map(_named, items) if name in offered)
    for item in items:
        try:
            decisions.append(_decision(item, offered, cap))
        except _Refused as refused:
            rejected.append(
                ItemRejected(
                    safe_text(_named(item), limit=40, one_line=True),
                    refused.code,
                    safe_text(refused.observed, limit=80, one_line=True),
                )
            )
    kept: dict[str, Decision] = {}
    dropped: list[ItemRejected] = []
    for decision in decisions:
        symbol = decision.instrument
        if times_named[symbol] == 1:
            kept[symbol] = decision
            continue
        same = [other for other in decisions if other.instrument == symbol]
        if len(same) < times_named[symbol] or any(_asks(other) != _asks(decision) for other in same):
            dropped.append(ItemRejected(symbol, "CONTRADICTION", f"named {times_named[symbol]} times"))
        elif symbol in kept:
            dropped.append(ItemRejected(symbol, "DUPLICATE", f"named {times_named[symbol]} times"))
        else:
            kept[symbol] = decision
    return Parsed(tuple(kept.values()), tuple(rejected + dropped), outcome, detail)


def _asks(decision: Decision) -> tuple[object, ...]:
    return decision.intent, decision.target_weight_ppm, decision.stop_loss, decision.take_profit


def _named(item: object) -> str:
    """The instrument an item speaks of, sound or not; empty where it names none."""
    if isinstance(item, Mark):
        return next((value for key, value in item.pairs if key == "instrument" and isinstance(value, str)), "")
    name = item.get("instrument") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _decision(item: object, offered: Mapping[str, Instrument], cap: int) -> Decision:
    if isinstance(item, Mark):
        raise _Refused(item.code.value, item.observed)
    if not isinstance(item, dict):
        raise _Refused("TYPE", f"an item is {type(item).__name__}, not an object")
    for value in item.values():
        if isinstance(value, Mark):
            raise _Refused(value.code.value, value.observed)
    try:
        told = ReplyItem.model_validate(item)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _Refused(_TYPE_CODES.get(first["type"], "TYPE"), f"{where}: {first['msg']}") from None
    instrument = offered.get(told.instrument)
    if instrument is None:
        raise _Refused("UNKNOWN_INSTRUMENT", told.instrument)
    intent = Intent(told.intent)
    weight = _ppm(told.target_weight, "WEIGHT_RANGE")
    if weight > cap:
        raise _Refused("WEIGHT_OVER_CAP", str(told.target_weight))
    if (intent in _NO_WEIGHT and weight) or (intent in _NEEDS_WEIGHT and not weight):
        raise _Refused("INTENT_WEIGHT", f"{intent} with weight {told.target_weight}")
    stop, target = _price(told.stop_loss, instrument), _price(told.take_profit, instrument)
    if stop and target and stop >= target:
        raise _Refused("PRICE_ORDER", f"stop {told.stop_loss} is not below target {told.take_profit}")
    return Decision(
        instrument=instrument.symbol,
        intent=intent,
        target_weight_ppm=weight,
        confidence_ppm=_ppm(told.confidence, "CONFIDENCE_RANGE"),
        reasoning=safe_text(told.reasoning, limit=MAX_REASONING),
        stop_loss=stop,
        take_profit=target,
        sources=tuple(safe_text(source, limit=200, one_line=True) for source in told.sources),
    )


def _ppm(value: Decimal, code: str) -> int:
    if not 0 <= value <= 1:
        raise _Refused(code, str(value))
    return int(value.quantize(_MICRO, context=_EXACT) * PPM)


def _price(value: Decimal | None, instrument: Instrument) -> int:
    if value is None:
        return 0
    if value <= 0:
        raise _Refused("PRICE_RANGE", str(value))
    try:
        units = to_units(value, instrument.units.price)
    except ValueError:
        raise _Refused("PRICE_GRID", str(value)) from None
    if units > MAX_PRICE_UNITS:
        raise _Refused("PRICE_RANGE", str(value))
    return units


def _nothing(outcome: str, detail: str) -> Parsed:
    return Parsed((), (), outcome, detail)
