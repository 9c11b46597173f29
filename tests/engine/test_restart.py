"""However often and wherever a desk stops, it ends with the same orders, fills, lots and cash as one that never did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.core.journal import CycleState
from engine.core.order import OrderStatus
from engine.store import books
from engine.store.check import check
from tests.engine.desk_harness import Crash, Mandate, carry, desk_at, mandate, story, writes

START, END = date(2020, 4, 22), date(2020, 5, 8)
"""Two ex-dates on holdings (24 April, 8 May), a holiday, names without a sound bar on some days."""
WIDE = {"max_drawdown": 1, "max_daily_loss": 1, "max_sector": 1}
BASELINE = mandate(strategy="baseline", risk=WIDE)
PANEL = mandate(schedule="at 09:20, 13:00", risk=WIDE)


@pytest.fixture(scope="module", params=["baseline", "panel"])
def terms(request: pytest.FixtureRequest) -> Mandate:
    return BASELINE if request.param == "baseline" else PANEL


@pytest.fixture(scope="module")
def whole(terms: Mandate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a desk that never stopped."""
    home = tmp_path_factory.mktemp("whole")
    with desk_at(home, terms, start=START, end=END) as desk:
        carry(desk)
    return home


def sound(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok] == []


def test_the_stretch_is_worth_stopping_in(whole: Path, terms: Mandate) -> None:
    told = story(whole)
    assert len(told["fills"]) >= 5
    assert any(account.startswith("dividend:") for account in told["balances"]) or terms is PANEL
    sound(whole)


@pytest.mark.parametrize("every", [3, 41])
def test_a_stop_between_any_two_steps_changes_nothing(terms: Mandate, whole: Path, tmp_path: Path, every: int) -> None:
    """Stops after every step of the first days (the ex-date among them), then now and then."""
    end = date(2020, 4, 24) if every == 3 else END
    home, taken, reached = tmp_path / "stopped", -1, datetime.min.replace(tzinfo=UTC)
    while taken:
        with desk_at(home, terms, start=START, end=end) as desk:
            carry(desk, until=reached)
            taken, reached = carry(desk, steps=every), desk.now
    sound(home)
    if every == 3:
        whole = tmp_path / "whole"
        with desk_at(whole, terms, start=START, end=end) as desk:
            carry(desk)
    assert story(home) == story(whole)


@pytest.fixture(scope="module")
def eve(terms: Mandate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a desk that was stopped at the close before the ex-date."""
    home = tmp_path_factory.mktemp("eve")
    with desk_at(home, terms, start=START, end=date(2020, 4, 23)) as desk:
        carry(desk)
    return home


DAY = date(2020, 4, 24)


def test_a_crash_at_any_write_of_a_day_loses_and_doubles_nothing(terms: Mandate, eve: Path, tmp_path: Path) -> None:
    """Dies before each write of an ex-date with cycles and fills; a cycle that had not reached EXECUTING fails, unasked."""
    references: dict[frozenset[datetime], dict[str, Any]] = {}
    kills, with_orders = 0, 0
    for number in crash_points(terms, eve, tmp_path):
        home = tmp_path / f"crash-{number}"
        shutil.copytree(eve, home)
        with pytest.raises(Crash), desk_at(home, terms, start=START, end=DAY, crash_at=number) as desk:
            carry(desk)
        kills += 1
        with desk_at(home, terms, start=START, end=DAY) as desk:
            carry(desk)
        sound(home)
        with books(home) as view:
            failed = frozenset(item.slot for item in view.cycles("demo") if item.state is CycleState.FAILED)
            for item in view.cycles("demo"):
                with_orders += bool(item.slot.date() == DAY and view.orders_of(item.cycle_id))
                if item.slot in failed:
                    assert view.orders_of(item.cycle_id) == ()
            assert not any(order.status is OrderStatus.REJECTED for order in view.orders("demo"))
        if failed not in references:
            references[failed] = reference(terms, eve, tmp_path / f"reference-{len(references)}", failed)
        assert story(home) == references[failed], f"crash before write {number}"
    assert kills >= 11 and with_orders >= 3 and len(references) >= 2


def crash_points(terms: Mandate, eve: Path, tmp_path: Path) -> Iterator[int]:
    """Every write of the day: dying before one is dying after the one before it."""
    home = tmp_path / "count"
    shutil.copytree(eve, home)
    with desk_at(home, terms, start=START, end=DAY) as desk:
        carry(desk)
        total = writes(desk)
    yield from range(1, total + 1)


def reference(terms: Mandate, eve: Path, home: Path, failed: frozenset[datetime]) -> dict[str, Any]:
    shutil.copytree(eve, home)
    with desk_at(home, terms, start=START, end=DAY, spared=failed) as desk:
        carry(desk)
    return story(home)


def test_a_schedule_changed_between_two_runs_does_not_run_slots_of_the_past(tmp_path: Path) -> None:
    by_hand = mandate(strategy="baseline", schedule="manual")
    with desk_at(tmp_path, by_hand, start=START, end=START) as desk:
        carry(desk)
    with desk_at(tmp_path, BASELINE, start=START, end=START) as desk:
        carry(desk)
    assert story(tmp_path)["cycles"] == []


def test_a_replay_moved_ahead_of_the_books_begins_where_its_tape_begins(tmp_path: Path) -> None:
    with desk_at(tmp_path, BASELINE, start=START, end=START) as desk:
        carry(desk)
    with desk_at(tmp_path, BASELINE, start=date(2020, 5, 6), end=date(2020, 5, 6)) as desk:
        carry(desk)
    with books(tmp_path) as view:
        assert [item.trading_day for item in view.cycles("demo")] == [date(2020, 5, 6), START]
