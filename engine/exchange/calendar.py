"""Which days are sessions, when they open and close, and what phase an instant falls in.

The calendars are package data, built by scripts/build_calendars.py; the exchange-calendars package is not needed to run.
A day outside them is refused with CalendarUnknown: the holidays of a year are only known once the exchange has published them.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.core.errors import CalendarUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange.sessions import Phase, Table, ashare_table, phase_in

_DAY = timedelta(days=1)
_ORDINARY_SHARE = Instrument("600000.SH", Market.ASHARE, Board.MAIN_SH, "")
"""Stands for the market where a question names no instrument."""


@dataclass(frozen=True, slots=True)
class CalendarData:
    """A calendar as kept in a file: weekends are closed, and so are `closed` weekdays; `early_closes` in local time."""

    market: Market
    timezone: str
    first: date
    last: date
    source: str
    closed: frozenset[date]
    early_closes: Mapping[date, time] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """The instants of one session, aware datetimes in the market's own time zone.

    `open_print` and `close_print` are when the auctions print (equal to open and close where there is no auction); `lunch` is the
    break or None; `ends` is when the last order of the day dies.
    """

    day: date
    first_order: datetime
    open_print: datetime
    opens: datetime
    lunch: tuple[datetime, datetime] | None
    closing_call: datetime | None
    closes: datetime
    ends: datetime


class Calendar:
    """The sessions of one market between the first and the last day its data knows."""

    def __init__(self, data: CalendarData) -> None:
        self.data = data
        self.market = data.market
        self.first = data.first
        self.last = data.last
        self.zone = ZoneInfo(data.timezone)
        self._sessions: tuple[date, ...] | None = None

    def is_session(self, day: date) -> bool:
        """Whether the market trades on `day`. Raises CalendarUnknown outside the known years."""
        self._check(day)
        if self.market is Market.CRYPTO:
            return True
        return day.weekday() < 5 and day not in self.data.closed

    def next_session(self, day: date) -> date:
        """The first session after `day`. Raises CalendarUnknown when that is not known yet."""
        following = day + _DAY
        while not self.is_session(following):
            following += _DAY
        return following

    def previous_session(self, day: date) -> date:
        """The last session before `day`."""
        before = day - _DAY
        while not self.is_session(before):
            before -= _DAY
        return before

    def sessions(self, first: date, last: date) -> list[date]:
        """All sessions from `first` to `last`, both included."""
        self._check(first)
        self._check(last)
        if self.market is Market.CRYPTO:
            return [first + _DAY * n for n in range((last - first).days + 1)]
        days = self._all()
        return list(days[bisect_left(days, first) : bisect_right(days, last)])

    def count(self, first: date, last: date) -> int:
        """How many sessions lie from `first` to `last`, both included: 1 on a listing day gives `sessions_listed`."""
        self._check(first)
        self._check(last)
        if self.market is Market.CRYPTO:
            return max(0, (last - first).days + 1)
        days = self._all()
        return max(0, bisect_right(days, last) - bisect_left(days, first))

    def local_day(self, at: datetime) -> date:
        """The market's own date at an instant (UTC for crypto)."""
        return at.astimezone(self.zone).date()

    def session(self, day: date, instrument: Instrument | None = None) -> Session:
        """The instants of the session on `day` for an instrument (an ordinary share of the market where none is named).

        Raises ValueError when `day` is no session.
        """
        if not self.is_session(day):
            raise ValueError(f"{day} is not a session of {self.market}")
        if self.market is Market.CRYPTO:
            opens = self._at(day, time(0, 0))
            closes = opens + _DAY
            return Session(day, opens, opens, opens, None, None, closes, closes)
        if self.market is Market.US:
            opens = self._at(day, time(9, 30))
            closes = self._at(day, self.data.early_closes.get(day, time(16, 0)))
            return Session(day, opens, opens, opens, None, None, closes, closes)
        table = ashare_table(instrument or _ORDINARY_SHARE, day)
        call = any(phase is Phase.CLOSE_CALL_NO_CANCEL for _, phase in table)
        return Session(
            day=day,
            first_order=self._at(day, time(9, 15)),
            open_print=self._at(day, time(9, 25)),
            opens=self._at(day, time(9, 30)),
            lunch=(self._at(day, time(11, 30)), self._at(day, time(13, 0))),
            closing_call=self._at(day, time(14, 57)) if call else None,
            closes=self._at(day, time(15, 0)),
            ends=self._at(day, table[-1][0]),
        )

    def phase(self, at: datetime, instrument: Instrument | None = None) -> Phase:
        """The phase of the session at an instant. US regular hours only; crypto never closes."""
        local = at.astimezone(self.zone)
        day = local.date()
        if not self.is_session(day):
            return Phase.CLOSED
        if self.market is Market.ASHARE:
            return phase_in(ashare_table(instrument or _ORDINARY_SHARE, day), local.time())
        session = self.session(day)
        return Phase.CONTINUOUS if session.opens <= at < session.closes else Phase.CLOSED

    def table(self, day: date, instrument: Instrument | None = None) -> Table:
        """The phases of an A-share session, for a screen that draws the day."""
        return ashare_table(instrument or _ORDINARY_SHARE, day)

    def _at(self, day: date, local: time) -> datetime:
        return datetime.combine(day, local, self.zone)

    def _all(self) -> tuple[date, ...]:
        if self._sessions is None:
            count = (self.last - self.first).days + 1
            days = (self.first + _DAY * n for n in range(count))
            self._sessions = tuple(day for day in days if day.weekday() < 5 and day not in self.data.closed)
        return self._sessions

    def _check(self, day: date) -> None:
        if day > self.last:
            raise CalendarUnknown(
                f"the {self.market} calendar ends on {self.last} and does not know {day}: "
                "refresh it with `kanpan data sync calendars`"
            )
        if day < self.first:
            raise CalendarUnknown(f"the {self.market} calendar begins on {self.first} and does not know {day}")


def calendar_data(text: str) -> CalendarData:
    """Read a calendar file. Raises CalendarUnknown when it is not one."""
    try:
        raw = json.loads(text)
        return CalendarData(
            market=Market(raw["market"]),
            timezone=raw["timezone"],
            first=date.fromisoformat(raw["first"]),
            last=date.fromisoformat(raw["last"]),
            source=raw["source"],
            closed=frozenset(date.fromisoformat(f"{year}-{day}") for year, days in raw["closed_weekdays"].items() for day in days),
            early_closes={date.fromisoformat(day): time.fromisoformat(at) for day, at in raw["early_closes"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalendarUnknown(f"not a calendar file: {error}; refresh it with `kanpan data sync calendars`") from None


def calendar_text(data: CalendarData) -> str:
    """The file of a calendar; `calendar_data` reads it back."""
    years: dict[str, list[str]] = {}
    for day in sorted(data.closed):
        years.setdefault(str(day.year), []).append(f"{day:%m-%d}")
    raw = {
        "market": data.market.value,
        "timezone": data.timezone,
        "first": data.first.isoformat(),
        "last": data.last.isoformat(),
        "source": data.source,
        "early_closes": {day.isoformat(): f"{at:%H:%M}" for day, at in sorted(data.early_closes.items())},
        "closed_weekdays": years,
    }
    return json.dumps(raw, indent=1) + "\n"


def extended(data: CalendarData, days: Sequence[tuple[date, bool]], source: str) -> CalendarData:
    """`data` carried on by what an exchange published: every day with whether it is a session, in order and without a gap.

    Raises CalendarUnknown when the days do not join on to what is known, skip one, or contradict a known session.
    """
    closed = set(data.closed)
    last = data.last
    known = Calendar(data)
    for day, is_open in days:
        if data.first <= day <= data.last:
            if known.is_session(day) != is_open:
                raise CalendarUnknown(f"{source} contradicts the {data.market} calendar on {day}")
            continue
        if day != last + _DAY:
            raise CalendarUnknown(f"{source} does not continue the {data.market} calendar: {last} is followed by {day}")
        if is_open and day.weekday() >= 5:
            raise CalendarUnknown(f"{source} names {day}, a weekend, as a session")
        if not is_open and day.weekday() < 5:
            closed.add(day)
        last = day
    return CalendarData(data.market, data.timezone, data.first, last, source, frozenset(closed), data.early_closes)


_kept: Path | None = None


def reset_calendar_path(directory: Path | None) -> None:
    """Where kept calendars lie, for the whole process, as zoneinfo.reset_tzpath does for time zones; None: only the shipped."""
    global _kept
    _kept = directory
    calendar.cache_clear()


def kept_file(directory: Path, market: Market) -> Path:
    """The file of one market's kept calendar."""
    return directory / f"{market.value}.json"


@lru_cache(maxsize=8)
def calendar(market: Market) -> Calendar:
    """The calendar of a market: the kept one where it reaches further than the shipped one, else the shipped one.

    Crypto trades every day of every year (its day is the UTC day). Raises CalendarUnknown when the kept file is damaged.
    """
    shipped = shipped_calendar(market)
    if _kept is None or not kept_file(_kept, market).is_file():
        return shipped
    data = calendar_data(kept_file(_kept, market).read_text(encoding="utf-8"))
    return Calendar(data) if data.market is market and data.last > shipped.last else shipped


def shipped_calendar(market: Market) -> Calendar:
    """The calendar that travels with the package."""
    if market is Market.CRYPTO:
        return Calendar(CalendarData(market, "UTC", date(2009, 1, 3), date.max - 2 * _DAY, "always open", frozenset()))
    path = Path(__file__).parent / "data" / f"calendar_{market.value}.json"
    return Calendar(calendar_data(path.read_text(encoding="utf-8")))


def sessions_listed(instrument: Instrument, day: date) -> int | None:
    """How many sessions the name has been listed on `day`, its first counted as 1; None when its listing day is not known."""
    listed, known = instrument.list_date, calendar(instrument.market)
    if listed is None or not known.first <= listed <= day:
        return None
    return known.count(listed, day)
