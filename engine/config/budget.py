"""`[desk.NAME.budget]`: what a desk may spend on its models, and who is asked when that is spent."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from engine.config.strict import Amount, Strict

NOBODY = "none"
"""The end of a ladder: no model is asked, so nothing is entered."""


class BudgetConfig(Strict):
    """Amounts in `currency` for each cycle, hour, day and month of the market's own calendar; one left out is no limit.

    `ladder` names who is asked instead, in order, once the panel's next call could overdraw a limit; its end, like `none`, asks
    nobody. Amounts are compared in one currency only: what a call in another one costs, or one without a price, is `unknown`, and
    either counts as nothing (`allow`) or may not be made (`deny`).
    """

    currency: str = Field(default="USD", pattern="^[A-Z]{3,4}$")
    cycle: Amount | None = None
    hour: Amount | None = None
    day: Amount | None = None
    month: Amount | None = None
    ladder: tuple[str, ...] = ()
    unknown: Literal["allow", "deny"] = "allow"

    @field_validator("ladder")
    @classmethod
    def _ends_with_nobody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if NOBODY in value[:-1]:
            raise ValueError(f'"{NOBODY}" is the end of a ladder')
        twice = [name for name in value if value.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
        return value

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the ladder, `none` left out."""
        return tuple(name for name in self.ladder if name != NOBODY)
