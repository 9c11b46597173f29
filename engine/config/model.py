"""`[model.NAME]`: one language model, where it answers, what it charges and where its key is named."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field, field_validator

from engine.config.strict import Strict


class ModelPrice(Strict):
    """What a provider charges, per `per` tokens, as of a date."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(default=None, ge=0)
    currency: str = Field(default="USD", min_length=3, max_length=4)
    per: int = Field(default=1_000_000, ge=1)
    as_of: date | None = None


class ModelConfig(Strict):
    """One language model behind an OpenAI-compatible endpoint, or the built-in `offline` and `local` ones."""

    provider: str = "openai"
    base_url: str = ""
    model: str = ""
    api_key: str = ""
    timeout_s: float = Field(default=30, gt=0, le=600)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int = Field(default=2_048, ge=16, le=200_000)
    price: ModelPrice | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @field_validator("api_key")
    @classmethod
    def _named_not_written(cls, value: str) -> str:
        if value and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError('a key is never written here; name its variable: api_key = "env:NAME"')
        return value

    @property
    def key_variable(self) -> str:
        """The name of the environment variable holding the key, or empty."""
        return self.api_key.removeprefix("env:")
