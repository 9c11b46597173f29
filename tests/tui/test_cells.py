"""Every row of the screen is exactly as wide as the terminal, and Chinese words stand in it unbroken."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from console_fixture import RecordingDoor, busy_state, clock
from rich.cells import cell_len

from engine.state import State
from tui.app import KanpanApp
from tui.widgets.alert_row import ROOMY

SIZES = ((80, 24), (120, 36), (160, 48))


def screen_rows(app: KanpanApp) -> list[str]:
    """What the terminal would show, row by row."""
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


async def shown(
    size: tuple[int, int], *keys: str, language: str = "zh", state: State | None = None, ascii: bool = False
) -> list[str]:
    app = KanpanApp(RecordingDoor(state or busy_state()), language=language, theme="dark", clock=clock(), ascii=ascii)
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        await pilot.pause(0.05)
        return screen_rows(app)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES)
def test_every_row_is_exactly_as_wide_as_the_terminal_whatever_is_pressed(size: tuple[int, int], language: str) -> None:
    async def run() -> None:
        app = KanpanApp(RecordingDoor(), language=language, theme="dark", clock=clock())
        async with app.run_test(size=size) as pilot:
            for keys in (
                (),
                ("?",),
                ("escape", "tab", "tab", "tab", "z"),
                ("enter",),
                ("1", "K"),
                ("escape", ":", "l", "a"),
                ("escape", "/", "茅"),
            ):
                await pilot.press(*keys)
                await pilot.pause()
                rows = screen_rows(app)
                assert len(rows) == size[1]
                assert {cell_len(row) for row in rows} == {size[0]}, keys

    asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_state_fills_the_same_rows(size: tuple[int, int]) -> None:
    rows = asyncio.run(shown(size, state=State()))
    assert {cell_len(row) for row in rows} == {size[0]}
    assert "还没有行情" in "\n".join(rows)


@pytest.mark.parametrize("size", SIZES)
def test_chinese_words_stand_unbroken(size: tuple[int, int]) -> None:
    text = "\n".join(asyncio.run(shown(size)))
    alert = "未确认" if size[0] >= ROOMY else "严重"
    for word in ("模拟盘", "回放", "上午盘", alert, "风控拒绝", "贵州茅台", "*ST龙力", "涨停", "跌停", "停牌"):
        assert word in text


def test_the_overview_shows_all_six_panels_where_there_is_room() -> None:
    for size in SIZES[1:]:
        text = "\n".join(asyncio.run(shown(size)))
        for title in (" 行情 ", " 持仓 ", " 委托 ", " 模型日志 ", " 风险提醒 ", " 权益 "):
            assert title in text


def test_a_narrow_terminal_shows_one_panel_and_the_names_of_all() -> None:
    rows = asyncio.run(shown((80, 24), "tab"))
    assert " 行情   持仓   委托   模型日志   风险提醒   权益 " in rows[2]
    assert "可卖" in rows[3]
    assert "涨跌%" not in "\n".join(rows)


def test_ascii_draws_nothing_that_a_terminal_may_show_two_cells_wide() -> None:
    rows = asyncio.run(shown((120, 36), language="en", ascii=True))
    assert {char for char in "".join(rows) if unicodedata.east_asian_width(char) == "A"} == set()
