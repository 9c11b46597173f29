"""A sample market that is missing, empty or damaged: one plain line that names the file and what to do."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from engine.core.errors import DataError
from engine.store import sample
from engine.store.bars import BarStore

FILES = {
    "ashare_daily.parquet": sample.daily,
    "ashare_5m.parquet": sample.minutes,
    "ashare_dividends.parquet": sample.dividends,
    "ashare_securities.parquet": sample.securities,
    "us_daily.parquet": sample.us_daily,
}
Loader = Callable[[Path], pl.DataFrame]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).resolve().parents[2] / "data", tmp_path / "data")
    return tmp_path / "data"


def says(load: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        load()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith("reinstall kanpan, or rebuild it with scripts/build_sample.py")
    return text


@pytest.mark.parametrize(("name", "load"), FILES.items())
def test_a_whole_file_loads(copy: Path, name: str, load: Loader) -> None:
    assert load(copy).height > 0


@pytest.mark.parametrize(("name", "load"), FILES.items())
def test_a_missing_file(copy: Path, name: str, load: Loader) -> None:
    (copy / name).unlink()
    assert f"{copy / name} is missing" in says(lambda: load(copy))


@pytest.mark.parametrize(("name", "load"), FILES.items())
def test_an_empty_file(copy: Path, name: str, load: Loader) -> None:
    (copy / name).write_bytes(b"")
    assert f"{copy / name} is empty" in says(lambda: load(copy))


@pytest.mark.parametrize(("name", "load"), FILES.items())
@pytest.mark.parametrize("keep", [1, 100, -8, -1])
def test_a_torn_file(copy: Path, name: str, load: Loader, keep: int) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:keep])
    assert f"{copy / name} is corrupt" in says(lambda: load(copy))


def test_a_single_wrong_byte(copy: Path) -> None:
    whole = bytearray((copy / "ashare_daily.parquet").read_bytes())
    whole[len(whole) // 2] ^= 1
    (copy / "ashare_daily.parquet").write_bytes(whole)
    assert "is corrupt" in says(lambda: BarStore.load(copy))


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert "is missing" in says(lambda: BarStore.load(tmp_path / "nowhere"))


def test_missing_checksums(copy: Path) -> None:
    (copy / "SHA256SUMS").unlink()
    assert "SHA256SUMS is missing" in says(lambda: BarStore.load(copy))


def test_a_file_with_other_columns(copy: Path) -> None:
    replace(copy, "us_daily.parquet", pl.DataFrame({"symbol": ["AAPL.US"]}))
    assert "has no column trading_day" in says(lambda: sample.us_daily(copy))


def test_a_file_without_rows(copy: Path) -> None:
    replace(copy, "us_daily.parquet", sample.us_daily(copy).clear())
    assert "holds no rows" in says(lambda: sample.us_daily(copy))


def test_a_file_that_is_not_parquet(copy: Path) -> None:
    (copy / "us_daily.parquet").write_text("symbol,open\n")
    sign(copy, "us_daily.parquet")
    assert "is not Parquet" in says(lambda: sample.us_daily(copy))


def replace(directory: Path, name: str, table: pl.DataFrame) -> None:
    table.write_parquet(directory / name)
    sign(directory, name)


def sign(directory: Path, name: str) -> None:
    (directory / "SHA256SUMS").write_text(f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n")
