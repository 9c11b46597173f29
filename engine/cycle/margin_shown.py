"""What a model is shown of a desk's perpetuals: terms, positions with their liquidation prices, funding as last settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from engine.core.account import Account, PerpPosition
from engine.core.instrument import Instrument
from engine.core.market import Funding
from engine.core.units import PPM, UNITS, Market, from_units, plain
from engine.exchange import PerpTerms, liquidation_price
from engine.llm import FundingRow, MarginContext, PerpRow

_UNITS = UNITS[Market.CRYPTO]
_PERCENT = 10**6
"""Rates come in 1e-8; so many of them are a percent."""


def margin_shown(
    terms: PerpTerms,
    account: Account,
    prices: Mapping[str, int],
    equity: int,
    instruments: Mapping[str, Instrument],
    fundings: Sequence[Funding],
    at: datetime,
) -> MarginContext:
    """The terms and positions as text, at these prices (price units) and that equity (money units)."""
    rows = [_row(terms, perp, prices, equity, instruments[symbol]) for symbol, perp in sorted(account.perps.items())]
    return MarginContext(
        leverage=terms.leverage,
        shorts=terms.shorts,
        positions=tuple(rows),
        fundings=tuple(_funding(item, at) for item in fundings),
        funding=plain(account.flows, _UNITS.money),
    )


def next_funding(last: Funding, at: datetime) -> datetime:
    """The first settlement after `at` on the grid of the last one."""
    every = timedelta(hours=last.hours)
    return last.at + every * max(1, -(-(at - last.at + timedelta(microseconds=1)) // every))


def _row(terms: PerpTerms, perp: PerpPosition, prices: Mapping[str, int], equity: int, instrument: Instrument) -> PerpRow:
    price, size = prices.get(perp.instrument, 0), abs(perp.quantity)
    notional = _UNITS.notional(price, size) if price else perp.entry
    way = 1 if perp.quantity > 0 else -1
    dies = liquidation_price(perp, terms.contracts[perp.instrument])
    entered = perp.entry * _UNITS.quantity * _UNITS.price // (size * _UNITS.money)
    return PerpRow(
        symbol=perp.instrument,
        name=instrument.name,
        side="long" if way > 0 else "short",
        weight=_fraction(way * notional * PPM // equity if equity > 0 else 0),
        pnl=_fraction(perp.unrealized(price) * PPM // perp.entry if price and perp.entry else 0),
        leverage=str(terms.leverage),
        entry=plain(entered // instrument.tick * instrument.tick, _UNITS.price),
        liquidation=plain(dies // instrument.tick * instrument.tick, _UNITS.price) if dies else "-",
        margin=plain(perp.margin, _UNITS.money),
    )


def _funding(last: Funding, at: datetime) -> FundingRow:
    rate = f"{from_units(last.rate_e8, _PERCENT):.4f}"
    return FundingRow(last.symbol, rate, str(last.hours), next_funding(last, at).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"))


def _fraction(ppm: int) -> str:
    return f"{from_units(ppm, PPM).quantize(from_units(1, 10_000)):f}"
