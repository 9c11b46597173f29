"""Which hosts stand behind one wall, and how fast each may be asked unless a person says otherwise.

Bans are per address and wall, not per name: the numbered front ends of one vendor share one pace and one ban (data_apis.md, 1.8).
"""

from __future__ import annotations

import re

from engine.feeds.pacing import Pace

EASTMONEY_LISTS = "push2.eastmoney.com"
EASTMONEY_BARS = "push2his.eastmoney.com"
COOKIE_DOMAIN = "eastmoney.com"
"""The one domain a person's cookie may be sent to (`[feeds] em_cookie`)."""

_NUMBERED = re.compile(r"\d{1,3}\.(push2|push2his)\.eastmoney\.com")


_ORDINARY = Pace(gap_s=0.25, burst=2)
_PACES = {
    EASTMONEY_LISTS: Pace(gap_s=1.0, jitter_s=0.5),
    EASTMONEY_BARS: Pace(gap_s=1.0, jitter_s=0.5),
    "push2delay.eastmoney.com": Pace(gap_s=1.0, jitter_s=0.5),
    "datacenter-web.eastmoney.com": Pace(gap_s=0.5),
    "qt.gtimg.cn": Pace(gap_s=0.2),
    "proxy.finance.qq.com": Pace(gap_s=0.3),
    "hq.sinajs.cn": Pace(gap_s=0.5),
    "api.binance.com": Pace(gap_s=0.02, burst=100),
    "data-api.binance.vision": Pace(gap_s=0.02, burst=100),
    "fapi.binance.com": Pace(gap_s=0.05, burst=100),
    "query1.finance.yahoo.com": Pace(gap_s=2.0, burst=2),
    "query2.finance.yahoo.com": Pace(gap_s=2.0, burst=2),
}
"""Seconds between units of weight. Eastmoney 1.0 to 1.5 s and one at a time; Tencent answers empty when asked twice in 150 ms;
Binance allows 6,000 (spot) and 2,400 (USD-M) of weight a minute, of which this takes half; Yahoo one in two seconds."""


def family_of(host: str) -> str:
    """The name of the wall that `host` stands behind: its own, unless it is one of several front ends."""
    found = _NUMBERED.fullmatch(host)
    return f"{found[1]}.eastmoney.com" if found else host


_BUDGETS = {
    EASTMONEY_LISTS: 10_000,
    EASTMONEY_BARS: 6_000,
    "push2delay.eastmoney.com": 2_000,
    "datacenter-web.eastmoney.com": 2_000,
    "qt.gtimg.cn": 30_000,
    "proxy.finance.qq.com": 10_000,
    "ifzq.gtimg.cn": 10_000,
    "hq.sinajs.cn": 10_000,
    "vip.stock.finance.sina.com.cn": 5_000,
    "query1.finance.yahoo.com": 10_000,
    "query2.finance.yahoo.com": 10_000,
}
"""Requests a UTC day. What a named desk asks at its pace of three seconds in a session of four hours is half of Eastmoney's; a sync
of all bars of a market goes on at the next vendor when it is used up. Who tells its own limit (Binance) has none of ours."""


def budget_of(family: str) -> int:
    """How many requests a family is sent a day by default; 0 for as many as its pace allows."""
    return _BUDGETS.get(family, 0)


def pace_of(family: str) -> Pace:
    """How fast a family is asked by default."""
    return _PACES.get(family, _ORDINARY)
