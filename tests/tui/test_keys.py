"""Every key of the action table, pressed in a real console over a door that remembers what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from console_fixture import RecordingDoor, busy_state, clock, status
from test_cells import screen_rows
from textual.events import MouseScrollDown
from textual.pilot import Pilot

from tui.actions import ACTIONS, BY_ID, available, why_not
from tui.app import KanpanApp
from tui.commands import Request, Wrong, complete, parse, vocabulary
from tui.confirm import ANSWER_WITHIN
from tui.widgets.lines import WHEEL_LINES

THEMES = ("dark", "light")
Check = Callable[[KanpanApp, "Pilot[None]", RecordingDoor], Awaitable[None]]


def console(
    check: Check,
    *,
    size: tuple[int, int] = (120, 36),
    door: RecordingDoor | None = None,
    language: str = "en",
    readonly: bool = False,
) -> KanpanApp:
    """Run `check` inside a console; returns the app after it ended."""
    kept: list[KanpanApp] = []

    async def run() -> None:
        chosen = door or RecordingDoor()
        app = KanpanApp(chosen, language=language, theme="dark", clock=clock(), readonly=readonly)
        kept.append(app)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await check(app, pilot, chosen)

    asyncio.run(run())
    return kept[0]


def command_line(app: KanpanApp) -> str:
    return screen_rows(app)[-2].strip()


def test_lower_case_looks_and_upper_case_changes() -> None:
    for action in ACTIONS:
        letters = [key for key in action.keys if len(key) == 1 and key.isalpha()]
        assert all(
            key.isupper() == action.changes or action.id in ("acknowledge", "quit", "end", "previous_match") for key in letters
        ), action.id


def test_no_key_means_two_things() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_tab_goes_round_the_panels_and_shift_tab_goes_back() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        seen = []
        for _ in range(6):
            seen.append(app.overview.active.id)
            await pilot.press("tab")
        assert seen == ["quotes", "positions", "orders", "models", "alerts", "equity"]
        assert app.overview.active.id == "quotes"
        await pilot.press("shift+tab")
        assert app.overview.active.id == "equity"

    console(check)


def test_the_cursor_moves_by_row_by_half_page_and_to_the_ends() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        quotes = app.overview.quotes
        await pilot.press("j", "j", "down", "k")
        assert quotes.cursor == 2
        await pilot.press("G")
        assert quotes.cursor == quotes.count() - 1
        await pilot.press("up", "g")
        assert quotes.cursor == 0
        await pilot.press("ctrl+d")
        assert quotes.cursor == quotes.half_page()
        await pilot.press("ctrl+u")
        assert quotes.cursor == 0

    console(check)


@pytest.mark.parametrize(
    ("tabs", "shown"),
    [
        (0, "Upper limit"),
        (1, "Sellable today"),
        (2, "PRICE_AT_LIMIT_UP"),
        (3, "You manage a paper desk"),
        (4, "position cap 31.2%, limit 30.0%"),
    ],
)
def test_enter_opens_the_row_and_escape_closes_it(tabs: int, shown: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(*["tab"] * tabs, "enter")
        await pilot.pause()
        assert app.overview.reading
        assert shown in "\n".join(screen_rows(app))
        await pilot.press("escape")
        assert not app.overview.reading
        assert not door.asked

    console(check)


def test_an_order_opened_shows_the_decision_behind_it() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("tab", "tab", "j", "j", "j", "j", "enter")
        await pilot.pause()
        text = "\n".join(screen_rows(app))
        assert "高端白酒需求稳定" in text
        assert "POSITION_CAP" in text

    console(check)


def test_z_gives_one_panel_the_body_and_takes_it_back() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("tab", "z")
        await pilot.pause()
        assert app.overview.positions.size.width == 120
        assert app.overview.showing(app.overview.positions)
        assert not app.overview.showing(app.overview.quotes)
        await pilot.press("z")
        assert app.overview.showing(app.overview.quotes)

    console(check)


def test_the_overview_key_puts_everything_back() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("z", "enter", "1")
        assert not app.overview.reading
        assert not app.overview.zoomed

    console(check)


def test_a_filter_works_while_it_is_typed_stays_on_enter_and_goes_on_escape() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        quotes = app.overview.quotes
        await pilot.press("/", "银", "行")
        assert quotes.count() == 3
        await pilot.press("enter")
        assert quotes.filter == "银行"
        assert "Filter: 银行" in command_line(app)
        await pilot.press("/", "x", "escape")
        assert quotes.filter == "银行"
        await pilot.press("escape")
        assert quotes.filter == ""

    console(check)


def test_the_model_log_is_filtered_by_what_was_said() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("tab", "tab", "tab", "/", *"nowhere", "enter")
        assert app.overview.models.count() == 0
        await pilot.press("escape")
        assert app.overview.models.count() > 0

    console(check)


def test_s_sorts_and_r_turns_the_order() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("s", "s")
        assert "Sorted by Last" in command_line(app)
        assert app.overview.quotes.row_at_cursor()[0] == "600519.SH"
        await pilot.press("r")
        assert app.overview.quotes.row_at_cursor()[0] == "002604.SZ"
        await pilot.press("tab", "tab", "tab", "s")
        assert "not now" in command_line(app)

    console(check)


def test_t_and_the_command_line_change_the_theme_and_the_language() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("t")
        assert app.theme == "kanpan-light"
        await pilot.press(":", *"theme ansi", "enter")
        assert app.theme == "kanpan-ansi"
        await pilot.press(":", *"lang zh", "enter")
        await pilot.pause()
        text = "\n".join(screen_rows(app))
        assert "行情" in text
        assert "Quotes" not in text

    console(check)


def test_y_copies_the_code_under_the_cursor() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("j", "y")
        assert app.clipboard == "600519.SH"

    console(check)


def test_help_lists_every_action_that_has_a_key() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("?")
        await pilot.pause()
        text = "\n".join(screen_rows(app))
        for action in ACTIONS:
            if action.keys:
                assert app.face.words.t(f"help.{action.id}") in text, action.id
        await pilot.press("?")
        assert not app.overview.reading

    console(check, size=(160, 60))


def test_a_acknowledges_all_alerts() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("a")
        assert door.asked == [("acknowledge", "demo", "all")]

    console(check)


def test_capital_r_runs_one_cycle_after_one_y() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("R")
        assert "Run one cycle now" in command_line(app)
        assert not door.asked
        await pilot.press("y")
        assert door.asked == [("run", "demo", "")]
        app.pump.tick()
        await pilot.pause()
        assert command_line(app) == "run: done"

    console(check)


@pytest.mark.parametrize("keys", [("R", "n"), ("R", "escape"), ("R", "j", "G", "n")])
def test_a_question_refused_changes_nothing(keys: tuple[str, ...]) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(*keys)
        assert not door.asked
        assert app.overview.quotes.cursor == 0
        assert command_line(app) == "Nothing done"

    console(check)


def test_a_question_lapses_and_its_late_answer_does_nothing() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("R")
        app.dispatcher.prompter._clock.advance_to(clock().now() + ANSWER_WITHIN + timedelta(seconds=1))
        app.dispatcher.prompter.tick()  # the next beat of the console, whenever a busy machine lets it come
        await pilot.pause()
        assert "nothing done" in command_line(app)
        await pilot.press("y")
        assert not door.asked

    console(check)


def test_an_answer_about_a_state_that_has_changed_does_nothing() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("R")
        door.state.status.put([("demo", status(mode="live"))])
        app.pump.tick()
        await pilot.press("y")
        assert not door.asked

    console(check)


def test_p_pauses_and_then_lets_go_on() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("P")
        door.state.status.put([("demo", status(paused=True))])
        app.pump.tick()
        await pilot.pause()
        assert "PAUSED" in screen_rows(app)[0]
        assert "P go on" in screen_rows(app)[-1]
        await pilot.press("P")
        assert [verb for verb, _desk, _argument in door.asked] == ["pause", "resume_schedule"]

    console(check)


def test_k_halts_at_once_and_kill_typed_cancels_and_stops_the_schedule() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("K")
        assert [verb for verb, *_ in door.asked] == ["halt"]
        assert "Type KILL to cancel 2 open orders" in command_line(app)
        door.state.status.put([("demo", status(trading_state="HALTED"))])
        app.pump.tick()
        await pilot.press(*"KILL", "enter")
        assert [verb for verb, *_ in door.asked] == ["halt", "cancel", "pause"]
        assert "HALTED" in screen_rows(app)[0]

    console(check)


def test_k_then_escape_keeps_the_halt_and_nothing_else() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("K", "escape")
        assert [verb for verb, *_ in door.asked] == ["halt"]
        assert "stay stopped" in command_line(app)

    console(check)


def test_pasted_text_cannot_answer_a_question() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        from textual.events import Paste

        await pilot.press("R")
        app.post_message(Paste("y"))
        await pilot.pause()
        assert not door.asked
        await pilot.press("n", "/")
        app.post_message(Paste("银行\n"))
        await pilot.pause()
        assert app.overview.quotes.filter == "银行"

    console(check)


def test_a_refused_command_is_said_so() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("R", "y")
        app.pump.tick()
        await pilot.pause()
        assert command_line(app) == "run refused: a cycle is running"

    console(check, door=RecordingDoor(answer="overlap"))


def test_resume_is_offered_only_after_a_halt_and_asks_first() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(":", *"resume", "enter")
        assert "not halted" in command_line(app)
        door.state.status.put([("demo", status(trading_state="HALTED", halting_reason="drawdown"))])
        app.pump.tick()
        await pilot.press(":", *"resume", "enter")
        assert "drawdown" in command_line(app)
        await pilot.press("y")
        assert door.asked == [("resume", "demo", "")]

    console(check)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_quit_asks_then_stops_the_engine_and_leaves_with_zero(key: str) -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press(key)
        assert "Stop it and quit" in command_line(app)
        assert not door.stopped.is_set()
        await pilot.press("y")
        await pilot.pause(0.2)
        assert door.stopped.is_set()

    assert console(check).return_code == 0


def test_a_read_only_console_has_no_key_that_changes_the_engine() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("R", "y", "P", "K", "a", ":", *"halt", "enter")
        assert not door.asked
        assert "K halt" not in screen_rows(app)[-1]
        assert "No such command: halt" in command_line(app)

    console(check, readonly=True)


def test_a_terminal_too_small_says_so_and_recovers() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.resize_terminal(60, 20)
        await pilot.pause(0.1)
        text = "\n".join(screen_rows(app))
        assert "too small" in text
        assert "60x20 now" in text
        assert "Quotes" not in text
        await pilot.resize_terminal(120, 36)
        await pilot.pause(0.1)
        assert "Quotes" in "\n".join(screen_rows(app))

    console(check)


def test_reasons_why_an_action_cannot_be_done_now() -> None:
    assert why_not(BY_ID["acknowledge"], status(), 0) == "why.no_alerts"
    assert why_not(BY_ID["run"], status(replay_finished=True), 0) == "why.finished"
    assert why_not(BY_ID["resume"], status(), 0) == "why.active"
    assert why_not(BY_ID["run"], status(desk=""), 0) == "why.no_desk"
    assert why_not(BY_ID["run"], status(), 0) == ""


def test_the_command_line_knows_its_words_and_says_what_is_wrong() -> None:
    assert parse("lang zh", THEMES) == Request("lang", "zh")
    assert parse(" theme  light ", THEMES) == Request("theme", "light")
    assert parse("q", THEMES) == parse("quit", THEMES) == Request("quit")
    assert parse("kill", THEMES) == Request("halt")
    assert parse("", THEMES) is None
    assert parse("lang fr", THEMES) == Wrong("wrong.argument", (("command", "lang"), ("wanted", "en | zh")))
    assert parse("run twice", THEMES) == Wrong("wrong.no_argument", (("command", "run"),))
    assert parse("buy 600519", THEMES) == Wrong("wrong.command", (("text", "buy 600519"),))
    assert isinstance(parse("halt", THEMES, available(readonly=True)), Wrong)


def test_tab_completes_commands_and_their_values() -> None:
    assert complete("the", THEMES) == "theme"
    assert complete("theme li", THEMES) == "theme light"
    assert complete("lang z", THEMES) == "lang zh"
    assert complete("xyz", THEMES) == "xyz"
    assert complete("", THEMES) == ""
    assert set(vocabulary()) >= {"run", "pause", "halt", "resume", "lang", "theme", "q", "help"}


def test_the_fixture_starts_with_nothing_asked() -> None:
    assert not RecordingDoor(busy_state()).asked


def test_a_page_scrolls_by_lines_and_to_its_ends() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        reader = app.overview.reader
        await pilot.press("?", "j", "j")
        assert reader.top == 2
        await pilot.press("G")
        assert reader.top == reader.count() - reader.window()
        await pilot.press("ctrl+u", "g")
        assert reader.top == 0

    console(check)


def test_a_page_is_searched_forwards_and_back_and_says_where_it_found() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.press("tab", "tab", "tab", "enter", "/", *"LIMITS", "enter")
        assert "/LIMITS: line" in command_line(app)
        first = app.overview.reader._found
        await pilot.press("n")
        assert app.overview.reader._found == first
        await pilot.press("/", *"instrument", "enter")
        lines = [app.overview.reader._found]
        await pilot.press("n")
        lines.append(app.overview.reader._found)
        await pilot.press("N")
        assert app.overview.reader._found == lines[0] != lines[1]
        await pilot.press("/", *"nowhere", "enter")
        assert command_line(app) == "/nowhere: not on this page"

    console(check)


def test_a_click_makes_a_panel_active_a_second_one_opens_its_row_and_the_wheel_moves() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor) -> None:
        await pilot.click("#orders", offset=(10, 3))
        assert app.overview.active.id == "orders"
        assert app.overview.orders.cursor == 1
        await pilot.click("#quotes", offset=(10, 4), times=2)
        await pilot.pause()
        assert app.overview.reading
        await pilot.press("escape")
        quotes = app.overview.quotes
        quotes.post_message(MouseScrollDown(quotes, 5, 5, 0, 1, 0, False, False, False))
        await pilot.pause()
        assert quotes.cursor == 2 + WHEEL_LINES

    console(check)
