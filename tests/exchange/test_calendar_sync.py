"""How a published year reaches the calendar."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rulebook import SHARED

from engine.core.errors import CalendarUnknown
from engine.core.units import Market
from engine.exchange import calendar, calendar_text
from engine.exchange.calendar import kept_file, reset_calendar_path
from engine.exchange.calendar_sync import szse_days, with_szse

CLOSED_2027 = {date(2027, 1, 1), date(2027, 1, 4)}
"""Invented for the test: the exchange has not published 2027."""


def month(year: int, number: int) -> dict[str, Any]:
    """A page as SZSE would answer it."""
    first = date(year, number, 1)
    days = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == number]
    rows = [{"jyrq": str(day), "jybz": "1" if day.weekday() < 5 and day not in CLOSED_2027 else "0", "zrxh": 1} for day in days]
    return {"data": rows, "nowdate": "2026-12-20"}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A directory of kept calendars, looked at by this process while the test lasts."""
    reset_calendar_path(tmp_path)
    yield tmp_path
    reset_calendar_path(None)


def test_a_published_month_carries_the_calendar_on_and_survives_a_restart(kept: Path) -> None:
    longer = with_szse(calendar(Market.ASHARE).data, [month(2027, 1), month(2027, 2)])
    assert (longer.last, longer.source) == (date(2027, 2, 28), "szse.cn monthList")
    kept_file(kept, Market.ASHARE).write_text(calendar_text(longer))
    reset_calendar_path(kept)
    again = calendar(Market.ASHARE)
    assert again.next_session(date(2026, 12, 31)) == date(2027, 1, 5)
    assert again.count(date(2026, 1, 1), date(2026, 12, 31)) == 242
    with pytest.raises(CalendarUnknown):
        again.is_session(date(2027, 3, 1))


def test_the_shipped_calendar_is_used_unless_the_kept_one_reaches_further(kept: Path) -> None:
    shipped = calendar(Market.ASHARE)
    for text in (calendar_text(shipped.data), calendar_text(calendar(Market.US).data)):
        kept_file(kept, Market.ASHARE).write_text(text)
        reset_calendar_path(kept)
        assert calendar(Market.ASHARE).data == shipped.data
    kept_file(kept, Market.ASHARE).write_text("{")
    reset_calendar_path(kept)
    with pytest.raises(CalendarUnknown, match="not a calendar file"):
        calendar(Market.ASHARE)


def test_a_month_without_a_session_is_not_published_yet() -> None:
    empty = month(2027, 2)
    for row in empty["data"]:
        row["jybz"] = "0"
    assert with_szse(calendar(Market.ASHARE).data, [month(2027, 1), empty]).last == date(2027, 1, 31)


@pytest.mark.parametrize(
    "pages",
    [
        [{}],
        [{"data": [{"jyrq": "2027-01-01"}]}],
        [{"data": [{"jyrq": "soon", "jybz": "1"}]}],
        [{"data": [{"jyrq": "2027-01-01", "jybz": "maybe"}]}],
        [{"data": None}],
        [{"data": [{"jyrq": "2027-01-01", "jybz": "0"}, {"jyrq": "2027-01-01", "jybz": "1"}]}],
    ],
)
def test_an_answer_that_is_no_calendar_is_refused(pages: list[dict[str, Any]]) -> None:
    with pytest.raises(CalendarUnknown, match="monthList"):
        szse_days(pages)


def test_a_gap_or_a_contradiction_is_refused() -> None:
    with pytest.raises(CalendarUnknown, match="does not continue"):
        with_szse(calendar(Market.ASHARE).data, [month(2027, 2)])
    wrong = month(2026, 12)
    wrong["data"][0]["jybz"] = "0"
    with pytest.raises(CalendarUnknown, match="contradicts"):
        with_szse(calendar(Market.ASHARE).data, [wrong])


def test_the_recorded_years_read_as_published() -> None:
    path = SHARED / "recorded" / "calendars" / "szse_calendar_2026_adata.csv"
    if not path.exists():
        pytest.skip("the recorded SZSE calendars are not beside this checkout")
    with path.open(encoding="utf-8") as rows:
        page = {"data": [{"jyrq": row["trade_date"], "jybz": row["trade_status"]} for row in csv.DictReader(rows)]}
    same = with_szse(calendar(Market.ASHARE).data, [page])
    assert same.closed == calendar(Market.ASHARE).data.closed
