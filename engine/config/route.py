"""`[desk.NAME] decision_ttl_s` and `route`: how long an answer stands, and whom a calm or an urgent cycle asks."""

from __future__ import annotations

from decimal import Decimal

from pydantic import field_validator

from engine.config.strict import Fraction, Strict
from engine.core.units import PPM
from engine.cycle.mandate import Reuse, Route

LIVE_TTL_S = 600
"""How long an answer stands where nobody said: ten minutes on a live market, not at all where a market is played back."""


class RouteConfig(Strict):
    """`calm` and `urgent` name models of the panel, one or a list; left out is the whole panel. A cycle is urgent when a holding,
    or half the candidates, moved by `urgent_move` or more today."""

    calm: tuple[str, ...] = ()
    urgent: tuple[str, ...] = ()
    urgent_move: Fraction = Decimal("0.03")

    @field_validator("calm", "urgent", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def exact(self) -> Route:
        """The same in exact numbers."""
        return Route(self.calm, self.urgent, int(self.urgent_move * PPM))

    def stranger(self, models: tuple[str, ...]) -> str:
        """A model it names that the panel does not have, '' where there is none."""
        return next((name for name in (*self.calm, *self.urgent) if name not in models), "")


def reuse_of(ttl_s: int | None, band: Decimal, *, live: bool) -> Reuse:
    """The terms on which a batch is reused."""
    return Reuse((LIVE_TTL_S if live else 0) if ttl_s is None else ttl_s, int(band * PPM))
