"""When a live tape looks at its market: all of it, or the names that matter, and until when it may wait for the next look.

in session: every `poll_s` a look at what matters, of a large market every `whole_s` one at all of it     otherwise: seldom
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.exchange import Calendar, Phase

CLOSE_LAG = timedelta(seconds=60)
"""A day is closed for the desk once the closing print has had this long to arrive."""
EARLY = timedelta(minutes=5)
"""Polling begins this long before the first order is taken, and ends as long after the close."""
LAG = timedelta(minutes=5)
"""A source whose newest row is older than this while the market trades is passed by."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a feed looks, in seconds: in session, out of it, and at all of a large market; which bars it fetches as they close,
    and how many of each."""

    poll_s: float
    idle_s: float = 300.0
    bars: tuple[tuple[str, int], ...] = ()
    whole_s: float = 180.0


def not_before(calendar: Calendar, now: datetime) -> datetime | None:
    """How old the newest row may be: nothing is asked of a source while the market is not trading, or has not for long."""
    old = now - LAG
    trading = calendar.phase(now) is Phase.CONTINUOUS and calendar.phase(old) is Phase.CONTINUOUS
    return old if trading else None


def in_session(calendar: Calendar, now: datetime) -> bool:
    """Whether orders are taken, or a little before and after; not over lunch."""
    day = calendar.local_day(now)
    if not calendar.is_session(day):
        return False
    session = calendar.session(day)
    if calendar.phase(now) is Phase.LUNCH:
        return False
    return session.first_order - EARLY <= now <= session.closes + EARLY


def next_look(calendar: Calendar, pace: Pace, now: datetime) -> datetime:
    """In session at the pace, out of it seldom, and in time before the next session begins."""
    if in_session(calendar, now):
        return now + timedelta(seconds=pace.poll_s)
    day = calendar.local_day(now)
    if not calendar.is_session(day) or calendar.session(day).first_order <= now:
        day = calendar.next_session(day)
    begins = calendar.session(day).first_order - EARLY
    wait = now + timedelta(seconds=pace.idle_s)
    return min(wait, begins) if begins > now else wait


def whole_due(calendar: Calendar, pace: Pace, now: datetime, last: datetime | None) -> bool:
    """Whether all of a large market is to be looked at, `last` being when it was: out of session only for a close not seen yet."""
    if last is None:
        return True
    if in_session(calendar, now):
        return now - last >= timedelta(seconds=max(pace.whole_s, pace.poll_s))
    day = calendar.local_day(now)
    if not calendar.is_session(day) or calendar.session(day).closes > now:
        day = calendar.previous_session(day)
    return last < calendar.session(day).closes + CLOSE_LAG <= now
