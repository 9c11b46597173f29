"""Shadows beside a live desk: the one feed, the very market it froze, books of their own, over a restart and a night."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from feed_market import FeedMarket
from feed_server import FeedServer
from stepped_clock import SteppedClock
from test_live_desk import DAY, STUCK_S, at, configuration, mandate, running

from engine.core.journal import CycleState
from engine.engine import Engine
from engine.replay import Replay
from engine.store import books, check
from tests.cli.console_command import kanpan

DESKS = ("live", "live~twin", "live~even")
TERMS = {"feed": ["tencent"], "live": {"poll_s": 120, "max_age_s": 300}, "shadow": {"twin": {}, "even": {"strategy": "baseline"}}}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def frozen(home: Path, desk: str) -> dict[str, str]:
    """The market that each completed scheduled cycle decided on, by the cycle's name without the desk's."""
    with books(home) as view:
        done = [
            item for item in view.cycles(desk, limit=1_000) if item.state is CycleState.COMPLETED and item.trigger == "schedule"
        ]
        seen = {item.cycle_id.removeprefix(desk): view.snapshot_of(item.cycle_id) for item in done}
    return {name: snapshot.hash for name, snapshot in seen.items() if snapshot is not None}


def caught_up(home: Path, engine: Engine) -> None:
    """Wait for the shadows: they are never waited for by the clock."""
    give_up = time.monotonic() + STUCK_S
    while any(frozen(home, name) != frozen(home, "live") for name in DESKS[1:]):
        assert time.monotonic() < give_up, {name: len(frozen(home, name)) for name in DESKS}
        time.sleep(0.05)
    assert "SHADOW_FAILED" not in {row.code for row in engine.state.events.view().rows.values()}


def test_two_days_live_with_shadows_and_a_night_in_between(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(at("09:28"))
    FeedMarket(clock.now).install(server)
    config = configuration(**TERMS)
    with running(tmp_path, config, clock, server) as engine:
        clock.run_until(at("11:20"), STUCK_S)
        caught_up(tmp_path, engine)
    before = frozen(tmp_path, "live")
    assert len(before) == 4
    with running(tmp_path, config, clock := SteppedClock(at("13:25")), server) as engine:
        FeedMarket(clock.now).install(server)
        clock.run_until(at("15:05"), STUCK_S)
        caught_up(tmp_path, engine)
        clock.jump(at("09:28", DAY + timedelta(days=1)) - clock.now())
        clock.run_until(at("10:05", DAY + timedelta(days=1)), STUCK_S)
        caught_up(tmp_path, engine)
    assert len(frozen(tmp_path, "live")) > len(before)
    with books(tmp_path) as view:
        assert view.fills("live") and view.fills("live~even")
        accounts = {name: view.account(name) for name in DESKS}
        closes = {name: [p.trading_day for p in view.equity(name, limit=100) if not p.cycle_id] for name in DESKS}
        for name in DESKS:
            results = list(Replay(view, tmp_path / "snapshots", name, mandate).run())
            assert results and [item.differences for item in results if item.differences] == [], name
    assert closes["live"] == closes["live~twin"] == closes["live~even"] == [DAY]
    assert accounts["live~twin"].positions.keys() == accounts["live"].positions.keys(), "the same mind on the same market"
    assert [finding for finding in check(tmp_path) if not finding.ok] == []
    symbols = json.dumps(list(config.desk["live"].universe.symbols))
    shadows = '[desk.live.shadow.twin]\n[desk.live.shadow.even]\nstrategy = "baseline"\n'
    (tmp_path / "kanpan.toml").write_text(f'[desk.live]\nfeed = ["tencent"]\nuniverse = {{ symbols = {symbols} }}\n{shadows}')
    shown = kanpan(tmp_path, "league", "live", "--json")
    assert shown.returncode == 0 and all(f'"{name}"' in shown.stdout for name in DESKS), shown.stdout + shown.stderr
