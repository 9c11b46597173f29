"""Pictures of the console, cell for cell: every size in every language, and the moments that matter most.

Update with `pytest tests/tui/test_snapshots.py --snapshot-update`, only on the Textual they were taken with, and look at every one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import textual
from console_fixture import NOW, RecordingDoor, alert, busy_state, clock, quote, status

from engine.state import State
from tui.app import KanpanApp

Snap = Callable[..., bool]
SIZES = ((80, 24), (120, 36), (160, 48))
TAKEN_WITH = "8.2.8"


@pytest.fixture(autouse=True)
def _same_textual(request: pytest.FixtureRequest) -> None:
    if textual.__version__ != TAKEN_WITH:
        assert not request.config.getoption("snapshot_update", default=False), f"take snapshots with Textual {TAKEN_WITH}"
        pytest.skip(f"snapshots were taken with Textual {TAKEN_WITH}")


def console(state: State | None = None, *, language: str = "zh", theme: str = "dark", ascii: bool = False) -> KanpanApp:
    """A console over a fixed state and a fixed clock."""
    return KanpanApp(RecordingDoor(state), language=language, theme=theme, clock=clock(), ascii=ascii)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_overview(snap_compare: Snap, size: tuple[int, int], language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=size)


@pytest.mark.parametrize("tabs", range(1, 6), ids=["positions", "orders", "models", "alerts", "equity"])
def test_each_panel_of_a_narrow_terminal(snap_compare: Snap, tabs: int) -> None:
    assert snap_compare(console(), terminal_size=(80, 24), press=["tab"] * tabs)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_empty(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(console(State()), terminal_size=size)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_model_log_zoomed(snap_compare: Snap, language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=(120, 36), press=["tab", "tab", "tab", "z"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_model_call_opened(snap_compare: Snap, language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=(120, 36), press=["tab", "tab", "tab", "enter"])


def test_order_opened_with_the_decision_behind_it(snap_compare: Snap) -> None:
    assert snap_compare(console(), terminal_size=(120, 36), press=["tab", "tab", "j", "j", "j", "j", "enter"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help(snap_compare: Snap, language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=(120, 48), press=["?"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_halted_and_asking_for_kill(snap_compare: Snap, language: str) -> None:
    state = busy_state()
    state.status.put([("demo", status(trading_state="HALTED", halting_reason="kill switch", paused=True))])
    state.alerts.put([("a9", alert(9, "critical", "TRADING_HALTED", reason="kill switch", by="person"))])
    assert snap_compare(console(state, language=language), terminal_size=(120, 36), press=["K", "K", "I"])


def test_stale_data(snap_compare: Snap) -> None:
    state = busy_state()
    rows = state.quotes.view().rows
    state.quotes.put(
        [
            (key, quote(row.symbol, row.name, row.last / 10_000, row.change_ppm / 10_000, row.volume, stale=True))
            for key, row in rows.items()
        ]
    )
    state.status.put([("demo", status(source="cache", source_age_s=754.0, source_degraded=True))])
    assert snap_compare(console(state), terminal_size=(120, 36))


def test_a_failed_cycle_in_a_market_where_green_is_up(snap_compare: Snap) -> None:
    state = busy_state()
    failed = status(
        market="us",
        currency="USD",
        cycle_state="FAILED",
        replay=False,
        offline_model=False,
        model_cost="0.0121",
        model_cost_currency="USD",
    )
    state.status.put([("demo", failed)])
    ages = itertools.cycle((0, 5, 120))
    told = [(name, replace(row, source="yahoo", age_s=next(ages))) for name, row in state.quotes.view().rows.items()]
    state.quotes.put(told)
    assert snap_compare(console(state, language="en"), terminal_size=(160, 48))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", (*SIZES[:2], (200, 50)), ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_league(snap_compare: Snap, size: tuple[int, int], language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=size, press=["6"])


def test_a_row_of_the_league_opened(snap_compare: Snap) -> None:
    assert snap_compare(console(), terminal_size=(120, 36), press=["6", "j", "enter"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_decisions_and_why_risk_ruled_so(snap_compare: Snap, size: tuple[int, int], language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=size, press=["3"])


def test_a_decision_opened(snap_compare: Snap) -> None:
    assert snap_compare(console(), terminal_size=(120, 36), press=["3", "j", "j", "j", "j", "enter"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_log(snap_compare: Snap, language: str) -> None:
    assert snap_compare(console(language=language), terminal_size=(120, 36), press=["0"])


def test_too_small(snap_compare: Snap) -> None:
    assert snap_compare(console(), terminal_size=(60, 18))


@pytest.mark.parametrize("theme", ["light", "ansi", "high-contrast"])
def test_themes(snap_compare: Snap, theme: str) -> None:
    assert snap_compare(console(theme=theme), terminal_size=(120, 36))


def test_ascii(snap_compare: Snap) -> None:
    assert snap_compare(console(language="en", ascii=True), terminal_size=(120, 36))


def test_typing_a_filter_and_a_command(snap_compare: Snap) -> None:
    assert snap_compare(console(), terminal_size=(120, 36), press=["/", "银", "行"])


def test_the_fixtures_clock_stands_still() -> None:
    assert clock().now() == NOW
