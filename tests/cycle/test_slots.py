"""Slots follow the exchange's own clock: no weekend, no holiday, no lunch, and New York's change of the hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from engine.core.units import Market
from engine.cycle.schedule import next_slot, slots
from engine.exchange import Phase, calendar

FIRST, LAST = date(2023, 1, 1), date(2025, 12, 31)


def test_three_years_of_slots_fall_on_sessions_only() -> None:
    shanghai = calendar(Market.ASHARE)
    day, counted = FIRST, 0
    while day <= LAST:
        due = slots("every 30m in session", shanghai, day)
        assert bool(due) == shanghai.is_session(day)
        assert all(shanghai.phase(slot) is Phase.CONTINUOUS for slot in due)
        counted += bool(due)
        day += timedelta(days=1)
    assert counted == len(shanghai.sessions(FIRST, LAST)) > 700


def test_a_day_of_half_hours_leaves_out_lunch() -> None:
    due = [slot.strftime("%H:%M") for slot in slots("every 30m in session", calendar(Market.ASHARE), date(2024, 3, 4))]
    assert due == ["01:30", "02:00", "02:30", "03:00", "05:00", "05:30", "06:00", "06:30"]


def test_new_york_keeps_its_local_hour_over_the_change() -> None:
    new_york = calendar(Market.US)
    assert [slots("at 10:00", new_york, day)[0].hour for day in (date(2024, 3, 8), date(2024, 3, 11))] == [15, 14]
    assert [slots("at 10:00", new_york, day)[0].hour for day in (date(2024, 11, 1), date(2024, 11, 4))] == [14, 15]


def test_the_next_slot_steps_over_the_national_holiday() -> None:
    shanghai = calendar(Market.ASHARE)
    after = datetime(2024, 9, 30, 6, 50, tzinfo=UTC)
    assert next_slot("at 09:20, 14:50", shanghai, after, date(2024, 10, 10)) == datetime(2024, 10, 8, 1, 20, tzinfo=UTC)
    assert next_slot("at 09:20", shanghai, after, date(2024, 10, 7)) is None
    assert next_slot("manual", shanghai, after, date(2024, 10, 10)) is None
