"""A real engine watched by itself: a thread that hangs, a writer that does not answer, a model that fails, an alarm that stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.config import Config
from engine.core.clock import SystemClock
from engine.engine import Engine
from engine.store import books
from tests.llm.fake_llm_server import fails, serving


@contextmanager
def engine_at(home: Path, *, cycles: int = 1, **config: Any) -> Iterator[Engine]:
    engine = Engine(Config.model_validate(config), home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        assert engine.wait(timeout_s=30)
        yield engine
    finally:
        engine.stop(5.0)


def soon(found: Callable[[], Any], within_s: float = 10.0) -> Any:
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError("did not happen")


def shown(engine: Engine, code: str) -> list[dict[str, str]]:
    return [dict(row.params) for row in engine.state.alerts.view().rows.values() if row.code == code]


def test_a_desk_that_hangs_is_told_of_once_and_so_is_its_recovery(tmp_path: Path) -> None:
    gate = threading.Event()
    with engine_at(tmp_path / "h") as engine:
        runner = engine._runners["demo"]
        runner.post(lambda desk: gate.wait(20))
        time.sleep(0.2)
        runner.beat = time.monotonic() - 1_000
        (told,) = soon(lambda: shown(engine, "THREAD_SILENT"))
        assert told["thread"] == "desk" and int(told["seconds"]) >= 1_000
        gate.set()
        soon(lambda: [row for row in engine.state.events.view().rows.values() if row.code == "WATCH_OVER"])
    with books(tmp_path / "h") as view:
        (alert,) = [item for item in view.alerts("demo") if item.alert.code == "THREAD_SILENT"]
    assert alert.count == 1 and alert.alert.alert_id == "demo:THREAD_SILENT:desk"


def test_a_ledger_that_does_not_answer_is_told_of_on_the_screen_and_nobody_waits_for_it(tmp_path: Path) -> None:
    gate = threading.Event()
    with engine_at(tmp_path / "h") as engine:
        ledger = engine._ledger
        assert ledger is not None
        soon(lambda: ledger.busy_s == 0)
        stuck = threading.Thread(target=lambda: ledger._on_writer(lambda: gate.wait(20)))
        stuck.start()
        soon(lambda: ledger.busy_s > 0)
        ledger._busy_since = time.monotonic() - 60
        (told,) = soon(lambda: shown(engine, "THREAD_SILENT"))
        assert told["thread"] == "ledger"
        gate.set()
        stuck.join(5)


def test_an_alarm_that_no_longer_rings_is_noticed_by_another_thread(tmp_path: Path) -> None:
    with engine_at(tmp_path / "h") as engine:
        monitor, alarm = engine._monitor, engine._alarm
        assert monitor is not None and alarm is not None
        alarm.stop()
        time.sleep(0.05)
        monitor._looked = time.monotonic() - 31
        (told,) = soon(lambda: shown(engine, "THREAD_SILENT"))
        assert told["thread"] == "alarm"
        with books(tmp_path / "h") as view:
            assert "demo:THREAD_SILENT:alarm" in [item.alert.alert_id for item in view.alerts("demo")]


def test_a_model_that_fails_three_times_in_a_row_is_told_of(tmp_path: Path) -> None:
    with serving(fails(400)) as server:
        config = {
            "desk": {"demo": {"models": ["far"]}},
            "model": {"far": {"base_url": server.base_url, "model": "m"}},
        }
        with engine_at(tmp_path / "h", cycles=3, **config) as engine:
            (told,) = soon(lambda: shown(engine, "MODEL_FAILING"))
    assert told == {"model": "far", "count": "3"}


def test_an_engine_that_is_well_raises_nothing(tmp_path: Path) -> None:
    with engine_at(tmp_path / "h", cycles=2) as engine:
        time.sleep(1.5)
        watched = {"THREAD_SILENT", "DATA_OLD", "MODEL_FAILING", "POSITION_MISMATCH", "BUDGET_NEAR", "BUDGET_STEP"}
        assert not [row.code for row in engine.state.alerts.view().rows.values() if row.code in watched]
