"""JSON as the standard says and not a hair more: finds the one object in a reply and reads it without guessing.

text ──find_object()──► exactly one balanced object ──read()──► dict, with every unfit number or repeated key marked in place

Marks instead of exceptions, so that one bad item does not lose the others; nothing that is marked passes the strict item model.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import accumulate

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_DIGITS = 18
"""Significant digits of a number; more is noise or an attack, and 18 keep every later product exact."""

_ONE_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BRACKET = re.compile(rf'[^"{{}}\[\]]*+(?:{_ONE_STRING}[^"{{}}\[\]]*+)*+([{{}}\[\]]|"[\s\S]*+|\Z)', re.DOTALL)
"""The next bracket outside of strings; all the rest from the quote on where a string never ends; nothing at the end of the text.
Possessive throughout: nothing is looked at twice, so that no text takes quadratic time."""
_DEEPER = {"{": 1, "[": 1, "}": -1, "]": -1, "": 0}

_EXPONENT = frozenset("eE")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)


class Unfit(StrEnum):
    """Why a value inside otherwise sound JSON cannot be used."""

    NOT_A_NUMBER = "NOT_A_NUMBER"
    NUMBER_RANGE = "NUMBER_RANGE"
    DUPLICATE_KEY = "DUPLICATE_KEY"


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands where an unfit value stood: `observed` is its literal, cut short; `pairs` what an object with a repeated key held."""

    code: Unfit
    observed: str
    pairs: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A balanced object in a text: `start` at its brace, `end` past its last; `end` is -1 when the text stops inside it."""

    start: int
    end: int


def spans(text: str, start: int = 0) -> list[Span]:
    """Every outermost `{…}` from `start` on, in order; the last may be unfinished.

    Quotes outside an object are prose, not strings: only braces count there.
    """
    found: list[Span] = []
    begin = text.find("{", start)
    while begin >= 0:
        end = _end_of_object(text, begin)
        found.append(Span(begin, end))
        begin = text.find("{", end) if end > 0 else -1
    return found


def _end_of_object(text: str, begin: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(text, begin):
        token = match.group()
        if token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
        elif token == '"':
            return -1  # a string that never ends
    return -1


def read(text: str) -> object:
    """The value of a whole JSON text, with numbers as Decimal and unfit values as `Mark`.

    Raises ValueError where it is not JSON or nests deeper than the bound. A repeated key turns its object into a `Mark`.
    """
    if _depth(text) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_constant, object_pairs_hook=_without_repeats
        )
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None


def _depth(text: str) -> int:
    try:
        return max(0, *accumulate(map(_DEEPER.__getitem__, _BRACKET.findall(text))))
    except KeyError:
        raise ValueError("a string never ends") from None


def _constant(literal: str) -> Mark:
    return Mark(Unfit.NOT_A_NUMBER, literal)


def _number(literal: str) -> Decimal | Mark:
    if len(literal) > 40:
        return Mark(Unfit.NUMBER_RANGE, literal[:24])
    if len(literal) <= MAX_DIGITS and _EXPONENT.isdisjoint(literal):
        return Decimal(literal)  # nearly every number: too short to break a bound
    try:
        value = Decimal(literal)
    except InvalidOperation:  # an exponent beyond what Decimal itself can hold
        return Mark(Unfit.NUMBER_RANGE, literal[:24])
    if len(value.as_tuple().digits) > MAX_DIGITS or not -24 <= value.adjusted() <= 24:
        return Mark(Unfit.NUMBER_RANGE, literal[:24])
    return value


def _without_repeats(pairs: list[tuple[str, object]]) -> object:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    seen: set[str] = set()
    repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return Mark(Unfit.DUPLICATE_KEY, repeated[:24], tuple(pairs))
