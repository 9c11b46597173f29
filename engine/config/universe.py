"""`[desk.NAME.universe]`: which instruments a desk looks at, by name or by screening its market."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator, model_validator

from engine.analysis import RANKINGS, Filters
from engine.config.strict import Amount, Strict
from engine.core.instrument import Board
from engine.core.units import UNITS, Market, to_units


class Universe(Strict):
    """Named `symbols`, or the `top` of the market `by` a figure, from the `order` end of it, within filters.

    `listed_sessions` is how long a name must have been listed (0: ninety days), `locked` lets names in that stand at a limit of the
    day, prices are in currency with 0 for no bound, and empty `boards` or `industries` let all through.
    """

    symbols: tuple[str, ...] = ()
    top: int = Field(default=50, ge=1, le=6_000)
    by: str = "amount"
    order: Literal["largest", "smallest"] = "largest"
    special_treatment: bool = False
    locked: bool = True
    listed_sessions: int = Field(default=0, ge=0, le=2_000)
    min_price: Amount = Decimal(0)
    max_price: Amount = Decimal(0)
    boards: tuple[Board, ...] = ()
    industries: tuple[str, ...] = ()

    @field_validator("by")
    @classmethod
    def _figure(cls, value: str) -> str:
        if value not in RANKINGS:
            raise ValueError(f"cannot rank by {value}; there are: {', '.join(RANKINGS)}")
        return value

    @model_validator(mode="after")
    def _a_band(self) -> Universe:
        if self.max_price and self.min_price > self.max_price:
            raise ValueError(f"min_price {self.min_price} is above max_price {self.max_price}")
        return self

    def filters(self, market: Market) -> Filters:
        """The same in exact numbers; raises ValueError where a price is finer than the market's."""
        scale = UNITS[market].price
        return Filters(
            special_treatment=self.special_treatment,
            locked=self.locked,
            listed_sessions=self.listed_sessions,
            lowest_price=to_units(self.min_price, scale),
            highest_price=to_units(self.max_price, scale),
            boards=frozenset(self.boards),
            industries=frozenset(self.industries),
        )
