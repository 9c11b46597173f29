"""A backtest is the desk at work: the same decisions, orders and money, and nothing left behind."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from engine.backtest import backtest, result_record, round_trips
from engine.core.bookkeeping import Adjusted, Filled
from engine.core.errors import DataError
from engine.feeds.replay import ReplayTape
from engine.llm import OfflineModel
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate, store

START, END = date(2020, 2, 20), date(2020, 3, 13)


def tape() -> ReplayTape:
    return ReplayTape(store(), start=START, end=END)


def test_it_trades_exactly_as_the_desk_does(tmp_path: Path) -> None:
    with desk_at(tmp_path, mandate(), start=START, end=END) as desk:
        carry(desk)
    with books(tmp_path) as view:
        fills = tuple(reversed(view.fills("demo", limit=1_000)))
        closes = [(point.trading_day, point.equity) for point in view.equity("demo", limit=1_000) if not point.cycle_id]
        records = [entry.record for entry in view.entries(0, limit=5_000)]
    result = backtest(mandate(), tape(), models=(OfflineModel(),))
    assert result.fills == fills and len(fills) > 5
    assert [(close.trading_day, close.equity) for close in result.closes] == closes
    assert result.trades == round_trips(records, "demo")
    assert result.failed == 0 and result.cycles >= len(closes)


def test_its_figures_add_up() -> None:
    result = backtest(mandate(strategy="baseline"), tape())
    record = result_record(result)
    assert record["sessions"] == len(result.closes) == 17
    assert result.pnl == result.closes[-1].equity - result.opened_with
    assert record["costs"] == f"{sum(fill.fees.total for fill in result.fills) / 10_000:.2f}"
    assert 0 < result.figures.max_drawdown_ppm < 300_000


def test_a_round_trip_is_worth_what_its_cash_says(tmp_path: Path) -> None:
    """With everything sold again, the trades' results are the account's whole gain."""
    with desk_at(tmp_path, mandate(strategy="baseline"), start=START, end=END) as desk:
        carry(desk, steps=200)
        desk.flatten_next()
        desk.mandate = replace(desk.mandate, schedule="manual")
        carry(desk)
    with books(tmp_path) as view:
        account = view.account("demo")
        records = [entry.record for entry in view.entries(0, limit=5_000)]
    assert not account.positions
    assert sum(trade.result for trade in round_trips(records, "demo")) == account.cash - account.initial_cash
    assert any(isinstance(record, Filled) for record in records) and not any(isinstance(record, Adjusted) for record in records)


def test_the_four_baselines_differ_and_repeat() -> None:
    def run(name: str) -> object:
        return backtest(mandate(strategy="baseline", baseline=name), tape()).fills

    first = {name: run(name) for name in ("equal", "momentum", "random", "hold")}
    assert len(set(first.values())) == 4
    assert run("random") == first["random"]


def test_a_cancelled_run_says_so() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(DataError, match="cancelled"):
        backtest(mandate(strategy="baseline"), tape(), cancelled=stop)
