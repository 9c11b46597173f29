"""The ladder against a real server: walked down host by host to the cache, and up again; whole tables; two vendors compared."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from feed_server import FeedServer, half, hangs, html_page, plays, reset_at_once, status

from engine.feeds.breaker import Gate
from engine.feeds.fetch import Fetcher
from engine.feeds.fetch_settings import FetchSettings
from engine.feeds.ladder import Ladder
from engine.feeds.pacing import Pace
from engine.feeds.rungs import Rung, RungState, SourceSwitched
from engine.feeds.served import LadderPolicy
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Fetch, Kind, QuoteSource, Request
from engine.store.snapshot import BAR_SCHEMA

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


def test_a_table_of_less_than_nine_in_ten_rows_replaces_nothing(server: FeedServer, ladder: Ladder) -> None:
    many = [f"{600_000 + number}.SH" for number in range(20)]
    server.set(HOSTS["eastmoney"], plays(prices(many[:17], last=1)))
    server.set(HOSTS["eastmoney-82"], plays(prices(many[:18])))
    served = ladder.quotes(many, NOW)
    assert (served.source, served.table.height, served.missing) == ("eastmoney-82", 18, tuple(many[18:]))
    assert "INCOMPLETE" in state_of(ladder, "eastmoney").last_fault


def test_a_whole_market_may_not_shrink_by_more_than_a_tenth(server: FeedServer, ladder: Ladder) -> None:
    many = [f"{600_000 + number}.SH" for number in range(100)]
    for host in HOSTS.values():
        server.set(host, plays(prices(many)))
    assert ladder.quotes([], NOW).table.height == 100
    for host in HOSTS.values():
        server.set(host, plays(prices(many[:89], last=50_000)))
    served = ladder.quotes([], NOW + timedelta(seconds=5))
    assert (served.source, served.stale, served.age_s, served.table.height) == ("cache", True, 5.0, 100)
    assert set(served.table["last"]) == {101_000}


def test_the_cache_holds_the_last_row_of_every_name_and_is_as_old_as_the_oldest(server: FeedServer, ladder: Ladder) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices()))
    ladder.quotes(NAMES[:2], NOW)
    ladder.quotes(NAMES[2:], NOW + timedelta(seconds=30))
    for host in HOSTS.values():
        server.set(host, status(403))
    served = ladder.quotes(NAMES, NOW + timedelta(seconds=40))
    assert (served.table["symbol"].to_list(), served.age_s, served.at) == (NAMES, 40.0, NOW)
    served = ladder.quotes([*NAMES[2:], "999999.SH"], NOW + timedelta(seconds=40))
    assert (served.age_s, served.missing) == (10.0, ("999999.SH",))


def test_a_name_quoted_nowhere_is_asked_for_again_in_time(server: FeedServer, ladder: Ladder, clock: Seconds) -> None:
    new = "688999.SH"
    for _ in range(2):
        for host in HOSTS.values():
            server.set(host, plays(prices(NAMES[:3])))
        assert ladder.quotes([*NAMES[:3], new], NOW).missing == (new,)
        for host in HOSTS.values():
            server.set(host, plays(prices([*NAMES[:3], new])))
        clock.at += 1_700.0
        assert ladder.quotes([*NAMES[:3], new], NOW).missing == (new,)
        clock.at += 110.0
        assert ladder.quotes([*NAMES[:3], new], NOW).missing == ()


def test_vendors_that_contradict_each_other_are_looked_at_each_time(server: FeedServer, clock: Seconds) -> None:
    server.set("a", plays(prices()))
    server.set("b", plays(prices(last=10_100)))
    ladder = Ladder(
        Fetcher(FetchSettings(paces={"a": Pace(0.0), "b": Pace(0.0)}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep),
        quotes=[Rung("a", "a", Prices("a", "a")), Rung("b", "b", Prices("b", "b"))],
        monotonic=clock,
    )
    assert [ladder.quotes(NAMES, NOW).stale for _ in range(3)] == [True] * 3
    server.set("b", plays(prices()))
    assert ladder.quotes(NAMES, NOW).stale is False


def test_a_market_of_nothing_is_no_market(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], plays("{}"))
    server.set(HOSTS["eastmoney-82"], plays(prices()))
    assert ladder.quotes([], NOW).source == "eastmoney-82"


def test_the_first_whole_market_is_measured_by_the_last_list(server: FeedServer, clock: Seconds) -> None:
    many = [f"{600_000 + number}.SH" for number in range(100)]
    server.set("a", plays(prices(many[:89])))
    server.set("b", plays(prices(many[:90])))
    ladder = Ladder(
        Fetcher(FetchSettings(paces={"a": Pace(0.0), "b": Pace(0.0)}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep),
        quotes=[Rung("a", "a", Prices("a", "a")), Rung("b", "b", Prices("b", "b"))],
        listed_rows=100,
        monotonic=clock,
    )
    assert ladder.quotes([], NOW).source == "b"


def test_a_name_that_is_quoted_nowhere_does_not_hide_the_others(server: FeedServer, ladder: Ladder, clock: Seconds) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices(NAMES[:3])))
    served = ladder.quotes([*NAMES[:3], "999999.SH"], NOW)
    assert (served.stale, served.missing, served.table["symbol"].to_list()) == (False, ("999999.SH",), NAMES[:3])
    server.seen.clear()
    clock.at += 100.0
    assert ladder.quotes([*NAMES[:3], "999999.SH"], NOW).source == "eastmoney"
    assert server.seen[0].params["names"] == ",".join(NAMES[:3])


def test_nothing_at_all_is_an_error_that_says_what_each_source_said(server: FeedServer, ladder: Ladder) -> None:
    with pytest.raises(FeedError) as caught:
        ladder.quotes(NAMES, NOW)
    assert all(name in str(caught.value) for name in HOSTS)


def test_rows_that_are_old_send_it_to_the_next_source(server: FeedServer, ladder: Ladder) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices()))
    with pytest.raises(FeedError) as caught:
        ladder.quotes(NAMES, NOW, not_before=NOW + timedelta(seconds=1))
    assert caught.value.fault is Fault.STALE


def test_half_a_json_is_never_half_a_table(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], half(prices().encode()))
    server.set(HOSTS["tencent"], plays(prices()))
    assert ladder.quotes(NAMES, NOW).source == "tencent"


def test_one_price_that_another_vendor_contradicts_is_disputed(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], plays(prices()))
    server.set(HOSTS["tencent"], plays(json.dumps({**dict.fromkeys(NAMES, 101_500), "600519.SH": 110_000})))
    served = ladder.quotes(NAMES, NOW)
    assert (served.source, served.stale, served.disputed) == ("eastmoney", False, ("600519.SH",))


def test_a_dispute_lasts_until_the_two_agree_again(server: FeedServer, clock: Seconds) -> None:
    many = [f"{600_000 + number}.SH" for number in range(40)]
    wrong = {**dict.fromkeys(many, 101_000), many[0]: 120_000}
    server.set("a", plays(prices(many)))
    server.set("b", plays(json.dumps(wrong)))
    ladder = Ladder(
        Fetcher(FetchSettings(paces={"a": Pace(0.0), "b": Pace(0.0)}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep),
        quotes=[Rung("a", "a", Prices("a", "a")), Rung("b", "b", Prices("b", "b"))],
        monotonic=clock,
        policy=LadderPolicy(check_every_s=0.0, sample=4),
    )
    disputed = [ladder.quotes(many, NOW).disputed for _ in range(12)]
    assert disputed == [(many[0],)] * 12, "the first sample begins with it, the next ones look elsewhere"
    server.set("b", plays(prices(many)))
    assert ladder.quotes(many, NOW).disputed == ()


def test_hosts_of_one_vendor_do_not_bear_witness_for_each_other(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], plays(prices()))
    server.set(HOSTS["eastmoney-82"], plays(prices(last=10_100)))
    served = ladder.quotes(NAMES, NOW)
    assert (served.source, served.stale, served.disputed) == ("eastmoney", False, ())
    assert server.asked(HOSTS["eastmoney-82"]) == []


def test_two_vendors_that_contradict_each_other_are_both_not_believed(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], plays(prices(last=10_100)))
    server.set(HOSTS["tencent"], plays(prices()))
    served = ladder.quotes(NAMES, NOW)
    assert (served.source, served.stale, served.disputed) == ("eastmoney", True, tuple(NAMES))


@pytest.mark.parametrize(
    ("prices_of", "serving", "liar"),
    [
        ({"eastmoney": 10_100, "tencent": 101_000, "sina": 101_100}, "tencent", "eastmoney"),
        ({"eastmoney": 101_000, "tencent": 10_100_000, "sina": 101_100}, "eastmoney", "tencent"),
    ],
)
def test_a_third_vendor_decides_who_lies(
    server: FeedServer, ladder: Ladder, prices_of: dict[str, int], serving: str, liar: str
) -> None:
    for name, last in prices_of.items():
        server.set(HOSTS[name], plays(prices(last=last)))
    served = ladder.quotes(NAMES, NOW)
    assert (served.source, served.stale, served.disputed) == (serving, False, ())
    assert state_of(ladder, liar).last_fault.startswith("DISAGREES")
    assert state_of(ladder, liar).gate is Gate.OPEN
    assert ladder.quotes(NAMES, NOW).source == serving


def test_prices_are_compared_no_more_often_than_configured(server: FeedServer, clock: Seconds) -> None:
    server.set("a", plays(prices()))
    server.set("b", plays(prices()))
    ladder = Ladder(
        Fetcher(FetchSettings(paces={"a": Pace(0.0), "b": Pace(0.0)}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep),
        quotes=[Rung("a", "a", Prices("a", "a")), Rung("b", "b", Prices("b", "b"))],
        monotonic=clock,
        policy=LadderPolicy(check_every_s=60.0, sample=2),
    )
    for _ in range(10):
        ladder.quotes(NAMES, NOW)
        clock.at += 12.0
    assert len(server.asked("a")) == 10
    assert len(server.asked("b")) == 2
    asked = [seen.params["names"].split(",") for seen in server.asked("b")]
    assert [len(names) for names in asked] == [2, 2] and asked[0] != asked[1]


def test_each_interval_of_bars_has_its_own_ladder(server: FeedServer, clock: Seconds, switches: list[SourceSwitched]) -> None:
    server.set("a", plays(b"{}"))
    server.set("b", plays(b"{}"))
    ladder = Ladder(
        Fetcher(FetchSettings(paces={"a": Pace(0.0), "b": Pace(0.0)}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep),
        bars=[Rung("a", "a", DailyOnly("a")), Rung("b", "b", AnyBars("b"))],
        observer=switches.append,
        monotonic=clock,
    )
    day = date(2026, 11, 20)
    for _ in range(5):
        assert ladder.bars("600519.SH", "1m", day, day, NOW).source == "b"
    assert ladder.bars("600519.SH", "1d", day, day, NOW).source == "a"
    assert [(change.what, change.before, change.after) for change in switches] == [("1m", "a", "b")]
    assert {(state.what, state.name): state.gate for state in ladder.states()} == {
        ("1d", "a"): Gate.CLOSED,
        ("1d", "b"): Gate.CLOSED,
        ("1m", "a"): Gate.OPEN,
        ("1m", "b"): Gate.CLOSED,
    }


def test_states_do_not_wait_for_a_source_that_hangs(server: FeedServer, ladder: Ladder) -> None:
    server.set(HOSTS["eastmoney"], hangs())

    def ask() -> None:
        with contextlib.suppress(FeedError):
            ladder.quotes(NAMES, NOW)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    while not server.seen:
        time.sleep(0.005)
    assert [state.name for state in ladder.states()] == list(HOSTS)
    assert thread.is_alive()


def test_many_threads_get_whole_tables(server: FeedServer, ladder: Ladder) -> None:
    for host in HOSTS.values():
        server.set(host, plays(prices()))
    served: list[int] = []

    def ask() -> None:
        for _ in range(5):
            served.append(ladder.quotes(NAMES, NOW).table.height)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served == [5] * 30


class AnyBars:
    """A source that answers with no rows for any interval."""

    def __init__(self, name: str) -> None:
        self.name = name

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        fetch(self.name, Request(self.name, "/bars"))
        return pl.DataFrame(schema=BAR_SCHEMA)


class DailyOnly(AnyBars):
    """A source that serves no other interval than 1d."""

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        if interval != "1d":
            raise FeedError(self.name, Fault.EMPTY, f"serves no {interval} bars")
        return super().bars(fetch, symbol, interval, first, last, now)


def state_of(ladder: Ladder, name: str) -> RungState:
    return next(state for state in ladder.states() if state.name == name)
