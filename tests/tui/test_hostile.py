"""Text from outside is data: whatever it holds, no panel lets it be markup, an escape sequence or a change of direction."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from console_fixture import NOW, REPLY, RecordingDoor, alert, clock, model, order, quote, status
from rich.cells import cell_len
from test_cells import screen_rows

from engine.state import DecisionRow, EventRow, PositionRow, State
from tui.app import KanpanApp
from tui.face import UNICODE, Face
from tui.i18n import load
from tui.palette import Inks
from tui.panels.digest import digest

EVIL = "[/foo][red]x[/]\x1b]52;c;aGk=\x07\x1b[2J\u202eabc\u2066\u200b\ufeffend\r\n[link=http://x]y"
FORBIDDEN = {*map(chr, range(32)), "\x7f", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff"}


def hostile_state() -> State:
    """A desk whose every text from outside is hostile."""
    state = State()
    state.status.put([("demo", status(source=EVIL, halting_reason=EVIL, trading_state="HALTED", phase=EVIL))])
    state.quotes.put([(f"{index}", replace(quote(f"{EVIL}{index}", EVIL, 1.0, 1.0, 1))) for index in range(3)])
    state.positions.put([("p", PositionRow(EVIL, EVIL, "1", "1", EVIL, EVIL, EVIL, EVIL, 0))])
    state.orders.put([("o", replace(order(1, EVIL, EVIL, EVIL, EVIL, EVIL, "denied", EVIL, EVIL), fees=EVIL, cycle_id=EVIL))])
    state.models.put(
        [
            (
                "m",
                model(
                    "m",
                    1,
                    model=EVIL,
                    provider=EVIL,
                    prompt=EVIL,
                    reply=EVIL,
                    outcome=EVIL,
                    prompt_id=EVIL,
                    cost=EVIL,
                    currency=EVIL,
                ),
            )
        ]
    )
    state.decisions.put([("d", DecisionRow("d", EVIL, EVIL, EVIL, EVIL, 1, 1, EVIL, EVIL, EVIL, EVIL))])
    state.alerts.put([("a", alert(1, "critical", EVIL, what=EVIL)), ("b", alert(2, EVIL, "RISK_DENY", instrument=EVIL, rule=EVIL))])
    state.events.put([("1", EventRow(1, NOW, EVIL, EVIL, ((EVIL, EVIL),)))])
    return state


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)])
def test_no_panel_and_no_opened_row_lets_hostile_text_through(size: tuple[int, int]) -> None:
    async def run() -> None:
        app = KanpanApp(RecordingDoor(hostile_state()), language="en", theme="dark", clock=clock())
        async with app.run_test(size=size) as pilot:
            for _panel in app.overview.panels:
                for key in ("enter", "1", "tab"):
                    await pilot.pause()
                    rows = screen_rows(app)
                    assert {cell_len(row) for row in rows} == {size[0]}
                    assert not FORBIDDEN & set("".join(rows))
                    await pilot.press(key)

    asyncio.run(run())


def test_markup_is_shown_as_the_letters_it_is() -> None:
    async def run() -> str:
        app = KanpanApp(RecordingDoor(hostile_state()), language="en", theme="dark", clock=clock())
        async with app.run_test(size=(160, 48)) as pilot:
            await pilot.press("/", *"[red]", "enter")
            await pilot.pause(0.05)
            return "\n".join(screen_rows(app))

    text = asyncio.run(run())
    assert "[/foo][red]x" in text
    assert "Filter: [red]" in text


def test_a_hostile_reason_cannot_style_the_question_that_quotes_it() -> None:
    async def run() -> str:
        app = KanpanApp(RecordingDoor(hostile_state()), language="en", theme="dark", clock=clock())
        async with app.run_test(size=(160, 48)) as pilot:
            await pilot.press(":", *"resume", "enter")
            await pilot.pause(0.05)
            return screen_rows(app)[-2]

    row = asyncio.run(run())
    assert "[/foo][red]x" in row
    assert not FORBIDDEN & set(row)


@pytest.mark.parametrize(
    ("reply", "lines"),
    [
        (REPLY, 2),
        ("", 0),
        ("not json", 0),
        ("[" * 50_000, 0),
        ('{"decisions": "all"}', 0),
        ('{"decisions": [1]}', 0),
        ('{"decisions": [{}]}', 1),
        ('{"decisions": [{"instrument": ["x"], "intent": {}, "target_weight": NaN, "confidence": 1e400, "reasoning": null}]}', 1),
        ('{"decisions": [{"target_weight": true, "confidence": "high"}]}', 1),
    ],
)
def test_a_digest_is_made_of_what_can_be_read_and_nothing_else(reply: str, lines: int) -> None:
    face = Face(load("en"), Inks({}), UNICODE, "ashare")
    rows = digest(reply, face)
    assert len(rows) == lines
    if lines == 2:
        assert "".join(part for part, _ink in rows[0]).startswith("000338.SZ open 25.0% confidence 72.0%  4 小时趋势向上")
    elif lines:
        assert "?" in "".join(part for part, _ink in rows[0])
