"""The pages that fill the body: decisions and why risk ruled so, the league, the log; reached by a key, left by another."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from console_fixture import DECIDED, NOW, STANDINGS, RecordingDoor, busy_state, clock, status
from rich.cells import cell_len
from test_cells import screen_rows
from test_keys import console
from textual.pilot import Pilot

from engine.state import EventRow, State
from tui.app import KanpanApp
from tui.widgets.painted import Painted

PAGES = {"3": "decisions", "6": "league", "0": "events"}


def text_of(app: KanpanApp) -> str:
    return "\n".join(screen_rows(app))


@pytest.mark.parametrize("key", PAGES)
def test_a_page_is_opened_by_its_key_and_left_by_escape_or_the_overviews_key(key: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        for back in ("escape", "1"):
            await pilot.press(key)
            await pilot.pause()
            assert app.overview.active.id == PAGES[key]
            assert app.overview.active.size.width == 120
            assert not app.overview.showing(app.overview.quotes)
            await pilot.press(back)
            await pilot.pause()
            assert app.overview.active.id == "quotes" and app.overview.showing(app.overview.quotes)
        assert not door.asked

    console(check)


@pytest.mark.parametrize(("word", "page"), [("decisions", "decisions"), ("league", "league"), ("log", "events")])
def test_a_page_is_opened_by_the_command_line_too(word: str, page: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(":", *word, "enter")
        assert app.overview.page == page

    console(check)


def test_tab_goes_round_the_pages_and_a_page_hides_an_open_row() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("enter", "3")
        assert not app.overview.reading
        seen = []
        for _ in range(3):
            seen.append(app.overview.page)
            await pilot.press("tab")
        assert seen == ["decisions", "league", "events"] and app.overview.page == "decisions"
        await pilot.press("shift+tab")
        assert app.overview.page == "events"

    console(check)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
@pytest.mark.parametrize("key", PAGES)
def test_every_row_of_a_page_is_exactly_as_wide_as_the_terminal(key: str, size: tuple[int, int], language: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        for keys in ((key,), ("enter",), ("escape", "G"), ("s", "r"), ("/", "x", "escape")):
            await pilot.press(*keys)
            await pilot.pause()
            assert {cell_len(row) for row in screen_rows(app)} == {size[0]}, keys

    console(check, size=size, language=language)


def test_why_risk_said_no_is_one_key_away() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("3")
        await pilot.pause()
        text = text_of(app)
        assert "its industry would be 45.0% of the account, at most 40.0%" in text
        assert "the money left buys 49, less than one lot" in text
        await pilot.press("j", "enter")
        await pilot.pause()
        text = text_of(app)
        assert "sector cap" in text and "denied" in text and "突破" in text

    console(check, size=(160, 40))


def test_every_rule_that_cut_a_decision_is_told_in_its_order() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("3", "/", *"000338", "enter", "enter")
        await pilot.pause()
        text = text_of(app)
        assert text.index("it would be 25.0% of the account") < text.index("all names together would be 85.6%")

    console(check)


def test_an_alert_of_risk_opened_shows_the_decision_it_is_about() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        state = door.state
        row = next(iter(state.alerts.view().rows.values()))
        params = (("instrument", "600276.SH"), ("rule", "max_sector"), ("code", "EXPOSURE_SECTOR"), ("observed", "0.45"))
        state.alerts.put([("b1", replace(row, alert_id="b1", at=NOW, severity="warning", code="RISK_DENY", params=params))])
        app.pump.tick()
        await pilot.press("tab", "tab", "tab", "tab", "g", "enter")
        await pilot.pause()
        assert "突破" in text_of(app)

    console(check)


def test_the_log_says_what_happened_in_words_and_finds_it_by_them() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("0")
        await pilot.pause()
        assert "周期 20190617T023000Z 跳过 错过：到点时没有运行" in text_of(app)
        await pilot.press("/", "错", "过", "enter")
        await pilot.pause()
        assert app.overview.active.count() == 1

    console(check, language="zh")


def test_the_log_names_the_desk_where_there_are_several() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("0")
        await pilot.pause()
        assert "Desk" not in text_of(app)
        door.state.events.put([("99", EventRow(99, NOW, "second", "PAUSED", (("by", "person"),)))])
        app.pump.tick()
        await pilot.pause()
        assert "Desk" in text_of(app) and "second" in text_of(app)

    console(check)


def test_the_league_draws_the_row_under_the_cursor_above_its_index() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("6")
        await pilot.pause()
        text = text_of(app)
        assert "-1.36 [-4.8,+2.3]" in text and "+0.40 [~]" in text and "closes until 2019-06-14" in text
        assert text.count("index, held") == 2 and "95% intervals" in text
        await pilot.press("j")
        await pilot.pause()
        assert text_of(app).count("demo~deepseek") == 2
        await pilot.press("enter")
        await pilot.pause()
        assert "3 cycles of the desk it has not decided" in text_of(app) and "bootstrap" in text_of(app)

    console(check)


def test_the_league_is_asked_for_only_while_it_is_shown() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        demand = door.state.league_demand
        await pilot.pause(0.6)
        assert not demand.within(time.monotonic(), 60)
        await pilot.press("6")
        await pilot.pause(0.6)
        assert demand.within(time.monotonic(), 30)

    console(check)


def test_a_new_table_repaints_only_what_differs() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("6")
        await pilot.pause()
        league, drawn = app.overview.league, []
        refresh = Painted.refresh
        league.refresh = lambda *regions, **options: (drawn.append(regions), refresh(league, *regions, **options))[1]  # type: ignore[method-assign]
        door.state.league.put([("demo demo", STANDINGS[0])])
        app.pump.tick()
        assert not drawn
        door.state.league.put([("demo demo", replace(STANDINGS[0], cycles=93))])
        app.pump.tick()
        assert len(drawn) == 1 and len(drawn[0]) == 1 and drawn[0][0].height == 1

    console(check)


@pytest.mark.parametrize("key", PAGES)
def test_an_empty_page_says_what_will_be_there(key: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(key, "enter", "j", "G")
        await pilot.pause()
        assert app.face.words.t(f"empty.{PAGES[key]}") in text_of(app)
        assert not app.overview.zoomed

    console(check, door=RecordingDoor(State()))


def test_a_narrow_terminal_names_the_pages_keys_beside_the_panels() -> None:
    async def shown(language: str) -> str:
        app = KanpanApp(RecordingDoor(busy_state()), language=language, theme="dark", clock=clock())
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            return screen_rows(app)[2]

    assert "3 决策 6 排名 0 日志" in asyncio.run(shown("zh"))
    assert "3 6 0 pages" in asyncio.run(shown("en"))


@pytest.mark.parametrize("tabs", range(5))
def test_an_open_row_has_a_narrow_terminal_to_itself(tabs: int) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(*["tab"] * tabs, "enter")
        await pilot.pause()
        assert app.overview.reader.size.width == 80

    console(check, size=(80, 24))


def test_a_label_stands_once_however_long_its_text_is() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("tab", "tab", "tab", "tab", "enter")
        await pilot.pause()
        assert text_of(app).count("Reason code") == 1

    console(check, size=(80, 24))


def test_a_skipped_cycle_says_why_in_the_status_row() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        door.state.status.put([("demo", status(cycle_state="SKIPPED", cycle_reason="OVERLAP"))])
        app.pump.tick()
        await pilot.pause()
        assert "skipped: the cycle before it was still running" in screen_rows(app)[0]

    console(check, size=(200, 50))


def test_the_answer_to_the_kill_switch_is_not_talked_over_by_its_parts() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("K")
        app.pump.tick()
        await pilot.press(*"KILL", "enter")
        app.pump.tick()
        await pilot.pause()
        assert ":resume allows orders again" in screen_rows(app)[-2]

    console(check, size=(160, 40))


def test_the_fixture_has_a_decision_of_every_kind() -> None:
    assert {row.verdict for row in DECIDED} == {"ALLOW", "CLAMP", "DENY", "REFUSED"}


def test_the_status_row_names_its_desk_where_there_are_several() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        assert not screen_rows(app)[0].startswith(" demo ")
        door.state.status.put([("second", status(desk="second"))])
        app.pump.tick()
        await pilot.pause()
        assert screen_rows(app)[0].startswith(" demo ")

    console(check)
