"""A live desk on a whole market and an empty state directory: the real engine, real HTTP on loopback, a clock that is stepped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from feed_market import FeedMarket
from feed_server import FeedServer, status
from stepped_clock import SteppedClock
from test_live_desk import cycles, running, sound, told
from whole_market import WholeMarket, listed

from engine.config import Config
from engine.core.units import Market
from engine.store import books
from engine.store.market import MarketStore
from engine.store.snapshot import Snapshot, read

BEIJING = ZoneInfo("Asia/Shanghai")
NAMES, TOP = 330, 12
STUCK_S = 120.0
LISTS, QUOTES, MANY, BARS = "push2.eastmoney.com", "push2.eastmoney.com", "qt.gtimg.cn", "push2his.eastmoney.com"


def at(clock: str, day: str = "2026-11-19") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+08:00")


def configuration(**changes: Any) -> Config:
    desk: dict[str, Any] = {
        "feed": ["eastmoney", "tencent", "sina", "cache"],
        "universe": {"top": TOP},
        "schedule": "every 5m in session",
        "history_days": 40,
        "strategy": "baseline",
        **changes,
    }
    return Config.model_validate({"desk": {"live": desk}})


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def frozen(home: Path, slot: str) -> tuple[Snapshot, tuple[str, ...]]:
    """(what the cycle at `slot` in Beijing saw, its candidates)."""
    with books(home) as view:
        named = {f"{item.slot.astimezone(BEIJING):%H:%M}": item.cycle_id for item in view.cycles("live", limit=100)}
        taken = view.snapshot_of(named[slot])
    assert taken is not None
    return read(home / "snapshots", taken.hash), taken.candidates


def asked(server: FeedServer, host: str, path: str) -> int:
    return sum(1 for seen in server.asked(host) if seen.path.startswith(path))


def looks_at_all(server: FeedServer) -> float:
    """How often the whole market was asked for, sixty names a request; the few names of a cross-check are none of it."""
    return sum(1 for seen in server.asked(MANY) if seen.path.count(",") > 20) / -(-NAMES // 60)


def test_a_fresh_desk_on_a_whole_market_has_the_history_of_its_candidates_before_it_first_decides(
    tmp_path: Path, server: FeedServer
) -> None:
    clock = SteppedClock(at("10:02"))
    WholeMarket(clock.now, NAMES).install(server)
    with running(tmp_path, configuration(), clock, server) as engine:
        clock.run_until(at("10:21"), STUCK_S)
        events = [row.code for row in engine.state.events.view().rows.values()]
    assert list(cycles(tmp_path).values()) == ["COMPLETED"] * 4
    for slot in ("10:05", "10:20"):
        snapshot, candidates = frozen(tmp_path, slot)
        assert len(candidates) >= TOP
        bars = dict(snapshot.bars.group_by("symbol").len().iter_rows())
        assert {name: bars.get(name, 0) >= 40 for name in candidates} == dict.fromkeys(candidates, True), slot
        assert len(snapshot.quotes) == NAMES, "all of the market is still seen"
    assert "BARS_LACKING" not in events and "BARS_MISSING" not in events, "nothing was missing, nothing is said"
    assert asked(server, LISTS, "/api/qt/clist") == 4, "the pages of the market are turned once, for its list"
    assert 6 <= looks_at_all(server) <= 8, "and all of it is looked at every three minutes, from whoever tells many names a request"
    assert asked(server, QUOTES, "/api/qt/ulist.np") > 25, "what matters is looked at twice a minute"
    sound(tmp_path)


def test_what_was_fetched_once_is_not_asked_for_again_by_a_desk_that_starts_anew(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("10:02"))
    WholeMarket(clock.now, NAMES).install(server)
    with running(tmp_path, configuration(), clock, server):
        clock.run_until(at("10:06"), STUCK_S)
    kept = MarketStore.open(tmp_path, Market.ASHARE).as_of(at("10:06"))
    _, candidates = frozen(tmp_path, "10:05")
    assert set(candidates) <= set(kept.daily(list(candidates), 40)["symbol"].unique())
    before = len(server.asked(BARS))
    server.seen.clear()
    clock = SteppedClock(at("10:08"))
    WholeMarket(clock.now, NAMES).install(server)
    with running(tmp_path, configuration(), clock, server):
        clock.run_until(at("10:11"), STUCK_S)
    assert asked(server, LISTS, "/api/qt/clist") == 0, "the list of this session stands"
    assert len(server.asked(BARS)) < before / 4, "only names that became the most traded since have their bars fetched"
    snapshot, candidates = frozen(tmp_path, "10:10")
    assert set(candidates) <= set(snapshot.bars["symbol"].unique())


def test_a_new_session_brings_the_bar_of_the_one_before(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("14:53"))
    WholeMarket(clock.now, NAMES).install(server)
    config = configuration(schedule="at 14:55, 09:35")
    with running(tmp_path, config, clock, server) as engine:
        clock.run_until(at("09:36", "2026-11-20"), STUCK_S)
        assert told(engine, "FEED_DIED") == []
    snapshot, candidates = frozen(tmp_path, "09:35")
    newest = dict(snapshot.bars.group_by("symbol").max().select("symbol", "trading_day").iter_rows())
    assert {newest[name] for name in candidates} == {date(2026, 11, 19)}
    assert looks_at_all(server) <= 16, "at night nobody looks at a whole market again and again"


def test_names_without_bars_are_told_of_once_and_once_more_when_they_are_there(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("10:02"))
    market = WholeMarket(clock.now, NAMES)
    market.install(server)
    good = market.hosts()
    hosts = (BARS, f"33.{BARS}", "proxy.finance.qq.com", "vip.stock.finance.sina.com.cn")
    for host in hosts:
        server.set(host, status(502))
        clock.at(at("10:17"), lambda host=host: server.set(host, good[host]))
    with running(tmp_path, configuration(), clock, server) as engine:
        clock.run_until(at("10:51"), STUCK_S)
        lacking, there = told(engine, "BARS_LACKING"), told(engine, "BARS_COMPLETE")
        missing = told(engine, "BARS_MISSING")
    assert len(lacking) == len(there) == len(missing) == 1, "calm: at the first of three blind cycles, and when it is over"
    assert int(lacking[0]["count"]) == int(lacking[0]["total"]) >= TOP
    assert all(state == "COMPLETED" for state in cycles(tmp_path).values()), "a desk without bars goes on, and knows little"


def test_a_market_of_pages_only_is_crawled(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("10:02"))
    WholeMarket(clock.now, NAMES).install(server)
    with running(tmp_path, configuration(feed=["eastmoney"]), clock, server):
        clock.run_until(at("10:06"), STUCK_S)
    assert list(cycles(tmp_path).values()) == ["COMPLETED"]
    assert asked(server, LISTS, "/api/qt/clist") >= 8, "its list, and a look"


@pytest.mark.parametrize(("feed", "host"), [("tencent", MANY), ("eastmoney", QUOTES)])
def test_a_look_that_takes_half_a_minute_is_not_of_the_future(tmp_path: Path, server: FeedServer, feed: str, host: str) -> None:
    """The last answer of many is younger than the instant at which the first request left."""
    clock = SteppedClock(at("10:02"))
    FeedMarket(clock.now, listed(NAMES)).install(server)
    config = Config.model_validate({**configuration(feed=[feed]).model_dump(), "feeds": {"gap_s": {host: 6.0}}})
    with running(tmp_path, config, clock, server) as engine:
        clock.run_until(at("10:06"), STUCK_S)
        events = {row.code for row in engine.state.events.view().rows.values()}
    assert not events & {"FEED_DOWN", "FEED_SWITCHED", "FEED_DIED"}
    snapshot, candidates = frozen(tmp_path, "10:05")
    assert len(snapshot.quotes) == NAMES and len(candidates) >= TOP
