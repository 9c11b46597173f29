"""The league: every figure of the table found again by hand from the books and the market that was frozen."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.core.decision import Intent
from engine.core.errors import DataError
from engine.engine import Engine
from engine.reports.league import HOLD, League, league
from engine.reports.league_record import league_record
from engine.store import books
from engine.store.bars import BarStore
from engine.store.sample import sample_dir
from tests.cli.console_command import kanpan, one_line

START, END = date(2020, 3, 2), date(2020, 3, 20)
SHADOWS = {"twin": {}, "even": {"strategy": "baseline"}}


def run(home: Path, shadows: dict[str, object], cycles: int | None = None) -> None:
    replay = {"start": START.isoformat(), "end": END.isoformat()}
    terms = Config.model_validate({"desk": {"demo": {"replay": replay, "shadow": shadows}}})
    engine = Engine(terms, home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        assert engine.wait(timeout_s=120) and not engine.failed
    finally:
        assert engine.stop(10.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("league")
    run(place, SHADOWS)
    return place


@pytest.fixture(scope="module")
def table(home: Path) -> League:
    with books(home) as view:
        return league(view, home / "snapshots", "demo")


def test_the_desk_comes_first_then_its_shadows_then_the_market(table: League) -> None:
    assert [(row.name, row.kind) for row in table.entrants] == [
        ("demo", "desk"),
        ("demo~even", "shadow"),
        ("demo~twin", "shadow"),
        (HOLD, "market"),
    ]
    assert (table.first, table.last) == (START, END)


def test_a_return_is_what_the_books_say(home: Path, table: League) -> None:
    with books(home) as view:
        for row in table.entrants[:3]:
            closing, opening = view.equity(row.name)[-1].equity, view.account(row.name).initial_cash
            assert row.total == pytest.approx(closing / opening - 1) and row.sessions == row.cycles == 15


def test_a_row_tells_its_growth_its_deepest_fall_and_what_it_paid(home: Path, table: League) -> None:
    with books(home) as view:
        for row in table.entrants[:3]:
            curve = [view.account(row.name).initial_cash, *(point.equity for point in view.equity(row.name) if not point.cycle_id)]
            assert row.growth == pytest.approx([value / curve[0] for value in curve])
            falls = [1 - value / max(curve[: place + 1]) for place, value in enumerate(curve)]
            assert row.drawdown == pytest.approx(max(falls))
            assert Decimal(row.fees) == Decimal(view.account(row.name).fees) / 10_000
            assert Decimal(row.equity) == Decimal(curve[-1]) / 10_000
            assert row.sharpe is not None and row.sharpe.n == 15
    market = table.entrants[-1]
    assert len(market.growth) == market.sessions + 1 and not market.fees


def test_the_same_minds_differ_by_nothing_and_a_benchmark_by_what_the_closes_say(home: Path, table: League) -> None:
    even, twin = table.entrants[1].against_desk, table.entrants[2].against_desk
    assert twin is not None and (twin.mean, twin.low, twin.high) == (0, 0, 0) and not twin.tells
    with books(home) as view:
        curves = [[point.equity for point in view.equity(name) if not point.cycle_id] for name in ("demo~even", "demo")]
    steps = [[b / a - 1 for a, b in zip([10**10, *curve], curve, strict=False)] for curve in curves]
    assert even is not None and even.mean == pytest.approx(sum(a - b for a, b in zip(*steps, strict=True)) / 15)
    assert even.low is not None and even.high is not None and even.low < even.mean < even.high


def test_buy_and_hold_is_every_name_in_equal_parts_from_before_the_first_session(table: League) -> None:
    known = BarStore.load(sample_dir()).as_of(SystemClock().now())
    rows = known.daily([item.symbol for item in known.instruments()], 2_000)
    grown = []
    for (_,), bars in rows.group_by("symbol"):
        closes = {row["trading_day"]: row["close"] * row["factor_ppm"] for row in bars.iter_rows(named=True)}
        days = sorted(closes)
        before = [day for day in days if day < START]
        inside = [day for day in days if day < END]
        grown.append(closes[inside[-1]] / closes[before[-1]])
    market = table.entrants[-1]
    assert market.sessions == 14, "the last close was frozen by nobody"
    assert market.total == pytest.approx(sum(grown) / len(grown) - 1, abs=1e-5)


def test_what_came_true_is_the_next_sessions_move_of_the_name(home: Path, table: League) -> None:
    known = BarStore.load(sample_dir()).as_of(SystemClock().now())
    rows = known.daily([item.symbol for item in known.instruments()], 2_000)
    closes = {(row["symbol"], row["trading_day"]): row["close"] * row["factor_ppm"] for row in rows.iter_rows(named=True)}
    days = sorted({day for _, day in closes if day <= END})
    hits = total = 0
    with books(home) as view:
        for cycle in view.cycles("demo", limit=100):
            made = view.decisions(cycle.cycle_id)
            if cycle.trigger != "schedule" or made is None or cycle.trading_day >= days[-2]:
                continue
            after = days[days.index(cycle.trading_day) + 1]
            for one in made.decisions:
                now, later = closes.get((one.instrument, cycle.trading_day)), closes.get((one.instrument, after))
                if one.intent is Intent.HOLD or now is None or later is None:
                    continue
                total += 1
                hits += later > now if one.intent in {Intent.OPEN, Intent.ADD} else later < now
    found = table.entrants[0].confidence
    assert found is not None and total > 5
    assert (found.n, round(found.hit_rate * found.n)) == (total, hits)
    assert table.entrants[1].confidence is None, "a benchmark states no confidence"


def test_little_is_said_to_be_little_and_what_is_missing_is_counted(home: Path, table: League, tmp_path: Path) -> None:
    assert ("FEW_SESSIONS", 15) in table.entrants[0].notes
    run(tmp_path, {}, cycles=5)
    run(tmp_path, {"late": {}})
    with books(tmp_path) as view:
        late = league(view, tmp_path / "snapshots", "demo").entrants[1]
    assert late.name == "demo~late" and late.cycles == 15, "a replay is caught up with from its beginning"
    with pytest.raises(DataError, match="no session"), books(home) as view:
        league(view, home / "snapshots", "nobody")


def test_the_table_is_the_same_each_time_and_costs_are_exact(home: Path, table: League) -> None:
    with books(home) as view:
        assert league_record(league(view, home / "snapshots", "demo")) == league_record(table)
    assert all(isinstance(amount, Decimal) for row in table.entrants for _, amount in row.costs)
    assert [row.calls for row in table.entrants] == [15, 0, 15, 0]


def test_the_command_prints_a_table_or_one_document(home: Path, tmp_path: Path) -> None:
    shown = kanpan(home, "league")
    assert shown.returncode == 0 and "demo~even" in shown.stdout and "intervals" in shown.stdout
    record = json.loads(kanpan(home, "league", "--json").stdout)
    assert [row["name"] for row in record["entrants"]][-1] == HOLD and record["compared"] == 10
    assert kanpan(home, "league", "--lang", "zh").returncode == 0
    empty = kanpan(tmp_path / "none", "league")
    assert empty.returncode == 2 and "nothing has run yet" in one_line(empty)
