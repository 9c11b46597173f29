"""A snapshot: nothing from after its instant, one name for one content, whole on disk or refused."""

import dataclasses
import os
import random
import resource
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import DataError
from engine.core.instrument import Board, Instrument
from engine.core.market import Funding, Quote
from engine.core.units import Market
from engine.store import snapshot as snapshots
from engine.store.snapshot import BAR_SCHEMA, Snapshot, content_hash, freeze, read, write

CLOSE = datetime(2020, 6, 15, 7, tzinfo=UTC)
NOW = CLOSE + timedelta(hours=19)
GOLDEN = "e123d1322751367586767be8af5ed939582cc670c096ce37c509aa3a62a2e1ff"


def bar(symbol: str, days_ago: int, close: int = 100_000, interval: str = "1d") -> dict[str, object]:
    known_at = CLOSE - timedelta(days=days_ago)
    return {
        "symbol": symbol,
        "interval": interval,
        "trading_day": known_at.date(),
        "start": known_at - timedelta(hours=5, minutes=30),
        "known_at": known_at,
        "open": close,
        "high": close + 100,
        "low": close - 100,
        "close": close,
        "volume": 1_000_000,
        "amount": close * 1_000_000,
        "pre_close": close,
        "factor_ppm": 1_000_000,
    }


def share(symbol: str, name: str = "平安银行") -> Instrument:
    return Instrument(symbol, Market.ASHARE, Board.MAIN_SZ, name, industry="金融", list_date=date(1991, 4, 3))


def quote(symbol: str, known_at: datetime = CLOSE, last: int = 130_000) -> Quote:
    return Quote(symbol, "平安银行", date(2020, 6, 15), known_at, last, 130_400, 130_000, 131_000, 129_000, 5, 650_000, "replay")


def frozen(
    bars: list[dict[str, object]], quotes: list[Quote] | None = None, symbols: tuple[str, ...] = ("A.SZ", "B.SZ")
) -> Snapshot:
    return freeze(
        as_of=NOW,
        market=Market.ASHARE,
        trading_day=date(2020, 6, 15),
        source="replay",
        instruments=[share(symbol) for symbol in symbols],
        quotes=[quote(symbol) for symbol in symbols] if quotes is None else quotes,
        bars=pl.DataFrame(bars, schema=BAR_SCHEMA),
    )


@pytest.fixture
def small() -> Snapshot:
    return frozen([bar(symbol, ago) for symbol in ("A.SZ", "B.SZ") for ago in range(5)])


def test_what_is_written_is_read_back(small: Snapshot, tmp_path: Path) -> None:
    again = read(tmp_path, write(small, tmp_path))
    assert (again.as_of, again.market, again.trading_day, again.source) == (NOW, Market.ASHARE, date(2020, 6, 15), "replay")
    assert again.instruments == small.instruments
    assert again.quotes == small.quotes
    assert again.bars.equals(small.bars)


def test_the_order_of_rows_does_not_change_the_name(small: Snapshot) -> None:
    rows = [bar(symbol, ago) for ago in (3, 1, 0, 4, 2) for symbol in ("B.SZ", "A.SZ")]
    assert content_hash(frozen(rows, symbols=("B.SZ", "A.SZ"))) == content_hash(small)


def test_the_name_is_the_same_on_every_machine(small: Snapshot) -> None:
    """A new version of polars, numpy or of this file must not rename what the ledger already holds."""
    assert content_hash(small) == GOLDEN


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_figure_changes_the_name(data: st.DataObject) -> None:
    rows = [bar(symbol, ago) for symbol in ("A.SZ", "B.SZ") for ago in range(5)]
    before = content_hash(frozen(rows))
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.sampled_from(["open", "high", "low", "close", "volume", "amount", "pre_close", "factor_ppm"]))
    row[column] = int(str(row[column])) + data.draw(st.integers(1, 10**9))
    assert content_hash(frozen(rows)) != before


@pytest.mark.parametrize("field", [item.name for item in dataclasses.fields(Quote) if item.name not in ("symbol", "known_at")])
def test_every_field_of_a_quote_is_part_of_the_name(small: Snapshot, field: str) -> None:
    value = getattr(small.quotes[0], field)
    other: object = f"{value}!" if isinstance(value, str) else value + timedelta(1) if isinstance(value, date) else (not value) or 7
    changed = dataclasses.replace(small.quotes[0], **{field: other})
    assert content_hash(dataclasses.replace(small, quotes=(changed, *small.quotes[1:]))) != content_hash(small)


WORDS = st.text(max_size=12)
NUMBERS = st.integers(0, 2**62)


@given(
    name=WORDS,
    industry=WORDS,
    source=WORDS,
    figures=st.lists(NUMBERS, min_size=8, max_size=8),
    order=st.permutations(range(6)),
)
@settings(max_examples=50, deadline=None)
def test_whatever_it_holds_comes_back_in_one_order(
    name: str, industry: str, source: str, figures: list[int], order: list[int]
) -> None:
    """Any text a feed may send, any whole figures, any order of rows: read back equal, under the name it had before."""
    columns = ("open", "high", "low", "close", "volume", "amount", "pre_close", "factor_ppm")
    rows = [{**bar(f"{place % 2}.SZ", place), **dict(zip(columns, figures, strict=True))} for place in range(6)]
    shares = [dataclasses.replace(share(f"{place}.SZ", name), industry=industry) for place in (0, 1)]
    quotes = [dataclasses.replace(quote(f"{place}.SZ", last=figures[0]), name=name, source=source) for place in (1, 0)]
    facts = {"as_of": NOW, "market": Market.ASHARE, "trading_day": CLOSE.date(), "source": source}
    pictures = [
        freeze(**facts, instruments=shares, quotes=quotes, bars=pl.DataFrame([rows[place] for place in places], schema=BAR_SCHEMA))
        for places in (range(6), order)
    ]
    assert content_hash(pictures[0]) == content_hash(pictures[1])
    with tempfile.TemporaryDirectory() as scratch:
        again = read(Path(scratch), write(pictures[0], Path(scratch)))
    assert (again.instruments, again.quotes, again.source) == (pictures[1].instruments, pictures[1].quotes, source)
    assert again.bars.equals(pictures[1].bars)


def test_a_bar_from_the_future_cannot_be_frozen() -> None:
    with pytest.raises(DataError, match="after"):
        frozen([bar("A.SZ", 0), bar("A.SZ", -2)])


def test_a_quote_from_the_future_cannot_be_frozen() -> None:
    with pytest.raises(DataError, match=r"quote of A\.SZ was known at"):
        frozen([bar("A.SZ", 0)], quotes=[quote("A.SZ", NOW + timedelta(microseconds=1))])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([bar("A.SZ", 0), bar("A.SZ", 0)], "appears twice"),
        ([bar("C.SZ", 0)], "belongs to no instrument"),
        ([{**bar("A.SZ", 0), "close": None}], "empty field"),
    ],
)
def test_a_crooked_bar_cannot_be_frozen(rows: list[dict[str, object]], says: str) -> None:
    with pytest.raises(DataError, match=says):
        frozen(rows)


def test_a_quote_twice_cannot_be_frozen() -> None:
    with pytest.raises(DataError, match="twice"):
        frozen([], quotes=[quote("A.SZ"), quote("A.SZ")])


def test_prices_that_are_not_whole_units_cannot_be_frozen() -> None:
    bars = pl.DataFrame([bar("A.SZ", 0)], schema=BAR_SCHEMA).with_columns(close=pl.lit("thirteen"))
    with pytest.raises(DataError, match="columns of a bar"):
        freeze(
            as_of=NOW,
            market=Market.ASHARE,
            trading_day=CLOSE.date(),
            source="replay",
            instruments=[share("A.SZ")],
            quotes=[],
            bars=bars,
        )


def test_an_empty_market_is_a_snapshot_too(tmp_path: Path) -> None:
    empty = frozen([], quotes=[], symbols=())
    assert read(tmp_path, write(empty, tmp_path)).bars.height == 0


def test_only_the_owner_may_read_the_file_and_nothing_else_is_left(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / name[:2] / f"{name}.snapshot"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_writing_again_is_a_no_op(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    path = tmp_path / name[:2] / f"{name}.snapshot"
    before = path.stat().st_ino
    assert write(small, tmp_path) == name
    assert path.stat().st_ino == before


def test_a_torn_file_is_refused_at_every_length(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    path = tmp_path / name[:2] / f"{name}.snapshot"
    whole = path.read_bytes()
    for length in {0, 1, 4, *range(5, len(whole) - 1, 97), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="is damaged and cannot be replayed"):
            read(tmp_path, name)


def test_a_flipped_bit_is_refused_wherever_it_is(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    path = tmp_path / name[:2] / f"{name}.snapshot"
    whole = path.read_bytes()
    order = random.Random(1)
    for place in [*range(0, 90, 7), *order.sample(range(len(whole)), 300)]:
        broken = bytearray(whole)
        broken[place] ^= 1 << order.randrange(8)
        path.write_bytes(broken)
        with pytest.raises(DataError, match="is damaged and cannot be replayed"):
            read(tmp_path, name)


def test_a_torn_file_is_mended_by_writing_again(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    path = tmp_path / name[:2] / f"{name}.snapshot"
    path.write_bytes(path.read_bytes()[:100])
    assert write(small, tmp_path) == name
    assert read(tmp_path, name).quotes == small.quotes


def test_another_snapshot_under_this_name_is_refused(small: Snapshot, tmp_path: Path) -> None:
    name = write(small, tmp_path)
    other = write(frozen([bar("A.SZ", 1)]), tmp_path)
    (tmp_path / name[:2] / f"{name}.snapshot").write_bytes((tmp_path / other[:2] / f"{other}.snapshot").read_bytes())
    with pytest.raises(DataError, match="altered"):
        read(tmp_path, name)


def test_a_missing_file_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"snapshot 000000000000 cannot be read from .*: No such file"):
        read(tmp_path, "0" * 64)


def test_a_disk_that_refuses_leaves_no_trace(small: Snapshot, tmp_path: Path) -> None:
    """The whole write in a process whose files may not grow beyond one kilobyte."""
    code = (
        "import sys, signal; from pathlib import Path; sys.path[:0] = [sys.argv[2], sys.argv[3]]\n"
        "from test_snapshot import bar, frozen; from engine.store.snapshot import write; from engine.core.errors import DataError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: write(frozen([bar('A.SZ', ago) for ago in range(5)]), Path(sys.argv[1]))\n"
        "except DataError as error: print(error); sys.exit(1)\n"
    )
    here = Path(__file__).resolve()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(here.parent), str(here.parents[2])],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stdout.count("\n")) == (1, 1), done.stderr
    assert "cannot be written" in done.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_format_covers_every_field_of_the_core_types() -> None:
    assert {*snapshots._QUOTE_FIELDS, *snapshots._LATER_QUOTE_FIELDS} == {item.name for item in dataclasses.fields(Quote)}
    assert set(snapshots._INSTRUMENT_FIELDS) == {item.name for item in dataclasses.fields(Instrument)}


def test_a_field_added_since_changes_no_snapshot_that_does_not_have_it() -> None:
    """`turnover_ppm` came later: a quote without it is written as it always was, one with it comes back with it."""
    plain = quote("000001.SZ")
    without = snapshots._quote_row(plain)
    assert len(without) == len(snapshots._QUOTE_FIELDS)
    told = dataclasses.replace(plain, turnover_ppm=12_345)
    assert snapshots._quote_row(told) == [*without, 12_345]
    assert snapshots._quote(snapshots._quote_row(told)) == told
    assert snapshots._quote(without) == plain
    with pytest.raises(ValueError, match="shorter"):
        snapshots._quote(without[:-1])


def test_fundings_are_kept_and_a_snapshot_without_any_is_named_as_it_ever_was(small: Snapshot, tmp_path: Path) -> None:
    paid = Funding("A.SZ", CLOSE, -12_345, 7, 8, CLOSE, "test")
    rest: dict[str, Any] = {"as_of": NOW, "market": small.market, "trading_day": small.trading_day, "source": small.source}
    rest |= {"instruments": small.instruments, "quotes": small.quotes, "bars": small.bars}
    told = freeze(**rest, fundings=[paid])
    assert read(tmp_path, write(told, tmp_path)).fundings == (paid,)
    assert content_hash(told) != content_hash(small) == content_hash(dataclasses.replace(told, fundings=()))
    for wrong in (dataclasses.replace(paid, known_at=NOW + timedelta(seconds=1)), dataclasses.replace(paid, symbol="C.SZ")):
        with pytest.raises(DataError):
            freeze(**rest, fundings=[wrong])
    with pytest.raises(DataError):
        freeze(**rest, fundings=[paid, paid])
