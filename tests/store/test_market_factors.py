"""Adjusted prices have no jump where two answers of a source meet, whatever its factors count from."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import Market
from engine.store.market import Fault, MarketStore, check_market
from engine.store.snapshot import BAR_SCHEMA
from tests.store.market_worlds import FIRST_DAY, LAST_DAY, NOW, daily_bars

ONE = ("600519.SH",)
EX_DAYS = {date(2024, 1, 18): 95, date(2024, 2, 20): 90}
"""On these days the reference price is this many per cent of the close before."""


def going_ex(*, own: bool) -> pl.DataFrame:
    """Bars of a share that goes ex twice; `own`: the source says so in its factors too, else it says 1 on every row."""
    rows, scale, factor = [], 1.0, 1_000_000
    for row in daily_bars(ONE).to_dicts():
        percent = EX_DAYS.get(row["trading_day"])
        before = rows[-1]["close"] if rows else row["pre_close"]
        if percent:
            scale *= percent / 100
        prices = {name: round(row[name] * scale / 100) * 100 for name in ("open", "high", "low", "close")}
        reference = before if not percent else before * percent // 100
        if percent:
            factor = round(factor * before / reference)
        amount = row["volume"] * prices["close"]
        rows.append({**row, **prices, "pre_close": reference, "amount": amount, "factor_ppm": factor if own else 1_000_000})
    return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")


def kept(home: Path, pieces: list[pl.DataFrame]) -> pl.DataFrame:
    store = MarketStore.open(home, Market.ASHARE)
    for piece in pieces:
        assert store.write_bars(piece, "1d", source="test", now=NOW).refused == 0
    return store.as_of(NOW).bars(ONE, "1d", first=FIRST_DAY, last=LAST_DAY)


@pytest.mark.parametrize("own", [True, False], ids=["factors of its own", "none"])
def test_a_factor_follows_the_reference_price(tmp_path: Path, own: bool) -> None:
    read = kept(tmp_path, [going_ex(own=own)])
    by_day = dict(zip(read["trading_day"], read["factor_ppm"], strict=True))
    assert by_day[date(2024, 1, 17)] == 1_000_000
    assert by_day[date(2024, 1, 18)] == pytest.approx(1_000_000 / 0.95, rel=2e-4)
    assert by_day[LAST_DAY] == pytest.approx(1_000_000 / 0.95 / 0.90, rel=4e-4)
    assert [flaw for flaw in check_market(tmp_path, Market.ASHARE) if flaw.fault is Fault.FACTOR] == []


@given(cuts=st.lists(st.integers(1, 55), max_size=5, unique=True), own=st.booleans())
@settings(max_examples=15, deadline=None)
def test_however_the_days_are_cut_into_answers_the_factors_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], own: bool
) -> None:
    bars = going_ex(own=own)
    edges = [0, *sorted(cuts), bars.height]
    answers = [bars[first:last] for first, last in itertools.pairwise(edges)]
    rebased = [answer.with_columns(factor_ppm=_from_its_first_row(answer)) for answer in answers] if own else answers
    home = tmp_path_factory.mktemp("cut")
    assert kept(home / "pieces", rebased).equals(kept(home / "whole", [going_ex(own=False)])) or own
    close = kept(home / "pieces", [])["factor_ppm"].cast(pl.Float64)
    assert ((close / going_ex(own=True)["factor_ppm"] - 1).abs() < 1e-5).all()


def _from_its_first_row(answer: pl.DataFrame) -> pl.Series:
    own = answer["factor_ppm"].cast(pl.Float64)
    return (own / own[0] * 1_000_000).round(0).cast(pl.Int64)


def test_after_a_hole_a_reference_price_proves_nothing(tmp_path: Path) -> None:
    holed = going_ex(own=False).filter(pl.col("trading_day") != date(2024, 1, 17))
    factor = dict(kept(tmp_path, [holed]).select("trading_day", "factor_ppm").iter_rows())[date(2024, 1, 18)]
    assert factor == 1_000_000
    flaws = {flaw.fault for flaw in check_market(tmp_path, Market.ASHARE)}
    assert flaws == {Fault.GAP, Fault.FACTOR}, "and a person is told of both"


def test_a_share_that_was_silent_for_long_goes_on_from_its_own_last_bar(tmp_path: Path) -> None:
    """In one write with others whose bars begin later: each is looked up from its own first bar."""
    bars, others = going_ex(own=False), daily_bars(("000001.SZ",))
    late = bars.filter(pl.col("trading_day") > date(2024, 3, 22))
    store = MarketStore.open(tmp_path, Market.ASHARE)
    early = bars.filter(pl.col("trading_day") < date(2024, 1, 25))
    store.write_bars(pl.concat([early, others.filter(pl.col("trading_day") < date(2024, 3, 22))]), "1d", source="test", now=NOW)
    store.write_bars(pl.concat([late, others.filter(pl.col("trading_day") >= date(2024, 3, 22))]), "1d", source="test", now=NOW)
    read = store.as_of(NOW).bars(ONE, "1d", first=FIRST_DAY, last=LAST_DAY)
    assert read["factor_ppm"][-1] == read["factor_ppm"][early.height - 1] > 1_000_000


def test_adjusted_prices_are_left_as_they_came(tmp_path: Path) -> None:
    store = MarketStore.open(tmp_path, Market.ASHARE)
    store.write_bars(going_ex(own=False), "1d", source="test", now=NOW, basis="split")
    read = store.as_of(NOW).bars(ONE, "1d", first=FIRST_DAY, last=LAST_DAY)
    assert set(read["factor_ppm"]) == {1_000_000}
