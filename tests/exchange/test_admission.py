"""What the exchange takes and what it refuses, and under which name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from rulebook import cny, day, share, us_share

from engine.core.order import OrderType, Side
from engine.exchange.admission import Request, effective_cap, order_problem
from engine.exchange.limits import CageRule, PriceLimits, cage_base, cage_rule, price_cage, price_limits
from engine.exchange.sessions import Phase

TODAY = date(2026, 11, 20)
LIMITS = PriceLimits(cny("11"), cny("9"))
BUY = Request(Side.BUY, OrderType.LIMIT, 100, cny("10"))
SELL = Request(Side.SELL, OrderType.LIMIT, 100, cny("10"))


def asked(request: Request, kind: str = "main", *, on: date = TODAY, **changes: Any) -> str:
    values: dict[str, Any] = {
        "phase": Phase.CONTINUOUS,
        "limits": LIMITS,
        "reference": cny("10"),
        "cage_from": cny("10"),
        "sellable": 1000,
    }
    flags = {key: changes.pop(key) for key in ("special_treatment", "delisting") if key in changes}
    return order_problem(share(kind, **flags), request, on, **{**values, **changes})


@pytest.mark.parametrize(
    ("request_", "changes", "code"),
    [
        (BUY, {}, ""),
        (SELL, {}, ""),
        (BUY, {"suspended": True}, "SUSPENDED"),
        (BUY, {"phase": Phase.LUNCH}, "PHASE_LUNCH"),
        (BUY, {"phase": Phase.PRE_OPEN_GAP}, "PHASE_PRE_OPEN_GAP"),
        (BUY, {"phase": Phase.CLOSED}, "PHASE_CLOSED"),
        (replace(BUY, quantity=150), {}, "QUANTITY_NOT_LOT"),
        (replace(SELL, quantity=1100), {}, "QUANTITY_OVER_SELLABLE"),
        (BUY, {"delisting": True}, "DELISTING_SELL_ONLY"),
        (SELL, {"delisting": True}, ""),
        (replace(BUY, quantity=100_000, bought_today=400_000), {"special_treatment": True}, ""),
        (replace(BUY, quantity=100_100, bought_today=400_000), {"special_treatment": True}, "ST_DAILY_MAXIMUM"),
        (replace(BUY, quantity=100_100, bought_today=400_000), {}, ""),
        (replace(BUY, limit_price=0), {}, "PRICE_MISSING"),
        (replace(BUY, limit_price=cny("10.005")), {}, "PRICE_NOT_ON_TICK"),
        (replace(BUY, limit_price=cny("11.01")), {}, "PRICE_OUTSIDE_LIMITS"),
        (replace(BUY, limit_price=cny("8.99")), {}, "PRICE_OUTSIDE_LIMITS"),
        (replace(BUY, limit_price=cny("10.20")), {}, ""),
        (replace(BUY, limit_price=cny("10.21")), {}, "PRICE_OUTSIDE_CAGE"),
        (replace(BUY, limit_price=cny("11")), {"phase": Phase.OPEN_CALL}, ""),
        (replace(BUY, limit_price=cny("11")), {"phase": Phase.CLOSE_CALL_NO_CANCEL}, ""),
        (replace(BUY, limit_price=cny("9")), {}, ""),
        (replace(SELL, limit_price=cny("9.80")), {}, ""),
        (replace(SELL, limit_price=cny("9.79")), {}, "PRICE_OUTSIDE_CAGE"),
        (replace(SELL, limit_price=cny("11")), {}, ""),
        (replace(BUY, limit_price=cny("9.99")), {"phase": Phase.AFTER_HOURS_FIXED}, "PRICE_VOID_AFTER_HOURS"),
        (BUY, {"phase": Phase.AFTER_HOURS_FIXED}, ""),
        (replace(SELL, limit_price=cny("10.01")), {"phase": Phase.AFTER_HOURS_FIXED}, "PRICE_VOID_AFTER_HOURS"),
        (SELL, {"phase": Phase.AFTER_HOURS_FIXED}, ""),
        (Request(Side.BUY, OrderType.MARKET, 100), {}, ""),
        (Request(Side.BUY, OrderType.MARKET, 100), {"phase": Phase.OPEN_CALL}, "MARKET_ORDER_IN_CALL"),
        (Request(Side.SELL, OrderType.STOP, 100), {}, "STOP_MISSING"),
        (Request(Side.SELL, OrderType.STOP, 100, stop_price=cny("9.5")), {}, ""),
        (Request(Side.SELL, OrderType.STOP, 100, stop_price=cny("9.505")), {}, "PRICE_NOT_ON_TICK"),
        (Request(Side.SELL, OrderType.STOP, 100, cny("8"), cny("9.5")), {}, "PRICE_OUTSIDE_LIMITS"),
        (Request(Side.SELL, OrderType.STOP, 100, cny("9.4"), cny("9.5")), {}, ""),
        (replace(BUY, limit_price=cny("90")), {"limits": None, "phase": Phase.OPEN_CALL}, ""),
        (replace(BUY, limit_price=cny("90.01")), {"limits": None, "phase": Phase.OPEN_CALL}, "PRICE_OUTSIDE_AUCTION_RANGE"),
        (replace(BUY, limit_price=cny("5")), {"limits": None, "phase": Phase.OPEN_CALL_NO_CANCEL}, ""),
        (replace(BUY, limit_price=cny("4.99")), {"limits": None, "phase": Phase.OPEN_CALL}, "PRICE_OUTSIDE_AUCTION_RANGE"),
        (replace(BUY, limit_price=cny("4.99")), {"limits": None, "phase": Phase.CLOSE_CALL_NO_CANCEL}, ""),
    ],
)
def test_the_first_rule_that_refuses_names_itself(request_: Request, changes: dict[str, Any], code: str) -> None:
    assert asked(request_, **changes) == code


def test_shenzhen_holds_what_shanghai_refuses_before_the_open() -> None:
    assert asked(BUY, "main_sz", phase=Phase.PRE_OPEN_GAP) == ""
    assert asked(BUY, "bse", phase=Phase.PRE_OPEN_GAP) == "PHASE_PRE_OPEN_GAP"


def test_the_cage_came_by_board_and_date() -> None:
    high = replace(BUY, limit_price=cny("10.21"))
    assert asked(high, on=day("2023-04-07")) == ""
    assert asked(high, on=day("2023-04-10")) == "PRICE_OUTSIDE_CAGE"
    assert asked(high, "chinext", on=day("2020-08-21")) == ""
    assert asked(high, "chinext", on=day("2020-08-24")) == "PRICE_PARKED_BY_CAGE"
    assert asked(high, "chinext", on=day("2023-04-10")) == "PRICE_OUTSIDE_CAGE"
    star = replace(high, quantity=200)
    assert asked(star, "star", on=day("2020-01-02")) == "PRICE_OUTSIDE_CAGE"
    assert asked(replace(high, limit_price=cny("10.500")), "bse") == ""
    assert asked(replace(high, limit_price=cny("10.51")), "bse") == "PRICE_OUTSIDE_CAGE"
    assert cage_rule(share("etf"), TODAY) is CageRule.NONE
    assert price_cage(share("etf"), Side.BUY, TODAY, cny("4")) is None


def test_star_had_no_ten_tick_branch_before_2023() -> None:
    low = cny("3")
    assert price_cage(share("star"), Side.BUY, day("2022-01-04"), low) == cny("3.06")
    assert price_cage(share("star"), Side.BUY, TODAY, low) == cny("3.10")
    assert price_cage(share("star"), Side.BUY, day("2022-01-04"), cny("0.20")) == cny("0.21"), "at least one tick"
    assert price_cage(share("main"), Side.SELL, TODAY, cny("0.05")) == cny("0.01")


def test_the_cage_is_exact_at_any_price() -> None:
    for kind, up, down in (("main", "100737.18", "96786.70"), ("bse", "103700.04", "93823.84")):
        assert price_cage(share(kind), Side.BUY, TODAY, cny("98761.94")) == cny(up)
        assert price_cage(share(kind), Side.SELL, TODAY, cny("98761.94")) == cny(down)
    assert price_cage(share("star"), Side.BUY, day("2022-01-04"), cny("98761.94")) == cny("100737.18")
    assert price_cage(share("chinext"), Side.SELL, day("2022-01-04"), cny("98761.94")) == cny("96786.70")


def test_without_a_reference_price_there_are_no_limits() -> None:
    for reference in (0, -100):
        with pytest.raises(ValueError, match="positive"):
            price_limits(share("main"), TODAY, reference, sessions_listed=None)


def test_the_cage_is_drawn_around_the_best_price_known() -> None:
    book = {"bid": 1, "ask": 2, "last": 3, "pre_close": 4}
    assert [cage_base(Side.BUY, **book), cage_base(Side.SELL, **book)] == [2, 1]
    assert cage_base(Side.BUY, **{**book, "ask": 0}) == 1
    assert cage_base(Side.BUY, **{**book, "ask": 0, "bid": 0}) == 3
    assert cage_base(Side.SELL, bid=0, ask=0, last=0, pre_close=4) == 4


def test_a_market_order_is_bounded_by_the_nearer_of_limit_and_cage() -> None:
    assert effective_cap(share("main"), Side.BUY, TODAY, LIMITS, cny("10")) == cny("10.20")
    assert effective_cap(share("main"), Side.BUY, TODAY, LIMITS, cny("10.9")) == cny("11")
    assert effective_cap(share("main"), Side.SELL, TODAY, LIMITS, cny("10")) == cny("9.80")
    assert effective_cap(share("main"), Side.SELL, TODAY, LIMITS, cny("9.1")) == cny("9")
    assert effective_cap(share("etf"), Side.BUY, TODAY, LIMITS, cny("10")) == cny("11")
    assert effective_cap(us_share(), Side.BUY, TODAY, None, cny("10")) == 0


def test_us_orders_know_no_limits_and_no_cage() -> None:
    request = Request(Side.BUY, OrderType.LIMIT, 10**6, cny("185.5"))
    values: dict[str, Any] = {"limits": None, "reference": 0, "cage_from": cny("100"), "sellable": 0}
    assert order_problem(us_share(), request, TODAY, phase=Phase.CONTINUOUS, **values) == ""
    assert order_problem(us_share(), request, TODAY, phase=Phase.CLOSED, **values) == "PHASE_CLOSED"
    assert order_problem(us_share(), replace(request, limit_price=cny("185.5001")), TODAY, phase=Phase.CONTINUOUS, **values) != ""
    market = Request(Side.BUY, OrderType.MARKET, 1)
    assert order_problem(us_share(), market, TODAY, phase=Phase.CONTINUOUS, **values) == ""
