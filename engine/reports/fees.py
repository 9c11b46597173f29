"""Fees as people read them: in money, and where an exchange took them in the coin that was bought, in that coin."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.instrument import coin_of
from engine.core.units import Units, plain


def fees_told(money: int, coins: int, symbol: str, units: Units) -> str:
    """`5.00`; `0.000012 BTC` for fees taken in coin; both joined by a plus. `money` in money units, `coins` in quantity units."""
    if not coins:
        return plain(money, units.money)
    coin = f"{plain(coins, units.quantity, places=0)} {coin_of(symbol, units.currency)}"
    return f"{plain(money, units.money)} + {coin}" if money else coin


def coins_told(fees: Mapping[str, int], units: Units) -> str:
    """What was paid in coins by instrument, as one line: `0.000012 BTC, 0.3 ETH`; '' where nothing was."""
    return ", ".join(fees_told(0, coins, symbol, units) for symbol, coins in sorted(fees.items()) if coins)


def fee_fields(coins: int, symbol: str, units: Units) -> dict[str, str | None]:
    """The keys of a record for a fee in coin: `fee_quantity` as a decimal string and `fee_coin`, both None where there is none."""
    if not coins:
        return {"fee_quantity": None, "fee_coin": None}
    return {"fee_quantity": plain(coins, units.quantity, places=0), "fee_coin": coin_of(symbol, units.currency)}
