"""SZSE's list of trading days: one page a month, the source of next year's A-share calendar.

GET .../monthList?month=2027-1 ──► {"data": [{"jyrq": "2027-01-04", "jybz": "1", …}, …], "nowdate": …}   (data_apis §6; no key)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import stamina

from engine.core.errors import OutsideError

MONTH_LIST = "http://www.szse.cn/api/report/exchange/onepersistenthour/monthList"
TIMEOUT_S = 10.0
MAX_BYTES = 200_000
_HEADERS = {"Referer": "http://www.szse.cn/aboutus/calendar/", "User-Agent": "kanpan"}


def month_pages(months: Iterable[tuple[int, int]], *, address: str = MONTH_LIST) -> list[Mapping[str, Any]]:
    """The answers for (year, month) pairs, in order. Raises OutsideError when the exchange cannot be reached or says no page."""
    with httpx.Client(timeout=TIMEOUT_S, headers=_HEADERS, trust_env=False, follow_redirects=False) as client:
        return [_page(client, address, year, month) for year, month in months]


def _page(client: httpx.Client, address: str, year: int, month: int) -> Mapping[str, Any]:
    try:
        for attempt in stamina.retry_context(on=httpx.TransportError, attempts=3, wait_initial=0.2, wait_max=2.0):
            with attempt:
                answer = client.get(address, params={"month": f"{year}-{month}"})
        answer.raise_for_status()
        if len(answer.content) > MAX_BYTES:
            raise ValueError("larger than a month")
        page = answer.json()
    except httpx.HTTPStatusError as error:
        raise OutsideError(f"szse: HTTP {error.response.status_code} for {year}-{month:02d}") from None
    except httpx.HTTPError as error:
        raise OutsideError(f"szse: {type(error).__name__} for {year}-{month:02d}") from None
    except ValueError:
        raise OutsideError(f"szse: not a list of days for {year}-{month:02d}") from None
    if not isinstance(page, Mapping):
        raise OutsideError(f"szse: not a list of days for {year}-{month:02d}")
    return page
