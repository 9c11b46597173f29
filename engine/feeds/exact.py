"""Bodies of keyless JSON sources made into exact integers and instants; whatever does not fit is a FeedError, never a guess.

loaded(body) ──► record · records ──► units · instant ──► whole numbers in core units
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import polars as pl

from engine.core.units import to_units
from engine.feeds.source import Fault, FeedError

SKEW = timedelta(seconds=5)
"""How far a source's clock may run ahead of ours; what is later is from the future."""
MOST = 9 * 10**18
"""The largest integer a table holds."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,24})?")
_EXACT_DIGITS = 28  # of the default decimal context: a product of more would be rounded
_FIRST_MS, _LAST_MS = 1_230_768_000_000, 4_102_444_800_000  # 2009-01-01, before any coin; 2100-01-01
_MAX_DEPTH_BYTES = 64_000_000


def loaded(source: str, body: bytes) -> object:
    """The JSON value of a whole body: fractions as Decimal, no NaN or Infinity. Raises FeedError(NOT_DATA)."""
    if len(body) > _MAX_DEPTH_BYTES:
        raise FeedError(source, Fault.NOT_DATA, f"a body of {len(body)} bytes")
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError):
        raise FeedError(source, Fault.NOT_DATA, f"not JSON: {body[:40]!r}") from None


def record(source: str, value: object, what: str) -> Mapping[str, Any]:
    """`value` as an object of JSON. Raises FeedError(NOT_DATA)."""
    if not isinstance(value, Mapping):
        raise FeedError(source, Fault.NOT_DATA, f"{what} is not an object")
    return value


def records(source: str, value: object, what: str) -> Sequence[Any]:
    """`value` as a list of JSON. Raises FeedError(NOT_DATA)."""
    if not isinstance(value, list):
        raise FeedError(source, Fault.NOT_DATA, f"{what} is not a list")
    return value


def entry(source: str, row: Mapping[str, Any], name: str) -> Any:
    """The field `name` of a row. Raises FeedError(NOT_DATA) where it is missing."""
    try:
        return row[name]
    except KeyError:
        raise FeedError(source, Fault.NOT_DATA, f"a row has no {name}") from None


def units(source: str, value: object, scale: int, what: str) -> int:
    """The exact integer of a decimal in 1/`scale`. Raises FeedError: NOT_DATA for no number, UNIT off the grid."""
    number = decimal(source, value, what)
    if not number.is_finite() or len(number.as_tuple().digits) > _EXACT_DIGITS or number.adjusted() > _EXACT_DIGITS:
        raise FeedError(source, Fault.UNIT, f"{what} {str(value)[:40]} is larger than any")
    try:
        whole = to_units(number, scale)
    except ValueError as error:
        raise FeedError(source, Fault.UNIT, f"{what}: {error}") from None
    if abs(whole) > MOST:
        raise FeedError(source, Fault.UNIT, f"{what} {value} does not fit in 1/{scale}")
    return whole


def decimal(source: str, value: object, what: str) -> Decimal:
    """A number of JSON, or one written as text. Raises FeedError(NOT_DATA)."""
    if (
        isinstance(value, bool)
        or (isinstance(value, str) and not _NUMBER.fullmatch(value))
        or not isinstance(value, (str, int, Decimal))
    ):
        raise FeedError(source, Fault.NOT_DATA, f"{what} is {str(value)[:40]!r}, not a number")
    return Decimal(value)


def total(source: str, value: object, scale: int, what: str) -> int:
    """As `units`, of a volume or turnover: what no table can hold (coins traded by the trillion) counts as MOST, never as more."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and Decimal(value) * scale > MOST:
        return MOST
    return units(source, value, scale, what)


def instant(source: str, milliseconds: object, what: str) -> datetime:
    """The UTC instant of milliseconds since 1970. Raises FeedError(NOT_DATA)."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not _FIRST_MS <= milliseconds < _LAST_MS:
        raise FeedError(source, Fault.NOT_DATA, f"{what} is {str(milliseconds)[:40]!r}, not milliseconds")
    return EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def midnight(day: date) -> datetime:
    """The UTC instant at which `day` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def known(source: str, at: datetime, now: datetime, what: str) -> datetime:
    """`at`, no later than `now`. Raises FeedError(FUTURE) when it is later by more than SKEW."""
    if at > now + SKEW:
        raise FeedError(source, Fault.FUTURE, f"{what} at {at:%Y-%m-%d %H:%M:%S}, after {now:%Y-%m-%d %H:%M:%S}")
    return min(at, now)


def table(source: str, rows: Iterable[Mapping[str, Any]], schema: pl.Schema, key: Sequence[str]) -> pl.DataFrame:
    """Rows under `schema`, sorted by `key`. Raises FeedError(NOT_DATA) when a key appears twice."""
    made = pl.DataFrame(list(rows), schema=schema, orient="row").sort(key)
    if made.select(key).is_duplicated().any():
        raise FeedError(source, Fault.NOT_DATA, f"a row appears twice under {', '.join(key)}")
    return made


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
