"""Which shares a desk looks at: the snapshot's tradable names, ranked by one figure, best first.

snapshot ──► ranking (one figure a name) ──► tradable, and within the filters ──► the `top` best ──► features of those alone
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from engine.analysis.features import FEATURE_NAMES, Features, features, last_session
from engine.core.errors import ConfigError
from engine.core.instrument import Board, Instrument
from engine.core.market import Quote
from engine.core.units import UNITS, Market
from engine.exchange import calendar, price_limits
from engine.exchange.calendar import sessions_listed
from engine.store.snapshot import Snapshot

Extreme = Literal["largest", "smallest"]
"""Which end of a ranking is best."""

SEASONED = timedelta(days=90)
"""About sixty sessions after listing: before that a price has no history worth ranking."""

OF_SESSION: Mapping[str, str] = {"amount": "last_amount", "volume": "last_volume"}
"""Figures of the last whole session, by the short names that a universe calls them."""
OF_QUOTE: Mapping[str, Callable[[Quote], float]] = {
    "change": lambda quote: float(quote.change_ppm),
    "turnover_rate": lambda quote: float(quote.turnover_ppm),
}
"""Figures of the quote itself; the turnover rate (换手率) only where the source tells it."""
RANKINGS: tuple[str, ...] = (*OF_SESSION, *OF_QUOTE, *FEATURE_NAMES)
"""Everything that a universe can rank by."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a desk leaves out beside what nobody could trade. Prices in price units, 0 = no bound; empty sets let all through.

    `listed_sessions` is how many sessions a name must have been listed, its first counted as 1; 0 means SEASONED. A name is locked
    (封板) when its newest print of today stands at a limit of the day: who wants in cannot, or who wants out.
    """

    special_treatment: bool = False
    locked: bool = True
    listed_sessions: int = 0
    lowest_price: int = 0
    highest_price: int = 0
    boards: frozenset[Board] = frozenset()
    industries: frozenset[str] = frozenset()


ORDINARY = Filters()
"""Leaves out ST and what was listed lately, and nothing else."""


def screen(
    snapshot: Snapshot,
    figures: Mapping[str, Features],
    *,
    top: int,
    by: str,
    order: Extreme = "largest",
    filters: Filters = ORDINARY,
) -> tuple[str, ...]:
    """The `top` symbols by `by`: amount, volume (of the last session), change, turnover_rate (of today) or a name in Features.

    Out: delisting, suspended, without a price today, outside of `filters`, or without the figure. Equal figures rank by symbol.
    Raises ConfigError for an unknown `by`.
    """
    name = figure_named(by)
    found = {symbol: value for symbol, row in figures.items() if (value := getattr(row, name, None)) is not None}
    return best(snapshot, _of_quotes(snapshot, name) if name in OF_QUOTE else found, top=top, order=order, filters=filters)


def screen_market(
    snapshot: Snapshot, *, top: int, by: str, order: Extreme = "largest", filters: Filters = ORDINARY
) -> tuple[str, ...]:
    """As `screen`, for a whole market: only the one figure is computed of every name. Raises ConfigError for an unknown `by`."""
    return best(snapshot, ranking(snapshot, by), top=top, order=order, filters=filters)


def ranking(snapshot: Snapshot, by: str) -> Mapping[str, float]:
    """The figure of every name that has it; of the session so far where the snapshot holds the history of less than half the names.

    A live desk fetches the bars of those it has chosen: were they alone ranked, nobody else would ever be. Raises ConfigError for
    an unknown `by`.
    """
    name = figure_named(by)
    if name in OF_QUOTE:
        return _of_quotes(snapshot, name)
    if name in OF_SESSION.values():
        known = last_session(snapshot, name)
        return known if len(known) * 2 >= len(snapshot.quotes) else _so_far(snapshot, name) or known
    return {symbol: value for symbol, row in features(snapshot).items() if (value := getattr(row, name)) is not None}


def best(snapshot: Snapshot, figures: Mapping[str, float], *, top: int, order: Extreme, filters: Filters) -> tuple[str, ...]:
    """The `top` tradable symbols within `filters`, best first, equal figures by symbol."""
    instruments = {item.symbol: item for item in snapshot.instruments}
    today = snapshot.trading_day
    newest = newest_listing(snapshot.market, today, filters)
    filters = ORDINARY if filters == ORDINARY else filters  # compared once, not for every name
    sign = -1.0 if order == "largest" else 1.0
    ranked = [
        (sign * figures[quote.symbol], quote.symbol)
        for quote in snapshot.quotes
        if quote.symbol in figures and _offered(instruments[quote.symbol], quote, today, filters, newest)
    ]
    return tuple(symbol for _, symbol in heapq.nsmallest(top, ranked))


def tradable(instrument: Instrument, quote: Quote, today: date, filters: Filters = ORDINARY) -> bool:
    """Whether a desk may think of opening a position in `instrument` on `today`."""
    return _offered(instrument, quote, today, filters, newest_listing(instrument.market, today, filters))


def figure_named(by: str) -> str:
    """The figure behind a short name. Raises ConfigError for an unknown one."""
    name = OF_SESSION.get(by, by)
    if name not in FEATURE_NAMES and name not in OF_QUOTE:
        raise ConfigError(f"cannot rank by {by!r}; known figures: {', '.join(RANKINGS)}")
    return name


def sessions_needed(by: str) -> int:
    """How many daily bars of a name its figure looks at; 0 where a figure looks at the whole history. Raises ConfigError."""
    name = figure_named(by)
    windows = {
        **dict.fromkeys(OF_QUOTE, 1),
        "last_amount": 1,
        "last_volume": 1,
        "return_1": 2,
        "return_5": 6,
        "sma_5": 5,
        "volume_ratio": 6,
    }
    return windows.get(name, 0)


def newest_listing(market: Market, today: date, filters: Filters) -> date:
    """The latest listing day on which a name counts as seasoned."""
    if not filters.listed_sessions:
        return today - SEASONED
    known = calendar(market)
    day = today if known.is_session(today) else known.previous_session(today)
    for _ in range(filters.listed_sessions - 1):
        day = known.previous_session(day)
    return day


def _offered(instrument: Instrument, quote: Quote, today: date, filters: Filters, newest: date) -> bool:
    if quote.last <= 0 or quote.trading_day != today or quote.suspended or instrument.delisting:
        return False
    if instrument.special_treatment and not filters.special_treatment:
        return False
    if instrument.list_date is not None and instrument.list_date > newest:
        return False
    if filters is ORDINARY:
        return True
    if not filters.lowest_price <= quote.last <= (filters.highest_price or quote.last):
        return False
    if filters.boards and instrument.board not in filters.boards:
        return False
    if filters.industries and instrument.industry not in filters.industries:
        return False
    return filters.locked or not is_locked(instrument, quote, today)


def is_locked(instrument: Instrument, quote: Quote, today: date) -> bool:
    """Whether the newest print of today stands at a limit: a published one, or where none is published the rulebook's."""
    if not quote.open or quote.pre_close <= 0:
        return False
    if quote.limit_up and quote.limit_down:
        return quote.last in (quote.limit_up, quote.limit_down)
    limits = price_limits(instrument, today, quote.pre_close, sessions_listed=sessions_listed(instrument, today))
    return limits is not None and quote.last in (limits.up, limits.down)


def _so_far(snapshot: Snapshot, name: str) -> dict[str, float]:
    """Turnover or volume of the session under way: what a market without much history yet (a new store) can be ranked by."""
    units = UNITS[snapshot.market]
    if name == "last_amount":
        return {quote.symbol: quote.amount / units.money for quote in snapshot.quotes if quote.amount}
    return {quote.symbol: quote.volume / units.quantity for quote in snapshot.quotes if quote.volume}


def _of_quotes(snapshot: Snapshot, name: str) -> dict[str, float]:
    figure = OF_QUOTE[name]
    return {quote.symbol: figure(quote) for quote in snapshot.quotes if name != "turnover_rate" or quote.turnover_ppm}
