"""The real adapters on their rungs, against a server that plays every A-share host: the same prices from all, lies from none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from feed_market import FeedMarket, every_second, from_tomorrow, price_of_nothing, shares_for_lots, twice_and_shuffled, two_prices
from feed_server import Behaviour, FeedServer, hangs, html_page, plays, reset_at_once, status
from hypothesis import given, settings
from hypothesis import strategies as st
from made_prices import SHARES

from engine.core.errors import ConfigError
from engine.core.units import Market
from engine.feeds.breaker import Gate
from engine.feeds.fetch import Fetcher
from engine.feeds.fetch_settings import FetchSettings
from engine.feeds.hosts import family_of
from engine.feeds.ladder import Ladder
from engine.feeds.lineup import build_ladder, lineup
from engine.feeds.pacing import Pace
from engine.feeds.rungs import SourceSwitched
from engine.feeds.served import LadderPolicy
from engine.feeds.source import QUOTE_TABLE
from engine.store.sample import sample_dir
from engine.store.snapshot import BAR_SCHEMA

FEED = ("eastmoney", "tencent", "sina", "cache")
NAMES = sorted(share.symbol for share in SHARES)
OPEN = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


class World:
    """A server, a market, a clock of both kinds and a ladder over them."""

    def __init__(self, home: Path, policy: LadderPolicy | None = None) -> None:
        self.now = OPEN
        self.server = FeedServer()
        self.market = FeedMarket(lambda: self.now)
        self.market.install(self.server)
        self.switches: list[SourceSwitched] = []
        free = {family_of(host): Pace(0.0) for host in self.market.hosts()}
        self.fetch = Fetcher(
            FetchSettings(retry_wait_s=0.001, read_s=2.0, paces=free),
            resolve=self.server.resolve,
            monotonic=lambda: self.now.timestamp(),
            sleep=lambda seconds: None,
        )
        self.ladder = self.build(home, policy)

    def build(self, home: Path, policy: LadderPolicy | None = None) -> Ladder:
        return build_ladder(
            Market.ASHARE,
            FEED,
            self.fetch,
            lists=home,
            sample=sample_dir(),
            observer=self.switches.append,
            policy=policy,
            monotonic=lambda: self.now.timestamp(),
        )

    def fail(self, *hosts: str, behaviour: Behaviour | None = None) -> None:
        for host in hosts:
            self.server.set(host, behaviour or status(403))

    def later(self, **kwargs: float) -> datetime:
        self.now += timedelta(**kwargs)
        return self.now


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.fetch.close()
    made.server.close()


EM = ("push2.eastmoney.com", "82.push2.eastmoney.com", "17.push2.eastmoney.com", "push2delay.eastmoney.com")
EM_BARS = ("push2his.eastmoney.com", "33.push2his.eastmoney.com")
TENCENT = ("qt.gtimg.cn", "proxy.finance.qq.com", "ifzq.gtimg.cn")
SINA = ("hq.sinajs.cn", "vip.stock.finance.sina.com.cn")
EXCHANGES = ("query.sse.com.cn", "www.szse.cn", "www.bse.cn")


@pytest.mark.parametrize("minutes", [-40, -3, 0, 90, 200, 400, 60 * 24])
def test_every_vendor_tells_the_same_prices_at_any_hour(world: World, minutes: int) -> None:
    now = world.later(minutes=minutes - 30)
    first = world.ladder.quotes(NAMES, now)
    world.fail(*EM)
    second = world.ladder.quotes(NAMES, now)
    world.fail(*TENCENT)
    third = world.ladder.quotes(NAMES, now)
    assert [served.source for served in (first, second, third)] == ["eastmoney", "tencent", "sina"]
    same = ["symbol", "name", "trading_day", "last", "pre_close", "open", "high", "low", "volume"]
    assert first.table.schema == QUOTE_TABLE
    assert first.table.select(same).equals(second.table.select(same))
    assert first.table.select(same).equals(third.table.select(same))
    assert [served.disputed for served in (first, second, third)] == [(), (), ()]


@pytest.mark.parametrize("interval", ["1d", "5m", "1h"])
def test_every_vendor_tells_the_same_bars(world: World, interval: str) -> None:
    now = world.later(minutes=47)
    tables = []
    for down in ((), EM_BARS, TENCENT):
        world.fail(*down)
        served = world.ladder.bars("600519.SH", interval, DAY - timedelta(days=7), DAY, now)
        tables.append(served.table)
        assert served.table.schema == BAR_SCHEMA
    same = ["symbol", "trading_day", "start", "known_at", "open", "high", "low", "close", "volume"]
    assert tables[0].height > 3
    assert all(table.select(same).equals(tables[0].select(same)) for table in tables[1:])
    newest = tables[0]["known_at"].max()
    assert isinstance(newest, datetime) and newest <= now


def test_a_day_of_failures_walked_down_host_by_host_and_up_again(world: World) -> None:
    """What a person sees of a bad morning: each host fails in its own way, each switch is a fact, nothing stale looks fresh."""
    steps: list[tuple[tuple[str, ...], Behaviour, str]] = [
        (("push2.eastmoney.com",), reset_at_once(), "eastmoney-82"),
        (("82.push2.eastmoney.com",), html_page(), "tencent"),
        (("qt.gtimg.cn",), hangs(), "sina"),
        (("hq.sinajs.cn",), status(456), "cache"),
    ]
    world.ladder.quotes(NAMES, world.now)
    for hosts, behaviour, serving in steps:
        world.fail(*hosts, behaviour=behaviour)
        served = world.ladder.quotes(NAMES, world.later(seconds=5))
        assert (served.source, served.stale) == (serving, serving == "cache")
        assert served.table.height == len(NAMES)
    assert served.age_s == 5.0
    assert world.ladder.quotes(NAMES, world.later(seconds=60)).age_s == 65.0

    healed = [(("hq.sinajs.cn",), 4_000, "sina"), (("qt.gtimg.cn",), 700, "tencent"), (EM[:2], 2_000, "eastmoney")]
    for hosts, seconds, serving in healed:
        for host in hosts:
            world.server.set(host, world.market.hosts()[host])
        for _ in range(3):
            served = world.ladder.quotes(NAMES, world.later(seconds=seconds / 3))
        assert (served.source, served.stale) == (serving, False)
    told = [(change.before, change.after) for change in world.switches]
    assert told == [
        ("eastmoney", "eastmoney-82"),
        ("eastmoney-82", "tencent"),
        ("tencent", "sina"),
        ("sina", "cache"),
        ("cache", "sina"),
        ("sina", "tencent"),
        ("tencent", "eastmoney"),
    ]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (price_of_nothing, "NOT_DATA"),
        (from_tomorrow, "FUTURE"),
        (shares_for_lots, "UNIT"),
        (two_prices, "NOT_DATA"),
        (every_second, "INCOMPLETE"),
    ],
)
def test_a_body_that_lies_is_not_served(world: World, spoil: Callable[..., object], fault: str) -> None:
    for host in EM:
        world.server.set(host, world.market.eastmoney(spoil))  # type: ignore[arg-type]
    served = world.ladder.quotes(NAMES, world.now)
    assert served.source == "tencent"
    assert fault in world.switches[0].reason


def test_rows_twice_and_out_of_order_are_the_same_table(world: World) -> None:
    before = world.ladder.quotes(NAMES, world.now)
    for host in EM:
        world.server.set(host, world.market.eastmoney(twice_and_shuffled))
    again = world.ladder.quotes(NAMES, world.now)
    assert again.source == "eastmoney"
    assert again.table.equals(before.table)


def test_empty_klines_are_a_reason_to_ask_the_next(world: World) -> None:
    body = '{"rc":0,"data":{"code":"600519","market":1,"name":"x","decimal":2,"dktotal":0,"klines":[]}}'
    world.fail(*EM_BARS, behaviour=plays(body))
    served = world.ladder.bars("600519.SH", "1d", DAY - timedelta(days=7), DAY, world.now)
    assert served.source == "tencent"
    assert "EMPTY" in world.switches[0].reason


def test_the_list_of_securities_goes_down_to_the_exchanges_the_seed_and_the_kept_copy(world: World, tmp_path: Path) -> None:
    served = world.ladder.securities(world.now)
    assert (served.source, served.stale) == ("eastmoney", False)
    assert served.table["symbol"].to_list() == NAMES
    for down, serving in zip(EM, ("eastmoney-82", "eastmoney-17", "eastmoney-delayed", "exchanges"), strict=True):
        world.fail(down, behaviour=status(502))
        served = world.ladder.securities(world.now)
        assert (served.source, served.stale, served.table.height) == (serving, False, len(NAMES))
    world.fail(*EXCHANGES)
    later = world.later(hours=1)
    served = world.ladder.securities(later)
    assert (served.source, served.stale) == ("seed", True), "eight names were accepted, so 3,756 are whole"


def test_beijing_may_be_missing_from_the_exchanges_lists_and_shanghai_may_not(world: World) -> None:
    world.fail(*EM, "www.bse.cn")
    served = world.ladder.securities(world.now)
    assert (served.source, served.table.height) == ("exchanges", len(NAMES) - 1)
    world.fail("query.sse.com.cn")
    assert world.ladder.securities(world.later(hours=2)).source == "seed"


def test_states_name_every_rung_and_host(world: World) -> None:
    world.fail("push2.eastmoney.com", behaviour=reset_at_once())
    world.ladder.quotes(NAMES, world.now)
    states = {(state.kind.value, state.name): state for state in world.ladder.states()}
    assert states["quotes", "eastmoney"].gate is Gate.OPEN and not states["quotes", "eastmoney"].serving
    assert states["quotes", "eastmoney"].last_fault.startswith("NETWORK") and states["quotes", "eastmoney"].resting_s > 0
    assert states["quotes", "eastmoney-82"].serving and states["quotes", "eastmoney-82"].last_ok == world.now
    hosts = {state.host: state for state in world.fetch.states()}
    assert (hosts["push2.eastmoney.com"].gate, hosts["82.push2.eastmoney.com"].gate) == (Gate.OPEN, Gate.CLOSED)


def test_a_feed_of_another_market_is_refused() -> None:
    with pytest.raises(ConfigError, match="binance is no source of ashare"):
        lineup(Market.ASHARE, ["binance"])


@pytest.mark.parametrize(
    ("market", "feed", "quotes"),
    [
        (Market.US, ["yahoo"], ["yahoo", "yahoo-2"]),
        (Market.CRYPTO, ["binance", "binance_um"], ["binance", "binance-2", "binance_um"]),
    ],
)
def test_other_markets_have_rungs_too(market: Market, feed: list[str], quotes: list[str]) -> None:
    assert [rung.name for rung in lineup(market, feed).quotes] == quotes


FAILURES: dict[str, Behaviour | None] = {
    "fine": None,
    "ban": status(403),
    "reset": reset_at_once(),
    "html": html_page(),
    "server": status(502),
    "empty": plays(b""),
}
HOSTS = ("push2.eastmoney.com", "82.push2.eastmoney.com", "qt.gtimg.cn", "hq.sinajs.cn")
HOURS = st.tuples(st.tuples(*[st.sampled_from(sorted(FAILURES))] * len(HOSTS)), st.integers(1, 5_000))


@settings(max_examples=25, deadline=None)
@given(st.lists(HOURS, min_size=1, max_size=6))
def test_whatever_fails_a_table_is_whole_and_true_or_marked_stale(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[tuple[str, ...], int]]
) -> None:
    """Hosts fail and heal at random: what is served as fresh is the market's own price now, anything else says that it is stale."""
    world = World(tmp_path_factory.mktemp("home"))
    try:
        good = world.market.hosts()
        world.ladder.quotes(NAMES, world.now)
        for failures, seconds in plan:
            world.later(seconds=seconds)
            for host, failure in zip(HOSTS, failures, strict=True):
                world.server.set(host, FAILURES[failure] or good[host])
            served = world.ladder.quotes(NAMES, world.now)
            told = dict(zip(*served.table.select("symbol", "last").get_columns(), strict=True))
            assert sorted(told) == NAMES
            if not served.stale:
                assert told == {share.symbol: world.market.prices.quote(share).last * 100 for share in SHARES}
            assert served.stale == (served.source == "cache")
            serving = [state.name for state in world.ladder.states() if state.serving and state.kind == "quotes"]
            assert serving == ([] if served.stale else [served.source])
        before = "eastmoney"
        for change in world.switches:
            assert change.before == before
            before = change.after
    finally:
        world.fetch.close()
        world.server.close()


def test_polars_schema_of_a_recalled_table_is_that_of_a_fresh_one(world: World) -> None:
    fresh = world.ladder.quotes(NAMES, world.now)
    world.fail(*EM, *TENCENT, *SINA)
    recalled = world.ladder.quotes(NAMES[:3], world.later(seconds=9))
    assert recalled.stale and recalled.table.schema == QUOTE_TABLE
    assert recalled.table.equals(fresh.table.filter(pl.col("symbol").is_in(NAMES[:3])))
