"""Made-up prices of a few A-shares by a clock: smooth, within their limits, the same for every vendor that tells them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.core.units import Market
from engine.exchange import calendar

BEIJING = ZoneInfo("Asia/Shanghai")
MINUTES = 240
SHARES_A_MINUTE = 12_000
_AUCTION = time(9, 25)
_HALVES = ((time(9, 30), 0), (time(13, 0), 120))
_FIRST = date(2018, 1, 2)


class MadeBar(NamedTuple):
    """A bar by its end in Beijing; prices in fen, volume in shares, amount in fen."""

    ends: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    amount: int


class MadeQuote(NamedTuple):
    """What has traded of a share today; `at` is its last print in Beijing, everything but `pre_close` 0 before the first."""

    at: datetime
    pre_close: int
    last: int
    open: int
    high: int
    low: int
    volume: int
    amount: int


@dataclass(frozen=True)
class Share:
    """One share; `base` in fen."""

    symbol: str
    name: str
    base: int
    industry: str = "银行"
    list_day: date = date(2001, 8, 27)

    @property
    def code(self) -> str:
        return self.symbol[:6]

    @property
    def key(self) -> str:
        return f"{self.symbol[7:].lower()}{self.code}"

    @property
    def secid(self) -> str:
        return f"{'1' if self.symbol.endswith('SH') else '0'}.{self.code}"


SHARES = (
    Share("600519.SH", "贵州茅台", 145_000, "酿酒行业"),
    Share("600000.SH", "浦发银行", 1_250),
    Share("601318.SH", "中国平安", 5_800, "保险"),
    Share("000001.SZ", "平安银行", 1_130),
    Share("000858.SZ", "五粮液", 13_000, "酿酒行业"),
    Share("300750.SZ", "宁德时代", 26_000, "电池"),
    Share("688981.SH", "中芯国际", 9_000, "半导体"),
    Share("920527.BJ", "夜光明", 1_500, "化工", date(2022, 10, 27)),
)


@lru_cache(maxsize=4_096)
def path(share: Share, day: date) -> tuple[int, ...]:
    """The reference price of a session, then the price at the end of each of its minutes, in fen."""
    number = calendar(Market.ASHARE).count(_FIRST, day)
    phase = sum(map(ord, share.symbol)) % 7

    def level(of: int) -> float:
        return 1 + 0.03 * math.sin(of / 3 + phase)

    before, after = level(number - 1), level(number)
    return tuple(
        round(share.base * (before + (after - before) * minute / MINUTES + 0.004 * math.sin(minute * math.pi / 40)))
        for minute in range(MINUTES + 1)
    )


class MadePrices:
    """The market at `clock()`, an aware instant."""

    def __init__(self, clock: Callable[[], datetime], shares: Iterable[Share] = SHARES) -> None:
        self.clock = clock
        self.shares = {share.symbol: share for share in shares}

    def quote(self, share: Share) -> MadeQuote:
        """What every vendor says of a share now."""
        day, minute, at = self.moment()
        prices = path(share, day)
        if minute < 0:
            return MadeQuote(at, prices[0], 0, 0, 0, 0, 0, 0)
        seen = prices[1 : max(1, minute) + 1]
        volume = SHARES_A_MINUTE * len(seen)
        return MadeQuote(at, prices[0], seen[-1], seen[0], max(seen), min(seen), volume, SHARES_A_MINUTE * sum(seen))

    def today(self) -> date:
        """The day in Beijing."""
        return self.clock().astimezone(BEIJING).date()

    def moment(self) -> tuple[date, int, datetime]:
        """The session under way or last held, minutes of it that passed (-1 before the auction), the time of the last print."""
        now = self.clock().astimezone(BEIJING)
        known = calendar(Market.ASHARE)
        if not known.is_session(now.date()):
            last = known.previous_session(now.date())
            return last, MINUTES, datetime.combine(last, time(15, 0), BEIJING)
        if now.time() < _AUCTION:
            return now.date(), -1, now.replace(microsecond=0)
        for opens, passed in reversed(_HALVES):
            begins = datetime.combine(now.date(), opens, BEIJING)
            if now >= begins:
                minute = min(passed + 120, passed + int((now - begins).total_seconds()) // 60)
                ends = begins + timedelta(hours=2)
                return now.date(), minute, min(now.replace(microsecond=0), ends)
        return now.date(), 0, datetime.combine(now.date(), _AUCTION, BEIJING)

    def bars(self, share: Share, step: int, first: date, last: date) -> list[MadeBar]:
        """Every bar of `step` minutes that has begun, the last one perhaps half open."""
        today, minute, _ = self.moment()
        bars = []
        for day in calendar(Market.ASHARE).sessions(first, min(last, today)):
            prices = path(share, day)
            until = minute if day == today else MINUTES
            for begin in range(0, max(0, until), step):
                part = prices[begin + 1 : min(begin + step, until) + 1]
                opened = prices[begin] if begin else part[0]
                sizes = (SHARES_A_MINUTE * len(part), SHARES_A_MINUTE * sum(part))
                bars.append(MadeBar(_ends(day, begin + step), opened, max(opened, *part), min(opened, *part), part[-1], *sizes))
        return bars


def _ends(day: date, minute: int) -> datetime:
    opens, passed = _HALVES[minute > 120]
    return datetime.combine(day, opens) + timedelta(minutes=minute - passed)
