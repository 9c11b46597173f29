"""`[desk.NAME.perps]`: a crypto desk that trades USD-M perpetuals, with what no public source says of its contracts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from engine.config.strict import Amount, Fraction, Strict
from engine.core.units import PPM, UNITS, Market, to_units
from engine.exchange import Contract, MarginTier, PerpTerms
from engine.exchange.contracts import MARGIN_TIERS, TIERS_AS_OF

_CODE = re.compile(r"[A-Z0-9]{2,20}")
_UNITS = UNITS[Market.CRYPTO]
MOST_LEVERAGE = 125
"""The largest that Binance ever listed; a bracket allows less or as much."""
Positive = Annotated[Decimal, Field(gt=0, le=10**7)]


class TierConfig(Strict):
    """One bracket as Binance lists it: up to `cap` of notional the maintenance rate `mmr`, its `cum`, and the most leverage."""

    cap: Annotated[Amount, Field(gt=0)]
    mmr: Annotated[Decimal, Field(gt=0, lt=1, max_digits=12, decimal_places=6)]
    cum: Amount = Decimal(0)
    max_leverage: int = Field(ge=1, le=MOST_LEVERAGE)

    def exact(self) -> MarginTier:
        """The same in exact numbers; raises ValueError for an amount finer than 1e-8."""
        return MarginTier(
            to_units(self.cap, _UNITS.money), int(self.mmr * PPM), to_units(self.cum, _UNITS.money), self.max_leverage
        )


class FilterConfig(Strict):
    """What exchangeInfo would say of a symbol; tick and step left out are those of the stored instrument."""

    tick: Positive | None = None
    step: Positive | None = None
    min_quantity: Positive | None = None
    max_quantity: Positive | None = None
    min_notional: Amount = Decimal(0)
    liquidation_fee: Fraction | None = None


class PerpsConfig(Strict):
    """Perpetuals on isolated margin: every position at `leverage`, short ones only where `shorts` says so.

    `tiers` and `filters` are named by the exchange's code (`ETHUSDT`). Brackets are never guessed: a symbol without a shipped table
    needs its own. `liquidation_fee` is that of exchangeInfo, 1.2 % as recorded, for symbols whose filters do not say.
    """

    leverage: int = Field(default=1, ge=1, le=MOST_LEVERAGE)
    shorts: bool = False
    liquidation_fee: Fraction = Decimal("0.012")
    tiers: dict[str, tuple[TierConfig, ...]] = Field(default_factory=dict)
    filters: dict[str, FilterConfig] = Field(default_factory=dict)

    @field_validator("tiers", "filters")
    @classmethod
    def _codes(cls, value: dict[str, Any]) -> dict[str, Any]:
        wrong = [name for name in value if not _CODE.fullmatch(name)]
        if wrong:
            raise ValueError(f"{wrong[0]}: a contract is named by the exchange's code, such as ETHUSDT")
        return value

    @model_validator(mode="after")
    def _tables(self) -> PerpsConfig:
        for name, tiers in self.tiers.items():
            if not tiers:
                raise ValueError(f"tiers.{name}: a table has at least one bracket")
            if any(lower.cap >= upper.cap for lower, upper in pairwise(tiers)):
                raise ValueError(f"tiers.{name}: brackets rise by cap")
            if any(lower.max_leverage < upper.max_leverage for lower, upper in pairwise(tiers)):
                raise ValueError(f"tiers.{name}: a larger bracket never allows more leverage")
        return self

    def problem(self, symbols: Sequence[str]) -> str:
        """Why a desk cannot trade these instruments on these terms, '' where it can."""
        if not symbols:
            return "perps: a desk of perpetuals names its universe.symbols: each needs its margin brackets"
        for symbol in symbols:
            code = symbol.removesuffix(".BINANCE")
            if code not in self.tiers and code not in MARGIN_TIERS:
                shipped = f"shipped, as of {TIERS_AS_OF}: {', '.join(MARGIN_TIERS)}"
                return f"perps.tiers.{code}: its margin brackets are not known ({shipped}); write down those that Binance lists"
        try:
            contracts = self.terms(symbols).contracts
        except ValueError as error:
            return f"perps: {error}"
        for contract in contracts.values():
            if self.leverage > contract.tiers[0].max_leverage:
                return f"perps.leverage: {contract.symbol} allows at most {contract.tiers[0].max_leverage}"
        return ""

    def terms(self, symbols: Sequence[str]) -> PerpTerms:
        """The same in exact numbers, a contract a symbol; what is left out is 0 and follows the instrument (exchange.fitted).

        Raises ValueError for a number finer than 1e-8, KeyError for a symbol without brackets.
        """
        return PerpTerms(
            self.leverage, self.shorts, {symbol: self._contract(symbol.removesuffix(".BINANCE")) for symbol in symbols}
        )

    def _contract(self, code: str) -> Contract:
        given = self.filters.get(code, FilterConfig())
        most = _exact(given.max_quantity)
        fee = self.liquidation_fee if given.liquidation_fee is None else given.liquidation_fee
        return Contract(
            symbol=code,
            tick=_exact(given.tick),
            step=_exact(given.step),
            min_quantity=_exact(given.min_quantity),
            max_quantity=most,
            max_market_quantity=most,
            min_notional=to_units(given.min_notional, _UNITS.money),
            liquidation_fee_ppm=int(fee * PPM),
            tiers=tuple(tier.exact() for tier in self.tiers[code]) if code in self.tiers else MARGIN_TIERS[code],
        )


def _exact(value: Decimal | None) -> int:
    return 0 if value is None else to_units(value, _UNITS.quantity)
