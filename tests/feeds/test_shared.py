"""A desk leads and its shadows follow: the same events, the very same snapshots, and nobody waits for a shadow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.core.errors import DataError
from engine.feeds import shared
from engine.feeds.replay import ReplayTape
from engine.feeds.shared import FollowingTape, SharedTape
from engine.feeds.tape import TapeEvent
from engine.store.bars import BarStore
from engine.store.sample import sample_dir
from engine.store.snapshot import read, write

START, END = date(2020, 4, 22), date(2020, 4, 24)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def store() -> BarStore:
    return BarStore.load(sample_dir())


def replay(store: BarStore) -> ReplayTape:
    return ReplayTape(store, start=START, end=END)


@pytest.fixture
def led(store: BarStore) -> Iterator[SharedTape]:
    tape = SharedTape(replay(store))
    yield tape
    tape.close()


def play(tape: SharedTape | FollowingTape | ReplayTape, until: datetime | None = None) -> list[TapeEvent]:
    events: list[TapeEvent] = []
    while (due := tape.next_at()) is not None and (until is None or due <= until):
        events += tape.advance(due)
    return events


def test_a_follower_is_given_what_its_leader_was_given(led: SharedTape, store: BarStore) -> None:
    follower, other = led.follow(), led.follow()
    plain = play(replay(store))
    assert play(led) == plain
    assert play(follower) == plain and play(other) == plain
    assert follower.next_at() is None


def test_a_follower_waits_for_its_leader_and_the_leader_for_nobody(led: SharedTape) -> None:
    follower, given = led.follow(), list[int]()
    first = led.next_at()
    assert first is not None
    thread = threading.Thread(target=lambda: given.append(len(follower.advance(first))), daemon=True)
    thread.start()
    time.sleep(0.05)
    assert not given, "ahead of the leader"
    events = led.advance(first)
    thread.join(5)
    assert given == [len(events)]
    play(led)  # the follower is asleep, and the leader gets to its end all the same


def test_what_the_leader_froze_at_an_instant_is_the_followers_own_picture(led: SharedTape) -> None:
    follower, names = led.follow(), [item.symbol for item in led.instruments()]
    due = led.next_at()
    assert due is not None
    led.advance(due)
    frozen = led.snapshot(due, names, history_days=30)
    follower.advance(due)
    assert follower.snapshot(due, names, history_days=30) is frozen


def test_a_follower_that_gets_there_first_waits_for_the_leaders_picture(led: SharedTape) -> None:
    follower, names, seen = led.follow(), [item.symbol for item in led.instruments()], list[object]()
    due = led.next_at()
    assert due is not None
    led.advance(due)
    follower.advance(due)
    thread = threading.Thread(target=lambda: seen.append(follower.snapshot(due, names, history_days=30)), daemon=True)
    thread.start()
    time.sleep(0.05)
    assert not seen
    frozen = led.snapshot(due, names, history_days=30)
    thread.join(5)
    assert seen == [frozen] and seen[0] is frozen


def test_a_picture_long_let_go_comes_from_the_disk_where_a_cycle_froze_it(led: SharedTape, tmp_path: Path) -> None:
    names = [item.symbol for item in led.instruments()]
    due = led.next_at()
    assert due is not None
    kept: dict[datetime, str] = {}
    follower = led.follow(lambda as_of: read(tmp_path, kept[as_of]) if as_of in kept else None)
    led.advance(due)
    kept[due] = write(led.snapshot(due, names, history_days=30), tmp_path)
    for later in range(1, shared.KEPT + 2):
        led.snapshot(due + later * SECOND, names, history_days=30)
    play(led)
    assert write(follower.snapshot(due, names, history_days=30), tmp_path) == kept[due]


def test_where_the_leader_froze_nothing_the_follower_goes_on_from_what_it_was_given(led: SharedTape, store: BarStore) -> None:
    follower, names = led.follow(), [item.symbol for item in led.instruments()]
    opens = led.next_at()
    assert opens is not None
    led.advance(opens)
    led.snapshot(opens, names, history_days=30)
    play(led)
    follower.advance(opens)
    follower.snapshot(opens, names, history_days=30)
    auction = follower.next_at()
    assert auction is not None and auction > opens
    follower.advance(auction)
    own = follower.snapshot(auction, names, history_days=30)
    exact = replay(store).snapshot(auction, names, history_days=30)
    assert (own.as_of, own.trading_day, own.quotes) == (exact.as_of, exact.trading_day, exact.quotes)


def test_before_anything_was_frozen_there_is_nothing_to_go_on_from(led: SharedTape) -> None:
    follower = led.follow()
    due = led.next_at()
    assert due is not None
    play(led)
    with pytest.raises(DataError, match="nothing was frozen"):
        follower.snapshot(due, ["600519.SH"], history_days=30)


def test_one_that_never_comes_is_let_go_and_told_so(led: SharedTape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_BEHIND", 10)
    follower = led.follow()
    play(led)
    with pytest.raises(DataError, match="behind its desk"):
        follower.advance(datetime(2020, 4, 22, 1, 15, tzinfo=UTC))


def test_closing_wakes_whoever_waits(led: SharedTape) -> None:
    follower, done = led.follow(), list[int]()
    due = led.next_at()
    assert due is not None
    thread = threading.Thread(target=lambda: done.append(len(follower.advance(due))), daemon=True)
    thread.start()
    led.close()
    thread.join(5)
    assert done == [0] and follower.next_at() is None


def test_a_follower_is_woken_after_the_leader_has_moved(led: SharedTape) -> None:
    follower, woken = led.follow(), list[bool]()
    follower.listen(lambda: woken.append(True))
    due = led.next_at()
    assert due is not None
    led.advance(due)
    assert woken == [True]
