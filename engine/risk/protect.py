"""Protective exits: when the engine itself leaves a holding, whatever a model thinks. Pure; the watching is the desk's.

policy + holding (folded from the ledger) + price ──► stop loss · take profit · trailing · give-back · time ──► an exit decision
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from engine.core.account import Account
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
    standing = {symbol: (position.quantity, position.cost) for symbol, position in account.positions.items()}
    standing |= {symbol: (abs(perp.quantity), perp.entry) for symbol, perp in account.perps.items()}
    found: list[Trigger] = []
    for symbol, (quantity, cost) in sorted(standing.items()):
        held, price = past.holdings.get(symbol), prices.get(symbol, 0)
        if held is None or price <= 0 or not quantity:
            continue
        instrument = instruments[symbol]
        notional = partial(instrument.units.notional, quantity=quantity)
        said = _price_rule(policy, held, price, cost, notional) or _outstayed(policy, held, instrument, day)
        if said is not None:
            found.append(Trigger(symbol, *said))
    return tuple(found)


Said = tuple[str, str, str]
Worth = Callable[[int], int]
"""From a price to what the whole holding comes to at it, in money units."""


def _price_rule(policy: Policy, held: Holding, price: int, cost: int, worth: Worth) -> Said | None:
    """The first rule that bites, (rule, observed, limit): the decision's own prices before the policy's fractions.

    A short holding gains as its price falls: its best price is the lowest, its stop lies above.
    """
    way = held.way
    if held.stop and way * (price - held.stop) <= 0:
        return "stop_loss", str(price), str(held.stop)
    if held.target and way * (price - held.target) >= 0:
        return "take_profit", str(price), str(held.target)
    moved = way * (worth(price) - cost) * PPM // cost if cost else 0
    if policy.stop_loss_ppm and moved <= -policy.stop_loss_ppm:
        return "stop_loss", fraction(moved), fraction(-policy.stop_loss_ppm)
    if policy.take_profit_ppm and moved >= policy.take_profit_ppm:
        return "take_profit", fraction(moved), fraction(policy.take_profit_ppm)
    best = max(held.high, price) if way > 0 else min(held.low or price, price)
    fallen = way * (best - price) * PPM // best
    if policy.trailing_ppm and fallen >= policy.trailing_ppm:
        return "trailing", fraction(fallen), fraction(policy.trailing_ppm)
    return _gave_back(policy, way, price, best, cost, worth)


def _gave_back(policy: Policy, way: int, price: int, best: int, cost: int, worth: Worth) -> Said | None:
    """How much of the best gain so far is gone."""
    ahead = way * (worth(best) - cost)
    if not policy.give_back_ppm or ahead * PPM < cost * GIVE_BACK_FROM_PPM or ahead <= 0:
        return None
    gone = worth(abs(best - price)) * PPM // ahead
    return ("give_back", fraction(gone), fraction(policy.give_back_ppm)) if gone >= policy.give_back_ppm else None


def _outstayed(policy: Policy, held: Holding, instrument: Instrument, day: date) -> Said | None:
    """So many sessions after the one that opened it, it goes."""
    if not policy.time_stop:
        return None
    sessions = calendar(instrument.market).count(held.opened_on, day) - 1
    return ("time_stop", str(sessions), str(policy.time_stop)) if sessions >= policy.time_stop else None
