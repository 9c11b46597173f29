"""The store of market data: bars go in through judgement, stay as first known, and come out through the as-of gate."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.core.errors import DataError
from engine.core.units import Market
from engine.store.market import MarketStore, Reason
from engine.store.market.sealed import read_sealed, write_sealed
from engine.store.snapshot import BAR_SCHEMA
from tests.store.market_worlds import FIRST_DAY, LAST_DAY, NOW, PAIRS, SHARES, at, daily_bars, fill, pair_bars


@pytest.fixture
def shares(tmp_path: Path) -> MarketStore:
    store = MarketStore.open(tmp_path, Market.ASHARE)
    store.write_bars(daily_bars(), "1d", source="test", now=NOW)
    return store


def test_what_was_written_is_read_back_by_symbol_and_time(shares: MarketStore) -> None:
    read = shares.as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY)
    assert_frame_equal(read, daily_bars().sort("symbol", "start"))


def test_some_symbols_of_some_days(shares: MarketStore) -> None:
    read = shares.as_of(NOW).bars(["688981.SH", "000001.SZ", "999999.SZ"], "1d", first=date(2024, 1, 31), last=date(2024, 2, 1))
    assert read.select("symbol", "trading_day").rows() == [
        ("000001.SZ", date(2024, 1, 31)),
        ("000001.SZ", date(2024, 2, 1)),
        ("688981.SH", date(2024, 1, 31)),
        ("688981.SH", date(2024, 2, 1)),
    ]


def test_a_day_is_known_at_its_close_and_not_a_microsecond_before(shares: MarketStore) -> None:
    close = at(date(2024, 2, 1), 7)
    assert shares.as_of(close).daily(SHARES, 1)["trading_day"].unique().to_list() == [date(2024, 2, 1)]
    before = shares.as_of(close - timedelta(microseconds=1))
    assert before.daily(SHARES, 1)["trading_day"].unique().to_list() == [date(2024, 1, 31)]
    assert before.sessions()[-1] == date(2024, 1, 31)


def test_the_latest_bars_of_a_market_that_never_closes(tmp_path: Path) -> None:
    store = MarketStore.open(tmp_path, Market.CRYPTO)
    store.write_bars(pair_bars("4h", 20), "4h", source="test", now=NOW)
    read = store.as_of(at(date(2024, 1, 10), 9)).latest(PAIRS, "4h", 7)
    assert read.group_by("symbol").len()["len"].to_list() == [7, 7]
    assert read["known_at"].max() == at(date(2024, 1, 10), 8)
    assert store.as_of(at(date(2024, 1, 10), 9)).sessions()[-1] == date(2024, 1, 9)
    assert store.as_of(at(date(2024, 1, 10), 0)).sessions()[-1] == date(2024, 1, 9)


def test_an_empty_store_answers_with_nothing(tmp_path: Path) -> None:
    known = MarketStore.open(tmp_path, Market.US).as_of(NOW)
    assert known.sessions() == [] and known.instruments() == ()
    assert known.daily(["AAPL.US"], 10).schema == BAR_SCHEMA
    assert known.latest(["AAPL.US"], "1h", 10).is_empty() and known.dividends(["AAPL.US"]).is_empty()
    assert not (tmp_path / "market").exists(), "reading makes nothing"


def test_writing_the_same_again_changes_no_byte(shares: MarketStore) -> None:
    before = contents(shares.home)
    again = shares.write_bars(daily_bars(), "1d", source="other", now=NOW)
    assert (again.kept, again.known, again.refused) == (0, daily_bars().height, 0)
    assert contents(shares.home) == before


def test_a_kept_bar_never_changes_and_the_other_version_is_quarantined(shares: MarketStore) -> None:
    other = (
        daily_bars()
        .filter(pl.col("trading_day") == date(2024, 1, 5))
        .with_columns(pl.col("volume") + 100, pl.lit(0).alias("amount"))
    )
    written = shares.write_bars(other.cast(BAR_SCHEMA), "1d", source="other", now=NOW)
    assert written.refused == len(SHARES) and written.kept == 0
    assert set(shares.quarantined()["reason"]) == {Reason.DIFFERS.value}
    assert_frame_equal(shares.as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY), daily_bars().sort("symbol", "start"))


def test_bars_may_arrive_in_any_order(tmp_path: Path) -> None:
    whole, pieces = MarketStore.open(tmp_path / "a", Market.ASHARE), MarketStore.open(tmp_path / "b", Market.ASHARE)
    whole.write_bars(daily_bars(), "1d", source="test", now=NOW)
    shuffled = daily_bars().sample(fraction=1.0, shuffle=True, seed=3)
    for piece in range(0, shuffled.height, 50):
        pieces.write_bars(shuffled.slice(piece, 50), "1d", source="test", now=NOW)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_open_store_sees_what_another_process_wrote(shares: MarketStore) -> None:
    known = shares.as_of(NOW)
    assert known.daily(SHARES, 1)["trading_day"].max() == LAST_DAY
    later = daily_bars(first=FIRST_DAY, last=date(2024, 4, 2)).filter(pl.col("trading_day") > LAST_DAY)
    MarketStore.open(shares.home, Market.ASHARE).write_bars(later, "1d", source="test", now=NOW)
    assert known.daily(SHARES, 1)["trading_day"].max() == date(2024, 4, 2)


def test_files_are_for_their_owner_only(shares: MarketStore) -> None:
    found = list((shares.home / "market").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [shares.home / "market", *found] if path.is_dir()} == {0o700}


@pytest.mark.parametrize("keep", [0, 1, 60, 147, 200, 1_000, -9, -1])
def test_a_torn_file_is_refused_by_name_and_never_decoded(shares: MarketStore, keep: int) -> None:
    path = shares.home / "market" / "ashare" / "1d" / "2024-02.bars"
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(DataError, match=r"2024-02\.bars is damaged"):
        MarketStore.open(shares.home, Market.ASHARE).as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY)


@pytest.mark.parametrize("place", [0, 30, 100, 160, 400, -1])
def test_a_single_altered_byte_is_refused(shares: MarketStore, place: int) -> None:
    path = shares.home / "market" / "ashare" / "1d" / "2024-02.bars"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        MarketStore.open(shares.home, Market.ASHARE).as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY)


def test_a_sound_file_of_another_version_is_refused_by_name(shares: MarketStore) -> None:
    path = shares.home / "market" / "ashare" / "1d" / "2024-02.bars"
    table, summary = read_sealed(path)
    write_sealed(path, table, {**summary, "known": 7})
    with pytest.raises(DataError, match="written by another version"):
        MarketStore.open(shares.home, Market.ASHARE).as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY)


def test_a_full_disk_changes_nothing(shares: MarketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(shares.home)
    later = daily_bars(first=FIRST_DAY, last=date(2024, 4, 30)).filter(pl.col("trading_day") > LAST_DAY)
    monkeypatch.setattr("os.fsync", _no_space)
    with pytest.raises(DataError, match="nothing was changed"):
        shares.write_bars(later, "1d", source="test", now=NOW)
    monkeypatch.undo()
    assert contents(shares.home) == before


def _no_space(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_the_inventory_names_what_there_is(tmp_path: Path) -> None:
    fill(tmp_path)
    lines = {line.name: line for line in MarketStore.open(tmp_path, Market.ASHARE).inventory()}
    assert lines["1d"].rows == daily_bars().height and lines["1d"].symbols == len(SHARES)
    assert (lines["1d"].first, lines["1d"].last) == ("2024-01-02", "2024-03-29")
    assert {"securities", "ex_rights", "fundamentals"} <= set(lines)


def test_adjusted_prices_are_marked_and_never_mixed_with_raw_ones(tmp_path: Path) -> None:
    store = MarketStore.open(tmp_path, Market.ASHARE)
    store.write_bars(daily_bars(SHARES[:2]), "1d", source="test", now=NOW, basis="split")
    store.write_bars(daily_bars(SHARES[2:]), "1d", source="test", now=NOW)
    assert store.as_of(NOW).basis(SHARES, "1d") == {**dict.fromkeys(SHARES[:2], "split"), **dict.fromkeys(SHARES[2:], "raw")}
    mixed = daily_bars(first=FIRST_DAY, last=LAST_DAY).with_columns(pl.col("volume") * 1)
    assert store.write_bars(mixed.filter(pl.col("symbol") == SHARES[0]), "1d", source="test", now=NOW).kept == 0
    assert set(store.quarantined()["reason"]) == {Reason.BASIS.value}
    assert store.inventory()[0].adjusted == 2


def contents(home: Path) -> dict[str, bytes]:
    """Every file of the store and its bytes."""
    return {str(path.relative_to(home)): path.read_bytes() for path in sorted((home / "market").rglob("*")) if path.is_file()}
