"""The line widgets: what is repainted, where the cursor stays, what sorts and filters, how long text wraps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from console_fixture import RecordingDoor, clock, quote, status
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Region

from engine.state import State
from tui.app import KanpanApp
from tui.widgets.line_log import Block
from tui.widgets.line_table import lay_out
from tui.widgets.painted import Row, differing, span_width

ROWS = st.lists(
    st.tuples(st.sampled_from(["ab", "贵州", "1.23 ", "x", "茅台酒"]), st.sampled_from(["text", "red"])), min_size=1, max_size=6
)


def cells(row: Row) -> list[tuple[str, str]]:
    """A row as one entry per cell, wide characters twice."""
    return [(char, ink) for text, ink in row for char in text for _ in range(cell_len(char))]


@given(ROWS, ROWS)
def test_the_differing_stretch_covers_every_cell_that_differs(
    old_spans: list[tuple[str, str]], new_spans: list[tuple[str, str]]
) -> None:
    old, new = tuple(old_spans), tuple(new_spans)
    width = max(span_width(old), span_width(new))
    old, new = (*old, (" " * (width - span_width(old)), "text")), (*new, (" " * (width - span_width(new)), "text"))
    stretch = differing(old, new)
    apart = [index for index, (one, other) in enumerate(zip(cells(old), cells(new), strict=True)) if one != other]
    if stretch is None:
        assert not apart
    else:
        assert all(stretch[0] <= index < stretch[1] for index in apart)
        assert 0 <= stretch[0] < stretch[1] <= width


def tape(count: int) -> State:
    """A state with many quotes, numbered."""
    state = State()
    state.status.put([("demo", status())])
    state.quotes.put(
        [
            (f"{index:06d}.SH", quote(f"{index:06d}.SH", f"股票{index}", 10 + index / 100, 1.0, 1_000 + index))
            for index in range(count)
        ]
    )
    return state


def in_app(state: State, check: Callable[[KanpanApp], Awaitable[None]], size: tuple[int, int] = (120, 36)) -> None:
    """Run `check` inside a console over `state`."""

    async def run() -> None:
        app = KanpanApp(RecordingDoor(state), language="zh", theme="dark", clock=clock())
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await check(app)

    asyncio.run(run())


def refreshed(app: KanpanApp, change: Callable[[], None]) -> list[Region]:
    """The regions of the quotes panel that are painted again when the state changes."""
    regions: list[Region] = []
    quotes = app.overview.quotes
    plain = quotes.refresh
    quotes.refresh = lambda *asked, **more: (regions.extend(asked or (Region(0, 0, *quotes.size),)), plain(*asked, **more))[1]  # type: ignore[method-assign]
    change()
    app.pump.tick()
    del quotes.refresh  # type: ignore[method-assign]
    return regions


def test_a_changed_price_repaints_its_cell_and_no_more() -> None:
    state = tape(50)

    async def check(app: KanpanApp) -> None:
        changed = replace(state.quotes.view().rows["000003.SH"], last=109_900)
        regions = refreshed(app, lambda: state.quotes.put([("000003.SH", changed)]))
        assert len(regions) == 1
        assert regions[0].height == 1
        assert regions[0].width <= 9

    in_app(state, check)


def test_a_change_out_of_view_repaints_nothing() -> None:
    state = tape(500)

    async def check(app: KanpanApp) -> None:
        changed = replace(state.quotes.view().rows["000400.SH"], last=1)
        assert refreshed(app, lambda: state.quotes.put([("000400.SH", changed)])) == []

    in_app(state, check)


def test_moving_the_cursor_repaints_two_rows_and_the_place() -> None:
    async def check(app: KanpanApp) -> None:
        regions = refreshed(app, lambda: app.overview.quotes.move(1))
        assert {region.height for region in regions} == {1}
        assert len(regions) == 3

    in_app(tape(50), check)


def test_only_rows_in_view_are_ever_drawn() -> None:
    async def check(app: KanpanApp) -> None:
        assert app.overview.quotes.count() == 5_400
        assert len(app.overview.quotes._drawn) <= app.overview.quotes.window()

    in_app(tape(5_400), check)


def test_the_cursor_stays_on_its_row_when_others_come_and_the_order_turns() -> None:
    state = tape(20)

    async def check(app: KanpanApp) -> None:
        quotes = app.overview.quotes
        quotes.go_to(7)
        state.quotes.replace([("zz.SH", quote("zz.SH", "新股", 1.0, 0.0, 1)), *state.quotes.view().rows.items()])
        app.pump.tick()
        assert quotes.row_at_cursor()[0] == "000007.SH"
        quotes.reverse_order()
        assert quotes.row_at_cursor()[0] == "000007.SH"

    in_app(state, check)


def test_sorting_goes_through_the_columns_and_back_to_the_engines_order() -> None:
    state = tape(30)

    async def check(app: KanpanApp) -> None:
        quotes = app.overview.quotes
        assert quotes.sort_next() == "code"
        assert quotes.sort_next() == "last"
        assert quotes.row_at_cursor()[0] == "000029.SH"
        state.quotes.put([("000004.SH", replace(state.quotes.view().rows["000004.SH"], last=999_999))])
        app.pump.tick()
        quotes.go_to(0)
        assert quotes.row_at_cursor()[0] == "000004.SH"
        while quotes.sort_next():
            pass
        assert list(quotes._order) == list(state.quotes.view().rows)

    in_app(state, check)


def test_a_filter_keeps_rows_by_code_or_name_in_any_case() -> None:
    async def check(app: KanpanApp) -> None:
        quotes = app.overview.quotes
        quotes.set_filter("股票1")
        assert quotes.count() == 11
        quotes.set_filter("sh")
        assert quotes.count() == 20
        quotes.set_filter("nothing")
        assert quotes.count() == 0
        assert quotes.row_at_cursor() is None

    in_app(tape(20), check)


@given(st.integers(min_value=10, max_value=200))
def test_columns_never_outgrow_their_table(width: int) -> None:
    from tui.panels.quotes import COLUMNS

    laid = lay_out(COLUMNS, width, {column.key: column.width for column in COLUMNS})
    assert laid[0][0].key == "code"
    assert sum(cells for _column, cells in laid) + len(laid) - 1 <= max(width, 9)


def test_a_log_follows_its_tail_until_the_reader_moves_up() -> None:
    async def check(app: KanpanApp) -> None:
        log = app.overview.models
        log.show([Block("a", text="\n".join(f"line {index}" for index in range(50)))])
        assert log.cursor == 49
        log.move(-10)
        log.show([Block("a", text="\n".join(f"line {index}" for index in range(60)))])
        assert log.cursor == 39
        log.go_to(10**6)
        log.show([Block("a", text="\n".join(f"line {index}" for index in range(70)))])
        assert log.cursor == 69

    in_app(tape(1), check)


def test_a_limited_block_says_how_much_it_leaves_out() -> None:
    async def check(app: KanpanApp) -> None:
        log = app.overview.models
        text = "\n".join(f"line {index}" for index in range(50))
        log.show([Block("a", text=text, most=3, more_key="detail.prompt_more")])
        assert log.count() == 4
        assert "47" in "".join(part for part, _ink in log.line_at(3, 60))
        log.show([Block("a", text=text, most=3, tail=True, more_key="detail.prompt_more")])
        assert "line 49" in "".join(part for part, _ink in log.line_at(3, 60))

    in_app(tape(1), check)


def test_json_is_inked_by_what_its_tokens_are() -> None:
    async def check(app: KanpanApp) -> None:
        log = app.overview.models
        log.show([Block("a", text='{"weight": 0.25, "why": "4h up"}', json=True)])
        inks = dict(log.line_at(0, 60))
        assert inks['"weight"'] == "json-key"
        assert inks["0.25"] == "json-number"
        assert inks['"4h up"'] == "json-string"

    in_app(tape(1), check)
