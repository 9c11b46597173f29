"""A person's correction of the books as adjusting entries: the past stays as it was written, what is true now is booked over it.

what is really there ──► cash_corrected · holding_corrected ──► Adjusted (postings sum to zero against `adjustment`)
"""

from __future__ import annotations

from datetime import date

from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, LotChange, Posting
from engine.core.units import Units

CORRECTION = "CORRECTION"


def cash_corrected(desk: str, name: str, amount: int, reason: str) -> Adjusted:
    """`amount` money units more in cash (fewer where negative), because of `reason`; `name` is the adjustment's id."""
    return Adjusted(desk, name, "", f"{CORRECTION}: {reason}", (), (Posting("cash", amount), Posting("adjustment", -amount)))


def holding_corrected(
    account: Account, name: str, symbol: str, quantity: int, price: int, units: Units, day: date, reason: str
) -> Adjusted:
    """The holding of `symbol` as it is: `quantity` in quantity units. What is missing leaves the oldest lots at their cost.

    What is there beyond the books becomes a lot of `day`, sellable at once, at `price` in price units. Raises ValueError
    where nothing would change, and for a perpetual, which has no lots.
    """
    if symbol in account.perps:
        raise ValueError(f"{symbol}: a perpetual has no lots to correct; leave it by an order and correct the cash")
    position = account.positions.get(symbol)
    lots = position.lots if position is not None else ()
    missing = sum(lot.quantity for lot in lots) - quantity
    if quantity < 0 or not missing:
        raise ValueError(f"{symbol}: the books hold {sum(lot.quantity for lot in lots)} already" if not missing else "below zero")
    changes: list[LotChange] = []
    cost = 0
    for lot in lots:
        taken = min(max(missing, 0), lot.quantity)
        if not taken:
            continue
        missing -= taken
        spent = lot.cost * taken // lot.quantity
        cost -= spent
        left = lot.quantity - taken
        changes.append(LotChange(lot.lot_id, symbol, left, lot.cost - spent if left else 0, lot.bought_on, lot.sellable_on))
    if missing < 0:
        cost = units.notional(price, -missing)
        changes.append(LotChange(name, symbol, -missing, cost, day, day))
    postings = (Posting(f"position:{symbol}", cost), Posting("adjustment", -cost))
    return Adjusted(account.desk, name, symbol, f"{CORRECTION}: {reason}", tuple(changes), postings)
