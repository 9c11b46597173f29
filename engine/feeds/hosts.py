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


def pace_of(family: str) -> Pace:
    """How fast a family is asked by default."""
    return _PACES.get(family, _ORDINARY)
