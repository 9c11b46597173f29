"""What `kanpan doctor` says of live feeds: which a desk names, through which proxy; with `--feeds` each is asked for one price."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.request import getproxies

from engine.core.clock import SystemClock
from engine.core.errors import KanpanError
from engine.core.text import safe_text
from engine.core.units import UNITS, Market, plain
from tui.doctor import Line

if TYPE_CHECKING:
    from engine.feeds.fetch import Fetcher
    from engine.feeds.rungs import Rung
    from engine.feeds.source import QuoteSource
    from tui.cli import Settings

CONTROL = {Market.ASHARE: "600519.SH", Market.US: "AAPL.US", Market.CRYPTO: "BTCUSDT.BINANCE"}
"""One name of each market that every source must know."""
_MEND = {
    "BANNED": "this address is refused for now; wait an hour, name another source in feed, or set [feeds] em_cookie for Eastmoney",
    "THROTTLED": "asked too often; it rests by itself, or set a longer [feeds.gap_s]",
    "NETWORK": "look at the connection, and at [feeds] proxy and trust_env",
    "TIMEOUT": "look at the connection, and at [feeds] proxy, trust_env and total_s",
}
_OTHERWISE = "the source is not well or has changed; the ladder goes to the next one by itself"


def named(settings: Settings) -> Iterator[Line]:
    """Each live feed that a desk names, not asked; nothing where every desk plays a recorded market."""
    wanted = _wanted(settings)
    for market, names in wanted.items():
        yield Line(f"feeds {market}", True, f"{', '.join(names)}; not asked (kanpan doctor --feeds asks each)")
    if wanted:
        yield _proxy(settings)


def asked(settings: Settings) -> Iterator[Line]:
    """Each source asked for the price of one name, those of every market where no desk is live."""
    from engine.config.live import SOURCES
    from engine.feeds.budget import FILE, Spent
    from engine.feeds.fetch import Fetcher
    from engine.feeds.hosts import budget_of
    from engine.feeds.lineup import lineup
    from engine.feeds.standins import VARIABLE, stand_ins

    yield _proxy(settings)
    text = settings.environ.get(VARIABLE, "")
    if text:
        yield Line("feed hosts", True, f"{VARIABLE} is set: servers of this machine stand in for them")
    terms = settings.config.feeds.settings(settings.environ)
    spent = Spent(settings.home / FILE, SystemClock().now)
    fetcher = Fetcher(terms, resolve=stand_ins(text), spent=spent)
    with contextlib.closing(fetcher):
        for market, names in (_wanted(settings) or SOURCES).items():
            for rung in lineup(market, names).quotes:
                yield _ask(fetcher, market, rung)
    for family, count in sorted(spent.counts().items()):
        most = terms.budgets.get(family, budget_of(family))
        told = f"{count:,} requests today" + (f" of {most:,}" if most else "") + " (UTC)"
        mend = f'it is asked again after midnight UTC; [feeds.budget] "{family}" = … sets another limit'
        yield Line(f"budget {family}", not most or count < most, told, mend)


def _wanted(settings: Settings) -> Mapping[Market, tuple[str, ...]]:
    """The live sources of all desks, by market."""
    from engine.config.live import CACHE

    found: dict[Market, dict[str, None]] = {}
    for desk in settings.config.desk.values():
        if desk.is_live:
            found.setdefault(desk.market, {}).update(dict.fromkeys(name for name in desk.feed if name != CACHE))
    return {market: tuple(names) for market, names in found.items()}


def _proxy(settings: Settings) -> Line:
    from engine.feeds.fetch_settings import proxy_in_use

    try:
        through = proxy_in_use(settings.config.feeds.settings(settings.environ))
    except KanpanError as error:
        return Line("feed proxy", False, str(error), "export the variable, or take the key out of [feeds]")
    if through:
        return Line("feed proxy", True, f"requests go through {through}")
    ignored = sorted(name for name in getproxies() if name in ("http", "https", "all"))
    if ignored:
        told = f"none; the environment's for {', '.join(ignored)} is not followed ([feeds] trust_env = true follows it)"
        return Line("feed proxy", True, told)
    return Line("feed proxy", True, "none, requests go straight")


def _ask(fetcher: Fetcher, market: Market, rung: Rung[QuoteSource]) -> Line:
    from engine.feeds.source import FeedError

    symbol, now, started = CONTROL[market], SystemClock().now(), time.monotonic()
    check = f"feed {rung.name}"
    try:
        table = rung.source.quotes(fetcher, [symbol], now)
    except FeedError as error:
        return Line(check, False, safe_text(str(error), limit=200, one_line=True), _MEND.get(error.fault, _OTHERWISE))
    took = time.monotonic() - started
    if table.is_empty():
        return Line(check, False, f"it knows no {symbol}", _OTHERWISE)
    price, known_at = table.select("last", "known_at").row(0)
    told = plain(price, UNITS[market].price) if price else "no print yet"
    return Line(check, True, f"{symbol} {told}, {_age(known_at, now)}, answered in {took:.2f} s")


def _age(known_at: datetime, now: datetime) -> str:
    seconds = int((now - known_at.astimezone(UTC)).total_seconds())
    return f"{seconds} s old" if seconds < 600 else f"of {known_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
