"""The price limit of every kind of day, on the first day each rule was in force and on the day before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from rulebook import day, share

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.exchange.limits import PriceLimits, band, limits_around, price_limits

UNKNOWN = "unknown"
FREE = (0, 0)
P5, P10, P20, P30 = ((ppm, ppm) for ppm in (50_000, 100_000, 200_000, 300_000))
OLD_FIRST = (440_000, 360_000)
CHINEXT_FUND = share("etf_sz", name="创业板ETF")


def delisting(kind: str) -> Instrument:
    return share(kind, delisting=True)


@pytest.mark.parametrize(
    ("instrument", "listed", "leaving", "steps"),
    [
        (share("main"), None, None, {"1996-12-15": UNKNOWN, "1996-12-16": P10}),
        (share("st_main"), None, None, {"1998-04-21": UNKNOWN, "1998-04-22": P5, "2026-07-05": P5, "2026-07-06": P10}),
        (share("chinext"), None, None, {"2009-10-29": UNKNOWN, "2009-10-30": P10, "2020-08-23": P10, "2020-08-24": P20}),
        (share("st_chinext"), None, None, {"2009-10-29": UNKNOWN, "2009-10-30": P5, "2020-08-23": P5, "2020-08-24": P20}),
        (share("star"), None, None, {"2019-07-21": UNKNOWN, "2019-07-22": P20}),
        (share("bse"), None, None, {"2021-11-14": UNKNOWN, "2021-11-15": P30}),
        (share("b_share_sse_usd"), None, None, {"1996-12-15": UNKNOWN, "1996-12-16": P10}),
        (share("st_b_share_sse_usd"), None, None, {"1998-04-21": UNKNOWN, "1998-04-22": P5, "2026-07-05": P5, "2026-07-06": P10}),
        (share("etf"), None, None, {"1996-12-15": UNKNOWN, "1996-12-16": P10, "2026-11-20": P10}),
        (share("etf_20pct"), None, None, {"1996-12-15": UNKNOWN, "1996-12-16": P10, "2020-08-20": P10, "2020-08-21": P20}),
        (CHINEXT_FUND, None, None, {"1996-12-15": UNKNOWN, "1996-12-16": P10, "2020-08-23": P10, "2020-08-24": P20}),
        (share("convertible"), None, None, {"2006-06-30": UNKNOWN, "2006-07-01": FREE, "2022-07-31": FREE, "2022-08-01": P20}),
        (share("convertible"), 1, None, {"2006-06-30": UNKNOWN, "2006-07-01": FREE, "2022-08-01": (573_000, 433_000)}),
        (share("convertible"), 2, None, {"2022-08-01": P20}),
        (share("reit"), None, None, {"2021-01-28": UNKNOWN, "2021-01-29": P10}),
        (share("reit"), 1, None, {"2021-01-28": UNKNOWN, "2021-01-29": P30}),
        (share("reit"), 2, None, {"2021-01-29": P10}),
        (
            share("main"),
            1,
            None,
            {"1996-12-15": UNKNOWN, "1996-12-16": FREE, "2013-12-12": FREE, "2013-12-13": OLD_FIRST, "2023-04-10": FREE},
        ),
        (
            share("main_sz"),
            1,
            None,
            {"1996-12-15": UNKNOWN, "1996-12-16": FREE, "2014-06-12": FREE, "2014-06-13": OLD_FIRST, "2023-04-10": FREE},
        ),
        (
            share("chinext"),
            1,
            None,
            {"2009-10-29": UNKNOWN, "2009-10-30": FREE, "2014-06-12": FREE, "2014-06-13": OLD_FIRST, "2020-08-24": FREE},
        ),
        (share("main"), 2, None, {"2023-04-09": P10, "2023-04-10": FREE}),
        (share("main_sz"), 2, None, {"2023-04-09": P10, "2023-04-10": FREE}),
        (share("main_sz"), 5, None, {"2023-04-09": P10, "2023-04-10": FREE}),
        (share("main"), 6, None, {"2023-04-10": P10}),
        (share("main_sz"), 6, None, {"2023-04-10": P10}),
        (share("chinext"), 2, None, {"2020-08-23": P10, "2020-08-24": FREE}),
        (share("chinext"), 6, None, {"2020-08-24": P20}),
        (share("star"), 1, None, {"2019-07-21": UNKNOWN, "2019-07-22": FREE}),
        (share("star"), 5, None, {"2019-07-22": FREE}),
        (share("star"), 6, None, {"2019-07-22": P20}),
        (share("bse"), 1, None, {"2021-11-14": UNKNOWN, "2021-11-15": FREE}),
        (share("bse"), 2, None, {"2021-11-15": P30}),
        (share("bse", symbol="830799.BJ", board=Board.BSE_OLD), 1, None, {"2021-11-15": FREE}),
        (share("bse", symbol="830799.BJ", board=Board.BSE_OLD), 2, None, {"2021-11-15": P30}),
        (delisting("main"), None, None, {"2012-12-31": UNKNOWN, "2013-01-01": P10}),
        (delisting("main"), None, 1, {"2012-12-31": UNKNOWN, "2013-01-01": P10, "2020-12-30": P10, "2020-12-31": FREE}),
        (delisting("main_sz"), None, 2, {"2012-12-16": UNKNOWN, "2012-12-17": P10, "2026-11-20": P10}),
        (delisting("main_sz"), None, 1, {"2012-12-16": UNKNOWN, "2012-12-17": P10, "2020-12-30": P10, "2020-12-31": FREE}),
        (
            delisting("chinext"),
            None,
            2,
            {
                "2012-12-16": UNKNOWN,
                "2012-12-17": P10,
                "2020-08-23": P10,
                "2020-08-24": UNKNOWN,
                "2020-12-30": UNKNOWN,
                "2020-12-31": P20,
            },
        ),
        (
            delisting("chinext"),
            None,
            1,
            {"2012-12-16": UNKNOWN, "2012-12-17": P10, "2020-08-24": UNKNOWN, "2020-12-30": UNKNOWN, "2020-12-31": FREE},
        ),
        (delisting("star"), None, 1, {"2019-07-21": UNKNOWN, "2019-07-22": P20, "2020-12-30": P20, "2020-12-31": FREE}),
        (delisting("star"), None, 2, {"2019-07-22": P20}),
        (delisting("bse"), None, 1, {"2021-11-15": FREE}),
        (delisting("bse"), None, 2, {"2021-11-14": UNKNOWN, "2021-11-15": P30}),
    ],
)
def test_every_rule_begins_on_its_day(
    instrument: Instrument, listed: int | None, leaving: int | None, steps: dict[str, Any]
) -> None:
    for text, expected in steps.items():
        try:
            found: Any = band(instrument, day(text), sessions_listed=listed, delisting_sessions=leaving)
        except RuleUnknown:
            found = UNKNOWN
        assert found == expected, text


@pytest.mark.parametrize(
    ("instrument", "first", "before", "after"),
    [
        (share("main"), "2023-04-10", (400, 400), (500, 300)),
        (share("main_sz"), "2011-02-28", (400, 400), (500, 300)),
        (delisting("main"), "2013-01-01", None, (500, 300)),
    ],
)
def test_the_one_tick_rule_begins_on_its_day(
    instrument: Instrument, first: str, before: tuple[int, int] | None, after: tuple[int, int]
) -> None:
    """At 0.04 CNY a tenth is less than half a tick: the limits were the reference itself until the one-tick rule came."""
    eve = day(first) - timedelta(days=1)
    if before is not None:
        assert price_limits(instrument, eve, 400, sessions_listed=None) == PriceLimits(*before)
    assert price_limits(instrument, day(first), 400, sessions_listed=None) == PriceLimits(*after)


def test_delisting_shares_at_five_cents() -> None:
    assert price_limits(delisting("main"), day("2020-12-30"), 500, sessions_listed=None) == PriceLimits(600, 500)
    assert price_limits(delisting("main"), day("2020-12-31"), 500, sessions_listed=None) == PriceLimits(600, 400)
    assert price_limits(delisting("main"), day("2020-12-30"), 400, sessions_listed=None) == PriceLimits(500, 300)


def test_percentages_are_exact_at_any_price() -> None:
    reference = 987_654_321_000
    for up, down in (P5, P10, P20, P30, OLD_FIRST, (573_000, 433_000)):
        limits = limits_around(reference, up, down, 100, one_tick=True)
        assert abs(limits.up - reference * (10**6 + up) // 10**6) <= 50
        assert abs(limits.down - reference * (10**6 - down) // 10**6) <= 50


def test_no_limit_is_below_one_tick() -> None:
    assert limits_around(100, 100_000, 100_000, 100, one_tick=True) == PriceLimits(200, 100)
    assert limits_around(1, 100_000, 100_000, 1, one_tick=True) == PriceLimits(2, 1)
    assert limits_around(100, 300_000, 600_000, 100, one_tick=False) == PriceLimits(100, 100)


def test_beijing_gets_the_one_tick_rule() -> None:
    assert price_limits(share("bse"), day("2021-11-15"), 100, sessions_listed=None) == PriceLimits(200, 100)
