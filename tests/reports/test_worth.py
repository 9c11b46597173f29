"""The counterfactual report: with every rule it comes to the ledger's own P&L to the unit, and its parts add up to the whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.errors import DataError
from engine.core.journal import TradingState, TradingStateMoved
from engine.core.units import Market
from engine.cycle import Mandate
from engine.feeds.replay import ReplayTape
from engine.reports.worth import PROTECT, what_risk_was_worth, worth_record
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate, store

START, MIDDLE, END = date(2020, 2, 20), date(2020, 3, 3), date(2020, 3, 13)
TERMS = {"stop_loss": "0.05", "max_gross": "0.40", "on_daily_loss": "lock"}


def recorded(desk: str, text: str) -> Mandate:
    return mandate_of(desk, DeskConfig.model_validate_json(text), "en")


def tape() -> ReplayTape:
    return ReplayTape(store(), start=START, end=END)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk that was clamped and protected, and that a person made to reduce for some days."""
    place = tmp_path_factory.mktemp("worth")
    with desk_at(place, mandate(risk=TERMS), start=START, end=END) as desk:
        carry(desk, steps=250)
        desk._write([TradingStateMoved("demo", TradingState.REDUCING, "a walk", "person")])
        carry(desk, steps=150)
        desk._write([TradingStateMoved("demo", TradingState.ACTIVE, "", "person")])
        carry(desk)
    return place


def test_with_every_rule_it_is_the_ledger_s_own_figure_and_the_parts_make_the_whole(home: Path) -> None:
    with books(home) as view:
        worth = what_risk_was_worth(view, "demo", recorded, tape)
        curve = view.equity("demo", limit=10_000)
        verdicts = [v for cycle in view.cycles("demo", limit=1_000) if (r := view.verdicts(cycle.cycle_id)) for v in r.verdicts]
    assert worth.adds_up and worth.booked == curve[-1].equity - mandate().cash
    assert worth.bare + sum(worth.booked - rule.without for rule in worth.rules) + worth.together == worth.booked
    found = {rule.rule: rule for rule in worth.rules}
    assert {"max_gross", PROTECT} <= set(found)
    assert found["max_gross"].cut == sum(1 for v in verdicts if v.rule == "max_gross" and v.result == "CLAMP") > 0
    assert found["max_gross"].without != worth.booked
    record = worth_record(worth, Market.ASHARE)
    assert record["adds_up"] is True and record["ledger_pnl"] == record["simulated_pnl"]


def test_a_period_counts_and_gains_only_what_lies_in_it(home: Path) -> None:
    with books(home) as view:
        early = what_risk_was_worth(view, "demo", recorded, tape, None, MIDDLE)
        late = what_risk_was_worth(view, "demo", recorded, tape, date(2020, 3, 4), None)
        whole = view.equity("demo", limit=10_000)[-1].equity - mandate().cash
    assert early.adds_up and late.adds_up and early.booked + late.booked == whole
    assert early.last == MIDDLE and late.first == date(2020, 3, 4)


def test_without_a_session_there_is_nothing_to_report(home: Path, tmp_path: Path) -> None:
    with books(home) as view, pytest.raises(DataError, match="no session"):
        what_risk_was_worth(view, "demo", recorded, tape, date(2021, 1, 1), None)
    with desk_at(tmp_path, mandate(), start=START, end=END), books(tmp_path) as view, pytest.raises(DataError, match="no session"):
        what_risk_was_worth(view, "demo", recorded, tape)
