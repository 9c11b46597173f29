"""Which shares a desk looks at: the snapshot's tradable names, ranked by one figure, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

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
    quotes = {quote.symbol: quote for quote in snapshot.quotes}
    ranked: list[tuple[float, str]] = []
    for item in snapshot.instruments:
        quote = quotes.get(item.symbol)
        if quote is None or not tradable(item, quote, snapshot):
            continue
        value = figure(quote, features.get(item.symbol, Features(0)))
        if value is not None:
            ranked.append((-value, item.symbol))
    return tuple(symbol for _, symbol in sorted(ranked)[:top])


def tradable(instrument: Instrument, quote: Quote, snapshot: Snapshot) -> bool:
    """Whether a desk may think of opening a position in `instrument` today."""
    seasoned = instrument.list_date is None or snapshot.trading_day - instrument.list_date >= SEASONED
    priced = quote.last > 0 and quote.trading_day == snapshot.trading_day and not quote.suspended
    return seasoned and priced and not instrument.special_treatment and not instrument.delisting


def _figure(by: str) -> Callable[[Quote, Features], float | None]:
    if by == "change":
        return lambda quote, _: float(quote.change_ppm)
    name = _OF_SESSION.get(by, by)
    if name not in FEATURE_NAMES:
        known = ", ".join(["amount", "volume", "change", *FEATURE_NAMES])
        raise ConfigError(f"cannot rank by {by!r}; known figures: {known}")
    return lambda _, features: getattr(features, name)
