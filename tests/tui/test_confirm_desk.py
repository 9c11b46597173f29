"""A real desk in confirm mode under a real console: what a person presses is what leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from test_cells import screen_rows

from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.order import OrderStatus
from engine.engine import Engine
from engine.store import books
from tui.app import KanpanApp
from tui.ballot import TAKES_ROOM


def test_y_and_n_on_the_command_row_decide_what_a_desk_sends(tmp_path: Path) -> None:
    home, answered = tmp_path / "h", []
    config = Config.model_validate({"desk": {"demo": {"mode": "confirm", "confirm_s": 60, "universe": {"top": 3}}}})
    engine = Engine(config, home, clock=SystemClock(), environ={}, speed=0.0, cycles=1)

    async def run() -> None:
        app = KanpanApp(engine, language="en", theme="dark", on_ready=engine.start)
        async with app.run_test(size=(160, 48)) as pilot:
            for _ in range(1_500):
                await pilot.pause(0.02)
                waiting = list(engine.state.proposals.view().rows)
                said = screen_rows(app)[-2]
                if waiting and waiting[0] not in answered and "y/n or less+enter" in said:
                    await pilot.pause(TAKES_ROOM.total_seconds() + 0.1)
                    await pilot.press("n" if answered else "y")
                    answered.append(waiting[0])
                if engine.drained.is_set():
                    break
            app.exit()

    asyncio.run(run())
    engine.stop(5.0)
    assert not engine.failed and len(answered) >= 2
    with books(home) as view:
        orders = {item.order.order_id: item for item in view.orders("demo")}
    assert orders[answered[0]].status is OrderStatus.FILLED
    assert {orders[name].code for name in answered[1:]} == {"CONFIRM_REFUSED"} and set(orders) == set(answered)
