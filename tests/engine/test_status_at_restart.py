"""The status row after a restart: where the session stands by the calendar, at once, not from the next turn of the tape on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.board import DeskFace
from engine.brokers import PaperBroker
from engine.config import Config
from engine.core.clock import SimulatedClock, SystemClock
from engine.core.units import Market
from engine.engine import Engine
from engine.exchange import FeeSchedule
from engine.publish import Publisher
from engine.state import State, StatusView
from engine.store import books

TERMS = {
    "schedule": "at 10:30",
    "replay": {"start": "2020-03-02", "end": "2020-03-20"},
    "risk": {"max_position": 0.0001},
}
"""Nothing may be bought, so that a cycle leaves no order behind that would have to be waited for until the close."""


def opened(home: Path, *, cycles: int | None, speed: float, terms: Mapping[str, Any] = TERMS) -> Engine:
    config = Config.model_validate({"desk": {"demo": terms}})
    engine = Engine(config, home, clock=SystemClock(), environ={}, speed=speed, cycles=cycles)
    engine.start()
    return engine


def test_a_replay_taken_up_in_the_morning_says_so_before_anything_moves(tmp_path: Path) -> None:
    first = opened(tmp_path, cycles=1, speed=0.0)
    assert first.wait(timeout_s=60) and first.stop(10.0) and not first.failed
    again = opened(tmp_path, cycles=None, speed=0.001)
    try:
        status = again.state.status.view().rows["demo"]
    finally:
        assert again.stop(10.0)
    assert (status.phase, status.trading_day) == ("continuous", date(2020, 3, 2))
    assert status.now == datetime(2020, 3, 2, 2, 30, tzinfo=UTC)


def test_holdings_quotes_and_alerts_stand_as_they_did_before_anything_moves(tmp_path: Path) -> None:
    terms = {"schedule": "at 09:20, 13:00", "replay": TERMS["replay"], "risk": {"max_gross": 0.2}}
    first = opened(tmp_path, cycles=4, speed=0.0, terms=terms)
    assert first.wait(timeout_s=60) and first.stop(10.0) and not first.failed
    before = first.state
    again = opened(tmp_path, cycles=None, speed=0.001, terms=terms)
    try:
        until = time.monotonic() + 30
        while not again.state.positions.view().rows and time.monotonic() < until:
            time.sleep(0.02)
        held, quotes, alerts = (
            dict(topic.view().rows) for topic in (again.state.positions, again.state.quotes, again.state.alerts)
        )
    finally:
        assert again.stop(10.0)
    assert held and held.keys() == before.positions.view().rows.keys()
    assert set(held) <= set(quotes)
    assert all(quotes[name].held for name in held)
    assert alerts and all(row.at.year == 2020 for row in alerts.values()), "an alert of a replay is of its market's day"


def test_a_halt_of_long_ago_stands_and_so_do_its_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = {"schedule": "at 09:20", "replay": TERMS["replay"], "risk": {"max_gross": 0.2}}
    first = opened(tmp_path, cycles=2, speed=0.0, terms=terms)
    assert first.wait(timeout_s=60)
    before = dict(first.state.alerts.view().rows)
    first.command("halt", "demo", "long ago")
    first.command("pause", "demo")
    wait_for(lambda: first.state.status.view().rows["demo"].paused)
    assert first.stop(10.0) and not first.failed
    monkeypatch.setattr("engine.engine.RESTORED_ENTRIES", 2)
    again = opened(tmp_path, cycles=None, speed=0.001, terms=terms)
    try:
        status, alerts = again.state.status.view().rows["demo"], again.state.alerts.view().rows
    finally:
        assert again.stop(10.0)
    assert (status.trading_state, status.halting_reason, status.paused) == ("HALTED", "long ago", True)
    assert before
    for name, row in before.items():
        assert (alerts[name].code, alerts[name].count) == (row.code, row.count)


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    assert true()


@pytest.fixture
def live() -> tuple[Publisher, State]:
    state = State()
    publisher = Publisher(state, SimulatedClock(datetime(2020, 3, 3, tzinfo=UTC)))
    broker = PaperBroker("demo", Market.ASHARE, FeeSchedule(), {})
    face = DeskFace("demo", Market.ASHARE, {}, broker, "eastmoney", replay=False, offline={})
    publisher.attach(face, cycles=0, equity=0, day_start=0)
    return publisher, state


def at(publisher: Publisher, state: State, moment: datetime) -> StatusView:
    publisher.looked("demo", moment, "eastmoney", degraded=False, confirmed={})
    return state.status.view().rows["demo"]


def test_a_live_desk_says_at_every_look_where_the_session_stands(live: tuple[Publisher, State]) -> None:
    morning = at(*live, datetime(2020, 3, 3, 2, 0, tzinfo=UTC))
    assert (morning.phase, morning.trading_day) == ("continuous", date(2020, 3, 3))
    assert at(*live, datetime(2020, 3, 3, 4, 0, tzinfo=UTC)).phase == "lunch"
    evening = at(*live, datetime(2020, 3, 3, 9, 0, tzinfo=UTC))
    assert (evening.phase, evening.trading_day) == ("closed", date(2020, 3, 3))
    night = at(*live, datetime(2020, 3, 3, 20, 0, tzinfo=UTC))
    assert night.trading_day == date(2020, 3, 3), "the next day begins with its first order"
    saturday = at(*live, datetime(2020, 3, 7, 3, 0, tzinfo=UTC))
    assert (saturday.phase, saturday.trading_day) == ("closed", date(2020, 3, 3))


def test_a_year_that_no_calendar_knows_is_no_reason_to_stop(live: tuple[Publisher, State]) -> None:
    moment = datetime(2090, 1, 3, 3, 0, tzinfo=UTC)
    assert at(*live, moment).now == moment


def test_holdings_and_equity_of_several_desks_are_never_mixed(tmp_path: Path) -> None:
    replay = {"start": "2020-03-02", "end": "2020-03-04"}
    desks = {"one": {"replay": replay, "strategy": "baseline"}, "two": {"replay": replay, "cash": "500000", "strategy": "baseline"}}
    engine = Engine(Config.model_validate({"desk": desks}), tmp_path, clock=SystemClock(), environ={}, speed=0.0)
    engine.start()
    try:
        assert engine.wait(timeout_s=60) and not engine.failed
    finally:
        assert engine.stop(10.0)
    state = engine.state
    assert state.equity.view().rows and all(point.equity > 900_000 for point in state.equity.view().rows.values())
    with books(tmp_path) as view:
        held = {name: str(position.quantity) for name, position in view.account("one").positions.items()}
    assert {name: row.quantity for name, row in state.positions.view().rows.items()} == held
