"""The rulebook against marina-rules, an independent data set that quotes the exchange texts with dates."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rulebook import share, us_share

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.order import Side
from engine.core.units import PPM, Market, div_half_up
from engine.exchange import FeeSchedule, Phase, calendar, fees, price_limits, settles_on, tick_of
from engine.exchange.fees import COMMISSION_CAP_PPM
from engine.exchange.limits import band

marina = pytest.importorskip("marina_rules")
BEIJING = ZoneInfo("Asia/Shanghai")

SCOPES: dict[tuple[str, str], tuple[Instrument, dict[str, int]]] = {
    ("main_board", "XSHG"): (share("main"), {}),
    ("main_board", "XSHE"): (share("main_sz"), {}),
    ("st_main", "XSHG"): (share("st_main"), {}),
    ("chinext", "XSHE"): (share("chinext"), {}),
    ("st_chinext", "XSHE"): (share("st_chinext"), {}),
    ("star", "XSHG"): (share("star"), {}),
    ("st_star", "XSHG"): (share("st_star"), {}),
    ("bse", "BJSE"): (share("bse"), {}),
    ("st_bse", "BJSE"): (share("st_bse"), {}),
    ("ipo_first5_main", "XSHG"): (share("main"), {"sessions_listed": 5}),
    ("ipo_first5_chinext", "XSHE"): (share("chinext"), {"sessions_listed": 5}),
    ("ipo_first5_star", "XSHG"): (share("star"), {"sessions_listed": 5}),
    ("ipo_day1_bse", "BJSE"): (share("bse"), {"sessions_listed": 1}),
    ("b_share", "XSHG"): (share("b_share_sse_usd"), {}),
    ("st_b_share", "XSHG"): (share("st_b_share_sse_usd"), {}),
    ("etf", "XSHG"): (share("etf"), {}),
    ("etf", "XSHE"): (share("etf_sz"), {}),
    ("etf_20pct", "XSHG"): (share("etf_20pct"), {}),
    ("etf_20pct", "XSHE"): (share("etf_sz", name="创业板ETF"), {}),
    ("convertible", "XSHG"): (share("convertible"), {}),
    ("reits", "XSHG"): (share("reit"), {}),
    ("reits_day1", "XSHG"): (share("reit"), {"sessions_listed": 1}),
    ("delisting", "XSHG"): (share("main", delisting=True), {"delisting_sessions": 2}),
    ("delisting", "XSHE"): (share("main_sz", delisting=True), {"delisting_sessions": 2}),
    ("delisting_chinext", "XSHE"): (share("chinext", delisting=True), {"delisting_sessions": 2}),
    ("delisting_star", "XSHG"): (share("star", delisting=True), {"delisting_sessions": 2}),
    ("delisting_bse", "BJSE"): (share("bse", delisting=True), {"delisting_sessions": 2}),
    ("delisting_day1", "XSHG"): (share("main", delisting=True), {"delisting_sessions": 1}),
    ("delisting_day1_star", "XSHG"): (share("star", delisting=True), {"delisting_sessions": 1}),
    ("delisting_day1_bse", "BJSE"): (share("bse", delisting=True), {"delisting_sessions": 1}),
}
REFERENCES = (1, 4, 5, 9, 10, 99, 333, 375, 1005, 1195, 3015, 130_645, 9_876_545)
"""Reference prices in ticks."""


def edges() -> list[date]:
    """Every day on which a recorded rule begins or ends, with the day before and after."""
    found = set()
    for record in marina.records():
        for text in (record.effective_from, record.effective_to):
            if text:
                day = date.fromisoformat(str(text))
                found |= {day - timedelta(days=1), day, day + timedelta(days=1)}
    return sorted(found | {date(2026, 11, 20)})


def marinas_limits(scope: str, market: str, on: date, price: float, places: int) -> Any:
    """(up, down) in ticks, None where unlimited, "unknown" where their records are silent."""
    try:
        found = marina.limit_price(price, scope, on.isoformat(), market=market, decimals=places)
    except KeyError:
        return "unknown"
    if found is None:
        return None
    up, down = (round(value * 10**places) for value in found)
    # Their one-tick rule may reach zero; no order can be placed there, and market_rules §3 floors the limit at one tick.
    return up, max(down, 1)


def ours(instrument: Instrument, days: dict[str, int], on: date, ticks: int) -> Any:
    """The same in the same form."""
    tick = tick_of(instrument, on)
    try:
        limits = price_limits(instrument, on, ticks * tick, **{"sessions_listed": None, **days})
    except RuleUnknown:
        return "unknown"
    return None if limits is None else (limits.up // tick, limits.down // tick)


def test_limits_agree_on_every_edge_of_every_rule() -> None:
    answers: Counter[str] = Counter()
    for (scope, market), (instrument, days) in SCOPES.items():
        for on in edges():
            places = 2 if tick_of(instrument, on) == 100 else 3
            for ticks in REFERENCES:
                if market == "BJSE" and ticks < 2:
                    continue  # they have no record of a one-tick rule in Beijing; we assume it [?]
                theirs = marinas_limits(scope, market, on, ticks / 10**places, places)
                mine = ours(instrument, days, on, ticks)
                if theirs == "unknown":
                    answers["they are silent"] += 1
                    continue
                if mine == "unknown":
                    raise AssertionError(f"{scope} {market} {on}: they know {theirs}, we refuse")
                assert mine == theirs, (scope, market, on, ticks)
                answers["agreed"] += 1
    assert answers["agreed"] > 15_000, answers


@pytest.mark.parametrize("market", ["XSHG", "XSHE"])
def test_first_days_before_registration_agree(market: str) -> None:
    instrument = share("main" if market == "XSHG" else "main_sz")
    for on in edges():
        if date(1996, 12, 16) <= on < date(2023, 4, 10):
            theirs = marina.rule_at("price_limit_pct", on.isoformat(), "ipo_day1_main", market=market)
            mine = band(instrument, on, sessions_listed=1)
            expected = (0, 0) if theirs == "unlimited" else (round(theirs["up"] * PPM), round(theirs["down"] * PPM))
            assert mine == expected, on


def test_a_convertible_bonds_first_day_agrees() -> None:
    theirs = marina.rule_at("price_limit_pct_of_issue_price", "2026-11-20", "convertible_day1")
    assert band(share("convertible"), date(2026, 11, 20), sessions_listed=1) == (theirs["up"] * PPM, theirs["down"] * PPM)
    assert band(share("convertible"), date(2022, 7, 29), sessions_listed=1) == (0, 0)


def test_ticks_agree() -> None:
    for scope, kind, unit in (("stock", "main", 10_000), ("etf", "etf", 10_000), ("b_share", "b_share_sse_usd", 10_000)):
        theirs = marina.tick_size(scope, "2026-11-20", market="XSHG")
        assert tick_of(share(kind), date(2026, 11, 20)) == round(theirs * unit)


def test_stamp_duty_and_transfer_fee_agree() -> None:
    plain = FeeSchedule(commission_ppm=0, minimum=0)
    notional = 10**10
    for on in edges():
        if on < date(2015, 8, 1):
            continue
        charged = fees(share("main"), Side.SELL, 10**6, 10**4, on, plain)
        for kind, rule in (("stamp", "stamp_duty_sell"), ("transfer", "transfer_fee_each_side")):
            rate = marina.rule_at(rule, on.isoformat())
            assert getattr(charged, kind) == div_half_up(notional * round(rate * 10**9), 10**11) * 100, (kind, on)
        assert fees(share("main"), Side.BUY, 10**6, 10**4, on, plain).stamp == 0
    assert round(marina.rule_at("commission_cap", "2026-11-20") * PPM) == COMMISSION_CAP_PPM
    assert marina.rule_at("commission_min_per_order_cny", "2026-11-20") * 10_000 == FeeSchedule().minimum


def test_settlement_agrees() -> None:
    kinds = {
        "stock": share("main"),
        "b_share": share("b_share_sse_usd"),
        "etf": share("etf"),
        "etf_bond": share("etf", symbol="511010.SH"),
        "etf_money": share("etf", symbol="511880.SH"),
        "etf_gold": share("etf", symbol="518880.SH"),
        "etf_crossborder": share("etf", symbol="513100.SH"),
        "etf_20pct": share("etf_20pct"),
    }
    days = calendar(Market.ASHARE)
    for scope, instrument in kinds.items():
        for on in edges():
            if not (days.first <= on < date(2026, 12, 31) and days.is_session(on)):
                continue
            try:
                wait = marina.rule_at("min_holding_days", on.isoformat(), scope)
            except KeyError:
                continue
            assert (settles_on(instrument, on, days) > on) is (wait == 1), (scope, on)


def test_session_schedules_agree() -> None:
    days = calendar(Market.ASHARE)
    kinds = {("stock", "XSHG"): "main", ("stock", "XSHE"): "main_sz", ("etf", "XSHG"): "etf", ("etf", "XSHE"): "etf_sz"}
    for (scope, market), kind in kinds.items():
        for on in edges():
            if not (date(2006, 7, 1) <= on and days.is_session(on)):
                continue
            theirs = marina.rule_at("session_schedule", on.isoformat(), scope, market=market)
            spans = [(theirs["open_call"], {Phase.OPEN_CALL, Phase.OPEN_CALL_NO_CANCEL})]
            spans += [(span, {Phase.CONTINUOUS}) for span in theirs["continuous"]]
            spans += [(theirs["close_call"], {Phase.CLOSE_CALL_NO_CANCEL})] if theirs["close_call"] else []
            for (start, end), phases in spans:
                first = datetime.combine(on, time.fromisoformat(start), BEIJING)
                last = datetime.combine(on, time.fromisoformat(end), BEIJING)
                assert days.phase(first, share(kind)) in phases
                assert days.phase(last - timedelta(seconds=1), share(kind)) in phases
                assert days.phase(last, share(kind)) not in phases or last.hour == 11
                assert days.phase(first - timedelta(seconds=1), share(kind)) not in phases


@pytest.mark.parametrize(
    ("instrument", "on"),
    [
        (share("main"), date(1996, 12, 15)),
        (share("star"), date(2019, 7, 21)),
        (share("bse"), date(2021, 11, 14)),
        (share("chinext"), date(2009, 10, 29)),
        (share("reit"), date(2021, 1, 28)),
        (share("chinext", delisting=True), date(2020, 10, 9)),
    ],
)
def test_what_the_rulebook_does_not_cover_is_refused_by_name(instrument: Instrument, on: date) -> None:
    with pytest.raises(RuleUnknown, match=str(on)):
        price_limits(instrument, on, 100_000, sessions_listed=None)


def test_other_markets_have_no_limits() -> None:
    assert price_limits(us_share(), date(2026, 11, 20), 100_000, sessions_listed=None) is None
    spot = Instrument("BTCUSDT.BINANCE", Market.CRYPTO, Board.SPOT, "BTC")
    assert price_limits(spot, date(2026, 11, 20), 100_000, sessions_listed=1) is None
