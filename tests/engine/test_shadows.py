"""A shadow decides what its desk decides, on what its desk saw, in a book of its own; its desk neither waits nor hears of it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.commands import halt_file
from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.core.journal import CycleState
from engine.engine import Engine
from engine.store import Books, books
from engine.store.check import check
from tests.llm.fake_llm_server import hangs, serving

REPLAY = {"start": "2020-03-02", "end": "2020-03-20"}


def config(shadow: dict[str, Any], **more: Any) -> Config:
    model = more.pop("model", {})
    return Config.model_validate({"desk": {"demo": {"replay": REPLAY, "shadow": shadow, **more}}, "model": model})


def run(home: Path, terms: Config, *, cycles: int | None = None) -> Engine:
    """The engine until its desks and their shadows have nothing left to do."""
    engine = Engine(terms, home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        assert engine.wait(timeout_s=120) and not engine.failed
    finally:
        assert engine.stop(10.0)
    return engine


def told(view: Books, desk: str) -> dict[str, Any]:
    """What a desk's book comes to, free of its name."""
    strip = {"order_id": "", "desk": "", "cycle_id": "", "fill_id": ""}
    return {
        "cycles": [(item.cycle_id.removeprefix(desk), item.state, item.slot) for item in view.cycles(desk, limit=1_000)],
        "fills": [replace(fill, **strip) for fill in view.fills(desk, limit=1_000)],
        "balances": view.balances(desk),
        "equity": [(point.as_of, point.equity) for point in view.equity(desk, limit=1_000)],
    }


def frozen(view: Books, desk: str) -> dict[str, str]:
    """The market each scheduled cycle decided on, by the cycle's name without the desk's."""
    scheduled = [item for item in view.cycles(desk, limit=1_000) if item.trigger == "schedule"]
    found = {item.cycle_id.removeprefix(desk): view.snapshot_of(item.cycle_id) for item in scheduled}
    return {name: snapshot.hash for name, snapshot in found.items() if snapshot is not None}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk that asks a person, beside it the same panel and a benchmark, carried to the end of the stretch."""
    place = tmp_path_factory.mktemp("shadowed")
    run(place, config({"twin": {}, "even": {"strategy": "baseline"}}))
    return place


def test_the_same_minds_on_the_same_market_come_to_the_same_book(home: Path) -> None:
    with books(home) as view:
        assert len(view.fills("demo")) >= 3
        assert told(view, "demo~twin") == told(view, "demo")


def test_every_shadow_decides_every_cycle_on_the_very_market_its_desk_froze(home: Path) -> None:
    with books(home) as view:
        markets = [frozen(view, name) for name in ("demo", "demo~twin", "demo~even")]
        assert len(markets[0]) == 15 and markets[0] == markets[1] == markets[2]
        assert view.balances("demo~even") != view.balances("demo")


def test_a_shadow_alarms_nobody_and_its_books_are_sound(home: Path) -> None:
    with books(home) as view:
        assert view.alerts("demo") and not view.alerts("demo~twin") and not view.alerts("demo~even")
    assert [finding for finding in check(home) if not finding.ok] == []


def test_a_stop_in_the_middle_changes_nothing(home: Path, tmp_path: Path) -> None:
    terms = config({"twin": {}, "even": {"strategy": "baseline"}})
    run(tmp_path, terms, cycles=6)
    run(tmp_path, terms)
    with books(home) as whole, books(tmp_path) as parts:
        assert [told(parts, name) for name in ("demo", "demo~even")] == [told(whole, name) for name in ("demo", "demo~even")]


def test_nobody_is_asked_to_confirm_what_a_shadow_wants(tmp_path: Path) -> None:
    engine = Engine(
        config({"twin": {}}, mode="confirm", confirm_s=5), tmp_path, clock=SystemClock(), environ={}, speed=0.0, cycles=3
    )
    engine.start()
    try:
        assert engine.wait(timeout_s=60)
    finally:
        engine.stop(10.0)
    with books(tmp_path) as view:
        cycles = {name: [item.cycle_id for item in view.cycles(name)] for name in ("demo", "demo~twin")}
        assert any(view.confirmation(name) for name in cycles["demo"])
        assert not any(view.confirmation(name) for name in cycles["demo~twin"])
        assert view.fills("demo~twin") and not view.fills("demo"), "no answer is a refusal; a shadow needs none"


def test_a_model_that_hangs_in_a_shadow_holds_up_the_shadow_alone(tmp_path: Path) -> None:
    with serving(hangs) as server:
        slow = {"base_url": server.base_url, "model": "m", "timeout_s": 60}
        terms = config({"slow": {"models": ["far"]}}, model={"far": slow}, deadline_s=60)
        engine = Engine(terms, tmp_path, clock=SystemClock(), environ={}, speed=0.0, cycles=12)
        engine.start()
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and (_ended(tmp_path, "demo") < 12 or not server.requests):
                time.sleep(0.05)
            assert _ended(tmp_path, "demo") == 12 and _ended(tmp_path, "demo~slow") == 0
            assert not engine.drained.is_set()
        finally:
            assert engine.stop(10.0), "a hanging shadow is cancelled like any other call"


def _ended(home: Path, desk: str) -> int:
    with books(home) as view:
        return sum(1 for item in view.cycles(desk) if item.state is CycleState.COMPLETED and item.trigger == "schedule")


def test_a_shadow_stands_still_while_its_desk_is_halted_and_goes_on_with_it(tmp_path: Path) -> None:
    terms = config({"twin": {}})
    run(tmp_path, terms, cycles=3)
    halt_file(tmp_path).touch()
    run(tmp_path, terms, cycles=2)
    with books(tmp_path) as view:
        assert view.trading_state("demo").state.value == "HALTED"
        assert view.trading_state("demo~twin").state.value == "ACTIVE", "nothing of its own to be undone by a person"
        assert len(frozen(view, "demo~twin")) == 3
    halt_file(tmp_path).unlink()
    engine = Engine(terms, tmp_path, clock=SystemClock(), environ={}, speed=0.0, cycles=2)
    engine.start(lambda desk: None)
    try:
        engine.command("resume", "demo")
        assert engine.wait(timeout_s=60)
    finally:
        engine.stop(10.0)
    with books(tmp_path) as view:
        assert frozen(view, "demo~twin") == frozen(view, "demo")


def test_the_threads_of_shadows_end_with_their_engine(home: Path) -> None:
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("shadow-")]


@pytest.mark.parametrize(
    ("shadow", "wrong"),
    [
        ({"B": {}}, "shadow is named"),
        ({"b": {"strategy": "magic"}}, "shadow.b.strategy: unknown strategy magic"),
        ({"b": {"models": []}}, "needs at least one"),
        ({"b": {"cash": 1}}, "Extra inputs"),
    ],
)
def test_a_shadow_that_cannot_be_is_one_clear_error(shadow: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        config(shadow)


def test_a_shadow_of_an_unknown_model_is_refused_with_its_desk(tmp_path: Path) -> None:
    from engine.config import load_config

    file = tmp_path / "kanpan.toml"
    file.write_text('[desk.demo.shadow.b]\nmodels = ["nobody"]\n')
    with pytest.raises(ConfigError, match="model nobody is not configured"):
        load_config(file, {})
