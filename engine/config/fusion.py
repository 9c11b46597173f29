"""`[desk.NAME.fusion]`: the two time frames of the strategy `fusion`, and how models and channels weigh."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import Field, field_validator

from engine.config.strict import Fraction, Strict
from engine.core.units import PPM, Market
from engine.strategies import Fusion

_BY_MARKET = {Market.CRYPTO: ("4h", "3m"), Market.ASHARE: ("1d", "5m"), Market.US: ("1d", "1h")}
Weight = Annotated[Decimal, Field(gt=0, le=1_000, max_digits=9, decimal_places=3)]


class FusionConfig(Strict):
    """`slow` and `fast` are bar intervals ("4h"), left out by market: crypto 4h and 3m, A-shares 1d and 5m, US 1d and 1h.

    `slow_weight` is the slow channel's share of a size, a direction weaker than `min_strength` counts as flat, and `weights` are
    those of the panel's models, 1 for one that is not named.
    """

    slow: str = ""
    fast: str = ""
    slow_weight: Fraction = Decimal("0.7")
    min_strength: Fraction = Decimal("0.2")
    weights: dict[str, Weight] = Field(default_factory=dict)

    @field_validator("slow", "fast")
    @classmethod
    def _interval(cls, value: str) -> str:
        if value and not re.fullmatch(r"[1-9]\d{0,2}[mhd]", value):
            raise ValueError('an interval reads "3m", "4h" or "1d"')
        return value

    def exact(self, market: Market) -> Fusion:
        """The same in exact numbers; a model's weight in thousandths."""
        slow, fast = _BY_MARKET[market]
        return Fusion(
            slow=self.slow or slow,
            fast=self.fast or fast,
            slow_weight_ppm=int(self.slow_weight * PPM),
            min_strength_ppm=int(self.min_strength * PPM),
            weights=tuple(sorted((model, int(weight * 1_000)) for model, weight in self.weights.items())),
            usual_weight=1_000,
        )
