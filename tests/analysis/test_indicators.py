"""Indicators against results nobody here wrote: TA-Lib's on real prices and Tulip's published vectors."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis import indicators as ind
from engine.analysis.indicators import Series

ORACLES = Path(__file__).resolve().parents[2].parent / "shared" / "datasets" / "oracles"
CLOSE = 1e-9


def talib() -> pl.DataFrame:
    path = ORACLES / "talib" / "talib_daily.parquet"
    if not path.exists():
        pytest.skip(f"needs the TA-Lib results in {path.parent.name}/ beside the project's shared datasets")
    return pl.read_parquet(path)


def ours(high: Series, low: Series, close: Series) -> dict[str, Series]:
    macd, bands = ind.macd(close), ind.bollinger(close)
    return {
        **{f"SMA_{window}": ind.sma(close, window) for window in (5, 10, 20, 60)},
        **{f"EMA_{window}": ind.ema(close, window) for window in (5, 10, 20, 60)},
        **{f"RSI_{window}": ind.rsi(close, window) for window in (6, 14)},
        "MACD": macd.line,
        "MACD_signal": macd.signal,
        "MACD_hist": macd.histogram,
        "BB_up": bands.upper,
        "BB_mid": bands.middle,
        "BB_low": bands.lower,
        "ATR_14": ind.atr(high, low, close, 14),
        "STDDEV_20": ind.deviation(close, 20),
        "ROC_10": 100 * ind.change_over(close, 10),
    }


def test_every_figure_is_talib_s_on_five_real_shares() -> None:
    checked = 0
    for (symbol,), rows in talib().group_by("symbol", maintain_order=True):
        high, low, close = (rows[name].to_numpy().astype(float)[None, :] for name in ("high", "low", "close"))
        for name, values in ours(high, low, close).items():
            theirs = rows[name].to_numpy().astype(float)
            known = ~np.isnan(theirs)
            assert not np.isnan(values[0][known]).any(), (symbol, name)
            np.testing.assert_allclose(values[0][known], theirs[known], rtol=CLOSE, atol=CLOSE, err_msg=f"{symbol} {name}")
            checked += int(known.sum())
    assert checked > 80_000


def test_shares_of_different_age_are_computed_side_by_side() -> None:
    """All five at once, right-aligned, give what each gives alone."""
    frames = [rows for _, rows in talib().group_by("symbol", maintain_order=True)]
    width = max(rows.height for rows in frames)
    grids = {}
    for name in ("high", "low", "close"):
        grids[name] = np.full((len(frames), width), np.nan)
        for place, rows in enumerate(frames):
            grids[name][place, width - rows.height :] = rows[name].to_numpy()
    together = ours(grids["high"], grids["low"], grids["close"])
    for place, rows in enumerate(frames):
        alone = ours(*(rows[name].to_numpy().astype(float)[None, :] for name in ("high", "low", "close")))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][place, width - rows.height :], values[0], rtol=CLOSE, atol=CLOSE)
            assert np.isnan(together[name][place, : width - rows.height]).all(), name


def tulip(heading: str) -> list[list[float]]:
    path = ORACLES / "tulip" / "untest.txt"
    if not path.exists():
        pytest.skip(f"needs Tulip's published vectors in {path.parent.name}/ beside the project's shared datasets")
    block = path.read_text().split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0]
    return [[float(cell) for cell in row.split(",")] for row in re.findall(r"\{(.+)\}", block)]


@pytest.mark.parametrize(
    ("heading", "compute"),
    [
        ("sma 5", lambda close: [ind.sma(close, 5)]),
        ("rsi 5", lambda close: [ind.rsi(close, 5)]),
        ("stddev 5", lambda close: [ind.deviation(close, 5)]),
        ("volatility 5", lambda close: [ind.volatility(close, 5)]),
        ("bbands 5 2", lambda close: [(b := ind.bollinger(close, 5, 2)).lower, b.middle, b.upper]),
    ],
)
def test_tulip_s_published_vectors(heading: str, compute) -> None:  # type: ignore[no-untyped-def]
    closes, *expected = tulip(heading)
    for values, theirs in zip(compute(np.array([closes])), expected, strict=True):
        known = values[0][~np.isnan(values[0])]
        np.testing.assert_allclose(known[-len(theirs) :], theirs, atol=0.00051)
        assert len(known) == len(theirs)


PRICES = st.lists(st.floats(1, 1_000), min_size=1, max_size=80)


@settings(deadline=None)
@given(closes=PRICES, later=PRICES)
def test_no_figure_depends_on_what_comes_later(closes: list[float], later: list[float]) -> None:
    first = ours(*(np.array([closes]) for _ in range(3)))
    longer = ours(*(np.array([closes + later]) for _ in range(3)))
    for name, values in first.items():
        np.testing.assert_allclose(longer[name][:, : len(closes)], values, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(deadline=None)
@given(closes=PRICES)
def test_rsi_lies_between_zero_and_a_hundred(closes: list[float]) -> None:
    values = ind.rsi(np.array([closes]), 14)
    known = values[~np.isnan(values)]
    assert ((known >= 0) & (known <= 100)).all()


def test_nothing_that_never_moved_has_an_rsi_of_zero() -> None:
    assert ind.rsi(np.full((1, 30), 5.0), 14)[0, -1] == 0.0


def test_a_history_too_short_gives_no_figure() -> None:
    for name, values in ours(*(np.array([[10.0, 11.0, 12.0]]) for _ in range(3))).items():
        assert np.isnan(values).all(), name


def test_highest_and_lowest_of_a_window() -> None:
    values = np.array([[3.0, 1.0, 2.0, 5.0]])
    np.testing.assert_array_equal(ind.highest(values, 3)[0], [np.nan, np.nan, 3.0, 5.0])
    np.testing.assert_array_equal(ind.lowest(values, 3)[0], [np.nan, np.nan, 1.0, 1.0])


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_averages_walked_together_are_those_walked_alone_to_the_bit(shares: int, sessions: int, seed: int) -> None:
    """Shares of any age, few enough for plain loops or too many to walk together."""
    drawn = np.random.default_rng(seed)
    close: Series = np.cumprod(1 + drawn.normal(0, 0.02, (shares, sessions)), axis=1)
    close[np.arange(sessions) < drawn.integers(0, sessions, (shares, 1))] = np.nan
    high, low = (close * factor for factor in (1.01, 0.98))
    found = ind.averaged(high, low, close)
    alone = (ind.ema(close, 12), ind.ema(close, 26), *ind.macd(close), ind.rsi(close, 14), ind.atr(high, low, close, 14))
    together = (found.ema_12, found.ema_26, *found.macd, found.rsi_14, found.atr_14)
    assert [one.tobytes() for one in alone] == [one.tobytes() for one in together]
