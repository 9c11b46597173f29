"""Which shares a desk looks at: the snapshot's tradable names, ranked by one figure, best first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from operator import attrgetter

from engine.analysis.features import FEATURE_NAMES, Features
from engine.core.errors import ConfigError
from engine.core.instrument import Instrument
from engine.core.market import Quote
from engine.store.snapshot import Snapshot

SEASONED = timedelta(days=90)
"""About sixty sessions after listing: before that a price has no history worth ranking."""

_OF_SESSION = {"amount": "last_amount", "volume": "last_volume"}


def screen(snapshot: Snapshot, features: Mapping[str, Features], *, top: int, by: str) -> tuple[str, ...]:
    """The `top` symbols by `by`: amount, volume (of the last whole session), change (of today) or any name in Features.

    Out: special treatment (ST), delisting, suspended, without a price today, listed for less than SEASONED, or without the figure.
    Equal figures rank by symbol. Raises ConfigError for an unknown `by`.
    """
    figure = _figure(by)
    instruments = {item.symbol: item for item in snapshot.instruments}
    none = Features(0)
    ranked = [
        (-value, quote.symbol)
        for quote in snapshot.quotes
        if (value := figure(quote, features.get(quote.symbol, none))) is not None
        and tradable(instruments[quote.symbol], quote, snapshot.trading_day)
    ]
    return tuple(symbol for _, symbol in heapq.nsmallest(top, ranked))


def tradable(instrument: Instrument, quote: Quote, today: date) -> bool:
    """Whether a desk may think of opening a position in `instrument` on `today`."""
    if quote.last <= 0 or quote.trading_day != today or quote.suspended or instrument.special_treatment or instrument.delisting:
        return False
    return instrument.list_date is None or today - instrument.list_date >= SEASONED


def _figure(by: str) -> Callable[[Quote, Features], float | None]:
    if by == "change":
        return lambda quote, _: float(quote.change_ppm)
    name = _OF_SESSION.get(by, by)
    if name not in FEATURE_NAMES:
        known = ", ".join(["amount", "volume", "change", *FEATURE_NAMES])
        raise ConfigError(f"cannot rank by {by!r}; known figures: {known}")
    read: Callable[[Features], float | None] = attrgetter(name)
    return lambda _, features: read(features)
