"""Round trips: what each holding cost and brought from its first purchase until it was sold, fees and taxes included.

journal ──► cash and quantity by instrument ──► Trade (closed when nothing is left but what no order could sell)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated, LotChange, PerpChange, Posting
from engine.core.journal import Record

DUST = 1_000
"""A sale that leaves less than a thousandth of the most that was held has ended the trade: fees taken in coins leave such rests."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A holding from its opening to its end; `result` is all cash in less all cash out, in money units."""

    instrument: str
    opened_on: date
    closed_on: date
    result: int


@dataclass(slots=True)
class _Open:
    opened_on: date
    lots: dict[str, int] = field(default_factory=dict)
    result: int = 0
    most: int = 0

    @property
    def quantity(self) -> int:
        """What is held, in quantity units."""
        return sum(self.lots.values())


def round_trips(records: Iterable[Record], desk: str) -> tuple[Trade, ...]:
    """The closed trades of one desk in the order of their ends; what is still held is no trade yet."""
    held: dict[str, _Open] = {}
    closed: list[Trade] = []
    for record in records:
        match record:
            case Filled() if record.fill.desk == desk:
                fill = record.fill
                position = held.setdefault(fill.instrument, _Open(fill.trading_day))
                _book(position, record.lots, record.postings, record.perps)
                if position.quantity * DUST <= position.most:
                    closed.append(Trade(fill.instrument, position.opened_on, fill.trading_day, position.result))
                    del held[fill.instrument]
            case Adjusted(desk=owner) if owner == desk and record.instrument in held:
                _book(held[record.instrument], record.lots, record.postings)
            case FundingSettled(desk=owner) if owner == desk and record.instrument in held:
                _book(held[record.instrument], (), record.postings)
            case Liquidated(desk=owner) if owner == desk and record.instrument in held:
                position = held.pop(record.instrument)
                _book(position, (), record.postings)
                closed.append(Trade(record.instrument, position.opened_on, record.trading_day, position.result))
            case _:
                pass
    return tuple(closed)


def _book(position: _Open, lots: tuple[LotChange, ...], postings: tuple[Posting, ...], perps: tuple[PerpChange, ...] = ()) -> None:
    position.lots.update({lot.lot_id: lot.quantity for lot in lots})
    position.lots.update({perp.instrument: abs(perp.quantity) for perp in perps})
    position.most = max(position.most, position.quantity)
    position.result += sum(posting.amount for posting in postings if posting.account == "cash")
