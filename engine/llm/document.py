"""One JSON document out of a reply: an object with a single list of items, whole or cut off after some of them, or nothing.

text ──without thinking──► one object ──► {key: [items]} ──► items as they stand, each to be judged by itself
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from functools import cache
from typing import Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.core.text import safe_text
from engine.core.units import PPM, to_units
from engine.llm.schema import MAX_ITEMS
from engine.llm.strict_json import MAX_BYTES, Mark, Span, read, spans

MAX_PRICE_UNITS = 10**15
"""No price of any market comes near it, and it leaves room in 64 bits for every product of the kernel."""

_EXACT = Context(prec=64, rounding=ROUND_FLOOR)
_NOTHING, _WHOLE, _PPM = Decimal(0), Decimal(1), Decimal(PPM)
_BETWEEN = re.compile(r"\s*,?\s*")
_TYPE_CODES = {
    "extra_forbidden": "UNKNOWN_KEY",
    "missing": "MISSING_KEY",
    "string_too_long": "TOO_LONG",
    "too_long": "TOO_LONG",
}


@dataclass(frozen=True, slots=True)
class Items:
    """What stood in a reply. `outcome`: ok; recovered (cut off: the complete leading items, `tail` is the torn rest); empty,
    invalid or too_large, then without items and with a `detail` that a model can be quoted back."""

    items: tuple[object, ...]
    outcome: str
    detail: str = ""
    tail: str = ""


class Named(Protocol):
    """An accepted item: it speaks of one instrument."""

    @property
    def instrument(self) -> str: ...


T = TypeVar("T", bound=Named)
M = TypeVar("M", bound=BaseModel)


class Refused(Exception):
    """One item cannot stand; carries its code and what was seen."""

    def __init__(self, code: str, observed: str) -> None:
        super().__init__(code)
        self.code = code
        self.observed = observed


def items_of(text: str, key: str) -> Items:
    """The items of the one object `{key: [...]}` in `text`. Never raises."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Items((), "too_large", f"more than {MAX_BYTES} bytes")
    body = _without_thinking(text)
    if not body.strip():
        return Items((), "empty", "no text")
    try:
        return _listed(read(body), key)
    except ValueError:
        found = spans(body)  # not JSON as a whole: one object in prose, a piece of one, or nothing
    if not found:
        return _invalid("NO_OBJECT: no JSON object in the reply")
    if len(found) > 1:
        return _invalid(f"MANY_OBJECTS: {len(found)} JSON objects, exactly one is allowed")
    if found[0].end < 0:
        return _recovered(body, key)
    return _within(body, found[0], key)


def shaped(items: Sequence[object], shape: type[M], codes: Mapping[str, str]) -> list[M | Refused]:
    """Each item as its strict model, or why it has not that shape. Nearly always all have it, and one validation says so."""
    try:
        return [*_all_of(shape).validate_python(items)]
    except ValidationError:
        return [_shaped_alone(item, shape, codes) for item in items]


@cache
def _all_of(shape: type[M]) -> TypeAdapter[tuple[M, ...]]:
    return TypeAdapter(tuple[shape, ...])  # type: ignore[valid-type]


def _shaped_alone(item: object, shape: type[M], codes: Mapping[str, str]) -> M | Refused:
    try:
        return shape.model_validate(as_object(item))
    except ValidationError as fault:
        return fault_of(fault, codes)
    except Refused as refused:
        return refused


def judged(
    found: Items,
    shape: type[M],
    codes: Mapping[str, str],
    offered: Mapping[str, Instrument],
    accept: Callable[[M], T],
    asks: Callable[[T], Hashable],
) -> tuple[tuple[T, ...], tuple[ItemRejected, ...]]:
    """The items that have the `shape` and that `accept` lets stand, one an instrument, and the refused ones with their codes.

    An instrument named twice stands once where both ask for the same (`asks`), and not at all where they do not; so does one that
    is named again in a torn rest.
    """
    accepted: list[T] = []
    rejected: list[ItemRejected] = []
    times_named = Counter(name for name in map(_named, found.items) if name in offered)
    for item, told in zip(found.items, shaped(found.items, shape, codes), strict=True):
        try:
            if isinstance(told, Refused):
                raise told
            accepted.append(accept(told))
        except Refused as refused:
            name, seen = safe_text(_named(item), limit=40, one_line=True), safe_text(refused.observed, limit=80, one_line=True)
            rejected.append(ItemRejected(name, refused.code, seen))
    kept: dict[str, T] = {}
    dropped: list[ItemRejected] = []
    for one in accepted:
        symbol = one.instrument
        if times_named[symbol] == 1:
            kept[symbol] = one
            continue
        same = [other for other in accepted if other.instrument == symbol]
        if len(same) < times_named[symbol] or any(asks(other) != asks(one) for other in same):
            dropped.append(ItemRejected(symbol, "CONTRADICTION", f"named {times_named[symbol]} times"))
        elif symbol in kept:
            dropped.append(ItemRejected(symbol, "DUPLICATE", f"named {times_named[symbol]} times"))
        else:
            kept[symbol] = one
    torn = sorted(symbol for symbol in kept if f'"{symbol}"' in found.tail)
    dropped += [ItemRejected(symbol, "CONTRADICTION", "named again where the reply was cut") for symbol in torn]
    return tuple(one for symbol, one in kept.items() if symbol not in torn), tuple(rejected + dropped)


def as_object(item: object) -> dict[str, object]:
    """An item as an object none of whose values carries a mark; raises Refused."""
    if isinstance(item, Mark):
        raise Refused(item.code.value, item.observed)
    if not isinstance(item, dict):
        raise Refused("TYPE", f"an item is {type(item).__name__}, not an object")
    for value in item.values():
        if isinstance(value, Mark):
            raise Refused(value.code.value, value.observed)
    return item


def fault_of(fault: ValidationError, codes: Mapping[str, str]) -> Refused:
    """The first thing a strict model found wrong with an item, as its code; `codes` are the model's own beside the common ones."""
    first = fault.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    code = codes.get(first["type"]) or _TYPE_CODES.get(first["type"], "TYPE")
    return Refused(code, f"{where}: {first['msg']}")


def ppm_of(value: Decimal, code: str) -> int:
    """A fraction 0 to 1 floored to whole ppm; raises Refused with `code`."""
    if not _NOTHING <= value <= _WHOLE:
        raise Refused(code, str(value))
    return floored_ppm(value)


def floored_ppm(value: Decimal) -> int:
    """A number that is not below zero in whole ppm, floored."""
    return int(_EXACT.multiply(value, _PPM))


def price_of(value: Decimal | None, instrument: Instrument) -> int:
    """A price in price units, 0 for none; raises Refused where it does not lie on the price grid of its market."""
    if value is None:
        return 0
    if value <= _NOTHING:
        raise Refused("PRICE_RANGE", str(value))
    try:
        units = to_units(value, instrument.units.price)
    except ValueError:
        raise Refused("PRICE_GRID", str(value)) from None
    if units > MAX_PRICE_UNITS:
        raise Refused("PRICE_RANGE", str(value))
    return units


def _without_thinking(text: str) -> str:
    """Some models think aloud first, between tags; what follows the end tag is the reply. Without an end tag all of it is."""
    if not text.lstrip().startswith("<think>"):
        return text
    _, ended, rest = text.partition("</think>")
    return rest if ended else text


def _within(body: str, span: Span, key: str) -> Items:
    if body[: span.start].rstrip().endswith("[") or body[span.end :].lstrip()[:1] in {"]", ","}:
        return _invalid("ROOT_TYPE: the object stands inside an array")
    try:
        return _listed(read(body[span.start : span.end]), key)
    except ValueError as fault:
        return _not_json(fault)


def _listed(document: object, key: str) -> Items:
    if isinstance(document, Mark):
        return _invalid(f"{document.code}: {safe_text(document.observed, limit=40, one_line=True)}")
    if not isinstance(document, dict):
        return _invalid("ROOT_TYPE: the reply is not an object, or the object stands in an array")
    if set(document) != {key}:
        keys = safe_text(", ".join(sorted(document)), limit=80, one_line=True)
        return _invalid(f"ROOT_KEYS: {keys}; exactly `{key}` is allowed")
    items = document[key]
    if not isinstance(items, list):
        return _invalid(f"TYPE: `{key}` must be an array")
    if len(items) > MAX_ITEMS:
        return _invalid(f"TOO_MANY: {len(items)} items, at most {MAX_ITEMS}")
    return Items(tuple(items), "ok")


def _recovered(body: str, key: str) -> Items:
    """The reply was cut off: its complete leading items, if it is ours from the first character on."""
    head = re.match(rf'\s*(?:```(?:json)?\s*)?\{{\s*"{key}"\s*:\s*\[', body)
    if head is None:
        return _invalid("TRUNCATED: the object never ends")
    items: list[object] = []
    at = head.end()
    for span in spans(body, at):
        if span.end < 0 or _BETWEEN.fullmatch(body, at, span.start) is None:
            break
        try:
            items.append(read(body[span.start : span.end]))
        except ValueError as fault:
            return _not_json(fault)
        at = span.end
    if not items or len(items) > MAX_ITEMS:
        return _invalid("TRUNCATED: the object never ends and holds no complete item")
    return Items(tuple(items), "recovered", f"TRUNCATED: {len(items)} complete items kept for judging", body[at:])


def _named(item: object) -> str:
    """The instrument an item speaks of, sound or not; empty where it names none."""
    if isinstance(item, Mark):
        return next((value for key, value in item.pairs if key == "instrument" and isinstance(value, str)), "")
    name = item.get("instrument") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _not_json(fault: ValueError) -> Items:
    return _invalid(f"NOT_JSON: {safe_text(str(fault), limit=120, one_line=True)}")


def _invalid(detail: str) -> Items:
    return Items((), "invalid", detail)
