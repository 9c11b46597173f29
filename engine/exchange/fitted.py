"""A desk's terms for perpetuals made whole: what nobody said of a contract follows from its instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.core.errors import RuleUnknown
from engine.core.instrument import Instrument
from engine.exchange.contracts import Contract, PerpTerms
from engine.exchange.kernel import MAX_UNITS


def fitted(terms: PerpTerms, instruments: Mapping[str, Instrument]) -> PerpTerms:
    """The terms for these instruments: a tick, step or least quantity of 0 is the instrument's, a largest one of 0 is none.

    Raises RuleUnknown for an instrument without a contract or without margin brackets; neither is ever guessed.
    """
    return replace(terms, contracts={symbol: _whole(terms, symbol, item) for symbol, item in instruments.items()})


def _whole(terms: PerpTerms, symbol: str, instrument: Instrument) -> Contract:
    contract = terms.contracts.get(symbol)
    if contract is None or not contract.tiers:
        raise RuleUnknown(f"{symbol}: its margin brackets are not known: name it with them in perps.tiers")
    step = contract.step or instrument.step
    return replace(
        contract,
        tick=contract.tick or instrument.tick,
        step=step,
        min_quantity=contract.min_quantity or step,
        max_quantity=contract.max_quantity or MAX_UNITS,
        max_market_quantity=contract.max_market_quantity or MAX_UNITS,
    )
