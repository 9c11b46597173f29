"""The strict form every table of kanpan.toml has, and the kinds of number that stand in them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[Decimal, Field(ge=0, le=1, max_digits=12, decimal_places=6)]
Multiple = Annotated[Decimal, Field(ge=0, le=1_000, max_digits=12, decimal_places=6)]
Sessions = Annotated[int, Field(ge=0, le=10_000)]
Amount = Annotated[Decimal, Field(ge=0, le=10**10)]
"""In the desk's currency; ten thousand million keeps every sum of the ledger within 64 bits in every market's units."""


class Strict(BaseModel):
    """A table: unknown keys are errors, values are never printed back, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)
