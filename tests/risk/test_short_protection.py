"""What guards a short: the same rules mirrored, on prices that fall where a long one's rise, and a past that remembers its way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import Filled, FundingSettled, Liquidated, Marked, OrderCreated, PerpChange, Posting
from engine.core.decision import Decision, Intent
from engine.core.journal import DecisionsMade, Noted, Record
from engine.core.order import Fees, Fill, Order, OrderStatus, OrderType, Side
from engine.core.past import HIGH_WATER, Holding, Past
from engine.risk import Policy, triggers
from tests.risk.test_two_way import COIN, DAY, E8, NAMES

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
CALM = Policy()


def out(policy: Policy, price: int, way: int = -1, **facts: int) -> list[str]:
    """The rules that want out at `price` of a hundred coins entered at 100."""
    held = Holding(DAY, AT, {"margin": 100 * E8}, 100 * E8, 0, 0, 0, way, 100 * E8)
    past = Past("demo", holdings={COIN: replace(held, **{name: value * E8 for name, value in facts.items()})})
    perp = PerpPosition(COIN, way * 100 * E8, 10_000 * E8, 3_333 * E8)
    account = Account("demo", "USDT", 0, 0, 0, 0, perps={COIN: perp})
    return [item.rule for item in triggers(policy, past, account, {COIN: price * E8 // 10}, NAMES, DAY)]


@pytest.mark.parametrize(
    ("rule", "policy", "facts", "bites", "spares"),
    [
        ("stop_loss", {"stop_loss_ppm": 80_000}, {}, 1_080, 1_079),
        ("stop_loss", {}, {"stop": 105}, 1_050, 1_049),
        ("take_profit", {"take_profit_ppm": 150_000}, {}, 850, 851),
        ("take_profit", {}, {"target": 80}, 800, 801),
        ("trailing", {"trailing_ppm": 100_000}, {"low": 80}, 880, 879),
        ("give_back", {"give_back_ppm": 500_000}, {"low": 80}, 900, 899),
    ],
)
def test_each_rule_leaves_a_short_at_its_limit(
    rule: str, policy: dict[str, int], facts: dict[str, int], bites: int, spares: int
) -> None:
    terms = replace(CALM, **policy)
    assert out(terms, bites, **facts) == [rule] and out(terms, spares, **facts) == []
    assert out(CALM, bites, low=facts.get("low", 100)) == []


def test_a_long_perpetual_is_guarded_like_any_holding() -> None:
    assert out(replace(CALM, stop_loss_ppm=80_000), 920, way=1) == ["stop_loss"]
    assert out(replace(CALM, stop_loss_ppm=80_000), 921, way=1) == []
    assert out(CALM, 949, way=1, stop=95) == ["stop_loss"] and out(CALM, 951, way=1, stop=95) == []


def fill(side: Side, quantity: int, price: int, after: int, *, gain: int = 0, name: str = "f") -> Filled:
    made = Fill(name, "o", "demo", "c", COIN, side, quantity, price, 0, Fees(commission=1), DAY, AT, "test")
    postings = (Posting(f"realized:{COIN}", -gain),) if gain else ()
    return Filled(made, OrderStatus.FILLED, 0, (), postings, perps=(PerpChange(COIN, after, abs(after), abs(after)),))


def after(*records: Record) -> Past:
    past = Past("demo")
    for record in records:
        past = past.after(record)
    return past


def wanted(stop: int, target: int) -> DecisionsMade:
    return DecisionsMade("c", "demo", (Decision(COIN, Intent.OPEN, -100_000, 1, "", stop, target),), ())


def test_a_short_remembers_its_way_its_lowest_price_and_a_stop_above_it() -> None:
    past = after(wanted(105, 80), fill(Side.SELL, 10, 100, -10))
    held = past.holdings[COIN]
    assert (held.way, held.quantity, held.stop, held.target, held.low) == (-1, 10, 105, 80, 100)
    past = past.after(Noted("demo", HIGH_WATER, (("instrument", COIN), ("price", "91"))))
    assert past.holdings[COIN].low == 91
    marked = Marked("demo", "", DAY, AT, 0, 0, 0, 0, ((COIN, 88),))
    assert past.after(marked).holdings[COIN].low == 88


def test_a_stop_below_a_short_s_price_or_a_target_above_it_is_none() -> None:
    held = after(wanted(95, 120), fill(Side.SELL, 10, 100, -10)).holdings[COIN]
    assert (held.stop, held.target) == (0, 0)


def test_a_buy_covers_a_short_and_what_it_came_to_decides_the_streak() -> None:
    opened = after(fill(Side.SELL, 10, 100, -10))
    partly = opened.after(fill(Side.BUY, 4, 90, -6, gain=40))
    assert partly.holdings[COIN].quantity == 6 and partly.holdings[COIN].result == 38
    closed = partly.after(fill(Side.BUY, 6, 120, 0, gain=-120))
    assert COIN not in closed.holdings and closed.losing_streak == 1 and closed.exited_on == {COIN: DAY}


def test_funding_is_part_of_what_a_trade_came_to() -> None:
    paid = FundingSettled("demo", "s", COIN, AT, 100, 1, 8, (), (Posting("cash", -30), Posting(f"funding:{COIN}", 30)))
    past = after(fill(Side.BUY, 10, 100, 10), paid, fill(Side.SELL, 10, 101, 0, gain=10))
    assert past.losing_streak == 1


def test_a_liquidation_ends_the_holding_as_a_loss() -> None:
    postings = (Posting("cash", 5), Posting(f"margin:{COIN}", -50), Posting(f"realized:{COIN}", 40), Posting("fees:liquidation", 5))
    gone = Liquidated("demo", "l", COIN, AT, 80, DAY, (PerpChange(COIN, 0, 0, 0),), postings)
    past = after(fill(Side.BUY, 10, 100, 10), gone)
    assert past.holdings == {} and past.losing_streak == 1 and past.exited_on == {COIN: DAY} and past.lost_on == DAY


@pytest.mark.parametrize(
    ("side", "reserved", "way", "entries"), [(Side.SELL, 5, 0, 1), (Side.BUY, 5, 0, 1), (Side.BUY, 0, -1, 0), (Side.SELL, 0, 1, 0)]
)
def test_an_order_that_opens_is_an_entry_whatever_its_side(side: Side, reserved: int, way: int, entries: int) -> None:
    past = after(fill(Side.BUY if way > 0 else Side.SELL, 10, 100, 10 * way)) if way else Past("demo")
    order: Any = Order("o", "demo", "c", COIN, side, OrderType.LIMIT, 10, 100, date(2026, 3, 4), AT)
    assert past.after(OrderCreated(order, reserved)).entries == entries
