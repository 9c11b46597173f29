"""A paper account at a moment: cash, lots with their buy dates (because of T+1), perpetuals, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from engine.core.units import UNITS, Market

_CRYPTO = UNITS[Market.CRYPTO]


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares bought together: quantity left, total cost in money units (fees are expenses, not cost), and when they may be sold."""

    lot_id: str
    quantity: int
    cost: int
    bought_on: date
    sellable_on: date


@dataclass(frozen=True, slots=True)
class Position:
    """All lots of one instrument, oldest first."""

    instrument: str
    lots: tuple[Lot, ...]
    mark: int = 0

    @property
    def quantity(self) -> int:
        """Quantity held, settled or not."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> int:
        """What the held quantity cost, in money units, before fees."""
        return sum(lot.cost for lot in self.lots)

    def settled(self, day: date) -> int:
        """Quantity that may be sold on `day` under T+1, before subtracting open sell orders."""
        return sum(lot.quantity for lot in self.lots if lot.sellable_on <= day)


@dataclass(frozen=True, slots=True)
class PerpPosition:
    """A perpetual: signed `quantity` (short below zero), `entry` notional and isolated `margin` in money units, both positive."""

    instrument: str
    quantity: int
    entry: int
    margin: int

    def unrealized(self, mark: int) -> int:
        """Gain (or loss) in money units if it were closed at `mark` (price units), before fees."""
        value = _CRYPTO.notional(mark, abs(self.quantity))
        return value - self.entry if self.quantity > 0 else self.entry - value

    def worth(self, mark: int) -> int:
        """What it adds to equity, in money units: its margin and what it would gain at `mark`; the margin alone while that is 0."""
        return self.margin + self.unrealized(mark) if mark else self.margin


@dataclass(frozen=True, slots=True)
class Account:
    """Cash and positions of one desk in the fixed units of its market; `reserved` is cash held for open orders.

    `perps` are perpetuals by instrument; what is set aside for them has left `cash`.
    """

    desk: str
    currency: str
    cash: int
    initial_cash: int
    fees: int
    realized: int
    positions: Mapping[str, Position] = field(default_factory=dict)
    reserved: int = 0
    flows: int = 0
    pending_sells: Mapping[str, int] = field(default_factory=dict)
    perps: Mapping[str, PerpPosition] = field(default_factory=dict)

    @property
    def margin(self) -> int:
        """The isolated margins of all perpetuals together, in money units."""
        return sum(position.margin for position in self.perps.values())

    @property
    def held(self) -> tuple[str, ...]:
        """Every name held, bought outright or on margin."""
        return (*self.positions, *self.perps)

    def sellable(self, symbol: str, day: date) -> int:
        """Settled quantity less what open sell orders already claim."""
        position = self.positions.get(symbol)
        if position is None:
            return 0
        return max(0, position.settled(day) - self.pending_sells.get(symbol, 0))
