"""When what was bought may be sold: T+1 and its T+0 exceptions, by product and date.

Sources: SSE/SZSE trading rules 3.1.4-3.1.5 (A shares T+1 since 1995-01-01), 上证发〔2015〕6号 and SZSE 2015-01-09 (T+0 funds).
"""

from __future__ import annotations

from datetime import date

from engine.core.instrument import Instrument
from engine.exchange.boards import Product, product_of
from engine.exchange.calendar import Calendar
from engine.exchange.dated import since

_NEXT, _SAME = 1, 0
_WAIT = {
    Product.STOCK: since("settlement of A shares", ("1995-01-01", _NEXT)),
    Product.B_SHARE: since("settlement of B shares", ("2006-07-01", _NEXT)),
    Product.FUND: since("settlement of funds", ("2006-07-01", _NEXT)),
    # Commodity-futures funds followed in 2019 (SZSE) and 2020 (SSE); none traded before.
    Product.FUND_T0: since("settlement of bond, money, gold and cross-border funds", ("2006-07-01", _NEXT), ("2015-01-19", _SAME)),
    Product.REIT: since("settlement of REITs", ("2021-01-29", _NEXT)),
    Product.CONVERTIBLE: since("settlement of convertible bonds", ("2006-07-01", _SAME)),
}


def settles_on(instrument: Instrument, day: date, calendar: Calendar) -> date:
    """The first day on which what is bought on session `day` may be sold: the next session (T+1), or the same day.

    US shares and crypto may be resold at once. Raises RuleUnknown before the rulebook and CalendarUnknown at its end.
    """
    wait = _WAIT.get(product_of(instrument))
    if wait is None or wait.on(day) == _SAME:
        return day
    return calendar.next_session(day)
