"""Write the trading calendars shipped with the exchange room from the exchange-calendars package (a development dependency)."""

from __future__ import annotations

import argparse
import json
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import exchange_calendars

OUT = Path(__file__).resolve().parents[1] / "engine" / "exchange" / "data"
FIRST_SSE_SESSION = date(1990, 12, 19)
"""The package's XSHG begins on 1990-12-03, before the Shanghai exchange opened its doors."""


def weekday_closures(sessions: set[date], first: date, last: date) -> dict[str, list[str]]:
    """Weekdays without a session between `first` and `last`, by year, as MM-DD."""
    closed: dict[str, list[str]] = {}
    day = first
    while day <= last:
        if day.weekday() < 5 and day not in sessions:
            closed.setdefault(str(day.year), []).append(f"{day:%m-%d}")
        day += timedelta(days=1)
    return closed


def build(code: str, market: str, timezone: str, first: date, last: date) -> dict[str, Any]:
    """One calendar as plain data: weekends are closed, and so are the listed weekdays; early closes in local time."""
    source = exchange_calendars.get_calendar(code, start=first.isoformat(), end=last.isoformat())
    sessions = {stamp.date() for stamp in source.sessions}
    weekends = sorted(day for day in sessions if day.weekday() >= 5)
    if weekends:
        raise SystemExit(f"{code}: sessions on weekends are not representable: {weekends[:5]}")
    closes = source.closes.dt.tz_convert(timezone)
    early = {str(stamp.date()): f"{closes[stamp]:%H:%M}" for stamp in source.early_closes}
    return {
        "market": market,
        "timezone": timezone,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "source": f"exchange-calendars {version('exchange-calendars')} {code}",
        "early_closes": early,
        "closed_weekdays": weekday_closures(sessions, first, last),
    }


def main() -> None:
    """Build both calendars up to `--last`, the last day the exchanges had published when this was run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--last", type=date.fromisoformat, default=date(2026, 12, 31))
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    for code, market, timezone, first in (
        ("XSHG", "ashare", "Asia/Shanghai", FIRST_SSE_SESSION),
        ("XNYS", "us", "America/New_York", date(1990, 1, 1)),
    ):
        data = build(code, market, timezone, first, options.last)
        path = options.out / f"calendar_{market}.json"
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        print(f"{path.name}: {data['first']} to {data['last']}")


if __name__ == "__main__":
    main()
