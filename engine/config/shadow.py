"""`[desk.NAME.shadow.OTHER]`: another way to decide, beside a desk that trades, on the same market with a paper book of its own."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from engine.config.budget import BudgetConfig
from engine.config.strict import Strict
from engine.core.ids import SHADOW_MARK

MOST = 16
"""Shadows of one desk: each is a thread and a paper book."""
MARK = SHADOW_MARK


class ShadowConfig(Strict):
    """What differs from the desk beside which it runs; all that is left out is the desk's own, but nobody is asked to confirm.

    It has the desk's budget to itself, unless it names one.
    """

    strategy: str | None = None
    models: tuple[str, ...] | None = None
    prompt: str | None = None
    budget: BudgetConfig | None = None

    def over(self, desk: dict[str, Any]) -> dict[str, Any]:
        """The desk's settings with these in their place."""
        given = {name: value for name, value in self.model_dump(mode="python").items() if value is not None}
        return {**desk, **given, "mode": "auto", "shadow": {}}


Shadows = dict[str, ShadowConfig]


def shadows_field() -> Any:
    """The field of a desk that holds its shadows."""
    return Field(default_factory=dict, max_length=MOST)


def shadow_name_problem(name: str) -> str:
    """Why a shadow may not be named so; '' where it may."""
    return "" if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) else f"{name}: a shadow is named with a-z, 0-9, - and _"
