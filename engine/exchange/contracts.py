"""Crypto contracts as the exchange describes them: filters from exchange information, margin tiers, funding intervals.

Filters change without notice and are never written into code: they are read from Binance's exchangeInfo. Margin tiers need an API
key there, so the table that ships is dated, and covers what market_rules §10 quotes; any other symbol is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.order import OrderType
from engine.core.units import PPM, UNITS, Market, to_units
from engine.exchange.kernel import MAX_UNITS

E8 = 10**8
_MONEY = UNITS[Market.CRYPTO].money


@dataclass(frozen=True, slots=True)
class MarginTier:
    """Up to `cap` notional (money units): maintenance = notional × `mmr_ppm` - `cum`, leverage at most `max_leverage`."""

    cap: int
    mmr_ppm: int
    cum: int
    max_leverage: int


def _tier(cap: int, mmr_ppm: int, cum: int, max_leverage: int) -> MarginTier:
    return MarginTier(cap * _MONEY, mmr_ppm, cum * _MONEY, max_leverage)


TIERS_AS_OF = date(2024, 10, 24)
MARGIN_TIERS: Mapping[str, tuple[MarginTier, ...]] = {
    "BTCUSDT": (
        _tier(50_000, 4_000, 0, 125),
        _tier(600_000, 5_000, 50, 100),
        _tier(3_000_000, 6_500, 950, 75),
        _tier(12_000_000, 10_000, 11_450, 50),
    )
}
"""Binance USD-M brackets as recorded on TIERS_AS_OF; newer ones are [?] and come from configuration."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one crypto symbol permits. Prices, quantities and money in 1e-8; `tiers` and `funding_hours` only for perpetuals."""

    symbol: str
    tick: int
    step: int
    min_quantity: int
    max_quantity: int
    max_market_quantity: int
    min_notional: int
    liquidation_fee_ppm: int = 0
    funding_hours: int = 8
    tiers: tuple[MarginTier, ...] = ()

    def instrument(self, board: Board) -> Instrument:
        """The tradable thing this contract describes, as spot or perpetual."""
        return Instrument(f"{self.symbol}.BINANCE", Market.CRYPTO, board, self.symbol, tick=self.tick, step=self.step)


@dataclass(frozen=True, slots=True)
class PerpTerms:
    """On what terms a desk trades perpetuals: the leverage of every position it opens, whether it may be short, and each
    instrument's contract (by the instrument's symbol)."""

    leverage: int
    shorts: bool
    contracts: Mapping[str, Contract]


def contract_from(info: Mapping[str, Any], *, tiers: Sequence[MarginTier] = (), funding_hours: int = 8) -> Contract:
    """Read one entry of exchangeInfo's `symbols` (spot or USD-M).

    Raises RuleUnknown when a filter is missing, the symbol does not trade, or a step does not lie on the 1e-8 grid.
    """
    symbol = str(info.get("symbol", "?"))
    try:
        if info["status"] != "TRADING":
            raise RuleUnknown(f"{symbol}: status {info['status']}, not trading")
        filters = {entry["filterType"]: entry for entry in info["filters"]}
        price, lots = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        least = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
        most = _units(lots["maxQty"])
        return Contract(
            symbol=symbol,
            tick=_units(price["tickSize"]),
            step=_units(lots["stepSize"]),
            min_quantity=_units(lots["minQty"]),
            max_quantity=min(most, MAX_UNITS),
            max_market_quantity=min(_units(filters.get("MARKET_LOT_SIZE", lots)["maxQty"]) or most, most, MAX_UNITS),
            min_notional=_units(least.get("minNotional") or least["notional"]),
            liquidation_fee_ppm=to_units(str(info.get("liquidationFee", "0")), PPM),
            funding_hours=funding_hours,
            tiers=tuple(tiers),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:  # Decimal says ArithmeticError to what is no number
        raise RuleUnknown(f"{symbol}: exchange information not understood: {error}") from None


def _units(text: str) -> int:
    return to_units(str(text), E8)


def margin_tiers(symbol: str) -> tuple[MarginTier, ...]:
    """The shipped brackets of a USD-M symbol. Raises RuleUnknown for a symbol the table does not hold."""
    try:
        return MARGIN_TIERS[symbol]
    except KeyError:
        raise RuleUnknown(f"{symbol}: no margin tiers known (the table of {TIERS_AS_OF} has {', '.join(MARGIN_TIERS)})") from None


def contract_problem(contract: Contract, quantity: int, price: int, order_type: OrderType) -> str:
    """Why the exchange's filters refuse an order, as a code; empty when they do not. `price` is the limit, or the mark."""
    most = contract.max_market_quantity if order_type is OrderType.MARKET else contract.max_quantity
    if quantity <= 0:
        return "QUANTITY_NOT_POSITIVE"
    if quantity < contract.min_quantity:
        return "QUANTITY_BELOW_MINIMUM"
    if quantity > most:
        return "QUANTITY_OVER_MAXIMUM"
    if quantity % contract.step:
        return "QUANTITY_NOT_LOT"
    if price <= 0 or (price % contract.tick and order_type is not OrderType.MARKET):
        return "PRICE_NOT_ON_TICK"
    if UNITS[Market.CRYPTO].notional(price, quantity) < contract.min_notional:
        return "NOTIONAL_BELOW_MINIMUM"
    return ""
