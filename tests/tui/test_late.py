"""The late door: painted before the engine exists, honest about it, and stopped whenever it is asked to."""

from __future__ import annotations

import asyncio
import threading

import pytest
from console_fixture import RecordingDoor, clock
from test_cells import screen_rows

from engine.core.errors import AlreadyRunning, KanpanError
from engine.state import State
from tui.app import KanpanApp
from tui.late import EngineNotReady, LateDoor


def test_a_command_before_the_engine_stands_is_refused_and_later_passed_on() -> None:
    door = LateDoor(RecordingDoor)
    with pytest.raises(EngineNotReady):
        door.command("run", "demo")
    door.start()
    assert door.command("run", "demo") == "c1"
    assert door.engine.state is door.state


def test_starting_twice_builds_one_engine() -> None:
    built: list[RecordingDoor] = []

    def build(state: State) -> RecordingDoor:
        built.append(RecordingDoor(state))
        return built[-1]

    door = LateDoor(build)
    door.start()
    door.start()
    assert len(built) == 1
    assert door.stop(1.0)
    assert built[0].stopped.is_set()


def test_a_stop_before_the_start_means_no_engine_at_all() -> None:
    built: list[State] = []
    door = LateDoor(lambda state: built.append(state) or RecordingDoor(state))
    assert door.stop(1.0)
    door.start()
    assert not built


def test_a_stop_during_a_long_start_waits_for_it_and_no_longer_than_it_may() -> None:
    release, entered = threading.Event(), threading.Event()

    def build(state: State) -> RecordingDoor:
        entered.set()
        release.wait(5)
        return RecordingDoor(state)

    door = LateDoor(build)
    thread = threading.Thread(target=door.start)
    thread.start()
    entered.wait(5)
    assert not door.stop(0.05)
    release.set()
    thread.join(5)
    assert door.stop(1.0)
    assert door.engine.stopped.is_set()


def test_the_console_paints_first_then_starts_the_engine_and_says_when_a_command_comes_too_early() -> None:
    release = threading.Event()

    def build(state: State) -> RecordingDoor:
        release.wait(5)
        return RecordingDoor(state)

    async def run() -> None:
        door = LateDoor(build)
        app = KanpanApp(door, language="en", theme="dark", clock=clock(), on_ready=door.start)
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause()
            assert "The engine is starting" in screen_rows(app)[0]
            await pilot.press("P")
            assert "the engine has not opened a desk yet" in screen_rows(app)[-2]
            release.set()

    asyncio.run(run())


def test_an_engine_that_cannot_start_ends_the_console_with_its_code_and_its_one_line() -> None:
    def build(state: State) -> RecordingDoor:
        raise AlreadyRunning("another kanpan holds this directory")

    door = LateDoor(build)
    app = KanpanApp(door, language="en", theme="dark", clock=clock(), on_ready=door.start)

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.3)

    asyncio.run(run())
    assert app.return_code == AlreadyRunning.exit_code == 4
    assert issubclass(EngineNotReady, KanpanError)
