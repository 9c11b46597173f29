"""The as-of gate: what is not yet known cannot be read, whatever is written there."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store.bars import BarStore, beijing
from engine.store.sample import sample_dir

SYMBOLS = ["000001.SZ", "000338.SZ", "601318.SH", "603220.SH"]
DATA = Path(__file__).resolve().parents[2] / "data"
CLEAN = BarStore.load(DATA)


@pytest.fixture(scope="module")
def store() -> BarStore:
    return BarStore.load(sample_dir())


def test_the_sample_is_found_beside_the_package() -> None:
    assert sample_dir() == DATA


def test_a_day_is_known_at_its_close_and_not_a_microsecond_before(store: BarStore) -> None:
    close = datetime(2020, 2, 3, 7, tzinfo=UTC)
    assert store.as_of(close).daily(SYMBOLS, 1)["trading_day"].unique().to_list() == [date(2020, 2, 3)]
    before = store.as_of(close - timedelta(microseconds=1))
    assert before.daily(SYMBOLS, 1)["trading_day"].unique().to_list() == [date(2020, 1, 23)]


def test_a_five_minute_bar_is_known_at_its_end(store: BarStore) -> None:
    ten = datetime(2020, 2, 3, 2, tzinfo=UTC)
    bars = store.as_of(ten).minutes(SYMBOLS, date(2020, 2, 3))
    assert bars.height == 6
    assert bars["known_at"].max() == ten
    assert bars["start"].max() == ten - timedelta(minutes=5)


def test_history_is_counted_in_sessions_of_the_market(store: BarStore) -> None:
    known = store.as_of(datetime(2020, 6, 16, 8, tzinfo=UTC))
    bars = known.daily(SYMBOLS, 20)
    assert bars["trading_day"].n_unique() == 20
    assert bars.filter(pl.col("symbol") == "000338.SZ").height == 20
    assert known.daily(SYMBOLS, 0).is_empty()


def test_a_dividend_is_known_when_the_day_of_its_announcement_is_over(store: BarStore) -> None:
    """000001: announced on 2020-05-22, ex on 2020-05-28."""
    midnight = datetime(2020, 5, 22, 16, tzinfo=UTC)
    assert date(2020, 5, 28) in store.as_of(midnight).dividends(["000001.SZ"])["ex_date"].to_list()
    before = store.as_of(midnight - timedelta(microseconds=1))
    assert date(2020, 5, 28) not in before.dividends(["000001.SZ"])["ex_date"].to_list()


def test_a_share_is_known_from_its_listing(store: BarStore) -> None:
    listed = {item.symbol for item in store.as_of(datetime(2010, 1, 4, tzinfo=UTC)).instruments()}
    assert listed == {"000001.SZ", "000338.SZ", "000778.SZ", "000783.SZ", "300027.SZ", "601318.SH"}


def test_only_sound_rows_are_in_the_store(store: BarStore) -> None:
    bars = store.as_of(datetime(2021, 1, 1, tzinfo=UTC)).daily(["000783.SZ"], 200)
    assert bars["trading_day"].min() == date(2019, 11, 7)
    assert date(2020, 4, 28) not in bars["trading_day"].to_list()


INSTANTS = st.integers(0, 228 * 86_400).map(lambda seconds: datetime(2019, 11, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@given(at=INSTANTS, seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_poisoning_everything_after_an_instant_moves_nothing_before_it(at: datetime, seed: int) -> None:
    """Rows with known_at > t get other figures, other rows appear; every answer as of t stays the same."""
    clean = CLEAN
    poisoned = BarStore(
        daily=_poisoned(clean._daily, at, seed),
        minutes=_poisoned(clean._minutes, at, seed),
        dividends=_poisoned(clean._dividends, at, seed),
        instruments=_poisoned(clean._instruments, at, seed),
    )
    truth, other = clean.as_of(at), poisoned.as_of(at)
    assert truth.sessions() == other.sessions()
    assert truth.instruments() == other.instruments()
    for days in (1, 20, 120):
        assert truth.daily(SYMBOLS, days).equals(other.daily(SYMBOLS, days))
    for day in (at.date(), at.date() + timedelta(1)):
        assert truth.minutes(SYMBOLS, day).equals(other.minutes(SYMBOLS, day))
    assert truth.dividends(SYMBOLS).equals(other.dividends(SYMBOLS))


def _poisoned(table: pl.DataFrame, at: datetime, seed: int) -> pl.DataFrame:
    chance = random.Random(seed)
    past, future = table.filter(pl.col("known_at") <= at), table.filter(pl.col("known_at") > at)
    figures = [name for name, kind in table.schema.items() if kind == pl.Int64]
    lies = future.with_columns([(pl.col(name) * chance.randint(2, 9) + 7).alias(name) for name in figures])
    if chance.random() < 0.5:
        lies = lies.sample(fraction=0.5, seed=seed)
    return pl.concat([lies, past]).sample(fraction=1.0, shuffle=True, seed=seed)


def test_the_poison_test_would_notice_a_leak() -> None:
    """A store whose rows all claim to be known early gives other answers: the test above can fail."""
    at = datetime(2020, 3, 2, tzinfo=UTC)
    clean = BarStore.load(DATA)
    leaky = BarStore(
        daily=clean._daily.with_columns(known_at=pl.lit(datetime(2019, 1, 1, tzinfo=UTC)).dt.cast_time_unit("us")),
        minutes=clean._minutes,
        dividends=clean._dividends,
        instruments=clean._instruments,
    )
    assert not clean.as_of(at).daily(SYMBOLS, 20).equals(leaky.as_of(at).daily(SYMBOLS, 20))


def test_beijing_time_is_eight_hours_ahead() -> None:
    table = pl.DataFrame({"day": [date(2020, 6, 16)]})
    assert table.select(beijing(pl.col("day"), 15 * 60)).item() == datetime(2020, 6, 16, 7, tzinfo=UTC)
