"""Which feeds there are and for which market, and `[desk.NAME.live]`: how a live desk looks at its market."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from engine.config.strict import Strict
from engine.core.units import Market

RECORDED = ("replay", "sim", "store")
"""Feeds whose market stands still while a cycle runs: the embedded sample, an invented market, the store. Each stands alone."""
CACHE = "cache"
SOURCES = {
    Market.ASHARE: ("eastmoney", "tencent", "sina"),
    Market.US: ("yahoo",),
    Market.CRYPTO: ("binance", "binance_um"),
}
"""Live sources by market, for a ladder in any order; `cache` at its end is what every ladder has: what was seen last, stale."""
FEEDS = (*RECORDED, *(name for names in SOURCES.values() for name in names), CACHE)
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "1d")
BARS_BY_DEFAULT = 120
_BARS = re.compile(rf"({'|'.join(INTERVALS)})(?::(\d{{1,4}}))?")


class LiveConfig(Strict):
    """Times in seconds: how often a live desk looks in session and out of it, from which age on a quote opens nothing any more, and
    how late a slot may still run.

    Left out, `poll_s` is 3 and `max_age_s` 90 where names are given; for a whole market, all of which is looked at every three
    minutes, 30 and 300.
    """

    poll_s: float = Field(default=0, ge=0, le=3_600)
    idle_s: float = Field(default=300, ge=1, le=86_400)
    max_age_s: int = Field(default=0, ge=0, le=86_400)
    grace_s: float = Field(default=90, ge=1, le=3_600)


def feed_problem(market: Market, feed: Sequence[str]) -> str:
    """Why these feeds are none for a market, '' when they are."""
    recorded = [name for name in feed if name in RECORDED]
    if recorded and len(feed) > 1:
        return f"feed: {recorded[0]} stands alone"
    if recorded in (["replay"], ["sim"]) and market is not Market.ASHARE:
        return f"market {market}: the feed {recorded[0]} plays A-shares only"
    if recorded:
        return ""
    foreign = [name for name in feed if name not in (*SOURCES[market], CACHE)]
    if foreign:
        return f"feed: {foreign[0]} knows nothing of {market}; there are {', '.join((*RECORDED, *SOURCES[market], CACHE))}"
    if len(set(feed)) < len(feed):
        return "feed: a source is named twice"
    if CACHE in feed and (feed[-1] != CACHE or len(feed) == 1):
        return "feed: cache stands at the end, behind a source"
    return ""


def bars_of(text: str) -> tuple[str, int]:
    """`"3m"` or `"3m:200"`: an interval and how many of its bars a snapshot carries. Raises ValueError."""
    found = _BARS.fullmatch(text)
    if found is None or found[2] == "0":
        raise ValueError(f'bars: {text!r} must read "3m" or "3m:200"; the intervals are {", ".join(INTERVALS)}')
    return found[1], int(found[2] or BARS_BY_DEFAULT)
