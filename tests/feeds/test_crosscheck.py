"""Prices of two vendors beside each other: what is compared, what disagrees, and which names are looked at."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds.crosscheck import Compared, compare, sample

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


def table(
    *, last: int = 100_000, pre_close: int = 99_000, at: datetime = NOW, day: date = DAY, symbol: str = "600519.SH"
) -> pl.DataFrame:
    row = {"symbol": symbol, "trading_day": day, "known_at": at, "last": last, "pre_close": pre_close, "suspended": False}
    return pl.DataFrame([row], schema_overrides={"known_at": pl.Datetime("us", "UTC")})


def beside(theirs: pl.DataFrame, ours: pl.DataFrame | None = None) -> Compared:
    return compare(table() if ours is None else ours, theirs, tolerance_ppm=20_000, apart_s=300.0)


@pytest.mark.parametrize(
    ("theirs", "agrees"),
    [
        (table(last=102_000), True),
        (table(last=98_000), True),
        (table(last=102_001), False),
        (table(last=97_999), False),
        (table(pre_close=100_980), True),
        (table(pre_close=100_981), False),
        (table(pre_close=0), True),
        (table(last=10_000_000, pre_close=9_900_000), False),
    ],
)
def test_two_in_a_hundred_apart_is_the_most(theirs: pl.DataFrame, agrees: bool) -> None:
    assert beside(theirs) == Compared(("600519.SH",), () if agrees else ("600519.SH",))


@pytest.mark.parametrize(
    "theirs",
    [
        table(last=1, day=DAY - timedelta(days=1)),
        table(last=1, at=NOW - timedelta(seconds=301)),
        table(last=1, at=NOW + timedelta(seconds=301)),
        table(last=0),
        table(last=1, symbol="600000.SH"),
    ],
)
def test_what_is_old_silent_or_another_name_is_not_compared(theirs: pl.DataFrame) -> None:
    assert beside(theirs) == Compared((), ())
    assert not beside(theirs).mostly_wrong


def test_without_a_price_of_ours_there_is_nothing_to_compare() -> None:
    assert beside(table(), ours=table(last=0)) == Compared((), ())


def test_half_is_not_most() -> None:
    assert not Compared(("a", "b"), ("a",)).mostly_wrong
    assert Compared(("a", "b", "c"), ("a", "b")).mostly_wrong


@given(st.integers(0, 60), st.integers(1, 10), st.integers(0, 1_000))
def test_a_sample_is_even_and_in_time_every_name_has_its_turn(rows: int, count: int, turn: int) -> None:
    market = pl.DataFrame(
        {"symbol": [f"{number:06d}" for number in range(rows)], "last": [1] * rows, "suspended": [False] * rows},
        schema={"symbol": pl.String(), "last": pl.Int64(), "suspended": pl.Boolean()},
    )
    chosen = sample(market, count, turn)
    assert len(chosen) == len(set(chosen)) == min(rows, count)
    assert {name for at in range(turn, turn + rows) for name in sample(market, count, at)} == set(market["symbol"] if rows else [])


def test_the_suspended_and_the_silent_are_not_sampled() -> None:
    market = pl.concat([table(), table(symbol="600000.SH", last=0), table(symbol="600001.SH").with_columns(suspended=True)])
    assert sample(market, 5, 0) == ["600519.SH"]
