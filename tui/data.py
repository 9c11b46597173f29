"""`kanpan data sync calendars`: carry the A-share calendar on by what the exchange publishes each December."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from engine.core.clock import SystemClock
from engine.core.units import Market
from engine.exchange.calendar import calendar, calendar_text, kept_file
from engine.exchange.calendar_sync import with_szse
from engine.feeds.szse import MONTH_LIST, month_pages

if TYPE_CHECKING:
    from tui.cli import Settings

MONTHS_AHEAD = 13


def sync_calendars(settings: Settings, *, address: str = MONTH_LIST) -> int:
    """Ask the exchange for the months after the last known day and keep what it says; raises KanpanError in one line."""
    known = calendar(Market.ASHARE)
    year, month = known.last.year, known.last.month
    first = (year, month) if known.last < SystemClock().now().date() else (year + month // 12, month % 12 + 1)
    count = first[0] * 12 + first[1] - 1
    months = [((count + ahead) // 12, (count + ahead) % 12 + 1) for ahead in range(MONTHS_AHEAD)]
    longer = with_szse(known.data, month_pages(months, address=address))
    if longer.last > known.last:
        file = kept_file(settings.home / "calendars", Market.ASHARE)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(calendar_text(longer), encoding="utf-8")
        temporary.replace(file)
    answer = {"market": "ashare", "known_before": known.last.isoformat(), "known_to": longer.last.isoformat()}
    if settings.as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
    elif longer.last > known.last:
        sys.stdout.write(f"the A-share calendar is now known to {longer.last}\n")
    else:
        sys.stdout.write(f"nothing new: the exchange has not published beyond {known.last} yet\n")
    return 0
