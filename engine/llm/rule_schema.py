"""The shape of a rule strategy: for the endpoint as JSON schema, for ourselves as strict pydantic conditions on named figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

RULES_ID = "rules-1"
MAX_CONDITIONS = 8

FIGURES = (
    *("last", "return_1", "return_5", "return_20", "sma_5", "sma_20", "sma_60", "ema_12", "ema_26"),
    *("macd", "macd_signal", "macd_histogram", "rsi_14", "atr_14", "bollinger_upper", "bollinger_middle", "bollinger_lower"),
    *("volatility_20", "volume_ratio", "high_20", "low_20", "breakout_20"),
)
"""What a condition may name: the newest price, and figures of engine/analysis under their names there."""


def _named(figure: str) -> str:
    if figure not in FIGURES:
        raise ValueError("not a figure")
    return figure


_Figure = Annotated[str, Field(max_length=64), AfterValidator(_named)]
_Side = Literal["above", "below"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class ReplyThreshold(_Strict):
    """A figure against a number."""

    kind: Literal["threshold"]
    figure: _Figure
    stands: _Side = Field(alias="is")
    value: Decimal


class ReplyRange(_Strict):
    """A figure within two numbers."""

    kind: Literal["range"]
    figure: _Figure
    low: Decimal
    high: Decimal


class ReplyRelation(_Strict):
    """A figure against another one."""

    kind: Literal["relation"]
    figure: _Figure
    stands: _Side = Field(alias="is")
    other: _Figure


ReplyCondition = Annotated[ReplyThreshold | ReplyRange | ReplyRelation, Field(discriminator="kind")]
_Conditions = Annotated[list[ReplyCondition], Field(min_length=1, max_length=MAX_CONDITIONS)]


class ReplyStrategy(_Strict):
    """A strategy as a model must write it: exact types, every key, no other key."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    symbols: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=200)]
    needs: Literal["all", "any"]
    entry: _Conditions
    exit: _Conditions
    weight: Decimal
    review_after_days: Decimal
    reasoning: Annotated[str, Field(max_length=4_000)]


def rules_schema(symbols: Sequence[str]) -> str:
    """The JSON schema of a strategy reply, as compact text, in the strict subset of schema.decision_schema."""
    figure, number = {"type": "string", "enum": list(FIGURES)}, {"type": "number"}
    side = {"type": "string", "enum": ["above", "below"]}
    conditions = {
        "type": "array",
        "items": {
            "anyOf": [
                _object(kind={"type": "string", "enum": ["threshold"]}, figure=figure, **{"is": side}, value=number),
                _object(kind={"type": "string", "enum": ["range"]}, figure=figure, low=number, high=number),
                _object(kind={"type": "string", "enum": ["relation"]}, figure=figure, **{"is": side}, other=figure),
            ]
        },
    }
    item = _object(
        name={"type": "string"},
        symbols={"type": "array", "items": {"type": "string", "enum": list(symbols)}},
        needs={"type": "string", "enum": ["all", "any"]},
        entry=conditions,
        exit=conditions,
        weight=number,
        review_after_days={"type": "integer"},
        reasoning={"type": "string"},
    )
    return json.dumps(_object(strategies={"type": "array", "items": item}), ensure_ascii=False, separators=(",", ":"))


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
