"""Nothing that a desk does can depend on what was not yet known: the future is altered, and nothing before it moves."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import DataError
from engine.feeds.replay import ReplayTape
from engine.store.bars import AsOf, BarStore
from engine.store.connect import DATABASE
from engine.store.sample import sample_dir
from engine.store.snapshot import content_hash
from tests.engine import desk_harness
from tests.engine.desk_harness import Mandate, carry, desk_at, mandate

CLEAN = BarStore.load(sample_dir())
SYMBOLS = [item.symbol for item in CLEAN.as_of(datetime(2020, 6, 16, 8, tzinfo=UTC)).instruments()]
FIRST, LAST = date(2020, 2, 4), date(2020, 3, 20)

READ_PATHS = {
    AsOf: {"at", "sessions", "daily", "minutes", "dividends", "instruments"},
    BarStore: {"load", "as_of"},
    ReplayTape: {"source", "sessions", "instruments", "next_at", "advance", "snapshot"},
}
"""Every public way to read the past. A new one belongs into `answers` or `told` below before it belongs here."""


def poisoned(after: datetime) -> BarStore:
    """The sample market with every figure that became known after an instant multiplied, and every third such row gone.

    Of the session under way a daily bar's reference price is known from 09:15 and its open from 09:25; the rest of it is not.
    """

    def lies(table: pl.DataFrame, factor: int) -> pl.DataFrame:
        past, future = table.filter(pl.col("known_at") <= after), table.filter(pl.col("known_at") > after)
        figures = [name for name, kind in table.schema.items() if kind == pl.Int64]
        wrong = future.with_columns([(pl.col(name) * factor).alias(name) for name in figures])
        return pl.concat([past, wrong.with_row_index("n").filter(pl.col("n") % 3 != 0).drop("n")])

    local = after.astimezone(ZoneInfo("Asia/Shanghai"))
    begun = (pl.col("trading_day") == local.date()) & (pl.col("known_at") > after) & pl.lit(local.time() >= time(9, 15))
    unknown = [*("high", "low", "close", "volume", "amount"), *(["open"] if local.time() < time(9, 25) else [])]
    today = CLEAN._daily.filter(begun).with_columns([(pl.col(name) * 3).alias(name) for name in unknown])
    return BarStore(
        daily=pl.concat([lies(CLEAN._daily.filter(~begun), 3), today]),
        minutes=lies(CLEAN._minutes, 2),
        dividends=lies(CLEAN._dividends, 5),
        instruments=lies(CLEAN._instruments, 1),
    )


def answers(store: BarStore, at: datetime) -> list[object]:
    """What every read path of the gate says at an instant."""
    known = store.as_of(at)
    tables = [known.daily(SYMBOLS, days) for days in (1, 20, 1_000)]
    tables += [known.minutes(SYMBOLS, at.date()), known.minutes(SYMBOLS, at.date() + timedelta(1)), known.dividends(SYMBOLS)]
    return [known.at, known.sessions(), known.instruments(), *(table.rows() for table in tables)]


def told(store: BarStore, at: datetime) -> list[object]:
    """What the tape gives up to an instant, and the pictures it makes at that instant."""
    tape = ReplayTape(store, start=FIRST, end=LAST)
    events = tape.advance(at)
    try:
        pictures = [content_hash(tape.snapshot(at, SYMBOLS, history_days=days)) for days in (1, 30, 1_000)]
    except DataError as error:
        pictures = [str(error)]
    return [events, pictures, tape.source]


@pytest.mark.parametrize("owner", READ_PATHS)
def test_every_public_read_path_is_among_those_tried_here(owner: type) -> None:
    public = {name for name in dir(owner) if not name.startswith("_")}
    assert public == READ_PATHS[owner], "a new way to read: add it to the poisoned-future test, then to the list"


INSTANTS = st.integers(0, 44 * 86_400).map(lambda seconds: datetime(2020, 2, 4, tzinfo=UTC) + timedelta(seconds=seconds))


@given(at=INSTANTS)
@settings(max_examples=12, deadline=None)
def test_an_altered_future_changes_no_answer_no_event_and_no_snapshot(at: datetime) -> None:
    other = poisoned(at)
    assert answers(other, at) == answers(CLEAN, at)
    assert told(other, at) == told(CLEAN, at)


def test_the_poison_is_strong_enough_to_be_seen() -> None:
    """A day later everything differs: the tests here can fail."""
    at = datetime(2020, 2, 19, 8, tzinfo=UTC)
    other, later = poisoned(at), at + timedelta(days=2)
    assert all(one != two for one, two in zip(answers(other, later)[3:6], answers(CLEAN, later)[3:6], strict=True))
    assert told(other, later)[0] != told(CLEAN, later)[0]
    assert told(other, later)[1] != told(CLEAN, later)[1]


# The whole desk ------------------------------------------------------------------------------------------------------------------


def journal(home: Path, until: str) -> list[tuple[object, ...]]:
    """Every row up to the mark of a day's close; how long a model took is no part of it, nor the hashes over that."""
    connection = sqlite3.connect(home / DATABASE)
    try:
        (last,) = connection.execute("SELECT max(seq) FROM equity WHERE trading_day = ? AND cycle_id = ''", (until,)).fetchone()
        query = "SELECT seq, at, kind, key, payload, hash FROM journal WHERE seq <= ? ORDER BY seq"
        rows = connection.execute(query, (last,)).fetchall()
    finally:
        connection.close()
    if any(kind == "ModelReplied" for _, _, kind, *_ in rows):
        return [(*row[:4], re.sub(r'"latency_ms":\d+', '"latency_ms":0', row[4])) for row in rows]
    return rows


@pytest.mark.parametrize("terms", [mandate(strategy="baseline"), mandate(schedule="at 09:20, 13:00")], ids=["baseline", "panel"])
def test_an_altered_future_leaves_the_journal_of_a_whole_desk_the_same_to_the_byte(
    terms: Mandate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, end = date(2020, 2, 14), date(2020, 2, 25)
    close = datetime(2020, 2, 14, 7, tzinfo=UTC)
    homes = {"truth": CLEAN, "lies": poisoned(close)}
    for name, store in homes.items():
        monkeypatch.setattr(desk_harness, "store", lambda store=store: store)
        with desk_at(tmp_path / name, terms, start=FIRST, end=end) as desk:
            carry(desk, until=close + timedelta(days=4))
    rows = journal(tmp_path / "truth", day.isoformat())
    assert len(rows) > 60 and any(row[2] == "Filled" for row in rows)
    assert journal(tmp_path / "lies", day.isoformat()) == rows
    later = date(2020, 2, 17).isoformat()
    assert journal(tmp_path / "lies", later) != journal(tmp_path / "truth", later), "the lies are there to be seen afterwards"
