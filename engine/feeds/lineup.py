"""From the names of a desk's feeds to the rungs of its ladder, in the order in which a person named them.

Eastmoney stands on several front ends: when one is gone the next numbered one is asked, and its delayed twin last of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.errors import ConfigError
from engine.feeds.binance import Binance
from engine.feeds.binance_futures import BinanceUsdM
from engine.feeds.eastmoney import BAR_HOSTS, DELAYED_HOST, LIST_HOSTS, Eastmoney
from engine.feeds.rungs import Rung
from engine.feeds.sina import Sina
from engine.feeds.source import BarSource, QuoteSource, SecuritySource
from engine.feeds.tencent import Tencent
from engine.feeds.yahoo import HOSTS, Yahoo

CACHE = "cache"
"""Every ladder ends in what it remembers; the word in a configuration only says so."""


def quote_rungs(names: Sequence[str]) -> list[Rung[QuoteSource]]:
    """The sources of quotes. Raises ConfigError for a name that is none."""
    found: list[Rung[QuoteSource]] = []
    for name in _sources(names):
        match name:
            case "eastmoney":
                found.append(Rung(name, name, Eastmoney()))
                found.append(Rung("eastmoney-2", name, Eastmoney(list_host=LIST_HOSTS[1])))
            case "tencent":
                found.append(Rung(name, name, Tencent()))
            case "sina":
                found.append(Rung(name, name, Sina()))
            case "binance":
                found.append(Rung(name, name, Binance()))
            case "binance_um":
                found.append(Rung(name, name, BinanceUsdM()))
            case "yahoo":
                found += [Rung(label, name, Yahoo(host=host)) for label, host in _yahoo()]
            case _:
                raise ConfigError(f"feed: no source {name}")
    return found


def bar_rungs(names: Sequence[str]) -> list[Rung[BarSource]]:
    """The sources of bars. Raises ConfigError for a name that is none."""
    found: list[Rung[BarSource]] = []
    for name in _sources(names):
        match name:
            case "eastmoney":
                found.append(Rung(name, name, Eastmoney()))
                found.append(Rung("eastmoney-2", name, Eastmoney(bar_host=BAR_HOSTS[1])))
            case "tencent":
                found.append(Rung(name, name, Tencent()))
            case "sina":
                found.append(Rung(name, name, Sina()))
            case "binance":
                found.append(Rung(name, name, Binance()))
            case "binance_um":
                found.append(Rung(name, name, BinanceUsdM()))
            case "yahoo":
                found += [Rung(label, name, Yahoo(host=host)) for label, host in _yahoo()]
            case _:
                raise ConfigError(f"feed: no source {name}")
    return found


def security_rungs(names: Sequence[str]) -> list[Rung[SecuritySource]]:
    """The sources that know the whole list of a market, those that only remember not among them."""
    found: list[Rung[SecuritySource]] = []
    for name in _sources(names):
        match name:
            case "eastmoney":
                hosts = (LIST_HOSTS[0], LIST_HOSTS[1], LIST_HOSTS[2], DELAYED_HOST)
                found += [Rung(f"eastmoney {host.partition('.')[0]}", name, Eastmoney(list_host=host)) for host in hosts]
            case "binance":
                found.append(Rung(name, name, Binance()))
            case "binance_um":
                found.append(Rung(name, name, BinanceUsdM()))
            case _:
                pass
    return found


def _sources(names: Sequence[str]) -> list[str]:
    return [name for name in names if name != CACHE]


def _yahoo() -> list[tuple[str, str]]:
    return [("yahoo", HOSTS[0]), *((f"yahoo-{number}", host) for number, host in enumerate(HOSTS[1:], 2))]
