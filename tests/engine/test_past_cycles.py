"""A past cycle computed again is equal to what was recorded, and a replay that could not fail would prove nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.decision import VerdictResult
from engine.core.errors import DataError
from engine.cycle import Mandate
from engine.engine import Engine
from engine.replay import Replay, Replayed
from engine.rerun import rerun_inputs
from engine.risk import judge
from engine.store import books

DAYS = 24
"""January to 6 February 2020: entries, exits, a sealed crash day and distributions lie in it."""


def recorded_mandate(desk: str, text: str) -> Mandate:
    return mandate_of(desk, DeskConfig.model_validate_json(text), "en")


def traded(home: Path, **changes: object) -> Path:
    desk = DeskConfig(replay=ReplayConfig(start=date(2020, 1, 2), end=date(2020, 6, 16), speed=0)).model_copy(update=changes)
    engine = Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, language="zh", speed=0.0, cycles=DAYS)
    engine.start()
    assert engine.wait(timeout_s=120)
    assert engine.stop(5.0)
    assert engine.failed == ""
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traded(tmp_path_factory.mktemp("panel"))


def replayed(home: Path, mandate_of: object = recorded_mandate, only: str = "") -> list[Replayed]:
    with books(home) as view:
        return list(Replay(view, home / "snapshots", "demo", mandate_of).run(only))  # type: ignore[arg-type]


def test_every_cycle_replays_to_the_same_decisions_verdicts_orders_and_fills(home: Path) -> None:
    results = replayed(home)
    with books(home) as view:
        assert {result.cycle_id for result in results} == {cycle.cycle_id for cycle in view.cycles("demo", limit=1_000)}
    assert len(results) >= DAYS
    assert [result for result in results if result.differences] == []
    assert not any(result.skipped for result in results)
    with books(home) as view:
        assert len(view.fills("demo")) > 10


def test_one_cycle_can_be_named(home: Path) -> None:
    with books(home) as view:
        name = view.cycles("demo")[3].cycle_id
    assert [result.cycle_id for result in replayed(home, only=name)] == [name]


def test_another_risk_policy_shows_as_a_difference_of_verdicts(home: Path) -> None:
    def looser(desk: str, text: str) -> Mandate:
        mandate = recorded_mandate(desk, text)
        return replace(mandate, policy=replace(mandate.policy, max_position_ppm=200_000))

    parts = {one.part for result in replayed(home, looser) for one in result.differences}
    assert "verdicts" in parts


def test_other_fees_show_as_a_difference_of_fills(home: Path) -> None:
    def dearer(desk: str, text: str) -> Mandate:
        mandate = recorded_mandate(desk, text)
        return replace(mandate, fees=replace(mandate.fees, commission_ppm=300))

    parts = {one.part for result in replayed(home, dearer) for one in result.differences}
    assert "fill" in parts


def test_a_snapshot_that_was_touched_is_named(home: Path) -> None:
    with books(home) as view:
        name = view.cycles("demo")[0].cycle_id
        frozen = view.snapshot_of(name)
    assert frozen is not None
    (path,) = (home / "snapshots").rglob(f"{frozen.hash}*")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        differences = replayed(home, only=name)[0].differences
    finally:
        path.write_bytes(whole)
    assert differences[0].part == "inputs"
    assert frozen.hash[:12] in differences[0].computed


def test_the_baseline_strategy_replays_too(tmp_path: Path) -> None:
    home = traded(tmp_path, strategy="baseline")
    assert [result for result in replayed(home) if result.differences] == []
    with books(home) as view:
        assert view.fills("demo")


def test_a_rerun_sees_what_the_cycle_saw_and_changes_nothing(home: Path) -> None:
    with books(home) as view:
        before = view.head()
        name = view.cycles("demo")[0].cycle_id
        inputs = rerun_inputs(view, home / "snapshots", name, recorded_mandate)
        made, ruled = view.decisions(name), view.verdicts(name)
    assert made is not None and ruled is not None
    ruling = judge(inputs.view(inputs.mandate), inputs.mandate.policy, made.decisions, inputs.mandate.fees)
    assert ruling.verdicts == ruled.verdicts
    nothing = replace(inputs.mandate.policy, max_position_ppm=0)
    strict = judge(inputs.view(inputs.mandate), nothing, made.decisions, inputs.mandate.fees)
    assert all(one.result in {VerdictResult.DENY, VerdictResult.ALLOW} for one in strict.verdicts)
    with books(home) as view:
        assert view.head() == before


def test_a_cycle_that_froze_nothing_cannot_be_asked_again(home: Path) -> None:
    with books(home) as view, pytest.raises(DataError, match="froze no snapshot"):
        rerun_inputs(view, home / "snapshots", "demo:none", recorded_mandate)
