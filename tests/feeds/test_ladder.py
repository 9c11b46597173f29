"""The ladder against a real server: walked down host by host to the cache, and up again; whole tables; two vendors compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from feed_server import FeedServer, html_page, plays, reset_at_once, status

from engine.feeds.breaker import Gate
from engine.feeds.fetch import Fetcher, FetchSettings
from engine.feeds.ladder import Ladder
from engine.feeds.pacing import Pace
from engine.feeds.rungs import Rung, SourceSwitched
from engine.feeds.served import LadderPolicy
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Fetch, Kind, QuoteSource, Request

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
NAMES = ["000001.SZ", "300750.SZ", "600000.SH", "600519.SH", "688981.SH"]


class Seconds:
    """A monotonic clock that moves when told, and a sleep that moves it."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Prices:
    """A source of one host whose body is a JSON object of prices by symbol."""

    def __init__(self, name: str, host: str) -> None:
        self.name = name
        self.host = host

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        body = fetch(self.name, Request(self.host, "/prices", (("names", ",".join(symbols)),)))
        try:
            told = json.loads(body)
        except ValueError:
            raise FeedError(self.name, Fault.NOT_DATA, "not JSON") from None
        rows = [row(name, price, now, self.name) for name, price in told.items() if not symbols or name in symbols]
        return pl.DataFrame(rows, schema=QUOTE_TABLE).sort("symbol")


def row(symbol: str, last: int, at: datetime, source: str) -> dict[str, object]:
    blank = {name: 0 for name, kind in QUOTE_TABLE.items() if kind == pl.Int64()}
    return {
        **blank,
        "symbol": symbol,
        "name": symbol,
        "trading_day": date(2026, 11, 20),
        "known_at": at,
        "last": last,
        "pre_close": 100_000,
        "suspended": False,
        "source": source,
        "industry": "",
        "turnover_ppm": None,
        "float_cap": None,
        "list_date": None,
    }


def prices(names: Sequence[str] = tuple(NAMES), last: int = 101_000) -> str:
    return json.dumps(dict.fromkeys(names, last))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def switches() -> list[SourceSwitched]:
    return []


HOSTS = {
    "eastmoney": "push2.eastmoney.com",
    "eastmoney-82": "82.push2.eastmoney.com",
    "tencent": "qt.gtimg.cn",
    "sina": "hq.sinajs.cn",
}


@pytest.fixture
def ladder(server: FeedServer, clock: Seconds, switches: list[SourceSwitched]) -> Ladder:
    fetch = Fetcher(
        FetchSettings(retry_wait_s=0.001, paces={host: Pace(0.0) for host in HOSTS.values()}),
        resolve=server.resolve,
        monotonic=clock,
        sleep=clock.sleep,
    )
    rungs: list[Rung[QuoteSource]] = [Rung(name, name.partition("-")[0], Prices(name, host)) for name, host in HOSTS.items()]
    return Ladder(fetch, quotes=rungs, observer=switches.append, monotonic=clock, policy=LadderPolicy(check_every_s=0.0))


def test_the_first_source_that_answers_serves(server: FeedServer, ladder: Ladder) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices()))
    served = ladder.quotes(NAMES, NOW)
    assert (served.source, served.stale, served.age_s, served.missing, served.disputed) == ("eastmoney", False, 0.0, (), ())
    assert served.table["symbol"].to_list() == NAMES


def test_it_is_walked_down_host_by_host_to_the_cache_and_up_again(
    server: FeedServer, ladder: Ladder, clock: Seconds, switches: list[SourceSwitched]
) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices()))
    ladder.quotes(NAMES, NOW)
    failures = {"eastmoney": reset_at_once(), "eastmoney-82": status(502), "tencent": html_page(), "sina": status(456)}
    for number, (name, failure) in enumerate(failures.items(), 1):
        server.set(HOSTS[name], failure)
        served = ladder.quotes(NAMES, NOW + timedelta(seconds=number))
    assert [(change.before, change.after) for change in switches] == [
        ("eastmoney", "eastmoney-82"),
        ("eastmoney-82", "tencent"),
        ("tencent", "sina"),
        ("sina", "cache"),
    ]
    assert [change.kind for change in switches] == [Kind.QUOTES] * 4
    assert "NETWORK" in switches[0].reason and "502" in switches[1].reason
    assert "NOT_DATA" in switches[2].reason and "456" in switches[3].reason
    assert (served.source, served.stale, served.age_s) == ("cache", True, 1.0)
    assert served.at == NOW + timedelta(seconds=3)
    assert served.table["symbol"].to_list() == NAMES
    assert [state.gate for state in ladder.states()] == [Gate.OPEN] * 4

    for host in HOSTS.values():
        server.set(host, plays(prices(last=102_000)))
    later = NOW + timedelta(hours=1)
    clock.at += 50.0
    served = ladder.quotes(NAMES, later)
    assert (served.source, served.stale) == ("eastmoney-82", False)
    assert served.table["last"].to_list() == [102_000] * 5
    clock.at += 4_000.0
    assert ladder.quotes(NAMES, later).source == "eastmoney"
    assert [(change.before, change.after) for change in switches[4:]] == [("cache", "eastmoney-82"), ("eastmoney-82", "eastmoney")]
    assert switches[-1].reason == "eastmoney answers again"
