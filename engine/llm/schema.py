"""The shapes a reply can have: for the endpoint as JSON schema, for ourselves as one strict pydantic item."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.llm.rule_schema import RULES_ID, rules_schema

SCHEMA_ID = "decisions-1"
CHANNEL_ID = "channel-1"
MAX_ITEMS = 500
MAX_REASONING = 400
MAX_SOURCES = 16


class ReplyItem(BaseModel):
    """One decision as a model must write it: exact types, no key more, no key less than the required five.

    Numbers arrive as Decimal (parse.py reads JSON that way), so `true`, `"10"` and `1e400` have no way in.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    instrument: Annotated[str, Field(max_length=64)]
    intent: Literal["open", "add", "hold", "reduce", "exit"]
    target_weight: Decimal
    confidence: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reasoning: Annotated[str, Field(max_length=4_000)]
    sources: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MAX_SOURCES)] = []


class ReplyView(BaseModel):
    """What a model reads in one channel of one instrument: no weight and no order, only which way, how strongly, and why."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    instrument: Annotated[str, Field(max_length=64)]
    direction: Literal["up", "down", "flat"]
    strength: Decimal
    confidence: Decimal
    support: Decimal | None = None
    resistance: Decimal | None = None
    reasoning: Annotated[str, Field(max_length=4_000)]
    evidence: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MAX_SOURCES)] = []


def decision_schema(symbols: Sequence[str]) -> str:
    """The JSON schema of a reply, as compact text, with `symbols` as the only instruments that can be named.

    Keeps to the strict subset that OpenAI accepts (all properties required, no extra ones); ranges are left out of it and
    checked here, because several endpoints refuse `minimum` and `maxLength` in strict mode. Reasons come last, so that an item
    cut off in a number can never be complete.
    """
    price = {"type": ["number", "null"]}
    item = {
        "type": "object",
        "properties": {
            "instrument": {"type": "string", "enum": list(symbols)},
            "intent": {"type": "string", "enum": ["open", "add", "hold", "reduce", "exit"]},
            "target_weight": {"type": "number"},
            "confidence": {"type": "number"},
            "stop_loss": price,
            "take_profit": price,
            "reasoning": {"type": "string"},
            "sources": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["instrument", "intent", "target_weight", "confidence", "stop_loss", "take_profit", "reasoning", "sources"],
        "additionalProperties": False,
    }
    return _listed("decisions", item)


def channel_schema(symbols: Sequence[str]) -> str:
    """The JSON schema of a channel's reply, as compact text, with `symbols` as the only instruments that can be named."""
    price = {"type": ["number", "null"]}
    item = {
        "type": "object",
        "properties": {
            "instrument": {"type": "string", "enum": list(symbols)},
            "direction": {"type": "string", "enum": ["up", "down", "flat"]},
            "strength": {"type": "number"},
            "confidence": {"type": "number"},
            "support": price,
            "resistance": price,
            "reasoning": {"type": "string"},
            "evidence": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["instrument", "direction", "strength", "confidence", "support", "resistance", "reasoning", "evidence"],
        "additionalProperties": False,
    }
    return _listed("views", item)


def _listed(key: str, item: Mapping[str, object]) -> str:
    schema = {
        "type": "object",
        "properties": {key: {"type": "array", "items": item}},
        "required": [key],
        "additionalProperties": False,
    }
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


SCHEMAS: Mapping[str, Callable[[Sequence[str]], str]] = {
    SCHEMA_ID: decision_schema,
    CHANNEL_ID: channel_schema,
    RULES_ID: rules_schema,
}
"""Every shape a template may ask for, by the name in its front matter: from the symbols on offer to the JSON schema."""
