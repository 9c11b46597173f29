"""A configuration edited under books that are already written: they go on, or the change is refused by name; never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.core.journal import TradingState
from engine.engine import Engine
from engine.store import books
from tests.cli.console_command import kanpan, one_line

REPLAY = {"start": "2020-02-04", "end": "2020-03-20"}
SHADOWED = {"twin": {}}


def run(home: Path, cycles: int, name: str = "demo", **changes: Any) -> Engine:
    """The desk carried on for so many cycles, their orders done."""
    config = Config.model_validate({"desk": {name: {"replay": REPLAY, **changes}}})
    engine = Engine(config, home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    try:
        engine.start()
        assert engine.wait(timeout_s=60) and not engine.failed
    finally:
        assert engine.stop(10.0)
    return engine


def told(engine: Engine, code: str) -> list[dict[str, str]]:
    return [dict(row.params) for row in engine.state.events.view().rows.values() if row.code == code]


def held(home: Path, desk: str = "demo") -> set[str]:
    with books(home) as view:
        return set(view.account(desk).positions)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A desk and its shadow that hold several names overnight."""
    run(tmp_path, 1, shadow=SHADOWED)
    assert len(held(tmp_path)) >= 2 and held(tmp_path) == held(tmp_path, "demo~twin")
    return tmp_path


def test_a_name_taken_off_the_universe_is_valued_and_sold_but_never_bought_again(home: Path) -> None:
    kept, *dropped = sorted(held(home))
    engine = run(home, 12, universe={"symbols": [kept]}, shadow=SHADOWED)
    with books(home) as view:
        traded = {fill.instrument: fill for fill in view.fills("demo", limit=1_000) if fill.cycle_id != first_cycle(view, "demo")}
        later = [view.snapshot_of(item.cycle_id) for item in view.cycles("demo", limit=1) if item.trigger == "schedule"]
        states = {item.state.value for name in ("demo", "demo~twin") for item in view.cycles(name, limit=100)}
    assert states == {"COMPLETED"}
    assert set(traded) <= {kept, *dropped}
    assert all(traded[name].side.value == "sell" for name in dropped if name in traded)
    assert held(home) <= {kept}, "what was dropped has been left by now"
    assert [snapshot.candidates for snapshot in later if snapshot] == [(kept,)]
    assert {row.symbol for row in engine.state.orders.view().rows.values()} >= set(dropped), "orders of before are still shown"
    result = kanpan(home, "replay", "--all")
    assert result.returncode == 0 and "0 differ" in result.stdout, result.stdout


def first_cycle(view: Any, desk: str) -> str:
    return str(view.cycles(desk, limit=100)[-1].cycle_id)


def test_another_market_is_refused_before_anything_is_asked_of_it(home: Path) -> None:
    desk = {"market": "crypto", "feed": ["binance"], "universe": {"symbols": ["BTCUSDT.BINANCE"]}}
    with pytest.raises(ConfigError, match=r"^desk\.demo\.market: the books of demo are ashare in CNY; give the crypto desk"):
        run(home, 1, **desk)


def test_a_feed_that_tells_nothing_of_what_is_held_is_refused_by_the_names(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"^desk\.demo\.feed: its books hold 0.*, of which sim tells nothing; go on with a feed"):
        run(home, 1, feed=["sim"])


def test_more_cash_in_the_file_is_no_money_and_no_loss_either(home: Path) -> None:
    engine = run(home, 3, cash=50_000_000)
    assert [row["opened"] for row in told(engine, "CASH_STANDS")] == ["1000000.00"]
    with books(home) as view:
        assert view.account("demo").initial_cash == 1_000_000 * 10_000
        assert view.trading_state("demo").state is TradingState.ACTIVE, "a drawdown from money that was never there"
    run(home, 1, cash=50_000_000)
    with books(home) as view:
        assert len(view.noted("demo", "CASH_STANDS")) == 1, "said once, not at every start"


def test_a_desk_that_was_renamed_leaves_its_holdings_in_sight(home: Path) -> None:
    engine = run(home, 1, name="new")
    (left,) = told(engine, "DESK_LEFT")
    assert left["left"] == "demo" and left["count"] == str(len(held(home)))
    (home / "kanpan.toml").write_text("[desk.new]\n", encoding="utf-8")
    doctor = kanpan(home, "doctor")
    assert doctor.returncode == 1 and "put [desk.demo] back" in doctor.stdout
    assert kanpan(home, "positions", "demo", "--json").stdout.count("instrument") == len(held(home)), "its books can still be read"
    assert kanpan(home, "rerun", "demo:ashare:20200204:20200204T012000Z").returncode == 2
    assert "say --model M" in one_line(kanpan(home, "rerun", "demo:ashare:20200204:20200204T012000Z"))
    assert "no desk ghost" in one_line(kanpan(home, "positions", "ghost"))
    assert kanpan(home, "halt", "demo").returncode == 2, "but nobody runs it"
