"""Carry the shipped calendar on by what an exchange publishes: the pure half of `kanpan data sync calendars`.

SZSE's monthList (one page a month) ──► days ──► extended calendar ──► text for the state directory, where `calendar` finds it
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from engine.core.errors import CalendarUnknown
from engine.exchange.calendar import CalendarData, extended

SZSE_SOURCE = "szse.cn monthList"
_OPEN = {"1": True, "0": False}


def szse_days(pages: Iterable[Mapping[str, Any]]) -> list[tuple[date, bool]]:
    """Every day of the monthList answers with whether it is a session (`jybz` 1), in order.

    Raises CalendarUnknown for an answer that is not such a list, or that says two things of one day.
    """
    days: dict[date, bool] = {}
    try:
        for page in pages:
            for row in page["data"]:
                day, is_open = date.fromisoformat(row["jyrq"]), _OPEN[str(row["jybz"])]
                if days.setdefault(day, is_open) is not is_open:
                    raise CalendarUnknown(f"{SZSE_SOURCE} says two things of {day}")
    except (KeyError, TypeError, ValueError) as error:
        raise CalendarUnknown(f"{SZSE_SOURCE} answered something else: {error!r}") from None
    return sorted(days.items())


def with_szse(data: CalendarData, pages: Iterable[Mapping[str, Any]]) -> CalendarData:
    """The A-share calendar carried on by what SZSE published. Raises CalendarUnknown on gaps and contradictions.

    A month that is published without a single session is not published yet: the exchange fills it in December.
    """
    days = szse_days(pages)
    months = {(day.year, day.month) for day, is_open in days if is_open}
    return extended(data, [(day, is_open) for day, is_open in days if (day.year, day.month) in months], SZSE_SOURCE)
