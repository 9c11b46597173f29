"""A wall of hosts is sent so many requests a day: counted over restarts and processes, told of near its end and at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feed_server import FeedServer, plays
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import load_config
from engine.core.errors import ConfigError
from engine.feeds.budget import FILE, FLUSHED_EACH, Spent
from engine.feeds.fetch import Fetcher
from engine.feeds.fetch_settings import FetchSettings
from engine.feeds.hosts import budget_of
from engine.feeds.pacing import Pace
from engine.feeds.source import Fault, FeedError, Request

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
HOST = "82.push2.eastmoney.com"
WALL = "push2.eastmoney.com"


class Day:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    server.set(HOST, plays("{}"))
    server.set(WALL, plays("{}"))
    yield server
    server.close()


def fetcher(server: FeedServer, home: Path, day: Day, heard: list[tuple[str, dict[str, str]]], most: int = 10) -> Fetcher:
    return Fetcher(
        FetchSettings(paces={WALL: Pace(0.0)}, budgets={WALL: most}),
        resolve=server.resolve,
        spent=Spent(home / FILE, day),
        told=lambda code, params: heard.append((code, dict(params))),
    )


def test_a_person_hears_at_four_fifths_and_at_the_end_and_then_nobody_is_asked(
    server: FeedServer, tmp_path: Path, day: Day
) -> None:
    heard: list[tuple[str, dict[str, str]]] = []
    fetch = fetcher(server, tmp_path, day, heard)
    for number in range(10):
        fetch("eastmoney", Request(HOST if number % 2 else WALL, "/"))
    about = {"host": WALL, "limit": "10"}
    assert heard == [("FEED_BUDGET_NEAR", {**about, "count": "8"}), ("FEED_BUDGET_SPENT", {**about, "count": "10"})]
    with pytest.raises(FeedError, match="budget of 10 requests a day is used up") as caught:
        fetch("eastmoney", Request(HOST, "/"))
    assert caught.value.fault is Fault.THROTTLED
    assert caught.value.retry_after_s == timedelta(hours=22).total_seconds(), "until midnight UTC"
    assert len(server.seen) == 10, "both front ends are one wall"
    day.at = NOW + timedelta(hours=22)
    fetch("eastmoney", Request(HOST, "/"))
    assert len(server.seen) == 11 and len(heard) == 2
    fetch.close()


def test_a_restart_goes_on_counting_and_says_nothing_twice(server: FeedServer, tmp_path: Path, day: Day) -> None:
    heard: list[tuple[str, dict[str, str]]] = []
    for _ in range(2):
        fetch = fetcher(server, tmp_path, day, heard)
        for _ in range(5):
            fetch("eastmoney", Request(HOST, "/"))
        fetch.close()
    again = fetcher(server, tmp_path, day, heard)
    with pytest.raises(FeedError, match="used up"):
        again("eastmoney", Request(HOST, "/"))
    again.close()
    assert [code for code, _ in heard] == ["FEED_BUDGET_NEAR", "FEED_BUDGET_SPENT"]


def test_a_budget_of_nothing_is_no_limit(server: FeedServer, tmp_path: Path, day: Day) -> None:
    heard: list[tuple[str, dict[str, str]]] = []
    fetch = fetcher(server, tmp_path, day, heard, most=0)
    for _ in range(30):
        fetch("eastmoney", Request(HOST, "/"))
    fetch.close()
    assert len(server.seen) == 30 and heard == []
    assert Spent(tmp_path / FILE, day).of(WALL) == 30


def test_two_processes_count_each_other_and_a_killed_one_forgets_few(tmp_path: Path, day: Day) -> None:
    engine, sync = Spent(tmp_path / FILE, day), Spent(tmp_path / FILE, day)
    for _ in range(FLUSHED_EACH * 2):
        engine.take("a")
        sync.take("a")
    engine.take("a")
    assert Spent(tmp_path / FILE, day).of("a") == FLUSHED_EACH * 4, "the last one was not written: its process was killed"
    sync.close()
    assert sync.of("a") >= FLUSHED_EACH * 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"day": "2026-11-19"}', '{"day": "2026-11-19", "requests": {"a": "x"}}'])
def test_a_damaged_count_begins_anew(tmp_path: Path, day: Day, text: str) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(text)
    spent = Spent(path, day)
    assert spent.take("a") == 1
    spent.close()
    assert Spent(path, day).of("a") == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "tomorrow", "restart"]), max_size=60))
def test_no_request_is_counted_twice_or_lost(steps: list[str]) -> None:
    day = Day()
    counted = {"a": 0, "b": 0}
    spent = Spent(None, day)
    for step in steps:
        if step == "tomorrow":
            day.at += timedelta(days=1)
            counted = {"a": 0, "b": 0}
        elif step == "restart":
            spent.close()
        else:
            counted[step] += 1
            assert spent.take(step) == counted[step]
    assert {family: spent.of(family) for family in counted} == counted


def test_a_person_sets_another_budget_by_host(tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text('[feeds.budget]\n"17.push2.eastmoney.com" = 500\n"qt.gtimg.cn" = 0\n')
    terms = load_config(tmp_path / "kanpan.toml", {}).feeds.settings({})
    assert terms.budgets == {WALL: 500, "qt.gtimg.cn": 0}
    assert budget_of("fapi.binance.com") == 0 < budget_of(WALL)
    (tmp_path / "kanpan.toml").write_text('[feeds.budget]\n"no host" = 5\n')
    with pytest.raises(ConfigError, match="is not the name of a host"):
        load_config(tmp_path / "kanpan.toml", {})
