"""What an instant of the tape does to a desk's perpetuals: funding is settled, margins are held against the mark.

fundings ──► settled once, for what was held then ──► marks ──► liquidations ──► records, and what a person must hear of

Where nobody tells a mark the last price is the mark; of a bar its worst price is, as it is assumed that the adverse one came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from engine.brokers import PaperBroker
from engine.core.account import PerpPosition
from engine.core.bookkeeping import FundingSettled, Liquidated, Posting
from engine.core.journal import AlertRaised, Record, Severity
from engine.core.market import Bar, Quote
from engine.core.units import UNITS, Market, plain
from engine.cycle.mandate import Mandate
from engine.exchange import Contract, PerpTerms, liquidation_price
from engine.feeds.tape import FundingEvent, MarkEvent, TapeEvent
from engine.risk import yearly_ppm
from engine.risk.view import fraction

_UNITS = UNITS[Market.CRYPTO]


def margined(
    mandate: Mandate,
    terms: PerpTerms,
    broker: PaperBroker,
    events: Iterable[TapeEvent],
    prints: Sequence[tuple[Quote, Bar | None]],
    at: datetime,
    day: date,
) -> list[Record]:
    """Settle what is due at `at` and liquidate what its mark no longer carries; the broker has it when this returns."""
    told = list(events)
    due = [event.funding for event in told if isinstance(event, FundingEvent) and event.funding.symbol in terms.contracts]
    settled = broker.settle([item if item.mark else replace(item, mark=broker.last_price(item.symbol)) for item in due])
    broker.adopt(settled)
    given = {event.symbol: event.mark for event in told if isinstance(event, MarkEvent)}
    marks = given | worst_marks(broker.account().perps, terms, [one for one in prints if one[0].symbol not in given])
    watched = broker.watch_margins(marks, at, day)
    broker.adopt(watched)
    records: list[Record] = [*settled.records, *watched.records]
    return [*records, *_alerts(mandate, day, records)]


def worst_marks(held: Mapping[str, PerpPosition], terms: PerpTerms, prints: Iterable[tuple[Quote, Bar | None]]) -> dict[str, int]:
    """The mark of each printed name, in price units: its last price, or where its bar reached it, the price that liquidates.

    A bar that opened beyond that price gave no other: its open is the mark then.
    """
    marks: dict[str, int] = {}
    for quote, bar in prints:
        marks[quote.symbol] = quote.last
        position = held.get(quote.symbol)
        if position is not None and bar is not None:
            marks[quote.symbol] = _worst(position, terms.contracts[quote.symbol], bar)
    return {symbol: mark for symbol, mark in marks.items() if mark > 0}


def _worst(position: PerpPosition, contract: Contract, bar: Bar) -> int:
    price = liquidation_price(position, contract)
    if not price:
        return bar.close
    if position.quantity > 0:
        return min(bar.open, price - 1) if bar.low < price else bar.close
    return max(bar.open, price + 1) if bar.high > price else bar.close


def _alerts(mandate: Mandate, day: date, records: Iterable[Record]) -> list[AlertRaised]:
    """Of every liquidation, and of funding paid at a rate beyond the desk's limit, once a day for a name."""
    alerts: list[AlertRaised] = []
    desk, limit = mandate.desk, mandate.policy.max_funding_ppm
    for record in records:
        match record:
            case Liquidated(instrument=name):
                lost = (("instrument", name), ("mark", plain(record.mark, _UNITS.price)), ("lost", _money(-_into(record.postings))))
                alert_id = f"{desk}:LIQUIDATED:{name}:{record.at:%Y%m%dT%H%M%S}"
                alerts.append(AlertRaised(alert_id, desk, Severity.CRITICAL, "LIQUIDATED", lost))
            case FundingSettled(instrument=name):
                paid, rate = -_into(record.postings), abs(yearly_ppm(record.rate_e8, record.hours))
                if paid > 0 and limit and rate > limit:
                    dear = (("instrument", name), ("paid", _money(paid)), ("rate", fraction(rate)), ("limit", fraction(limit)))
                    alert_id = f"{desk}:FUNDING_HIGH:{name}:{day:%Y%m%d}"
                    alerts.append(AlertRaised(alert_id, desk, Severity.WARNING, "FUNDING_HIGH", dear))
            case _:
                pass
    return alerts


def _into(postings: Iterable[Posting]) -> int:
    """What came into cash and margin together, in money units; below zero what left them."""
    return sum(posting.amount for posting in postings if posting.account.partition(":")[0] in ("cash", "margin"))


def _money(amount: int) -> str:
    return plain(amount, _UNITS.money)
