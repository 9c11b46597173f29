"""A verdict as people read it: what a rule saw and where its limit lies, in decimals of the desk's own money and quantities."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.decision import Verdict
from engine.core.units import Units, plain

_IN_MONEY = frozenset({"SHAPE_MINIMUM", "EQUITY_UNKNOWN"})
_IN_QUANTITY = frozenset({"SHAPE_LOT"})
"""Codes whose figures the ledger keeps as integers in fixed units; all others are decimals or words already."""

Params = tuple[tuple[str, str], ...]


def seen_and_limit(verdict: Verdict, units: Units) -> tuple[str, str]:
    """`observed` and `limit` as decimal strings; what is no integer in fixed units stays as it is."""
    told = dict(readable((("code", verdict.code), ("observed", verdict.observed), ("limit", verdict.limit)), units))
    return told["observed"], told["limit"]


def readable(params: Sequence[tuple[str, str]], units: Units) -> Params:
    """The parameters of an alert or event that quotes a verdict, its figures in decimals; any others as they are."""
    code = dict(params).get("code", "")
    if code not in _IN_MONEY | _IN_QUANTITY:
        return tuple(params)
    scale, places = (units.money, 2) if code in _IN_MONEY else (units.quantity, 0)
    return tuple((name, _decimal(value, scale, places) if name in ("observed", "limit") else value) for name, value in params)


def _decimal(text: str, scale: int, places: int) -> str:
    return plain(int(text), scale, places=places) if text.removeprefix("-").isdecimal() else text
