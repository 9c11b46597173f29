"""Figures of a curve, against two independent libraries on real indices, and by hand where a hand can."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import Close, Trade, measure, metrics
from engine.core.units import PPM, Market

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def oracle() -> dict[str, Any]:
    file = SHARED / "datasets" / "oracles" / "metrics" / "expected_metrics.json"
    if not file.exists():
        pytest.skip("the shared oracles are not on this machine")
    return dict(json.loads(file.read_text()))


def index_returns(code: str) -> list[float]:
    table = pl.read_parquet(SHARED / "datasets" / "index_daily.parquet")
    symbol = next(name for name in ("code", "symbol") if name in table.columns)
    day = next(name for name in ("date", "trading_day") if name in table.columns)
    closes = table.filter(pl.col(symbol).cast(pl.String).str.contains(code)).sort(day)
    closes = closes.filter(pl.col(day).cast(pl.Date).is_between(date(2018, 1, 1), date(2025, 12, 31)))
    return [float(change) for change in closes["close"].pct_change().drop_nulls()]


def coin_returns(symbol: str) -> list[float]:
    table = pl.read_parquet(SHARED / "datasets" / "crypto_perp_1d.parquet")
    return [float(change) for change in table.filter(pl.col("symbol") == symbol).sort("ts")["close"].pct_change().drop_nulls()]


@pytest.mark.parametrize(
    ("code", "name", "periods"),
    [("000300", "csi300_2018_2025_vs_sse", 252), ("000001", "sse_2018_2025", 252), ("BTCUSDT", "btcusdt_1d_365", 365)],
)
def test_the_figures_of_real_curves_are_those_of_empyrical(code: str, name: str, periods: int) -> None:
    expected = oracle()[name]
    returns = index_returns(code) if code.isdigit() else coin_returns(code)
    assert len(returns) == expected["n"]
    close = pytest.approx
    assert metrics.total_return(returns) == close(expected["cum_return"], rel=1e-9)
    assert metrics.annual_return(returns, periods) == close(expected["annual_return"], rel=1e-9)
    assert metrics.volatility(returns, periods) == close(expected["annual_volatility"], rel=1e-9)
    assert metrics.sharpe(returns, periods) == close(expected["sharpe"], rel=1e-9)
    assert metrics.sortino(returns, periods) == close(expected["sortino"], rel=1e-9)
    assert metrics.max_drawdown(returns) == close(-expected["max_drawdown"], rel=1e-9)


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=60))
def test_the_exact_drawdown_is_the_other_one_rounded_down(values: list[int]) -> None:
    exact = metrics.drawdown_ppm(values)
    assert 0 <= exact < PPM
    assert abs(exact / PPM - metrics.max_drawdown(metrics.returns_of(values))) < 2e-6


def test_a_curve_that_never_moves_has_no_sharpe_ratio_and_no_drawdown() -> None:
    still = metrics.returns_of([100, 100, 100])
    assert (metrics.sharpe(still, 252), metrics.sortino(still, 252), metrics.max_drawdown(still)) == (0.0, 0.0, 0.0)
    assert metrics.annual_return([], 252) == metrics.volatility([0.5], 252) == 0.0


def test_a_run_by_hand() -> None:
    closes = [Close(date(2024, 3, 4), 1_100), Close(date(2024, 3, 5), 990), Close(date(2024, 3, 6), 1_210)]
    day = date(2024, 3, 4)
    trades = [Trade("600000.SH", day, day, 60), Trade("600001.SH", day, day, -10), Trade("600002.SH", day, day, 0)]
    figures = measure(Market.ASHARE, 1_000, closes, [], trades, taxes=7)
    assert figures.return_ppm == 210_000
    assert figures.max_drawdown_ppm == 100_000, "from 1,100 to 990"
    assert figures.hit_rate_ppm == 333_333, "a trade that made nothing did not win"
    assert figures.costs == 7 and figures.turnover_ppm == 0
    changes = [0.1, -0.1, 1_210 / 990 - 1]
    mean = sum(changes) / 3
    spread = math.sqrt(sum((change - mean) ** 2 for change in changes) / 2)
    assert figures.sharpe_milli == round(mean / spread * math.sqrt(252) * 1_000)
