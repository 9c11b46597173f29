"""The first day of every other dated rule (lots, sessions, settlement, cage), and the day before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest
from rulebook import cny, day, share

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.order import OrderType, Side
from engine.core.units import Market
from engine.exchange import Phase, calendar, price_cage, settles_on
from engine.exchange.lots import lot_rule
from engine.exchange.sessions import ashare_table, phase_in

B_SHARE_SZ = share("b_share_sse_usd", symbol="200012.SZ", board=Board.B_SHARE_SZ)
CB_SZ = share("convertible", symbol="123107.SZ", board=Board.CB_SZ)
REIT_SZ = share("reit", symbol="180101.SZ")
OLD_BSE = share("bse", symbol="830799.BJ", board=Board.BSE_OLD)


def answer(ask: Callable[[date], Any], on: date) -> Any:
    """What a rule says of a day; "unknown" when it refuses."""
    try:
        return ask(on)
    except RuleUnknown:
        return "unknown"


@pytest.mark.parametrize(
    ("instrument", "first", "rule"),
    [
        (share("main"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("main_sz"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("chinext"), "2009-10-30", (100, 100, 1_000_000, 1_000_000)),
        (share("star"), "2019-07-22", (200, 1, 100_000, 50_000)),
        (share("bse"), "2021-11-15", (100, 1, 1_000_000, 1_000_000)),
        (OLD_BSE, "2021-11-15", (100, 1, 1_000_000, 1_000_000)),
        (share("b_share_sse_usd"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (B_SHARE_SZ, "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("etf"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("etf_sz"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("etf_20pct"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("lof"), "1990-12-19", (100, 100, 1_000_000, 1_000_000)),
        (share("reit"), "2021-01-29", (100, 100, 1_000_000, 1_000_000)),
        (share("convertible"), "2006-07-01", (10, 10, 1_000_000, 1_000_000)),
        (CB_SZ, "2006-07-01", (10, 10, 1_000_000, 1_000_000)),
    ],
)
def test_lot_rules_begin_with_their_board(instrument: Instrument, first: str, rule: tuple[int, int, int, int]) -> None:
    def ask(on: date) -> Any:
        found = lot_rule(instrument, OrderType.LIMIT, on)
        return (found.minimum, found.step, found.max_limit, found.max_market)

    assert answer(ask, day(first)) == rule
    assert answer(ask, day(first) - timedelta(days=1)) == "unknown"


def test_chinext_maxima_were_cut_with_its_new_rules() -> None:
    before, after = (lot_rule(share("chinext"), OrderType.LIMIT, day(text)) for text in ("2020-08-23", "2020-08-24"))
    assert (before.max_limit, before.max_market) == (1_000_000, 1_000_000)
    assert (after.max_limit, after.max_market, after.odd_below, after.odd_joins) == (300_000, 150_000, 100, True)


CONTINUOUS, CALL, AFTER = Phase.CONTINUOUS, Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED


@pytest.mark.parametrize(
    ("instrument", "steps"),
    [
        (share("main"), {"2006-07-01": (CONTINUOUS, False), "2018-08-20": (CALL, False), "2026-07-06": (CALL, True)}),
        (share("main_sz"), {"2006-07-01": (CALL, False), "2026-07-06": (CALL, True)}),
        (share("star"), {"2019-07-22": (CALL, True)}),
        (share("chinext"), {"2009-10-30": (CALL, False), "2020-08-24": (CALL, True)}),
        (share("bse"), {"2021-11-15": (CALL, False)}),
        (share("etf"), {"2006-07-01": (CONTINUOUS, False), "2026-07-06": (CALL, True)}),
        (share("etf_20pct"), {"2006-07-01": (CONTINUOUS, False), "2026-07-06": (CALL, True)}),
        (share("etf", symbol="511880.SH"), {"2006-07-01": (CONTINUOUS, False), "2026-07-06": (CALL, True)}),
        (share("etf_sz"), {"2006-07-01": (CALL, False), "2026-07-06": (CALL, True)}),
        (share("etf_sz", name="黄金ETF"), {"2006-07-01": (CALL, False), "2026-07-06": (CALL, True)}),
        (share("convertible"), {"2006-07-01": (CONTINUOUS, False)}),
        (CB_SZ, {"2006-07-01": (CALL, False)}),
        (share("b_share_sse_usd"), {"2006-07-01": (CONTINUOUS, False), "2018-08-20": (CALL, False)}),
        (B_SHARE_SZ, {"2006-07-01": (CALL, False)}),
        (share("reit"), {"2021-01-29": (CONTINUOUS, False), "2026-07-06": (CALL, False)}),
        (REIT_SZ, {"2006-07-01": (CALL, False)}),
    ],
)
def test_session_tables_change_on_their_days(instrument: Instrument, steps: dict[str, tuple[Phase, bool]]) -> None:
    def ask(on: date) -> Any:
        table = ashare_table(instrument, on)
        return phase_in(table, time(14, 58)), phase_in(table, time(15, 10)) is AFTER

    before: Any = "unknown"
    for text, expected in steps.items():
        assert answer(ask, day(text) - timedelta(days=1)) == before, text
        assert answer(ask, day(text)) == expected, text
        before = expected


def test_every_boundary_of_a_session_is_half_open() -> None:
    table = ashare_table(share("main"), date(2026, 11, 20))
    for (start, phase), (_, earlier) in zip(table[1:], table, strict=False):
        second_before = time(start.hour - (start.minute == 0), (start.minute - 1) % 60, 59)
        assert (phase_in(table, second_before), phase_in(table, start)) == (earlier, phase)
    expected = ["00:00", "09:15", "09:20", "09:25", "09:30", "11:30", "13:00", "14:57", "15:00", "15:05", "15:30"]
    assert [f"{start:%H:%M}" for start, _ in table] == expected


@pytest.mark.parametrize(
    ("instrument", "first", "eve", "before", "after"),
    [
        (share("main"), "1995-01-03", "1994-12-30", "unknown", True),
        (share("b_share_sse_usd"), "2006-07-03", "2006-06-30", "unknown", True),
        (share("etf"), "2006-07-03", "2006-06-30", "unknown", True),
        (share("etf", symbol="511880.SH"), "2015-01-19", "2015-01-16", True, False),
        (share("etf", symbol="511880.SH"), "2006-07-03", "2006-06-30", "unknown", True),
        (share("reit"), "2021-01-29", "2021-01-28", "unknown", True),
        (share("convertible"), "2006-07-03", "2006-06-30", "unknown", False),
    ],
)
def test_settlement_rules_begin_on_their_days(instrument: Instrument, first: str, eve: str, before: Any, after: bool) -> None:
    def waits(on: date) -> Any:
        return settles_on(instrument, on, calendar(Market.ASHARE)) > on

    assert answer(waits, day(first)) is after
    assert answer(waits, day(eve)) == before


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("main", {"1996-12-16": None, "2023-04-10": "10.20"}),
        ("main_sz", {"1996-12-16": None, "2023-04-10": "10.20"}),
        ("star", {"2019-07-22": "10.20"}),
        ("chinext", {"2009-10-30": None, "2020-08-24": "10.20"}),
        ("bse", {"2021-11-15": "10.50"}),
    ],
)
def test_the_cage_begins_on_its_days(kind: str, steps: dict[str, str | None]) -> None:
    def ask(on: date) -> Any:
        return price_cage(share(kind), Side.BUY, on, cny("10"))

    before: Any = "unknown"
    for text, expected in steps.items():
        assert answer(ask, day(text) - timedelta(days=1)) == before, text
        before = None if expected is None else cny(expected)
        assert answer(ask, day(text)) == before, text
    assert price_cage(OLD_BSE, Side.BUY, date(2021, 11, 15), cny("98761.94")) == cny("103700.04")
    assert price_cage(OLD_BSE, Side.BUY, date(2021, 11, 15), cny("1.50")) == cny("1.60")
    assert answer(lambda on: price_cage(OLD_BSE, Side.BUY, on, cny("10")), date(2021, 11, 14)) == "unknown"


def test_chinext_and_star_lost_their_narrow_cage_in_2023() -> None:
    for kind in ("star", "chinext"):
        assert price_cage(share(kind), Side.BUY, day("2023-04-09"), cny("3")) == cny("3.06")
        assert price_cage(share(kind), Side.BUY, day("2023-04-10"), cny("3")) == cny("3.10")
