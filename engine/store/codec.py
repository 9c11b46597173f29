"""Turns a record into the journal's canonical JSON and back: the same record always gives the same bytes.

Sorted keys, no spaces, text as it is, instants in ISO 8601 UTC, amounts as integers. A float anywhere is refused. A field marked
sparse (core/bookkeeping.py) is left out where it holds its default.
"""

from __future__ import annotations

import functools
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from engine.core.errors import LedgerError
from engine.core.journal import Record

KINDS: dict[str, type[Any]] = {cls.__name__: cls for cls in typing.get_args(Record)}
Payload = dict[str, Any]
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A record ready for the journal; `payload` is the parsed form of `text`."""

    kind: str
    desk: str
    cycle_id: str
    text: str
    payload: Payload


def encode(record: Record) -> Encoded:
    """The record as its kind, the desk and cycle it belongs to ('' when none), and canonical JSON.

    Raises LedgerError for what a journal must not hold: floats, naive instants, unknown types, broken Unicode.
    """
    kind = type(record).__name__
    if KINDS.get(kind) is not type(record):
        raise LedgerError(f"not a journal record: {kind}")
    payload = _plain(record)
    owner = payload.get("order") or payload.get("fill") or payload
    return Encoded(kind, owner.get("desk", ""), owner.get("cycle_id", ""), canonical(payload), payload)


def decode(kind: str, text: str) -> Record:
    """The record that `encode` wrote; raises LedgerError for an unknown kind or a payload that does not fit it."""
    cls: Any = KINDS.get(kind)
    if cls is None:
        raise LedgerError(f"the journal holds a record of unknown kind {kind!r}; a newer kanpan wrote it")
    try:
        return typing.cast(Record, _builder(cls)(json.loads(text)))
    except (TypeError, ValueError, KeyError) as error:
        raise LedgerError(f"the journal holds a {kind} that cannot be read: {error}") from None


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, no NaN; raises LedgerError when text is not valid Unicode."""
    text = _CANONICAL.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LedgerError("a record holds text that is not valid Unicode") from None
    return text


def stamp(at: datetime) -> str:
    """An aware instant as fixed-width ISO 8601 UTC with microseconds, so that text order is time order."""
    if at.tzinfo is None:
        raise LedgerError(f"an instant without a zone cannot be recorded: {at}")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: Any) -> Any:
    cls: Any = type(value)
    return _flattener(cls)(value)


@functools.cache
def _flattener(cls: Any) -> Callable[[Any], Any]:
    """How a value of this very type becomes plain JSON; each type is looked at once."""
    if issubclass(cls, Enum):
        return _member_value
    if issubclass(cls, str | bool | int):
        return _same
    if issubclass(cls, tuple):
        return lambda values: [_plain(item) for item in values]
    if issubclass(cls, datetime):
        return stamp
    if issubclass(cls, date):
        return date.isoformat
    if is_dataclass(cls):
        record_cls: Any = cls
        names = tuple(item.name for item in fields(record_cls) if not item.metadata.get("sparse"))
        sparse = tuple((item.name, item.default) for item in fields(record_cls) if item.metadata.get("sparse"))
        if sparse:
            return lambda record: _without_defaults(record, names, sparse)
        return lambda record: {name: _plain(getattr(record, name)) for name in names}
    return _refused


def _without_defaults(record: Any, names: tuple[str, ...], sparse: tuple[tuple[str, Any], ...]) -> Payload:
    payload = {name: _plain(getattr(record, name)) for name in names}
    for name, default in sparse:
        if (value := getattr(record, name)) != default:
            payload[name] = _plain(value)
    return payload


def _member_value(member: Enum) -> Any:
    return member.value


def _refused(value: Any) -> Any:
    raise LedgerError(f"a record cannot hold a {type(value).__name__}: {value!r}")


@functools.cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


@functools.cache
def _builder(cls: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    converters = {name: _converter(hints[name]) for name in _names(cls)}

    def build(payload: Payload) -> Any:
        return cls(**{name: converters[name](value) for name, value in payload.items()})

    return build


def _converter(hint: Any) -> Callable[[Any], Any]:
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if len(inner) == 2 and inner[1] is Ellipsis:
            item = _converter(inner[0])
            return lambda values: tuple([item(value) for value in values])
        parts = [_converter(part) for part in inner]
        return lambda values: tuple([part(value) for part, value in zip(parts, values, strict=True)])
    if isinstance(hint, types.UnionType):
        raise TypeError(f"journal records hold no unions: {hint}")
    if hint is datetime:
        return datetime.fromisoformat
    if hint is date:
        return date.fromisoformat
    if isinstance(hint, type) and is_dataclass(hint):
        return _builder(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _same


def _same(value: Any) -> Any:
    return value
