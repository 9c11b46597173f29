"""What a desk saw last outlives a restart: the newest row of each name, as old as it is, and no print made of the time between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from feed_market import FeedMarket
from feed_server import FeedServer, hangs
from stepped_clock import SteppedClock
from test_live_desk import NAMES, at, configuration, running, status_of

from engine.feeds.remembered import ARRIVED, KEEP_S, REMEMBERED, Remembered
from engine.feeds.ticks import recalled
from engine.store import books

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
STUCK_S = 40.0


class Seconds:
    """A monotonic clock that a test sets."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def look(last: int, at: datetime, *symbols: str) -> pl.DataFrame:
    row = {name: 0 for name, kind in REMEMBERED.items() if kind == pl.Int64()}
    about = {"name": "样本", "source": "tencent", "industry": "", "suspended": False, "list_date": None}
    rows = [{**row, **about, "symbol": symbol, "last": last, "known_at": at, "trading_day": at.date()} for symbol in symbols]
    return pl.DataFrame(rows, schema={name: kind for name, kind in REMEMBERED.items() if name != ARRIVED})


def test_the_newest_row_of_each_name_outlives_the_process(tmp_path: Path) -> None:
    seconds = Seconds()
    first = Remembered(seconds, tmp_path / "quotes.parquet")
    first.accept(look(100, NOW, "a", "b"), NOW)
    seconds.at += KEEP_S
    first.accept(look(200, NOW + timedelta(seconds=60), "b"), NOW + timedelta(seconds=61))
    again = Remembered(seconds, tmp_path / "quotes.parquet")
    assert again.of(()).select("symbol", "last", ARRIVED).rows() == [
        ("a", 100, NOW),
        ("b", 200, NOW + timedelta(seconds=61)),
    ]
    assert again.of(["b", "c"])["symbol"].to_list() == ["b"]


def test_it_is_written_once_a_minute_and_not_with_every_look(tmp_path: Path) -> None:
    seconds, path = Seconds(), tmp_path / "quotes.parquet"
    memory = Remembered(seconds, path)
    memory.accept(look(100, NOW, "a"), NOW)
    written = path.read_bytes()
    seconds.at += KEEP_S - 1
    memory.accept(look(101, NOW, "a"), NOW)
    assert path.read_bytes() == written
    assert memory.of(["a"])["last"].to_list() == [101]


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"kanpan-market-1 x y\n"])
def test_a_damaged_file_is_no_memory(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "quotes.parquet"
    Remembered(Seconds(), path).accept(look(100, NOW, "a"), NOW)
    path.write_bytes(damage)
    assert Remembered(Seconds(), path).of(()).is_empty()


def test_a_disk_that_refuses_costs_the_memory_alone(tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file where a directory belongs")
    memory = Remembered(Seconds(), tmp_path / "no" / "quotes.parquet")
    memory.accept(look(100, NOW, "a"), NOW)
    assert memory.of(["a"]).height == 1


def test_rows_are_as_old_as_the_look_that_brought_them_and_only_of_this_session() -> None:
    memory = Remembered(Seconds())
    memory.accept(look(100, NOW - timedelta(days=1), "old"), NOW - timedelta(days=1))
    memory.accept(look(100, NOW, "a", "b"), NOW + timedelta(seconds=2))
    memory.accept(look(200, NOW + timedelta(seconds=50), "b"), NOW + timedelta(seconds=51))
    found = recalled(memory.of(()), NOW.date(), NOW + timedelta(minutes=5))
    assert {name: (quote.last, quote.known_at) for name, quote in found.items()} == {
        "a": (100, NOW),
        "b": (200, NOW + timedelta(seconds=50)),
    }
    assert recalled(memory.of(()), NOW.date(), NOW - timedelta(minutes=5)) == {}, "the clock went back: nothing is from the future"


def test_a_desk_that_starts_again_in_a_session_shows_what_it_saw_and_opens_nothing_on_it(
    tmp_path: Path, server: FeedServer
) -> None:
    clock = SteppedClock(at("10:01"))
    FeedMarket(clock.now).install(server)
    config = configuration(schedule="every 5m in session", feed=["tencent", "cache"], live={"poll_s": 30, "max_age_s": 60})
    with running(tmp_path, config, clock, server):
        clock.run_until(at("10:06"), STUCK_S)
    with books(tmp_path) as view:
        fills = len(view.fills("live", limit=1_000))
        held = set(view.account("live").positions)
    server.set("qt.gtimg.cn", hangs(0.1))
    clock = SteppedClock(at("10:08:30"))
    with running(tmp_path, config, clock, server) as engine:
        clock.run_until(at("10:10:30"), STUCK_S)
        rows = engine.state.quotes.view().rows
        for _ in range(100):  # the status is published once a real second
            shown = status_of(engine)
            if shown.source == "cache":
                break
            time.sleep(0.1)
    assert held and {name for name, row in rows.items() if row.last} >= set(NAMES), "all of it, before anybody answered"
    assert shown.source == "cache" and shown.source_degraded and (shown.source_age_s or 0) > 60
    with books(tmp_path) as view:
        (newest, *_) = view.cycles("live", limit=1)
        taken = view.snapshot_of(newest.cycle_id)
        assert len(view.fills("live", limit=1_000)) == fills, "no print is made of the time between"
    assert taken is not None and set(taken.stale) == set(NAMES)
