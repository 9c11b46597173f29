"""The league of a running engine: made when somebody looks, made again when a session has closed, and never for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.errors import LedgerError
from engine.engine import Engine
from engine.reports.league import HOLD
from engine.standings import LOOKING_S, SPACING_S, Standings
from engine.state import State
from engine.store import Books, books

REPLAY = {"start": "2020-03-02", "end": "2020-03-18"}
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk and its shadow after a fortnight."""
    place = tmp_path_factory.mktemp("standings")
    terms = Config.model_validate({"desk": {"demo": {"replay": REPLAY, "shadow": {"even": {"strategy": "baseline"}}}}})
    engine = Engine(terms, place, clock=SystemClock(), environ={}, speed=0.0)
    engine.start()
    try:
        assert engine.wait(timeout_s=120) and not engine.failed
        assert engine.state.league.version == 0, "nobody looked"
        engine.state.league_demand.look(time.monotonic())
        wait_for(lambda: engine.state.league.version > 0, look=engine.state)
        assert [row.name for row in engine.state.league.view().rows.values()] == ["demo", "demo~even", HOLD]
    finally:
        assert engine.stop(10.0)
    return place


def wait_for(true: Callable[[], bool], look: State | None = None) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        if look is not None:
            look.league_demand.look(time.monotonic())
        time.sleep(0.02)


class Reading:
    """Opens the books and counts how often."""

    def __init__(self, home: Path, fails: str = "") -> None:
        self.times = 0
        self._home, self._fails = home, fails

    @contextmanager
    def __call__(self) -> Iterator[Books]:
        self.times += 1
        if self._fails:
            raise LedgerError(self._fails)
        with books(self._home) as view:
            yield view


def test_a_row_is_what_the_report_says(home: Path) -> None:
    state, told = State(), list[str]()
    standings = Standings(state, home / "snapshots", ["demo"], Reading(home), told.append)
    state.league_demand.look(100.0)
    standings.beat(100.0)
    assert standings.join(PATIENCE_S) and not told
    rows = state.league.view().rows
    desk, market = rows["demo demo"], rows[f"demo {HOLD}"]
    assert (desk.kind, desk.cycles, desk.sessions, desk.until) == ("desk", 13, 13, date(2020, 3, 18))
    assert desk.growth[-1] == pytest.approx(1 + desk.return_ppm / 1_000_000, abs=1e-6) and len(desk.growth) == 14
    assert desk.sharpe is not None and desk.sharpe.low is not None and desk.against_desk is None
    assert market.kind == "market" and not market.equity and market.against_hold is None
    assert desk.fees not in ("", "0.00") and desk.currency == "CNY"


def test_nobody_looks_and_nothing_is_computed(home: Path) -> None:
    state, reading = State(), Reading(home)
    standings = Standings(state, home / "snapshots", ["demo"], reading, [].append)
    standings.beat(100.0)
    state.league_demand.look(100.0)
    standings.beat(100.0 + LOOKING_S + 0.1)
    assert standings.join(PATIENCE_S) and reading.times == 0


def test_what_has_not_moved_is_not_computed_again_and_never_before_its_time(home: Path) -> None:
    state, reading = State(), Reading(home)
    standings = Standings(state, home / "snapshots", ["demo"], reading, [].append)
    for _ in range(3):
        now = time.monotonic()
        state.league_demand.look(now)
        standings.beat(now)
        assert standings.join(PATIENCE_S)
    assert reading.times == 1, "the three beats lie within the spacing"
    version, first = state.league.version, state.league.view().rows["demo demo"]
    later = time.monotonic() + SPACING_S + 1
    state.league_demand.look(later)
    standings.beat(later)
    assert standings.join(PATIENCE_S) and reading.times == 2
    assert state.league.version == version and state.league.view().rows["demo demo"] is first


def test_a_reason_why_there_is_no_table_is_told_once(home: Path) -> None:
    state, told = State(), list[str]()
    standings = Standings(state, home / "snapshots", ["demo"], Reading(home, "disk gone"), told.append)
    for turn in range(2):
        later = time.monotonic() + turn * (SPACING_S + 1)
        state.league_demand.look(later)
        standings.beat(later)
        assert standings.join(PATIENCE_S)
    assert told == ["disk gone"] and not any(thread.name == "league" for thread in threading.enumerate())


def test_a_desk_whose_first_session_is_not_over_has_no_table(tmp_path: Path, home: Path) -> None:
    state, told = State(), list[str]()
    standings = Standings(state, home / "snapshots", ["stranger"], Reading(home), told.append)
    state.league_demand.look(100.0)
    standings.beat(100.0)
    assert standings.join(PATIENCE_S) and not told and not state.league.view().rows
