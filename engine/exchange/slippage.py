"""What a taker loses against the price seen: fixed ticks, basis points, or a price that grows with the share of volume taken.

Every model answers in price units, rounded up to the tick: a model of cost errs on the costly side. The kernel takes the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.core.units import PPM, div_up


class Slippage(Protocol):
    """A model of what trading costs beyond fees."""

    def cost(self, price: int, quantity: int, volume: int, tick: int) -> int:
        """Price units lost when `quantity` is taken at `price` out of `volume` traded in the bar."""
        ...


@dataclass(frozen=True, slots=True)
class FixedTicks:
    """A fixed number of ticks, whatever the price and size."""

    ticks: int = 1

    def cost(self, price: int, quantity: int, volume: int, tick: int) -> int:
        """`ticks` ticks."""
        return self.ticks * tick


@dataclass(frozen=True, slots=True)
class BasisPoints:
    """A share of the price, in ppm (100 ppm is one basis point)."""

    ppm: int

    def cost(self, price: int, quantity: int, volume: int, tick: int) -> int:
        """`ppm` of the price, up to the next tick."""
        return div_up(price * self.ppm, PPM * tick) * tick


@dataclass(frozen=True, slots=True)
class VolumeShare:
    """Quadratic in the share of volume taken: price × impact × share², as in zipline's volume-share model.

    `impact_ppm` is the loss in ppm of the price when the order is the whole volume; 100,000 ppm (10 %) is that model's default.
    """

    impact_ppm: int = 100_000

    def cost(self, price: int, quantity: int, volume: int, tick: int) -> int:
        """The loss, up to the next tick; with no volume known, that of taking all of it."""
        if volume <= 0:
            return div_up(price * self.impact_ppm, PPM * tick) * tick
        share = min(quantity, volume)
        return div_up(price * self.impact_ppm * share * share, PPM * volume * volume * tick) * tick


NO_SLIPPAGE = FixedTicks(0)
ONE_TICK = FixedTicks(1)
