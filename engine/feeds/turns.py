"""The turns of one trading day as events of a tape, whatever the market: from the first order that is taken to the close."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from engine.core.units import Market
from engine.exchange import Calendar
from engine.feeds.tape import SessionEvent, SessionKind

LAST_INSTANT = timedelta(microseconds=1)
"""A market that never closes has a day all the same: it ends just before the next one begins, so that no instant has both."""


def turns(calendar: Calendar, day: date) -> tuple[SessionEvent, ...]:
    """The turns of a session in UTC, ascending. Raises ValueError when `day` is none, CalendarUnknown beyond the known years."""
    session = calendar.session(day)
    closes = session.closes - LAST_INSTANT if calendar.market is Market.CRYPTO else session.closes
    found = [(SessionKind.PRE_OPEN, session.first_order), (SessionKind.OPEN, session.opens)]
    if session.lunch is not None:
        found += [(SessionKind.LUNCH, session.lunch[0]), (SessionKind.AFTERNOON, session.lunch[1])]
    return tuple(SessionEvent(day, kind, at.astimezone(UTC)) for kind, at in (*found, (SessionKind.CLOSE, closes)))


def begun(calendar: Calendar, at: datetime) -> date:
    """The session under way at an instant, or the last one before it: the newest whose first order could have been taken."""
    day = calendar.local_day(at)
    if not calendar.is_session(day) or calendar.session(day).first_order > at:
        return calendar.previous_session(day)
    return day
