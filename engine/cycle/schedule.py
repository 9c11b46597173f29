"""When a desk's cycles are due: slots named by the exchange's own clock and kept as UTC instants.

A replayed desk walks from slot to slot (`next_slot`); one on the wall's clock asks at each heartbeat what is `due`.

`at 09:20, 14:50`  ·  `every 5m in session`  ·  `manual`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from engine.core.errors import ConfigError
from engine.exchange import Calendar, Phase

_DAY_MINUTES = 24 * 60


@lru_cache(maxsize=64)
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


@dataclass(frozen=True, slots=True)
class Due:
    """What a wall-clock desk owes at an instant: the slot to run now, if any, and the slots that will never run, oldest first."""

    run: datetime | None
    missed: tuple[datetime, ...]


def due(schedule: str, calendar: Calendar, last_slot: datetime | None, now: datetime, grace_s: float) -> Due:
    """Which slot to run at `now`, when the journal's newest slot is `last_slot` (None: the desk never ran).

    However long the machine slept, at most one slot is run: the newest, and only within `grace_s` seconds of its time. All others
    since `last_slot` are `missed` and must be written down as such, so that the next call does not see them. A desk that never ran
    owes nothing older than `grace_s`; a clock set back before `last_slot` makes nothing due again. Raises CalendarUnknown.
    """
    earliest = now - timedelta(seconds=grace_s)
    after = last_slot if last_slot is not None else earliest - timedelta(microseconds=1)
    passed = list(_between(schedule, calendar, after, now))
    run = passed.pop() if passed and passed[-1] >= earliest else None
    return Due(run, tuple(passed))


def _between(schedule: str, calendar: Calendar, after: datetime, now: datetime) -> Iterator[datetime]:
    """Slots later than `after` and not later than `now`, ascending."""
    day, last = calendar.local_day(after), calendar.local_day(now)
    while day <= last:
        yield from (slot for slot in slots(schedule, calendar, day) if after < slot <= now)
        day += timedelta(days=1)
