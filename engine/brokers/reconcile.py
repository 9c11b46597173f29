"""Reconciliation: a broker's own statement against the ledger, line by line, and what each difference means. Pure.

MATCHED        both say the same
UNKNOWN_FILL   the broker holds or filled what the ledger has no fill for     -> alert, halt
ORPHAN_ORDER   an order is open at one and not at the other                   -> alert; withdrawn or closed
AMBIGUOUS      the figures differ in a way that no fill or order explains     -> alert, halt
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.brokers.broker import Working
from engine.core.account import Account
from engine.core.bookkeeping import Adjusted, LotChange, Posting


class Match(StrEnum):
    """What a line of the comparison came to."""

    MATCHED = "MATCHED"
    UNKNOWN_FILL = "UNKNOWN_FILL"
    ORPHAN_ORDER = "ORPHAN_ORDER"
    AMBIGUOUS = "AMBIGUOUS"


HALTING = frozenset({Match.UNKNOWN_FILL, Match.AMBIGUOUS})


@dataclass(frozen=True, slots=True)
class Line:
    """One compared thing: `cash`, `position:SYMBOL`, `perp:SYMBOL`, `order:ID`; both figures as text in units of the ledger."""

    match: Match
    about: str
    ledger: str
    broker: str


def reconcile(
    booked: Account, booked_orders: Mapping[str, Working], held: Account, held_orders: Mapping[str, Working]
) -> tuple[Line, ...]:
    """Every line, matched or not, orders before positions before cash; the same inputs give the same lines.

    A quantity or a filled amount that differs is an UNKNOWN_FILL, because only a fill moves either. Cash that differs alone, a lot
    whose cost or dates differ, are AMBIGUOUS: nothing that a broker does explains them.
    """
    lines = [_order(name, booked_orders.get(name), held_orders.get(name)) for name in sorted({*booked_orders, *held_orders})]
    lines += [_position(name, booked, held) for name in sorted({*booked.positions, *held.positions})]
    lines += [_perp(name, booked, held) for name in sorted({*booked.perps, *held.perps})]
    explained = any(line.match is Match.UNKNOWN_FILL for line in lines)
    lines.append(_cash(booked, held, explained=explained, orphaned=any(line.match is Match.ORPHAN_ORDER for line in lines)))
    return tuple(lines)


def _order(name: str, booked: Working | None, held: Working | None) -> Line:
    about = f"order:{name}"
    if booked is None or held is None:
        return Line(Match.ORPHAN_ORDER, about, "none" if booked is None else "open", "none" if held is None else "open")
    if booked.order != held.order:
        return Line(Match.AMBIGUOUS, about, _terms(booked), _terms(held))
    match = Match.MATCHED if booked.filled == held.filled else Match.UNKNOWN_FILL
    return Line(match, about, str(booked.filled), str(held.filled))


def _terms(working: Working) -> str:
    order = working.order
    return f"{order.side} {order.quantity} {order.instrument} at {order.limit_price}"


def _position(name: str, booked: Account, held: Account) -> Line:
    mine, theirs = booked.positions.get(name), held.positions.get(name)
    quantity, other = (0 if side is None else side.quantity for side in (mine, theirs))
    about = f"position:{name}"
    if quantity != other:
        return Line(Match.UNKNOWN_FILL, about, str(quantity), str(other))
    lots, others = (() if side is None else tuple(lot for lot in side.lots if lot.quantity) for side in (mine, theirs))
    if lots != others:
        costs = (sum(lot.cost for lot in side) for side in (lots, others))
        return Line(Match.AMBIGUOUS, about, *(f"{quantity} costing {cost}" for cost in costs))
    return Line(Match.MATCHED, about, str(quantity), str(other))


def _perp(name: str, booked: Account, held: Account) -> Line:
    """A perpetual; its margin and entry move with fills and funding alone, so that they never differ by themselves."""
    mine, theirs = booked.perps.get(name), held.perps.get(name)
    quantity, other = (0 if side is None else side.quantity for side in (mine, theirs))
    about = f"perp:{name}"
    if mine is None or theirs is None or quantity != other:
        return Line(Match.UNKNOWN_FILL, about, str(quantity), str(other))
    if mine != theirs:
        return Line(
            Match.AMBIGUOUS, about, *(f"{side.quantity} entered at {side.entry} on {side.margin}" for side in (mine, theirs))
        )
    return Line(Match.MATCHED, about, str(quantity), str(other))


def _cash(booked: Account, held: Account, *, explained: bool, orphaned: bool) -> Line:
    """Cash that moved with an unknown fill is told by that fill's line; a reservation follows its order."""
    if booked.cash != held.cash:
        return Line(Match.UNKNOWN_FILL if explained else Match.AMBIGUOUS, "cash", str(booked.cash), str(held.cash))
    if booked.reserved != held.reserved and not orphaned and not explained:
        return Line(Match.AMBIGUOUS, "reserved", str(booked.reserved), str(held.reserved))
    return Line(Match.MATCHED, "cash", str(booked.cash), str(held.cash))


def correction(desk: str, name: str, booked: Account, held: Account) -> Adjusted | None:
    """The adjusting entry that takes the ledger's account to the broker's, against the account `adjustment`; None when equal.

    History is never rewritten: a person who has seen the difference lets this be booked. `name` must be unique in the ledger.
    """
    lots: list[LotChange] = []
    moved: dict[str, int] = {"cash": held.cash - booked.cash}
    for symbol in sorted({*booked.positions, *held.positions}):
        mine, theirs = booked.positions.get(symbol), held.positions.get(symbol)
        before = {lot.lot_id: lot for lot in mine.lots} if mine is not None else {}
        after = {lot.lot_id: lot for lot in theirs.lots} if theirs is not None else {}
        for lot_id in sorted({*before, *after}):
            old, new = before.get(lot_id), after.get(lot_id)
            if old == new:
                continue
            known = new or old
            assert known is not None
            quantity, cost = (new.quantity, new.cost) if new is not None else (0, 0)
            lots.append(LotChange(lot_id, symbol, quantity, cost, known.bought_on, known.sellable_on))
            account = f"position:{symbol}"
            moved[account] = moved.get(account, 0) + cost - (old.cost if old is not None else 0)
    postings = [Posting(account, amount) for account, amount in moved.items() if amount]
    if not postings and not lots:
        return None
    total = sum(posting.amount for posting in postings)
    if total:
        postings.append(Posting("adjustment", -total))
    return Adjusted(desk, name, "", "RECONCILED", tuple(lots), tuple(postings))
