"""A Yahoo on loopback: charts of a few shares by a clock, through New York's own sessions, half days and changes of the hour."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from feed_server import Exchange

from engine.core.units import Market
from engine.exchange import calendar

NEW_YORK = ZoneInfo("America/New_York")
SHARES = {"AAPL": 230.0, "MSFT": 410.0, "NVDA": 140.0}
A_MINUTE = 30_000
HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")
_FIRST = date(2025, 10, 1)


class MadeYahoo:
    """Daily charts of `SHARES` at `clock()`, an aware instant; `asked` counts the requests."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.asked = 0

    def __call__(self, exchange: Exchange) -> None:
        self.asked += 1
        code = exchange.seen.path.rpartition("/")[2]
        if code not in SHARES:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            exchange.send(json.dumps({"chart": {"result": None, "error": error}}).encode())
            return
        first = datetime.fromtimestamp(int(exchange.seen.params["period1"]), UTC).astimezone(NEW_YORK).date()
        exchange.send(json.dumps({"chart": {"result": [self._chart(code, max(first, _FIRST))], "error": None}}).encode())

    def _chart(self, code: str, first: date) -> dict[str, Any]:
        days = calendar(Market.US)
        now = self.clock().astimezone(NEW_YORK)
        day = now.date()
        if not days.is_session(day) or now < days.session(day).opens:
            day = days.previous_session(day)
        rows = [self._bar(code, one, now) for one in days.sessions(first, day)]
        newest = self._bar(code, day, now)
        meta = {
            "symbol": code,
            "currency": "USD",
            "longName": f"{code} Inc.",
            "regularMarketTime": min(int(now.timestamp()), newest[0] + newest[6] * 60),
            "regularMarketPrice": newest[4],
            "regularMarketDayHigh": newest[2],
            "regularMarketDayLow": newest[3],
            "regularMarketVolume": newest[5],
        }
        names = ("open", "high", "low", "close", "volume")
        columns = {name: [row[place] for row in rows] for place, name in enumerate(names, 1)}
        return {"meta": meta, "timestamp": [row[0] for row in rows], "indicators": {"quote": [columns]}}

    def _bar(self, code: str, day: date, now: datetime) -> tuple[int, float, float, float, float, int, int]:
        """(start, open, high, low, close, volume, minutes) of a session as far as it has come."""
        session = calendar(Market.US).session(day)
        whole = int((session.closes - session.opens).total_seconds()) // 60
        passed = max(0, min(whole, int((now - session.opens) / timedelta(minutes=1))))
        prices = session_prices(code, day)[: passed + 1]
        start = int(session.opens.timestamp())
        return start, prices[0], max(prices), min(prices), prices[-1], A_MINUTE * (passed + 1), passed


@lru_cache(maxsize=4_096)
def session_prices(code: str, day: date) -> tuple[float, ...]:
    """The price at each minute of a session, in cents' steps: a wave over the days, a smaller one in the day."""
    wave = 1 + 0.04 * math.sin(calendar(Market.US).count(_FIRST, day) / 3 + sum(map(ord, code)) % 7)
    return tuple(round(SHARES[code] * (wave + 0.004 * math.sin(minute / 40)), 2) for minute in range(391))
