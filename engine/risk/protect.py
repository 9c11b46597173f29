"""Protective exits: when the engine itself leaves a holding, whatever a model thinks. Pure; the watching is the desk's.

policy + holding (folded from the ledger) + price ──► stop loss · take profit · trailing · give-back · time ──► an exit decision
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from engine.core.account import Account, Position
from engine.core.decision import Decision, Intent
from engine.core.instrument import Instrument
from engine.core.past import Holding, Past
from engine.core.units import PPM
from engine.exchange import calendar
from engine.risk.policy import Policy
from engine.risk.view import fraction

GIVE_BACK_FROM_PPM = 50_000
"""A gain is worth guarding once the holding has been 5 % ahead: below that, giving back is noise."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A holding that is to be left, the rule that says so, what it saw and where it stood."""

    instrument: str
    rule: str
    observed: str
    limit: str

    @property
    def decision(self) -> Decision:
        """The exit as a decision: everything, now."""
        said = f"{self.rule}: {self.observed} against {self.limit}"
        return Decision(self.instrument, Intent.EXIT, 0, PPM, said, sources=(f"protect:{self.rule}",))


def triggers(
    policy: Policy, past: Past, account: Account, prices: Mapping[str, int], instruments: Mapping[str, Instrument], day: date
) -> tuple[Trigger, ...]:
    """Every holding a protective rule wants out of at these prices (price units), by symbol; without a price none does."""
    found: list[Trigger] = []
    for symbol, position in sorted(account.positions.items()):
        held, price = past.holdings.get(symbol), prices.get(symbol, 0)
        if held is None or price <= 0 or not position.quantity:
            continue
        said = _price_rule(policy, held, position, price, instruments[symbol]) or _outstayed(policy, held, instruments[symbol], day)
        if said is not None:
            found.append(Trigger(symbol, *said))
    return tuple(found)


Said = tuple[str, str, str]


def _price_rule(policy: Policy, held: Holding, position: Position, price: int, instrument: Instrument) -> Said | None:
    """The first rule that bites, (rule, observed, limit): the decision's own prices before the policy's fractions."""
    if held.stop and price <= held.stop:
        return "stop_loss", str(price), str(held.stop)
    if held.target and price >= held.target:
        return "take_profit", str(price), str(held.target)
    value = instrument.units.notional(price, position.quantity)
    moved = (value - position.cost) * PPM // position.cost if position.cost else 0
    if policy.stop_loss_ppm and moved <= -policy.stop_loss_ppm:
        return "stop_loss", fraction(moved), fraction(-policy.stop_loss_ppm)
    if policy.take_profit_ppm and moved >= policy.take_profit_ppm:
        return "take_profit", fraction(moved), fraction(policy.take_profit_ppm)
    high = max(held.high, price)
    below = (high - price) * PPM // high
    if policy.trailing_ppm and below >= policy.trailing_ppm:
        return "trailing", fraction(below), fraction(policy.trailing_ppm)
    return _gave_back(policy, position, price, high, instrument)


def _gave_back(policy: Policy, position: Position, price: int, high: int, instrument: Instrument) -> Said | None:
    """How much of the best gain so far is gone."""
    best = instrument.units.notional(high, position.quantity) - position.cost
    if not policy.give_back_ppm or best * PPM < position.cost * GIVE_BACK_FROM_PPM or best <= 0:
        return None
    gone = instrument.units.notional(high - price, position.quantity) * PPM // best
    return ("give_back", fraction(gone), fraction(policy.give_back_ppm)) if gone >= policy.give_back_ppm else None


def _outstayed(policy: Policy, held: Holding, instrument: Instrument, day: date) -> Said | None:
    """So many sessions after the one that opened it, it goes."""
    if not policy.time_stop:
        return None
    sessions = calendar(instrument.market).count(held.opened_on, day) - 1
    return ("time_stop", str(sessions), str(policy.time_stop)) if sessions >= policy.time_stop else None
