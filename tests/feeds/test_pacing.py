"""The token bucket: nobody refused, nobody early, whatever the order of calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds.pacing import Pace, fresh, reserve, spread

PACES = st.builds(
    Pace,
    gap_s=st.floats(0.01, 5.0),
    burst=st.integers(1, 20),
    jitter_s=st.sampled_from([0.0, 0.1, 0.5]),
)
CALLS = st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(1, 5)), min_size=1, max_size=60)


def test_a_full_bucket_lets_a_burst_through_and_then_one_at_a_time() -> None:
    pace = Pace(gap_s=1.0, burst=3)
    bucket = fresh(pace, 100.0)
    waits = []
    for _ in range(5):
        bucket, wait = reserve(bucket, pace, 100.0)
        waits.append(wait)
    assert waits == [0.0, 0.0, 0.0, 1.0, 2.0]


def test_who_comes_late_finds_a_bucket_no_fuller_than_full() -> None:
    pace = Pace(gap_s=1.0, burst=2)
    bucket, _ = reserve(fresh(pace, 0.0), pace, 0.0)
    waits = []
    for _ in range(3):
        bucket, wait = reserve(bucket, pace, 1_000.0)
        waits.append(wait)
    assert waits == [0.0, 0.0, 1.0]


def test_a_heavy_request_waits_for_its_weight() -> None:
    pace = Pace(gap_s=0.5, burst=10)
    _, wait = reserve(fresh(pace, 0.0), pace, 0.0, weight=40)
    assert wait == 15.0


def test_a_clock_that_goes_back_refills_nothing() -> None:
    pace = Pace(gap_s=1.0)
    bucket, _ = reserve(fresh(pace, 100.0), pace, 100.0)
    _, wait = reserve(bucket, pace, 50.0)
    assert wait == 1.0


@pytest.mark.parametrize("wrong", [{"gap_s": -1.0}, {"gap_s": 1.0, "burst": 0}, {"gap_s": 1.0, "jitter_s": -0.1}])
def test_a_pace_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a pace"):
        Pace(**wrong)  # type: ignore[arg-type]


@given(PACES, CALLS)
def test_no_stretch_of_time_holds_more_than_the_burst_and_its_refill(pace: Pace, calls: list[tuple[float, int]]) -> None:
    bucket, now = fresh(pace, 0.0), 0.0
    spent: list[tuple[float, int]] = []
    for later, weight in calls:
        now += later
        weight = min(weight, pace.burst)
        bucket, wait = reserve(bucket, pace, now, weight)
        spent.append((now + wait, weight))
    assert [at for at, _ in spent] == sorted(at for at, _ in spent)
    for first in range(len(spent)):
        total = 0
        for at, weight in spent[first:]:
            total += weight
            stretch = at - spent[first][0]
            assert total <= pace.burst + stretch / pace.gap_s + 1e-6


@given(PACES, CALLS)
def test_nobody_waits_longer_than_the_weight_before_him_needs(pace: Pace, calls: list[tuple[float, int]]) -> None:
    bucket, now, total = fresh(pace, 0.0), 0.0, 0
    for count, (later, weight) in enumerate(calls, 1):
        now += later
        total += weight
        bucket, wait = reserve(bucket, pace, now, weight)
        assert wait <= total * pace.gap_s + count * pace.jitter_s + 1e-6


def test_the_jitter_is_even_and_never_the_same_twice() -> None:
    drawn = [spread(count) for count in range(1_000)]
    assert len(set(drawn)) == 1_000 and all(0 <= value < 1 for value in drawn)
    assert all(90 <= sum(1 for value in drawn if place / 10 <= value < (place + 1) / 10) <= 110 for place in range(10))
