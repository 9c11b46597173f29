"""What a desk on the wall's clock owes after its machine slept, jumped or was off: every slot run once or missed once, visibly."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import CalendarUnknown
from engine.core.units import Market
from engine.cycle import Due, due
from engine.cycle.schedule import next_slot, slots
from engine.exchange import calendar

FIVE = "every 5m in session"
TWICE = "at 09:45, 13:30"
FIRST, LAST = date(2023, 1, 3), date(2025, 12, 31)
ASHARE, US = calendar(Market.ASHARE), calendar(Market.US)
GRACE_S = 120.0
SECOND = timedelta(seconds=1)
OPEN = datetime(2025, 3, 10, 13, 30, tzinfo=UTC)
"""Monday's open in New York, the first after clocks went forward."""


def test_every_us_session_of_three_years_has_its_slots_through_summer_time_and_half_days() -> None:
    new_york, half_days, first_slots = ZoneInfo("America/New_York"), list[date](), set[time]()
    for day in US.sessions(FIRST, LAST):
        found = slots(FIVE, US, day)
        assert len(found) in (78, 42), day
        assert all(after - before == timedelta(minutes=5) for before, after in itertools.pairwise(found))
        assert found[0].astimezone(new_york).time() == time(9, 30), day
        assert found[-1].astimezone(new_york).time() == (time(15, 55) if len(found) == 78 else time(12, 55)), day
        first_slots.add(found[0].time())
        half_days += [day] if len(found) == 42 else []
    assert first_slots == {time(13, 30), time(14, 30)}
    assert [f"{day:%y%m%d}" for day in half_days] == [
        "230703",
        "231124",
        "240703",
        "241129",
        "241224",
        "250703",
        "251128",
        "251224",
    ]


def test_every_ashare_session_of_three_years_has_its_slots_at_the_same_instants_of_utc() -> None:
    for day in ASHARE.sessions(FIRST, LAST):
        found = slots(FIVE, ASHARE, day)
        assert [found[place].time() for place in (0, 23, 24, 47)] == [time(1, 30), time(3, 25), time(5), time(6, 55)], day
        assert len(found) == 48, day


def test_a_slot_is_due_at_its_instant_and_not_before() -> None:
    before = OPEN - timedelta(minutes=1)
    assert due(FIVE, US, before, OPEN - SECOND, GRACE_S) == Due(None, ())
    assert due(FIVE, US, before, OPEN, GRACE_S) == Due(OPEN, ())
    assert due(FIVE, US, OPEN, OPEN + SECOND, GRACE_S) == Due(None, ())


def test_missed_slots_coalesce_into_the_newest_one_that_is_still_fresh() -> None:
    """A machine that slept from 09:31 to 09:51: 09:35, 09:40 and 09:45 are gone, 09:50 runs."""
    asleep = tuple(OPEN + timedelta(minutes=minute) for minute in (5, 10, 15))
    assert due(FIVE, US, OPEN, OPEN + timedelta(minutes=21), GRACE_S) == Due(OPEN + timedelta(minutes=20), asleep)


def test_a_stale_slot_is_abandoned_visibly() -> None:
    asleep = tuple(OPEN + timedelta(minutes=minute) for minute in (5, 10))
    assert due(FIVE, US, OPEN, OPEN + timedelta(minutes=13), GRACE_S) == Due(None, asleep)


def test_a_desk_that_never_ran_owes_nothing_of_the_past() -> None:
    assert due(FIVE, US, None, OPEN + timedelta(hours=2, seconds=10), GRACE_S) == Due(OPEN + timedelta(hours=2), ())
    assert due(FIVE, US, None, OPEN + timedelta(hours=9), GRACE_S) == Due(None, ())
    assert due("manual", US, None, OPEN, GRACE_S) == Due(None, ())


def test_a_clock_set_back_makes_no_slot_due_twice() -> None:
    assert due(FIVE, US, OPEN + timedelta(hours=1), OPEN + timedelta(minutes=5), GRACE_S) == Due(None, ())


def test_a_machine_that_was_off_over_a_holiday_owes_the_sessions_it_missed_and_no_other_day() -> None:
    """Golden Week of 2025 ended on Thursday 9 October; off since Tuesday 30 September, 14:55."""
    last, now = datetime(2025, 9, 30, 6, 55, tzinfo=UTC), datetime(2025, 10, 9, 1, 41, tzinfo=UTC)
    owed = due(FIVE, ASHARE, last, now, GRACE_S)
    assert owed.run == datetime(2025, 10, 9, 1, 40, tzinfo=UTC)
    assert owed.missed == (datetime(2025, 10, 9, 1, 30, tzinfo=UTC), datetime(2025, 10, 9, 1, 35, tzinfo=UTC))


def test_a_day_the_calendar_does_not_know_is_refused() -> None:
    beyond = datetime.combine(ASHARE.last + timedelta(days=2), time(2), UTC)
    with pytest.raises(CalendarUnknown, match="refresh it"):
        due(FIVE, ASHARE, beyond - timedelta(days=3), beyond, GRACE_S)


NAPS = st.lists(
    st.tuples(st.integers(1, 300), st.sampled_from([0, 1, 60, 299, 301, 5_000, 90_000, 400_000])), min_size=1, max_size=6
)
STARTS = st.integers(0, 1_060 * 86_400).map(lambda seconds: datetime(2023, 1, 5, tzinfo=UTC) + timedelta(seconds=seconds))


@given(market=st.sampled_from([Market.ASHARE, Market.US]), start=STARTS, naps=NAPS, beat_s=st.sampled_from([1, 7, 45]))
@settings(max_examples=60, deadline=None)
def test_every_slot_is_run_once_or_missed_once_however_the_machine_sleeps(
    market: Market, start: datetime, naps: list[tuple[int, int]], beat_s: int
) -> None:
    """A heartbeat while awake, nothing while suspended: (beats awake, seconds asleep) again and again."""
    days, now = calendar(market), start
    begun = last = start - SECOND
    run, missed, slept = list[datetime](), list[datetime](), list[tuple[datetime, datetime]]()
    for beats, asleep_s in naps:
        for _ in range(beats):
            owed = due(FIVE, days, last, now, GRACE_S)
            missed += owed.missed
            if owed.run is not None:
                assert timedelta(0) <= now - owed.run <= timedelta(seconds=GRACE_S)
                run.append(owed.run)
            last = max([last, *owed.missed, *([owed.run] if owed.run else [])])
            now += timedelta(seconds=beat_s)
        slept.append((now - timedelta(seconds=beat_s), now + timedelta(seconds=asleep_s)))
        now += timedelta(seconds=asleep_s)
    ended, expected = slept[-1][0], list[datetime]()
    slot = next_slot(FIVE, days, begun, days.local_day(ended))
    while slot is not None and slot <= ended:
        expected.append(slot)
        slot = next_slot(FIVE, days, slot, days.local_day(ended))
    assert sorted(run + missed) == expected, "each slot exactly once, run or missed"
    assert run == sorted(run)
    assert all(any(before < slot < after for before, after in slept) for slot in missed), "an awake machine misses nothing"


@pytest.mark.parametrize("market", [Market.ASHARE, Market.US])
def test_three_years_with_a_visit_at_each_slot_and_one_at_each_midnight_miss_nothing(market: Market) -> None:
    days = calendar(market)
    last, ran = datetime.combine(FIRST, time(), days.zone).astimezone(UTC), 0
    for day in days.sessions(FIRST, LAST):
        for slot in slots(TWICE, days, day):
            assert due(TWICE, days, last, slot + SECOND, GRACE_S) == Due(slot, ())
            last, ran = slot, ran + 1
        midnight = datetime.combine(day + timedelta(days=1), time(), days.zone)
        assert due(TWICE, days, last, midnight, GRACE_S) == Due(None, ())
    assert ran == 2 * len(days.sessions(FIRST, LAST))
