"""What a protective rule said, in decimals: the ledger keeps its prices as integers in the market's fixed units."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.decision import Decision
from engine.core.units import Units, plain

_BY_PRICE = frozenset({"stop_loss", "take_profit"})
_PREFIX = "protect:"


def protection_told(decision: Decision, units: Units) -> str:
    """The reasoning of a decision, an exit of the engine's own with its prices in decimals: `stop_loss: 22.83 against 23.00`."""
    rule = next((source.removeprefix(_PREFIX) for source in decision.sources if source.startswith(_PREFIX)), "")
    observed, _, limit = decision.reasoning.removeprefix(f"{rule}: ").partition(" against ")
    if rule not in _BY_PRICE or not limit:
        return decision.reasoning
    return f"{rule}: {_decimal(observed, units)} against {_decimal(limit, units)}"


def protection_params(code: str, params: Sequence[tuple[str, str]], units: Units) -> tuple[tuple[str, str], ...]:
    """The parameters of an alert or a note about protection with prices in decimals; those of any other code as they are."""
    if code == "HIGH_WATER":
        return tuple((name, _decimal(value, units) if name == "price" else value) for name, value in params)
    if not code.startswith("PROTECT_") or dict(params).get("rule") not in _BY_PRICE:
        return tuple(params)
    return tuple((name, _decimal(value, units) if name in ("observed", "limit") else value) for name, value in params)


def _decimal(text: str, units: Units) -> str:
    return plain(int(text), units.price) if text.removeprefix("-").isdecimal() else text
