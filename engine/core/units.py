"""Exact numbers: every price, quantity and amount is an integer in a fixed unit of its market.

| market | price unit | quantity unit | money unit |
|---|---|---|---|
| A-shares | 1e-4 CNY | 1 share | 1e-4 CNY |
| US shares | 1e-4 USD | 1e-6 share | 1e-4 USD |
| crypto | 1e-8 quote | 1e-8 base | 1e-8 quote |

Weights are integers in parts per million (ppm) of equity. Binary floats never touch money.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

PPM = 1_000_000


class Market(StrEnum):
    """A market with its own rules, calendar and currency."""

    ASHARE = "ashare"
    US = "us"
    CRYPTO = "crypto"


@dataclass(frozen=True, slots=True)
class Units:
    """How many units make one: of price, of quantity, of money; `cent` is the rounding step of fees in money units."""

    price: int
    quantity: int
    money: int
    cent: int
    currency: str

    def notional(self, price: int, quantity: int) -> int:
        """Money units for `quantity` at `price`, rounded half-up to the money unit (exact for A-shares)."""
        return div_half_up(price * quantity * self.money, self.price * self.quantity)


UNITS: dict[Market, Units] = {
    Market.ASHARE: Units(price=10_000, quantity=1, money=10_000, cent=100, currency="CNY"),
    Market.US: Units(price=10_000, quantity=1_000_000, money=10_000, cent=100, currency="USD"),
    Market.CRYPTO: Units(price=10**8, quantity=10**8, money=10**8, cent=1, currency="USDT"),
}


def div_half_up(numerator: int, denominator: int) -> int:
    """Integer division rounding half away from zero (四舍五入), the exchanges' rounding; `denominator` > 0."""
    if denominator <= 0:
        raise ValueError(f"denominator must be positive: {denominator}")
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((-2 * numerator + denominator) // (2 * denominator))


def div_up(numerator: int, denominator: int) -> int:
    """Integer division rounding towards positive infinity; `denominator` > 0."""
    return -((-numerator) // denominator)


def to_units(value: str | int | Decimal, scale: int) -> int:
    """The exact integer of `value` in 1/`scale` units.

    Raises ValueError when `value` is not finite or does not lie on the grid: money is never silently rounded.
    """
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value}")
    scaled = number * scale
    whole = int(scaled)
    if scaled != whole:
        raise ValueError(f"{value} is finer than 1/{scale}")
    return whole


def from_units(units: int, scale: int) -> Decimal:
    """The exact decimal value of `units`, with as many places as the scale has."""
    places = len(str(scale)) - 1
    return Decimal(units).scaleb(-places)


def plain(units: int, scale: int, *, places: int | None = None) -> str:
    """`units` as a plain decimal string for people and JSON: at least `places` decimals (default 2), no exponent."""
    keep, digits = 2 if places is None else places, len(str(scale)) - 1
    whole, part = divmod(abs(units), 10**digits)
    head, tail = f"-{whole}" if units < 0 else f"{whole}", f"{part:0{digits}d}".rstrip("0").ljust(keep, "0")
    return f"{head}.{tail}" if tail else head
