"""When a desk's cycles are due: slots named by the exchange's own clock and kept as UTC instants.

`at 09:20, 14:50`  ·  `every 5m in session`  ·  `manual`
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from engine.core.errors import ConfigError
from engine.exchange import Calendar, Phase

_DAY_MINUTES = 24 * 60


def slots(schedule: str, calendar: Calendar, day: date) -> tuple[datetime, ...]:
    """The slots of one session in UTC, ascending; empty on a day without a session."""
    if schedule == "manual" or not calendar.is_session(day):
        return ()
    if schedule.startswith("at "):
        times = sorted(time.fromisoformat(text.strip()) for text in schedule[3:].split(","))
        return tuple(datetime.combine(day, moment, calendar.zone).astimezone(UTC) for moment in times)
    every = re.fullmatch(r"every (\d{1,3})m in session", schedule)
    if every is None or int(every.group(1)) == 0:
        raise ConfigError(f"schedule {schedule!r}: not understood")
    midnight = datetime.combine(day, time(), calendar.zone)
    moments = [midnight + timedelta(minutes=minute) for minute in range(0, _DAY_MINUTES, int(every.group(1)))]
    return tuple(moment.astimezone(UTC) for moment in moments if calendar.phase(moment) is Phase.CONTINUOUS)


def next_slot(schedule: str, calendar: Calendar, after: datetime, until: date) -> datetime | None:
    """The first slot later than `after` on a session no later than `until`; None when there is none."""
    day = calendar.local_day(after)
    while day <= until:
        for slot in slots(schedule, calendar, day):
            if slot > after:
                return slot
        day += timedelta(days=1)
    return None
