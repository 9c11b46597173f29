"""From the names in `feed = [...]` to a ladder: which sources, on which hosts, stand on the rungs for quotes, bars and lists.

| feed | quotes | bars | lists |
|---|---|---|---|
| eastmoney | push2, 82.push2 | push2his, 33.push2his | push2, 82, 17, push2delay, then the exchanges |
| tencent, sina | their quote hosts | proxy.finance.qq.com, vip.stock.finance.sina.com.cn | the exchanges |
| binance | data-api.binance.vision, api.binance.com | the same | the same |
| binance_um | fapi.binance.com, and funding, marks and open interest | the same | the same |
| yahoo | query1, query2 | the same | none |

A whole market is asked first of those that are used to long lists of names, in the order of `feed` (Tencent, Sina); only then of
those that tell it page by page (`Crawled`). Eastmoney is the quickest to ban: its sixty pages are turned once a day, for the list.
The delayed twin serves no quotes: fifteen minutes late is a price nobody can have. For A-shares the last rungs of the list are the
bundled seed and this machine's own copy (master.py); the cache of quotes stands behind every ladder without being named.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from engine.core.errors import ConfigError
from engine.core.units import Market
from engine.feeds.binance import SPOT, Binance
from engine.feeds.binance_futures import BinanceUsdM
from engine.feeds.eastmoney import BAR_HOST, DELAYED_HOST, LIST_HOST, Eastmoney
from engine.feeds.exchanges import Bse, Sse, Szse
from engine.feeds.ladder import Ladder
from engine.feeds.master import Joined, KeptList, remembering
from engine.feeds.rungs import Rung, SourceSwitched
from engine.feeds.served import LadderPolicy
from engine.feeds.sina import Sina
from engine.feeds.source import BarSource, Fetch, FundingSource, QuoteSource, SecuritySource
from engine.feeds.tencent import Tencent
from engine.feeds.yahoo import HOSTS as YAHOO_HOSTS
from engine.feeds.yahoo import Yahoo

CACHE = "cache"
EXCHANGES = "exchanges"
FEW = 300
"""So many names or fewer are asked for by name even where everything could be had: three requests at Eastmoney."""
_SPOT_HOSTS = (SPOT.host, "api.binance.com")


@dataclass(slots=True)
class Lineup:
    """The rungs of one ladder, in order."""

    quotes: list[Rung[QuoteSource]] = field(default_factory=list)
    market: list[Rung[QuoteSource]] = field(default_factory=list)
    bars: list[Rung[BarSource]] = field(default_factory=list)
    securities: list[Rung[SecuritySource]] = field(default_factory=list)
    fundings: list[Rung[FundingSource]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crawled:
    """A QuoteSource that is asked for all it has where many names are wanted, and keeps those."""

    source: QuoteSource

    @property
    def name(self) -> str:
        """Whose rows they are."""
        return self.source.name

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of `symbols`, of everything where there are none. Raises FeedError."""
        if len(symbols) <= FEW:
            return self.source.quotes(fetch, symbols, now)
        return self.source.quotes(fetch, (), now).filter(pl.col("symbol").is_in(list(symbols)))


def lineup(market: Market, feed: Sequence[str]) -> Lineup:
    """The rungs that `feed` names, for one market. Raises ConfigError for a name that no source of the market has."""
    rungs = Lineup()
    for name in feed:
        if name == CACHE:
            continue
        add = _SOURCES.get((market, name))
        if add is None:
            raise ConfigError(f"feed: {name} is no source of {market}")
        add(rungs)
    many = [rung for rung in rungs.quotes if isinstance(rung.source, Tencent | Sina)]
    rungs.market = [*many, *(replace(rung, source=Crawled(rung.source)) for rung in rungs.quotes if rung not in many)]
    if market is Market.ASHARE:
        official = Joined(EXCHANGES, (Sse(), Szse(), Bse()), optional=frozenset({Bse().name}))
        rungs.securities.append(Rung(EXCHANGES, EXCHANGES, official))
    return rungs


def build_ladder(
    market: Market,
    feed: Sequence[str],
    fetch: Fetch,
    *,
    lists: Path,
    sample: Path,
    remember: Path | None = None,
    observer: Callable[[SourceSwitched], None] = lambda switched: None,
    policy: LadderPolicy | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Ladder:
    """The ladder of a desk. `lists` is the directory in which the last accepted list is kept, `sample` holds the bundled one, and
    `remember` is the file of its last quotes.

    Raises ConfigError.
    """
    rungs = lineup(market, feed)
    kept = KeptList(lists / market)
    securities: list[Rung[SecuritySource]] = rungs.securities
    if market is Market.ASHARE:
        securities = [*securities, *remembering(kept, sample)]
    elif securities:
        securities = [*securities, remembering(kept, sample)[1]]
    return Ladder(
        fetch,
        quotes=rungs.quotes,
        market=rungs.market,
        bars=rungs.bars,
        securities=securities,
        fundings=rungs.fundings,
        remember=remember,
        listed_rows=kept.size(),
        keep=kept.keep,
        observer=observer,
        policy=policy,
        monotonic=monotonic,
    )


def _eastmoney(rungs: Lineup) -> None:
    first = Rung("eastmoney", "eastmoney", Eastmoney())
    numbered = [Rung(f"eastmoney-{number}", "eastmoney", Eastmoney(list_host=f"{number}.{LIST_HOST}")) for number in (82, 17)]
    delayed = Rung("eastmoney-delayed", "eastmoney", Eastmoney(list_host=DELAYED_HOST))
    rungs.quotes += [first, numbered[0]]
    rungs.bars += [first, Rung("eastmoney-33", "eastmoney", Eastmoney(bar_host=f"33.{BAR_HOST}"))]
    rungs.securities += [first, *numbered, delayed]


def _tencent(rungs: Lineup) -> None:
    rungs.quotes.append(Rung("tencent", "tencent", Tencent()))
    rungs.bars.append(Rung("tencent", "tencent", Tencent()))


def _sina(rungs: Lineup) -> None:
    rungs.quotes.append(Rung("sina", "sina", Sina()))
    rungs.bars.append(Rung("sina", "sina", Sina()))


def _binance(rungs: Lineup) -> None:
    for number, host in enumerate(_SPOT_HOSTS, 1):
        name = "binance" if number == 1 else f"binance-{number}"
        source = Binance(SPOT, host=host)
        rungs.quotes.append(Rung(name, "binance", source))
        rungs.bars.append(Rung(name, "binance", source))
        rungs.securities.append(Rung(name, "binance", source))


def _binance_um(rungs: Lineup) -> None:
    source = BinanceUsdM()
    rungs.quotes.append(Rung("binance_um", "binance_um", source))
    rungs.bars.append(Rung("binance_um", "binance_um", source))
    rungs.securities.append(Rung("binance_um", "binance_um", source))
    rungs.fundings.append(Rung("binance_um", "binance_um", source))


def _yahoo(rungs: Lineup) -> None:
    for number, host in enumerate(YAHOO_HOSTS, 1):
        name = "yahoo" if number == 1 else f"yahoo-{number}"
        source = Yahoo(host=host)
        rungs.quotes.append(Rung(name, "yahoo", source))
        rungs.bars.append(Rung(name, "yahoo", source))


_SOURCES: dict[tuple[Market, str], Callable[[Lineup], None]] = {
    (Market.ASHARE, "eastmoney"): _eastmoney,
    (Market.ASHARE, "tencent"): _tencent,
    (Market.ASHARE, "sina"): _sina,
    (Market.CRYPTO, "binance"): _binance,
    (Market.CRYPTO, "binance_um"): _binance_um,
    (Market.US, "yahoo"): _yahoo,
}
