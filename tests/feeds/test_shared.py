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
from engine.feeds.shared import FollowingTape, PacedTape, SharedTape
from engine.feeds.tape import Tape, TapeEvent
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


def play(tape: Tape, until: datetime | None = None) -> list[TapeEvent]:
    events: list[TapeEvent] = []
    while (due := tape.next_at()) is not None and (until is None or due <= until):
        events += tape.advance(due)
    return events


def followers(led: SharedTape, store: BarStore) -> tuple[FollowingTape, PacedTape]:
    return led.follow(), led.pace(replay(store))


def test_a_follower_is_given_what_its_leader_was_given(led: SharedTape, store: BarStore) -> None:
    behind, plain = followers(led, store), play(replay(store))
    assert play(led) == plain
    assert [play(tape) for tape in behind] == [plain, plain]
    assert [tape.next_at() for tape in behind] == [None, None]


@pytest.mark.parametrize("kind", [0, 1])
def test_no_instant_is_named_that_the_leader_has_not_reached(led: SharedTape, store: BarStore, kind: int) -> None:
    follower = followers(led, store)[kind]
    first = led.next_at()
    assert first is not None
    assert follower.next_at() is None
    led.advance(first)
    assert follower.next_at() == first
    follower.advance(first)
    led.advance(first + SECOND)  # a slot between two prints: the desk moves there, and so does its shadow
    assert follower.next_at() == first + SECOND
    follower.advance(first + SECOND)
    assert follower.next_at() is None
    led.advance(first + 2 * SECOND)
    assert follower.next_at() == first + 2 * SECOND, "a leader that goes on is followed again"


def test_two_replays_of_one_past_freeze_the_same_market(led: SharedTape, store: BarStore, tmp_path: Path) -> None:
    paced, names = led.pace(replay(store)), [item.symbol for item in led.instruments()]
    events = play(led)
    for event in events[:: len(events) // 5]:
        pictures = {write(tape.snapshot(event.at, names, history_days=30), tmp_path) for tape in (led, paced)}
        assert len(pictures) == 1


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
    auction = datetime(2020, 4, 22, 1, 25, tzinfo=UTC)
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
    follower, done = led.follow(), list[str]()
    due = led.next_at()
    assert due is not None
    led.advance(due)

    def look() -> None:
        with pytest.raises(DataError):
            follower.snapshot(due, ["600519.SH"], history_days=30)
        done.append("woken")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    led.close()
    thread.join(5)
    assert done == ["woken"]


def test_whoever_listens_hears_of_every_move(led: SharedTape) -> None:
    moves: list[bool] = []
    led.listen(lambda: moves.append(True))
    due = led.next_at()
    assert due is not None
    led.advance(due)
    assert moves == [True]
