"""A live US desk by New York's clock: a holiday, a half day, the changes of the hour; it fills, it closes, it replays the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from feed_server import FeedServer, status
from made_yahoo import HOSTS, NEW_YORK, SHARES, MadeYahoo
from stepped_clock import SteppedClock, stopped

from engine.building import mandate_of
from engine.config import Config, DeskConfig
from engine.core.journal import CycleState
from engine.cycle import Mandate
from engine.engine import Engine
from engine.replay import Replay
from engine.state import EventRow
from engine.store import books, check

STUCK_S = 60.0
SHARE = 1_000_000


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), NEW_YORK)


def configuration(**changes: Any) -> Config:
    desk: dict[str, Any] = {
        "market": "us",
        "feed": ["yahoo", "cache"],
        "universe": {"symbols": [f"{code}.US" for code in SHARES]},
        "schedule": "at 09:45, 15:30",
        "cash": "100000",
        "history_days": 40,
        "live": {"poll_s": 240, "max_age_s": 600, "idle_s": 3_600},
        "risk": {"max_volatility": 0, "max_var": 0, "max_cluster": 0, "reentry_cooldown": 0},
        **changes,
    }
    return Config.model_validate({"desk": {"york": desk}})


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


@contextmanager
def running(home: Path, clock: SteppedClock, server: FeedServer, config: Config | None = None) -> Iterator[Engine]:
    made = MadeYahoo(clock.now)
    for host in HOSTS:
        server.set(host, made)
    engine = Engine(config or configuration(), home, clock=clock, environ={"KANPAN_FEED_HOSTS": server.base_url})
    engine.start()
    try:
        yield engine
    finally:
        assert stopped(engine, clock)
        assert engine.failed == ""


def sleep_until(clock: SteppedClock, moment: datetime) -> None:
    """The machine sleeps: a lid was closed over a night."""
    clock.jump(moment - clock.now())


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def sound(home: Path) -> None:
    """Every book balances, and every cycle comes out the same when it is computed again."""
    with books(home) as view:
        results = list(Replay(view, home / "snapshots", "york", mandate).run())
    assert results and [item.differences for item in results if item.differences] == []
    assert [finding for finding in check(home) if not finding.ok] == []


def cycles(home: Path) -> dict[str, str]:
    with books(home) as view:
        found = [item for item in view.cycles("york", limit=1_000) if item.trigger == "schedule"]
    return {f"{item.slot.astimezone(NEW_YORK):%m-%d %H:%M}": f"{item.state} {item.reason}".strip() for item in reversed(found)}


def closes(home: Path) -> dict[str, str]:
    """When each day was marked, by the day, New York's clock."""
    with books(home) as view:
        marks = [point for point in view.equity("york", limit=1_000) if not point.cycle_id]
    return {f"{point.trading_day:%m-%d}": f"{point.as_of.astimezone(NEW_YORK):%H:%M}" for point in marks}


def turns(engine: Engine) -> list[str]:
    rows: list[EventRow] = list(engine.state.events.view().rows.values())
    return [" ".join(value for _, value in row.params) for row in rows if row.code == "SESSION"]


def test_thanksgiving_is_no_day_and_the_friday_after_it_ends_at_one(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at(date(2026, 11, 25), "15:00"))
    with running(tmp_path, clock, server) as engine:
        clock.run_until(at(date(2026, 11, 25), "16:10"), STUCK_S)
        sleep_until(clock, at(date(2026, 11, 26), "09:20"))
        clock.run_until(at(date(2026, 11, 26), "09:50"), STUCK_S)
        sleep_until(clock, at(date(2026, 11, 27), "09:20"))
        clock.run_until(at(date(2026, 11, 27), "13:10"), STUCK_S)
        seen = turns(engine)
    assert not [turn for turn in seen if "2026-11-26" in turn]
    assert cycles(tmp_path) == {
        "11-25 15:30": "COMPLETED",
        "11-27 09:45": "COMPLETED",
    }, "15:30 comes after the close of a half day"
    assert closes(tmp_path) == {"11-25": "16:01", "11-27": "13:01"}
    clock = SteppedClock(at(date(2026, 11, 27), "15:20"))
    with running(tmp_path, clock, server):
        clock.run_until(at(date(2026, 11, 27), "15:40"), STUCK_S)
        sleep_until(clock, at(date(2026, 11, 30), "15:00"))
        clock.run_until(at(date(2026, 11, 30), "16:10"), STUCK_S)
    assert list(cycles(tmp_path).items())[-3:] == [
        ("11-27 15:30", "SKIPPED SESSION_CLOSED"),
        ("11-30 09:45", "SKIPPED MISSED"),
        ("11-30 15:30", "COMPLETED"),
    ]
    assert closes(tmp_path) == {"11-25": "16:01", "11-27": "13:01", "11-30": "16:01"}
    with books(tmp_path) as view:
        fills, orders = view.fills("york", limit=1_000), view.orders("york", limit=1_000)
        frozen = view.snapshot_of(view.cycles("york", limit=1)[0].cycle_id)
    sent = {item.order.order_id: item.order.created_at for item in orders}
    assert fills and all(fill.quantity % SHARE == 0 and fill.at > sent[fill.order_id] for fill in fills)
    assert all(at(fill.at.astimezone(NEW_YORK).date(), "09:30") <= fill.at for fill in fills)
    assert frozen is not None and frozen.stale == ()
    sound(tmp_path)


@pytest.mark.parametrize(
    ("friday", "monday", "opens"),
    [(date(2026, 10, 30), date(2026, 11, 2), "14:45"), (date(2026, 3, 6), date(2026, 3, 9), "13:45")],
)
def test_the_hour_changes_over_a_weekend_and_the_desk_with_it(
    tmp_path: Path, server: FeedServer, friday: date, monday: date, opens: str
) -> None:
    clock = SteppedClock(at(friday, "09:20"))
    with running(tmp_path, clock, server):
        clock.run_until(at(friday, "09:55"), STUCK_S)
        sleep_until(clock, at(friday, "15:20"))
        clock.run_until(at(friday, "16:10"), STUCK_S)
        sleep_until(clock, at(monday, "08:00"))
        clock.run_until(at(monday, "09:55"), STUCK_S)
    with books(tmp_path) as view:
        slots = [item.slot for item in view.cycles("york", limit=10) if item.trigger == "schedule"]
    assert set(cycles(tmp_path).values()) == {"COMPLETED"}
    assert slots[0].astimezone(UTC) == datetime.combine(monday, time.fromisoformat(opens), UTC)
    assert len(slots) == 3 and list(closes(tmp_path).values()) == ["16:01"]
    sound(tmp_path)


def test_a_market_that_stops_answering_opens_nothing_and_loses_nothing(tmp_path: Path, server: FeedServer) -> None:
    day = date(2026, 11, 24)
    clock = SteppedClock(at(day, "09:20"))
    clock.at(at(day, "12:00"), lambda: [server.set(host, status(429)) for host in HOSTS])
    with running(tmp_path, clock, server, configuration(schedule="every 30m in session")) as engine:
        clock.run_until(at(day, "12:40"), STUCK_S)
        sleep_until(clock, at(day, "15:55"))
        clock.run_until(at(day, "16:10"), STUCK_S)
        told = {row.code for row in engine.state.events.view().rows.values()}
    ran = cycles(tmp_path)
    assert {state for slot, state in ran.items() if slot < "11-24 13"} == {"COMPLETED"}
    assert "FEED_SWITCHED" in told or "FEED_DOWN" in told
    with books(tmp_path) as view:
        late = [item for item in view.cycles("york", limit=100) if item.slot >= at(day, "12:30")]
        seen = [view.snapshot_of(item.cycle_id) for item in late if item.state is CycleState.COMPLETED]
        fills = view.fills("york", limit=1_000)
    assert seen and all(snapshot and set(snapshot.stale) == {f"{code}.US" for code in SHARES} for snapshot in seen)
    assert fills and all(fill.at < at(day, "12:10") for fill in fills), "nothing is filled at a price that nobody told"
    assert list(closes(tmp_path)) == ["11-24"]
    sound(tmp_path)


def test_killed_over_a_close_it_marks_the_day_at_the_closes_it_then_learns(tmp_path: Path, server: FeedServer) -> None:
    day = date(2026, 11, 23)
    clock = SteppedClock(at(day, "09:20"))
    with running(tmp_path, clock, server):
        clock.run_until(at(day, "11:00"), STUCK_S)
    with books(tmp_path) as view:
        assert view.account("york").positions
    clock = SteppedClock(at(day + timedelta(days=1), "08:00"))
    with running(tmp_path, clock, server):
        clock.run_until(at(day + timedelta(days=1), "09:50"), STUCK_S)
    assert cycles(tmp_path) == {"11-23 09:45": "COMPLETED", "11-23 15:30": "SKIPPED MISSED", "11-24 09:45": "COMPLETED"}
    assert closes(tmp_path) == {"11-23": "16:01"}
    sound(tmp_path)
