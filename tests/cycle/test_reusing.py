"""An answer stands on an unmoved market, line by line of the table in cycle/reusing.py; a calm one asks whom it should."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.cycle.mandate import Reuse, Route
from engine.cycle.reusing import Basis, Urgency, newest, routed, urgency, why_moved
from engine.llm import OfflineModel
from engine.replay import Replay
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate
from tests.engine.test_past_cycles import recorded_mandate

AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
TERMS = Reuse(ttl_s=600, band_ppm=3_000)
THEN = Basis(
    as_of=AT,
    config_hash="c",
    asked=frozenset({("ashare-daily.en", "1")}),
    models=frozenset({"m"}),
    candidates=frozenset({"A", "B"}),
    stale=frozenset(),
    prices={"A": 10_000, "B": 20_000},
)
NOW = replace(THEN, as_of=AT + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"as_of": AT + timedelta(seconds=599)}, ""),
        ({"as_of": AT + timedelta(seconds=600)}, "OLD"),
        ({"as_of": AT - timedelta(seconds=1)}, "OLD"),
        ({"config_hash": "d"}, "CONFIG"),
        ({"asked": frozenset({("ashare-daily.en", "user-0001")})}, "PROMPT"),
        ({"models": frozenset({"m", "n"})}, "MODELS"),
        ({"candidates": frozenset({"A"})}, "CANDIDATES"),
        ({"stale": frozenset({"B"})}, "CANDIDATES"),
        ({"prices": {"A": 10_030, "B": 19_940}}, ""),
        ({"prices": {"A": 10_031, "B": 20_000}}, "PRICE"),
        ({"prices": {"A": 9_969, "B": 20_000}}, "PRICE"),
        ({"prices": {"A": 10_000}}, "PRICE"),
        ({"prices": {"A": 10_000, "B": 20_000, "C": 1}}, ""),
    ],
)
def test_an_answer_stands_until_the_first_thing_that_moved(change: dict[str, Any], code: str):
    assert why_moved(THEN, replace(NOW, **change), TERMS, None) == code


def test_a_fill_since_then_asks_again_and_one_before_does_not():
    assert why_moved(THEN, NOW, TERMS, AT + timedelta(seconds=1)) == "FILLED"
    assert why_moved(THEN, NOW, TERMS, AT) == ""


def test_without_a_time_to_live_nothing_is_reused():
    assert why_moved(THEN, replace(NOW, as_of=AT), Reuse(ttl_s=0), None) == "OLD"


def test_the_newest_instant_up_to_one():
    assert newest([AT, AT + timedelta(hours=1)], AT + timedelta(minutes=1)) == AT
    assert newest([], AT) is None


def quoted(**changes: int) -> Any:
    return SimpleNamespace(quotes=[SimpleNamespace(symbol=name, change_ppm=ppm) for name, ppm in changes.items()])


@pytest.mark.parametrize(
    ("moves", "held", "how"),
    [
        ({"A": 29_999, "B": 0, "C": 0}, ["A"], Urgency.CALM),
        ({"A": -30_000, "B": 0, "C": 0}, ["A"], Urgency.URGENT),
        ({"A": 30_000, "B": 0, "C": 0}, [], Urgency.CALM),
        ({"A": 30_000, "B": -50_000, "C": 0}, [], Urgency.URGENT),
        ({"Z": 90_000}, [], Urgency.CALM),
    ],
)
def test_a_holding_that_moved_or_half_the_candidates_make_a_cycle_urgent(moves: dict[str, int], held: list[str], how: Urgency):
    seen: Any = SimpleNamespace(candidates=("A", "B", "C"))
    account: Any = SimpleNamespace(held=tuple(held))
    assert urgency(Route(), quoted(**moves), seen, account) is how


def test_the_route_names_who_is_asked_and_an_empty_one_means_everybody():
    cheap, good = OfflineModel(name="cheap"), OfflineModel(name="good")
    route = Route(calm=("cheap",))
    assert routed(route, Urgency.CALM, (cheap, good)) == (cheap,)
    assert routed(route, Urgency.URGENT, (cheap, good)) == (cheap, good)


DAY = date(2020, 2, 5)


def cycles_of(home: Path, **changes: Any) -> list[tuple[str, int, str]]:
    """(time, model calls, reused cycle's time) of a day's cycles, oldest first; replayed without a difference."""
    names = ("000001.SZ", "000778.SZ", "601318.SH")  # with daily bars only: their prices stand between the two auctions
    terms = mandate(schedule="at 10:00, 10:05, 10:08, 10:20", universe={"symbols": names}, **changes)
    models = (OfflineModel(name="offline"), OfflineModel(name="second"))
    with desk_at(home, terms, start=DAY, end=DAY, models=models) as desk:
        carry(desk)
    with books(home) as view:
        found = []
        for cycle in reversed(view.cycles("demo", limit=100)):
            made = view.decisions(cycle.cycle_id)
            assert made is not None
            found.append((cycle.slot.strftime("%H:%M"), len(view.model_calls(cycle.cycle_id)), made.reused[-7:-3]))
        results = list(Replay(view, home / "snapshots", "demo", recorded_mandate).run())
    assert len(results) == len(found) and not any(result.differences for result in results)
    return found


def test_a_desk_asks_once_in_its_time_to_live_and_a_replay_agrees(tmp_path: Path):
    found = cycles_of(tmp_path, decision_ttl_s=600, models=("offline", "second"))
    assert [(at, calls) for at, calls, _ in found] == [("02:00", 2), ("02:05", 0), ("02:08", 0), ("02:20", 2)]
    assert [source for _, _, source in found] == ["", "0200", "0200", ""]


def test_where_the_market_is_played_back_every_cycle_asks_unless_it_is_told_otherwise(tmp_path: Path):
    assert [calls for _, calls, _ in cycles_of(tmp_path, models=("offline", "second"))] == [2, 2, 2, 2]


def test_a_calm_cycle_asks_only_the_model_its_route_names(tmp_path: Path):
    found = cycles_of(tmp_path, models=("offline", "second"), route={"calm": "second", "urgent_move": "0.5"})
    assert [calls for _, calls, _ in found] == [1, 1, 1, 1]
