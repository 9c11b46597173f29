"""A desk of written rules: one strategy refused by the gate, another accepted and traded, both shown, all of it computed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from engine.backtest import try_strategy
from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.decision import Intent
from engine.core.errors import DataError
from engine.core.journal import CycleState, ModelAsked
from engine.core.strategy import StrategyJudged, StrategyProposed, strategy_of
from engine.cycle import Mandate
from engine.cycle.mandate import Gate
from engine.llm.model import OK, Prompt, Reply
from engine.replay import Replay
from engine.reports.strategies import strategy_records, verify
from engine.store import Books, books
from engine.store.snapshot import Snapshot
from engine.strategies import Trial
from tests.engine.desk_harness import carry, desk_at, mandate

START, END = date(2020, 2, 4), date(2020, 3, 6)
GATE = {"lookback": 20, "min_sessions": 10, "min_sharpe": "-50", "min_hit_rate": "0", "min_trades": 1, "min_return": "-0.5"}
"""Lenient, so that only a strategy that never trades is refused."""


def written(**changes: Any) -> str:
    """A strategy on the two names with the most history, as a model writes one."""
    strategy = {
        "name": "short over long mean",
        "symbols": ["000338.SZ", "300027.SZ"],
        "needs": "any",
        "entry": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 40}],
        "exit": [{"kind": "threshold", "figure": "rsi_14", "is": "below", "value": 35}],
        "weight": 0.2,
        "review_after_days": 20,
        "reasoning": "",
        **changes,
    }
    return json.dumps({"strategies": [strategy]})


class Scripted:
    """A model whose replies were written beforehand, the last one for ever."""

    name, provider, offline = "scripted", "test", False

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[Prompt] = []

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: Event) -> Reply:
        self.asked.append(prompt)
        return Reply(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0], OK)


NEVER = written(name="never", entry=[{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 100}])


def recorded(desk: str, text: str) -> Mandate:
    return mandate_of(desk, DeskConfig.model_validate_json(text), "en")


def run(home: Path, model: Scripted, gate: Gate = try_strategy, **rules: Any) -> None:
    terms = mandate(strategy="rules", rules={**GATE, **rules})
    with desk_at(home, terms, start=START, end=END, models=(model,), opened=False) as desk:
        desk.equipment = replace(desk.equipment, gate=gate)
        desk.open()
        carry(desk)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A strategy that never buys is refused, the next one a week later is accepted and traded."""
    place = tmp_path_factory.mktemp("rules")
    run(place, Scripted(NEVER, written()))
    return place


def strategies(view: Books) -> list[StrategyProposed | StrategyJudged]:
    return list(view.strategies("demo"))


def test_one_is_refused_with_its_reasons_and_the_next_is_accepted(home: Path) -> None:
    with books(home) as view:
        first, refused, second, accepted, *rest = strategies(view)
    assert isinstance(first, StrategyProposed) and isinstance(second, StrategyProposed)
    assert isinstance(refused, StrategyJudged) and isinstance(accepted, StrategyJudged)
    assert (first.version, strategy_of(first.text).name) == (1, "never")
    assert not refused.accepted and refused.failed == ("GATE_TRADES",) and refused.trades == 0
    assert refused.review_on == date(2020, 2, 11), "asked again a week later"
    assert (second.version, accepted.accepted, accepted.failed) == (2, True, ())
    assert accepted.review_on == date(2020, 3, 2), "twenty days after the eleventh of February"
    assert accepted.last == date(2020, 2, 10), "the look-back ends before the day of the ruling"
    assert accepted.sessions == 20 and accepted.trades >= 1 and accepted.costs > 0
    assert len(rest) == 2, "asked once more on the review date"


def test_nothing_is_traded_before_and_the_rules_alone_trade_afterwards(home: Path) -> None:
    with books(home) as view:
        fills = view.fills("demo", limit=1_000)
        cycles = [cycle for cycle in view.cycles("demo", limit=1_000) if cycle.trigger == "schedule"]
        calls = {cycle.trading_day: len(view.model_calls(cycle.cycle_id)) for cycle in cycles}
        batches = {cycle.trading_day: view.decisions(cycle.cycle_id) for cycle in cycles}
        records = [entry.record for entry in view.entries(0, limit=5_000)]
    assert min(fill.trading_day for fill in fills) == date(2020, 2, 11)
    assert {day for day, count in calls.items() if count} == {date(2020, 2, 4), date(2020, 2, 11), date(2020, 3, 2)}
    assert sum(isinstance(record, ModelAsked) for record in records) == 3
    for day, batch in batches.items():
        assert batch is not None
        assert bool(batch.decisions) <= (day >= date(2020, 2, 11))
        assert {one.instrument for one in batch.decisions} <= {"000338.SZ", "300027.SZ"}
    assert {one.intent for batch in batches.values() if batch for one in batch.decisions} >= {Intent.OPEN, Intent.HOLD}


def test_every_cycle_replays_to_the_same(home: Path) -> None:
    with books(home) as view:
        replayed = list(Replay(view, home / "snapshots", "demo", recorded).run())
    assert len(replayed) > 20
    assert [one for one in replayed if one.differences] == []


def test_a_reply_that_was_another_one_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay parses the recorded reply; were the recorded strategy not its own, the replay would differ."""
    with books(home) as view:
        replay = Replay(view, home / "snapshots", "demo", recorded)
        genuine = replay.sources.reply
        monkeypatch.setattr(replay.sources, "reply", lambda name: genuine(name).replace('"weight": 0.2', '"weight": 0.1'))
        differing = [one for one in replay.run() if one.differences]
    assert len(differing) == 3 and all(one.differences[0].part == "strategies" for one in differing)


def test_the_gate_rules_the_same_from_the_snapshot_alone(home: Path) -> None:
    with books(home) as view:
        verified = verify(view, home / "snapshots", "demo", recorded)
    assert [one.version for one in verified] == [1, 2, 3]
    assert all(one.same for one in verified)


def test_both_are_shown(home: Path) -> None:
    with books(home) as view:
        first, second, third = strategy_records(view, "demo")
    assert (first["state"], first["failed"]) == ("refused", ["GATE_TRADES"])
    assert first["entry"] == "rsi_14 > 100" and second["exit"] == "rsi_14 < 35"
    assert (second["state"], third["state"]) == ("lapsed", "refused"), "ruled on again on the review date"


def test_a_strategy_whose_review_date_has_come_only_leaves(tmp_path: Path) -> None:
    """Accepted for five days; what is written then is refused, so what is held may leave and nothing is bought any more."""
    run(tmp_path, Scripted(written(review_after_days=5), NEVER), retry_days=60)
    with books(tmp_path) as view:
        judged = [record for record in strategies(view) if isinstance(record, StrategyJudged)]
        cycles = view.cycles("demo", limit=1_000)
        batches = {cycle.trading_day: view.decisions(cycle.cycle_id) for cycle in cycles if cycle.trigger == "schedule"}
    assert judged[0].accepted and not judged[1].accepted
    lapsed = judged[0].review_on
    intents = {one.intent for day, batch in batches.items() if batch and day >= lapsed for one in batch.decisions}
    assert Intent.OPEN not in intents and intents <= {Intent.HOLD, Intent.EXIT}


def test_without_a_past_to_try_it_on_a_strategy_is_refused_and_nobody_is_asked_every_day(tmp_path: Path) -> None:
    def no_past(mandate: Mandate, text: str, snapshot: Snapshot, cancelled: Event) -> Trial:
        raise DataError("the snapshot holds no whole session")

    model = Scripted(written())
    run(tmp_path, model, gate=no_past, retry_days=14)
    with books(tmp_path) as view:
        judged = [record for record in strategies(view) if isinstance(record, StrategyJudged)]
        replayed = list(Replay(view, tmp_path / "snapshots", "demo", recorded).run())
    assert {one.failed for one in judged} == {("GATE_UNTRIED",)} and not any(one.accepted for one in judged)
    assert [one.cycle_id.split(":")[2] for one in judged] == ["20200204", "20200218", "20200303"] and len(model.asked) == 3
    assert [one for one in replayed if one.differences] == []


def test_a_model_that_writes_no_strategy_abstains_and_is_asked_again_next_time(tmp_path: Path) -> None:
    model = Scripted("I would rather not.")
    run(tmp_path, model)
    with books(tmp_path) as view:
        cycles = [cycle for cycle in view.cycles("demo", limit=100) if cycle.trigger == "schedule"]
        assert strategies(view) == []
        assert view.fills("demo", limit=10) == ()
    assert {cycle.state for cycle in cycles} == {CycleState.ABSTAINED}
    assert len(model.asked) == 2 * len(cycles), "each time once, and once more quoting the fault"
    assert "acceptance gate over the last 20 sessions" in model.asked[0].user
