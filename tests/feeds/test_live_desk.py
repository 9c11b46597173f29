"""A live A-share desk through whole trading days: the real engine, real HTTP to a market on loopback, a clock that is stepped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from feed_market import FeedMarket
from feed_server import Exchange, FeedServer, html_page, reset_at_once, status
from stepped_clock import SteppedClock, stopped

from engine.building import mandate_of
from engine.config import Config, DeskConfig
from engine.core.journal import CycleState
from engine.cycle import Mandate
from engine.cycle.runner import Job
from engine.engine import Engine
from engine.replay import Replay
from engine.state import EventRow, StatusView
from engine.store import books, check

BEIJING = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 19)
NAMES = ["000001.SZ", "000858.SZ", "300750.SZ", "600000.SH", "600519.SH", "601318.SH"]
EASTMONEY = ("push2.eastmoney.com", "82.push2.eastmoney.com")
STUCK_S = 40.0


def at(clock: str, day: date = DAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), BEIJING)


def configuration(**changes: Any) -> Config:
    desk: dict[str, Any] = {
        "feed": ["eastmoney", "tencent", "sina", "cache"],
        "universe": {"symbols": NAMES},
        "schedule": "every 30m in session",
        "history_days": 40,
        "live": {"poll_s": 120, "max_age_s": 180},
        "risk": {"max_volatility": 0, "max_var": 0, "max_cluster": 0, "max_entries_day": 0},
        **changes,
    }
    return Config.model_validate({"desk": {"live": desk}})


@contextmanager
def running(home: Path, config: Config, clock: SteppedClock, server: FeedServer, first: Job | None = None) -> Iterator[Engine]:
    engine = Engine(config, home, clock=clock, environ={"KANPAN_FEED_HOSTS": server.base_url})
    engine.start(first)
    try:
        yield engine
    finally:
        assert stopped(engine, clock)
        assert engine.failed == ""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def told(engine: Engine, code: str) -> list[dict[str, str]]:
    """The parameters of every event of one code, in order."""
    rows: list[EventRow] = list(engine.state.events.view().rows.values())
    return [dict(row.params) for row in rows if row.code == code]


def status_of(engine: Engine) -> StatusView:
    return engine.state.status.view().rows["live"]


def cycles(home: Path) -> dict[str, str]:
    """How each scheduled cycle ended and why, by its slot in Beijing, in the order in which they were written."""
    with books(home) as view:
        found = [item for item in view.cycles("live", limit=1_000) if item.trigger == "schedule"]
    return {f"{item.slot.astimezone(BEIJING):%d %H:%M}": f"{item.state} {item.reason}".strip() for item in reversed(found)}


def verdicts(home: Path, slot: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """(stale names, last verdict of each name) of the cycle at `slot` in Beijing."""
    with books(home) as view:
        named = {f"{item.slot.astimezone(BEIJING):%H:%M}": item.cycle_id for item in view.cycles("live", limit=1_000)}
        frozen, given = view.snapshot_of(named[slot]), view.verdicts(named[slot])
    assert frozen is not None and given is not None
    return frozen.stale, {verdict.instrument: verdict.code for verdict in given.verdicts}


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def sound(home: Path) -> None:
    """Every book balances, and every cycle comes out the same when it is computed again."""
    with books(home) as view:
        replay = Replay(view, home / "snapshots", "live", mandate)
        results = list(replay.run())
    assert results and [item.differences for item in results if item.differences] == []
    assert [finding for finding in check(home) if not finding.ok] == []


def test_a_day_on_a_ladder_that_falls_host_by_host_and_climbs_again(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("09:12"))
    market = FeedMarket(clock.now)
    market.install(server)
    good = market.hosts()
    for host in EASTMONEY:
        clock.at(at("10:10"), lambda host=host: server.set(host, status(502)))
    clock.at(at("10:40"), lambda: server.set("qt.gtimg.cn", html_page()))
    clock.at(at("11:10"), lambda: server.set("hq.sinajs.cn", reset_at_once()))
    for host in (*EASTMONEY, "qt.gtimg.cn", "hq.sinajs.cn"):
        clock.at(at("13:40"), lambda host=host: server.set(host, good[host]))

    with running(tmp_path, configuration(), clock, server) as engine:
        clock.run_until(at("15:06"), STUCK_S)
        switches = [(item["before"], item["after"]) for item in told(engine, "FEED_SWITCHED") if item["kind"] == "quotes"]
        rows = engine.state.quotes.view().rows
        assert status_of(engine).source == "eastmoney"

    assert [after for _, after in switches[:3]] == ["tencent", "sina", "cache"], "down, a rung at a time"
    assert switches[-1][1] == "eastmoney" and switches[3][0] == "cache", "and up again"
    ran = cycles(tmp_path)
    assert list(ran) == [f"19 {slot}" for slot in ("09:30", "10:00", "10:30", "11:00", "13:00", "13:30", "14:00", "14:30")]
    assert set(ran.values()) == {"COMPLETED"}
    for slot, blind in {"11:00": False, "13:00": True, "13:30": True, "14:30": False}.items():
        stale, codes = verdicts(tmp_path, slot)
        assert bool(stale) is blind, f"{slot}: what was last told before lunch is no price of the afternoon"
        assert ("DATA_STALE" in codes.values()) is blind, f"{slot}: {codes}"
    with books(tmp_path) as view:
        fills = view.fills("live", limit=1_000)
        day = [point for point in view.equity("live", limit=100) if not point.cycle_id]
    assert fills and all(fill.source in {"eastmoney", "tencent", "sina"} for fill in fills)
    assert [point.trading_day for point in day] == [DAY], "the day was closed once"
    assert all(row.source == "eastmoney" and row.age_s >= 0 for row in rows.values())
    sound(tmp_path)


def test_slots_that_a_sleeping_machine_missed_are_written_down_and_never_run(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("10:20"))
    FeedMarket(clock.now).install(server)
    config = configuration(schedule="every 5m in session", live={"poll_s": 60, "max_age_s": 180}, feed=["tencent", "sina"])
    with running(tmp_path, config, clock, server) as engine:
        clock.run_until(at("10:26"), STUCK_S)
        clock.jump(timedelta(minutes=21))
        clock.run_until(at("10:51"), STUCK_S)
        assert status_of(engine).cycle_state == "COMPLETED"
    expected = {
        "19 10:20": "COMPLETED",
        "19 10:25": "COMPLETED",
        **dict.fromkeys(("19 10:30", "19 10:35", "19 10:40", "19 10:45"), "SKIPPED MISSED"),
        "19 10:50": "COMPLETED",
    }
    assert cycles(tmp_path) == expected
    clock = SteppedClock(at("11:01"))
    FeedMarket(clock.now).install(server)
    with running(tmp_path, config, clock, server):
        clock.run_until(at("11:02"), STUCK_S)
    missed = {"19 10:55": "SKIPPED MISSED", "19 11:00": "COMPLETED"}
    assert cycles(tmp_path) == {**expected, **missed}, "a process that was down owes the same, and runs what is still fresh"
    sound(tmp_path)


def test_orders_of_the_day_die_at_a_close_that_nobody_was_there_for(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("14:28"))
    FeedMarket(clock.now).install(server)
    config = configuration(feed=["tencent"], live={"poll_s": 60, "max_age_s": 180})
    with running(tmp_path, config, clock, server):
        clock.run_until(at("14:33:30"), STUCK_S)
    with books(tmp_path) as view:
        assert view.open_orders("live"), "bought at 14:30, too much for a minute's volume"
    later = DAY + timedelta(days=1)
    clock = SteppedClock(at("09:05", later))
    FeedMarket(clock.now).install(server)
    with running(tmp_path, config, clock, server):
        clock.run_until(at("09:06", later), STUCK_S)
    with books(tmp_path) as view:
        assert view.open_orders("live") == ()
        (close,) = [point for point in view.equity("live", limit=10) if not point.cycle_id]
        held = view.account("live").positions
    assert close.trading_day == DAY
    assert held and close.unrealized != 0, "valued at the closes of that day, not at what it cost"
    sound(tmp_path)


def test_a_cycle_by_hand_runs_at_once_in_session_and_not_at_all_outside_it(tmp_path: Path, server: FeedServer) -> None:
    config = configuration(schedule="manual", feed=["tencent"])
    ran: list[CycleState | None] = []
    for moment in ("10:03", "12:10"):
        clock = SteppedClock(at(moment))
        FeedMarket(clock.now).install(server)
        with running(tmp_path, config, clock, server, first=lambda desk: ran.append(desk.run_next())):
            clock.run_until(at(moment) + timedelta(minutes=1), STUCK_S)
    assert ran == [CycleState.COMPLETED, None]
    with books(tmp_path) as view:
        (cycle,) = view.cycles("live", limit=10)
        frozen = view.snapshot_of(cycle.cycle_id)
    assert cycle.trigger == "manual" and frozen is not None and len(frozen.candidates) == len(NAMES), "it saw the market first"


def test_slots_that_pass_while_a_model_thinks_are_skipped_as_overlaps(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("10:00"))
    FeedMarket(clock.now).install(server)

    def think(exchange: Exchange) -> None:
        clock.jump(timedelta(minutes=12))
        status(400)(exchange)

    server.set(server.base_url.removeprefix("http://"), think)
    slow = {"provider": "openai", "base_url": f"{server.base_url}/v1", "model": "slow", "timeout_s": 20}
    desk = configuration(schedule="every 5m in session", feed=["tencent"], models=["slow"]).desk["live"]
    config = Config.model_validate({"desk": {"live": desk.model_dump()}, "model": {"slow": slow}})
    with running(tmp_path, config, clock, server):
        clock.run_until(at("10:13"), STUCK_S)
    found = cycles(tmp_path)
    assert found.pop("19 10:00").startswith("ABSTAINED")
    assert found == {"19 10:05": "SKIPPED OVERLAP", "19 10:10": "SKIPPED OVERLAP"}
