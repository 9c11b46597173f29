"""Nothing that the gate of the market store says depends on what was not yet known: every table is poisoned, and nothing moves."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import Market
from engine.store.market import INTERVAL_MINUTES, TABLES, MarketAsOf, MarketStore
from engine.store.market.bars import read_rows, write_rows
from engine.store.market.sealed import read_sealed, write_sealed
from tests.store.market_worlds import FIRST_DAY, LAST_DAY, PAIRS, SHARES, fill

READ_PATHS = {
    MarketAsOf: {
        *("at", "market", "sessions", "bars", "latest", "daily", "minutes", "basis"),
        *("instruments", "dividends", "funding", "open_interest", "fundamentals"),
    },
    MarketStore: {"open", "as_of"},
}
"""Every public way to read for a decision. A new one belongs into `answers` below before it belongs here."""
FOR_PEOPLE_AND_WRITERS = {
    *("write_bars", "write_facts", "quarantine_rows", "note_covered", "tidy"),
    *("quarantined", "inventory", "covered"),
}
SYMBOLS = {Market.ASHARE: SHARES, Market.CRYPTO: PAIRS}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("truth")
    fill(home)
    return home


@pytest.mark.parametrize("owner", READ_PATHS)
def test_every_public_read_path_is_among_those_tried_here(owner: type) -> None:
    public = {name for name in dir(owner) if not name.startswith("_")}
    assert public - FOR_PEOPLE_AND_WRITERS == READ_PATHS[owner], "a new way to read: add it to `answers`"


def test_every_kept_table_is_poisoned_here(truth: Path) -> None:
    kept = {path.parent.name for path in _files(truth)}
    assert kept >= set(TABLES), "the small world fills every table"
    assert kept <= set(TABLES) | set(INTERVAL_MINUTES), "a new kind of file: teach `poisoned` about it"


def _files(home: Path) -> list[Path]:
    """Everything that holds rows: all but the writers' lock."""
    return sorted(path for path in (home / "market").rglob("*") if path.is_file() and path.name != ".lock")


def answers(home: Path, at: datetime) -> list[object]:
    """What every read path says of both markets at an instant."""
    said: list[object] = []
    for market, symbols in SYMBOLS.items():
        known = MarketStore.open(home, market).as_of(at)
        said += [known.at, known.market, known.sessions(), known.instruments()]
        said += [known.daily(symbols, days).rows() for days in (1, 20, 1_000)]
        said += [known.minutes(symbols, day).rows() for day in (at.date(), at.date() + timedelta(1))]
        for interval in INTERVAL_MINUTES:
            said.append(known.bars(symbols, interval, first=FIRST_DAY, last=LAST_DAY + timedelta(days=30)).rows())
            said.append(known.bars(symbols[:1], interval, first=at.date() - timedelta(days=3), last=at.date()).rows())
            said += [known.latest(symbols, interval, count).rows() for count in (1, 30)]
            said.append(known.basis(symbols, interval))
        facts = (known.dividends, known.funding, known.open_interest, known.fundamentals)
        said += [fact(symbols).rows() for fact in facts]
    return said


def poisoned(truth: Path, home: Path, after: datetime, seed: int) -> None:
    """A copy of `truth` in which what was known after an instant has other figures and words, or is gone, or has another basis."""
    shutil.copytree(truth / "market", home / "market")
    chance = random.Random(seed)
    for path in _files(home):
        rows = read_rows(path) if path.suffix == ".bars" else read_sealed(path)[0]
        lies = _lies(rows, after, chance)
        if lies.is_empty():
            path.unlink()
        elif path.suffix == ".bars":
            untouched = set(lies.filter(pl.col("known_at") <= after)["symbol"])
            write_rows(path, lies, dict.fromkeys(set(lies["symbol"]) - untouched, "split"))
        else:
            write_sealed(path, lies, {"rows": lies.height})


def _lies(rows: pl.DataFrame, after: datetime, chance: random.Random) -> pl.DataFrame:
    past, future = rows.filter(pl.col("known_at") <= after), rows.filter(pl.col("known_at") > after)
    figures = [name for name, kind in rows.schema.items() if kind in (pl.Int64, pl.Float64)]
    words = [name for name, kind in rows.schema.items() if kind == pl.String and name not in ("symbol", "board")]
    flags = [name for name, kind in rows.schema.items() if kind == pl.Boolean]
    wrong = future.with_columns(
        *((pl.col(name) * chance.randint(2, 9)).alias(name) for name in figures),
        *((pl.col(name) + "!").alias(name) for name in words),
        *((~pl.col(name)).alias(name) for name in flags),
    )
    return pl.concat([past, wrong.sample(fraction=chance.choice((0.0, 0.5, 1.0)), seed=chance.randint(0, 99))])


INSTANTS = st.integers(0, 92 * 24 * 60).map(lambda minutes: datetime(2023, 12, 30, tzinfo=UTC) + timedelta(minutes=minutes))


@given(at=INSTANTS, seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_poisoning_everything_after_an_instant_moves_nothing_before_it(truth: Path, at: datetime, seed: int) -> None:
    with _copy(truth, at, seed) as other:
        assert answers(other, at) == answers(truth, at)


class _copy:
    """A poisoned home that is gone afterwards."""

    def __init__(self, truth: Path, after: datetime, seed: int) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self.home = Path(self._directory.name)
        poisoned(truth, self.home, after, seed)

    def __enter__(self) -> Path:
        return self.home

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


@pytest.fixture(params=[1, 2, 3])
def lies(request: pytest.FixtureRequest, truth: Path) -> Iterator[Path]:
    with _copy(truth, datetime(2024, 2, 2, 12, tzinfo=UTC), request.param) as home:
        yield home


def test_the_poison_is_strong_enough_to_be_seen(truth: Path, lies: Path) -> None:
    """Two months later every kind of answer differs: the test above can fail."""
    later = datetime(2024, 3, 28, 12, tzinfo=UTC)
    for market, symbols in SYMBOLS.items():
        one, two = (MarketStore.open(home, market).as_of(later) for home in (truth, lies))
        interval = "1d" if market is Market.ASHARE else "4h"
        span = {"first": date(2024, 2, 1), "last": LAST_DAY}
        assert not one.bars(symbols, interval, **span).equals(two.bars(symbols, interval, **span))
        assert not one.latest(symbols, interval, 9).equals(two.latest(symbols, interval, 9))
        facts = ("dividends", "fundamentals") if market is Market.ASHARE else ("funding", "open_interest")
        assert all(not getattr(one, name)(symbols).equals(getattr(two, name)(symbols)) for name in facts)
    shares = [MarketStore.open(home, Market.ASHARE).as_of(later) for home in (truth, lies)]
    assert shares[0].instruments() != shares[1].instruments()
    assert not shares[0].daily(SHARES, 20).equals(shares[1].daily(SHARES, 20))
