"""The edges of the calendar: each instant of a session by the clock, inverted spans, years that run out, and what may extend it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from engine.core.errors import CalendarUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange import Phase, calendar
from engine.exchange.calendar import calendar_data, calendar_text, extended, kept_file, reset_calendar_path, shipped_calendar

DAY = date(2024, 3, 4)


def test_an_a_share_session_begins_and_turns_when_the_exchange_says() -> None:
    session = calendar(Market.ASHARE).session(DAY)
    clocks = [moment.time() for moment in (session.first_order, session.open_print, session.opens, session.closes)]
    assert clocks == [time(9, 15), time(9, 25), time(9, 30), time(15)]
    assert session.lunch is not None
    assert [moment.time() for moment in session.lunch] == [time(11, 30), time(13)]


def test_the_phases_of_a_name_are_its_own_boards() -> None:
    days = calendar(Market.ASHARE)
    after = datetime(2024, 3, 4, 7, 10, tzinfo=UTC)
    star = Instrument("688001.SH", Market.ASHARE, Board.STAR, "star")
    assert days.phase(after) is Phase.CLOSED
    assert days.phase(after, star) is Phase.AFTER_HOURS_FIXED
    assert days.table(DAY, star) != days.table(DAY)


@pytest.mark.parametrize("market", list(Market))
def test_a_span_that_runs_backwards_holds_no_session(market: Market) -> None:
    days = calendar(market)
    assert days.count(DAY, DAY) == 1
    assert days.count(DAY, date(2024, 3, 1)) == 0
    assert days.count(DAY, date(2024, 2, 1)) == 0


def test_crypto_begins_with_its_first_block_and_the_last_day_of_a_calendar_counts() -> None:
    assert calendar(Market.CRYPTO).first == date(2009, 1, 3)
    assert calendar(Market.CRYPTO).session(date(2009, 1, 3)).opens == datetime(2009, 1, 3, tzinfo=UTC)
    for market in (Market.ASHARE, Market.US):
        days = calendar(market)
        assert days.sessions(days.last, days.last) == ([days.last] if days.is_session(days.last) else [])
        assert days.count(days.first, days.last) == len(days.sessions(days.first, days.last))


def test_an_extension_may_repeat_what_is_known_and_not_contradict_its_first_or_last_day() -> None:
    data = shipped_calendar(Market.ASHARE).data
    known = shipped_calendar(Market.ASHARE)
    for day in (data.first, data.last):
        assert extended(data, [(day, known.is_session(day))], "test").last == data.last
        with pytest.raises(CalendarUnknown, match="contradicts"):
            extended(data, [(day, not known.is_session(day))], "test")


def test_a_closed_weekend_is_not_written_down_as_a_holiday() -> None:
    data = shipped_calendar(Market.ASHARE).data
    ahead = [date.fromordinal(data.last.toordinal() + n) for n in range(1, 12)]
    longer = extended(data, [(day, day.weekday() < 5) for day in ahead], "test")
    assert longer.closed == data.closed
    assert longer.last == ahead[-1]


def test_a_kept_calendar_counts_only_for_its_own_market_and_only_where_it_reaches_further(tmp_path: Path) -> None:
    data = shipped_calendar(Market.ASHARE).data
    file = kept_file(tmp_path, Market.ASHARE)
    following = date.fromordinal(data.last.toordinal() + 1)
    longer = extended(data, [(following, False)], "test")
    try:
        for text, last in (
            (calendar_text(longer), following),
            (calendar_text(data), data.last),
            (calendar_text(shipped_calendar(Market.US).data), data.last),
        ):
            file.write_text(text, encoding="utf-8")
            reset_calendar_path(tmp_path)
            assert calendar(Market.ASHARE).last == last
            assert calendar(Market.ASHARE).market is Market.ASHARE
        file.write_text(calendar_text(data).replace(data.source, "another source"), encoding="utf-8")
        reset_calendar_path(tmp_path)
        assert calendar(Market.ASHARE).data.source == data.source  # no further: the shipped one stands
    finally:
        reset_calendar_path(None)


def test_calendar_text_is_one_a_person_can_read_and_diff() -> None:
    data = shipped_calendar(Market.ASHARE).data
    text = calendar_text(data)
    assert calendar_data(text) == data
    assert text.startswith('{\n "') and text.endswith("}\n")
