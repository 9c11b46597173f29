"""Orders that wait for a person, on the command row of a real console: y, n and a smaller number; every other key as ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from console_fixture import NOW, RecordingDoor, clock
from hypothesis import given
from hypothesis import strategies as st
from test_cells import screen_rows
from textual.pilot import Pilot

from engine.core.clock import SimulatedClock
from engine.state import ProposalRow
from tui.app import KanpanApp
from tui.ballot import TAKES_ROOM, Ballot, Vote

FIRST = ProposalRow(
    order_id="a1b2c3d4e5f60718",
    cycle_id="c",
    desk="demo",
    symbol="000338.SZ",
    name="潍柴动力",
    side="buy",
    quantity="1500",
    lots="15",
    limit_price="12.21",
    last="11.98",
    fee="5.18",
    limit_up="13.18",
    limit_down="10.78",
    reason="trend up on both clocks",
    until=NOW + timedelta(seconds=90),
)
SECOND = replace(FIRST, order_id="ffff000011112222", symbol="601318.SH", name="中国平安", side="sell", quantity="300", lots="3")
READY = NOW + TAKES_ROOM
Check = Callable[[KanpanApp, "Pilot[None]", RecordingDoor, SimulatedClock], Awaitable[None]]


def console(check: Check, *rows: ProposalRow, readonly: bool = False, answer: str = "done", language: str = "en") -> None:
    async def run() -> None:
        door, now = RecordingDoor(answer=answer), clock()
        door.state.proposals.put([(row.order_id, row) for row in rows])
        app = KanpanApp(door, language=language, theme="dark", clock=now, readonly=readonly)
        async with app.run_test(size=(160, 48)) as pilot:
            await pilot.pause()
            await check(app, pilot, door, now)

    asyncio.run(run())


def command_line(app: KanpanApp) -> str:
    return screen_rows(app)[-2].strip()


def test_everything_a_yes_should_rest_on_is_on_the_row() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        said = command_line(app)
        for part in ("2 waiting", "90 s", "buy 1500 (15 lots)", "000338.SZ", "12.21", "fee 5.18", "10.78 to 13.18", "trend up"):
            assert part in said, (part, said)

    console(check, FIRST, SECOND)


def test_y_approves_the_first_and_the_next_is_asked() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        now.advance_to(READY)
        await pilot.press("y")
        assert door.asked == [("approve", "demo", FIRST.order_id)]
        assert "601318.SH" in command_line(app)
        now.advance_to(READY + TAKES_ROOM)
        await pilot.press("n")
        assert door.asked[1:] == [("refuse", "demo", SECOND.order_id)]
        assert "waiting" not in command_line(app)

    console(check, FIRST, SECOND)


def test_a_smaller_number_and_enter_amend() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        now.advance_to(READY)
        await pilot.press("7", "5", "backspace", "0", "0")
        assert "700" in command_line(app)
        assert door.asked == []
        await pilot.press("enter")
        assert door.asked == [("amend", "demo", f"{FIRST.order_id} 700")]

    console(check, FIRST)


def test_a_key_meant_for_something_else_as_the_question_appeared_counts_nothing() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        await pilot.press("y", "n", "5", "enter")
        assert door.asked == []
        now.advance_to(READY)
        await pilot.press("y")
        assert [verb for verb, _, _ in door.asked] == ["approve"]

    console(check, FIRST)


def test_other_keys_keep_their_meaning_and_the_kill_switch_works_while_orders_wait() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        now.advance_to(READY)
        before = app.overview.active.id
        await pilot.press("tab", "j", "escape")
        assert app.overview.active.id != before and door.asked == []
        await pilot.press("K")
        assert door.asked == [("halt", "demo", "kill switch")] and "KILL" in command_line(app)
        await pilot.press("y")
        assert len(door.asked) == 1, "y belongs to the question that is shown"
        await pilot.press("escape")
        app.dispatcher.proposing.tick()
        await pilot.pause()
        assert "000338.SZ" in command_line(app)

    console(check, FIRST)


def test_an_answered_or_lapsed_order_leaves_the_row() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        door.state.proposals.replace([])
        app.pump.tick()
        await pilot.pause()
        assert "000338.SZ" not in command_line(app)
        door.state.proposals.put([(SECOND.order_id, SECOND)])
        app.pump.tick()
        await pilot.pause()
        assert "601318.SH" in command_line(app)
        now.advance_to(SECOND.until)
        app.dispatcher.proposing.tick()
        await pilot.press("y")
        assert door.asked == [] and "601318.SH" not in command_line(app)

    console(check, FIRST)


def test_a_refused_answer_asks_again() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        now.advance_to(READY)
        await pilot.press("5", "0", "enter")
        app.pump.tick()
        app.dispatcher.proposing.tick()
        await pilot.pause()
        assert door.asked == [("amend", "demo", f"{FIRST.order_id} 50")] and "000338.SZ" in command_line(app)

    console(check, FIRST, answer="QUANTITY_NOT_LOT")


def test_a_read_only_console_is_not_asked() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        now.advance_to(READY)
        await pilot.press("y")
        assert door.asked == [] and "waiting" not in command_line(app)

    console(check, FIRST, readonly=True)


def test_it_asks_in_chinese_too() -> None:
    async def check(app: KanpanApp, pilot: Pilot[None], door: RecordingDoor, now: SimulatedClock) -> None:
        assert "待确认 1" in command_line(app) and "（15 手）" in command_line(app)

    console(check, FIRST, language="zh")


KEYS = st.sampled_from(["y", "n", "enter", "escape", "backspace", "j", "K", "tab", *"0123456789"])


@given(st.lists(KEYS, max_size=12))
def test_an_order_is_approved_only_by_a_y_with_no_number_before_it(keys: list[str]) -> None:
    ballot, typed = Ballot(FIRST, NOW), ""
    for key in keys:
        character = key if len(key) == 1 else None
        if not ballot.takes(key, character):
            continue
        before = ballot
        ballot, vote = ballot.key(key, character, READY)
        typed = before.typed
        if vote is not None:
            assert vote in (
                Vote("approve", FIRST.order_id),
                Vote("refuse", FIRST.order_id),
                Vote("amend", f"{FIRST.order_id} {typed}"),
            )
            assert (vote.verb == "amend") == bool(typed) and (vote.verb == "amend") == (key == "enter")
            assert vote.verb != "approve" or key == "y"
            return


@pytest.mark.parametrize("at", [NOW, READY - timedelta(microseconds=1), FIRST.until])
def test_too_early_or_too_late_is_no_vote(at: object) -> None:
    ballot = Ballot(FIRST, NOW)
    assert ballot.key("y", "y", at) == (ballot, None)  # type: ignore[arg-type]
