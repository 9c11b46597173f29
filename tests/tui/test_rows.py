"""The rows of the frame: what gives way when the terminal is narrow, and what never does."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from console_fixture import NOW, alert, busy_state, status
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from engine.state import EventRow, State, StatusView
from tui.actions import ACTIONS
from tui.editor import MAX_CHARS, Editor
from tui.face import ASCII, UNICODE, Face
from tui.i18n import load
from tui.palette import INKS, Inks
from tui.widgets.alert_row import AlertLine
from tui.widgets.key_row import KeyRow
from tui.widgets.painted import Row, span_width
from tui.widgets.status_row import status_line


def face(language: str = "en", market: str = "ashare") -> Face:
    """A face without colours."""
    return Face(load(language), Inks(dict.fromkeys(INKS, Style())), UNICODE, market)


def text(row: Row) -> str:
    return "".join(part for part, _ink in row)


STATUSES = st.builds(
    status,
    trading_state=st.sampled_from(["ACTIVE", "REDUCING", "HALTED"]),
    paused=st.booleans(),
    replay=st.booleans(),
    replay_finished=st.booleans(),
    offline_model=st.booleans(),
    mode=st.sampled_from(["paper", "live"]),
    now=st.sampled_from([None, NOW]),
    next_slot=st.sampled_from([None, NOW + timedelta(days=3)]),
    cycle_state=st.sampled_from(["IDLE", "DECIDING", "FAILED", "COMPLETED", "SOMETHING_NEW"]),
    equity=st.sampled_from(["1.00", "1012345678901.67"]),
    tokens=st.sampled_from([0, 41_200]),
    source=st.sampled_from(["", "东方财富", "a very long source name indeed"]),
    source_age_s=st.sampled_from([None, 0.1, 4_000.0]),
)


@given(STATUSES, st.integers(min_value=60, max_value=220), st.sampled_from(["en", "zh"]), st.booleans())
def test_the_status_row_is_exactly_as_wide_as_the_terminal(view: StatusView, width: int, language: str, readonly: bool) -> None:
    row = status_line(view, face(language), width, readonly=readonly)
    assert span_width(row) == width
    assert text(row).lstrip().startswith(load(language).t("app.live" if view.mode == "live" else "app.paper"))


@given(STATUSES, st.sampled_from(["en", "zh"]))
def test_a_halt_and_a_pause_are_said_at_every_width(view: StatusView, language: str) -> None:
    words = load(language)
    shown = text(status_line(view, face(language), 80))
    assert (words.t("trading.HALTED") in shown) == (view.trading_state == "HALTED")
    assert (words.t("trading.paused") in shown) == view.paused


@pytest.mark.parametrize(("width", "said"), [(80, "no LLM"), (160, "offline, no language model")])
def test_the_offline_provider_is_called_what_it_is(width: int, said: str) -> None:
    assert said in text(status_line(status(), face(), width))


def test_stages_before_are_done_the_one_under_way_is_lit_and_the_rest_wait() -> None:
    assert "fetch✓ analyze✓ decide● risk· execute·" in text(status_line(status(), face(), 200))
    assert "fetch✓ analyze✓ decide✓ risk✓ execute✓" in text(status_line(status(cycle_state="COMPLETED"), face(), 200))
    assert "#128 failed" in text(status_line(status(cycle_state="FAILED"), face(), 200))


def test_a_gain_is_red_in_one_market_and_green_in_the_other_and_signed_in_both() -> None:
    for red_up, ink in ((True, "status-red"), (False, "status-green")):
        look = Face(load("en"), Inks(dict.fromkeys(INKS, Style()), red_up), ASCII, "us")
        assert ("+0.42%", ink) in status_line(status(), look, 160)


def test_a_source_that_is_late_or_a_fallback_stands_out() -> None:
    inks = dict(status_line(status(source="cache", source_age_s=754.0, source_degraded=True), face(), 200))
    assert inks["cache 12m fallback"] == "keys-key"


def alert_line(state: State, language: str = "en") -> str:
    row = AlertLine(face(language), id="alert")
    row.apply_alerts(state.alerts.view(), None)
    row.apply_events(state.events.view(), None)
    composed = row.compose_row(0, 120)
    assert span_width(composed) == 120
    return text(composed)


def test_the_alert_row_shows_the_loudest_unacknowledged_alert_and_how_many_there_are() -> None:
    said = alert_line(busy_state())
    assert "2 unacknowledged" in said
    assert "CRITICAL" in said
    assert "position cap" in said


def test_without_alerts_the_row_shows_the_last_event_and_information_is_no_alarm() -> None:
    state = State()
    state.alerts.put([("a", alert(1, "info", "BOOKS_BALANCED"))])
    assert "No unacknowledged alerts" in alert_line(state)
    state.events.put([("1", EventRow(1, NOW, "demo", "PAUSED", ())), ("2", EventRow(2, NOW, "demo", "CYCLE_STATE", ()))])
    assert "Schedule paused" in alert_line(state)


@given(st.integers(min_value=80, max_value=200), st.sampled_from(["en", "zh"]))
def test_the_key_row_keeps_what_matters_most(width: int, language: str) -> None:
    row = KeyRow(face(language), id="keys", actions=ACTIONS).compose_row(0, width)
    assert span_width(row) == width
    keys = [part for part, ink in row if ink == "keys-key"]
    assert {"q", "K", "?", "R", "P"} <= set(keys)


@given(
    st.lists(
        st.sampled_from(["a", "贵", "left", "right", "backspace", "delete", "home", "end", "ctrl+w", "ctrl+u", "tab", "f5"]),
        max_size=60,
    )
)
def test_an_edited_line_always_has_its_cursor_within_it(keys: list[str]) -> None:
    editor = Editor()
    for key in keys:
        editor = editor.key(key, key if len(key) == 1 else None)
        assert 0 <= editor.at <= len(editor.text)


def test_a_line_is_edited_where_the_cursor_stands_and_is_bounded() -> None:
    editor = Editor().insert("run now").key("ctrl+w", None).key("home", None).key("x", "x")
    assert editor == Editor("xrun ", 1)
    assert Editor().insert("a\nb\x1bc").text == "abc"
    assert len(Editor().insert("x" * 999).text) == MAX_CHARS


def test_the_pure_parts_of_the_console_import_no_textual() -> None:
    names = [
        "actions",
        "commands",
        "confirm",
        "editor",
        "format",
        "i18n",
        "palette",
        "pump",
        "prompter",
        "charts.spark",
        "face",
        "door",
    ]
    imports = ", ".join(f"tui.{name}" for name in names)
    code = f"import sys, {imports}; sys.exit(any(name.partition('.')[0] == 'textual' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], check=False).returncode == 0


def test_a_replay_keeps_its_date_as_long_as_there_is_room() -> None:
    assert "2019-06-17 10:31:05 morning" in text(status_line(status(), face(), 200))
    assert "06-17 10:31 morning" in text(status_line(status(), face(), 120))
    assert " 10:31:05 morning" in text(status_line(status(), face(), 80))
    assert "06-17" not in text(status_line(status(replay=False), face(), 100))
