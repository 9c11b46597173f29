"""Perpetuals at the paper broker: margin instead of lots, refusals by code, funding once a settlement, liquidation at the mark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from perp_bench import DESK, FREE, SYMBOL, Bench, at, e8, funding, order, position_of, quote

from engine.brokers import Match, PaperBroker, reconcile
from engine.core.account import PerpPosition
from engine.core.bookkeeping import Filled, FundingSettled, Liquidated, OrderMoved, PerpChange, Posting
from engine.core.order import OrderStatus, OrderType, Side
from engine.core.units import Market
from engine.cycle.marking import mark
from engine.exchange import FeeSchedule

LONG, SHORT = Side.BUY, Side.SELL


# Orders and fills --------------------------------------------------------------------------------------------------------------


def test_a_sale_opens_a_short_on_margin_and_a_purchase_closes_it() -> None:
    bench = Bench(leverage=10)
    bench.trade(SHORT, "1", "60000", 1)
    assert position_of(bench.account) == (-e8("1"), e8("60000"), e8("6000"))
    assert bench.account.cash == e8("94000") and bench.account.positions == {}
    bench.trade(LONG, "1", "57000", 2)
    assert position_of(bench.account) == (0, 0, 0)
    assert bench.account.cash == e8("103000") and bench.account.realized == e8("3000")


def test_a_fill_carries_its_position_and_its_postings_and_no_lot() -> None:
    bench = Bench(leverage=10, schedule=FeeSchedule())
    bench.send(order("o", LONG, "1", "60000", at(1)))
    (filled,) = bench.bar(("59000", "60000", "59000", "60000"), at(1), at(2))
    assert isinstance(filled, Filled) and filled.lots == ()
    price = e8("59000.1")
    margin, fee = price // 10, price * 500 // 10**6
    assert filled.perps == (PerpChange(SYMBOL, e8("1"), price, margin),)
    assert set(filled.postings) == {
        Posting("cash", -margin),
        Posting(f"margin:{SYMBOL}", margin),
        Posting("cash", -fee),
        Posting("fees:commission", fee),
    }


def test_one_sale_closes_a_long_and_opens_a_short_with_what_is_left() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    bench.trade(SHORT, "3", "61000", 2)
    assert position_of(bench.account) == (-e8("2"), e8("122000"), e8("12200"))
    assert bench.account.realized == e8("1000")


def test_a_part_fill_reserves_only_what_the_rest_still_opens() -> None:
    bench = Bench(leverage=10)
    assert bench.send(order("o", LONG, "10", "60000", at(1))) == [""]
    assert e8("60000") <= bench.account.reserved <= e8("60000") + 100
    bench.bar(("60010", "60010", "60000", "60000"), at(1), at(2), "40")  # a tenth of the volume: 4 of 10
    assert position_of(bench.account) == (e8("4"), e8("240000"), e8("24000"))
    assert e8("36000") <= bench.account.reserved <= e8("36000") + 100
    bench.take(bench.broker.cancel("o", "PERSON"))
    assert bench.account.reserved == 0 and bench.account.cash == e8("76000")


def test_what_reduces_reserves_nothing_and_two_orders_do_not_reduce_the_same_position() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "2", "60000", 1)
    assert bench.send(order("a", SHORT, "1.5", "60000", at(2))) == [""]
    assert bench.account.reserved == 0
    assert bench.send(order("b", SHORT, "1.5", "60000", at(3))) == [""]
    assert e8("6000") <= bench.account.reserved <= e8("6000") + 100, "half a coin is left to reduce, one opens"
    bench.bar(("59990", "60000", "59990", "60000"), at(3), at(4), "1000")
    assert position_of(bench.account)[0] == -e8("1") and bench.account.reserved == 0


def test_the_rest_of_an_order_that_turns_a_position_reserves_what_it_opens() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "2", "60000", 1)
    bench.send(order("o", SHORT, "3", "60000", at(2)))
    assert e8("6000") <= bench.account.reserved <= e8("6000") + 100
    bench.bar(("59990", "60000", "59990", "60000"), at(2), at(3), "10")  # one of three
    assert position_of(bench.account)[0] == e8("1")
    assert e8("6000") <= bench.account.reserved <= e8("6000") + 100, "one more closes, one opens, as before"


def test_what_one_order_reserved_another_does_not_find() -> None:
    bench = Bench(cash="7000", leverage=10)
    assert bench.send(order("a", LONG, "1", "60000", at(1))) == [""]
    assert bench.send(order("b", LONG, "0.5", "60000", at(2))) == ["CASH_INSUFFICIENT"]
    assert bench.send(order("c", LONG, "0.1", "60000", at(3))) == [""]


def test_a_fill_leaves_what_other_orders_reserved() -> None:
    bench = Bench(cash="12000.00001", leverage=10)
    assert bench.send(order("a", LONG, "1", "60000", at(1)), order("b", SHORT, "1", "60000", at(1))) == ["", ""]
    bench.bar(("60100", "60100", "60050", "60100"), at(1), at(2))  # above: only the short fills, for more than its limit's margin
    assert position_of(bench.account) == (0, 0, 0), "the ten more would come out of what the purchase reserved: refused"
    assert set(bench.broker.working()) == {"a", "b"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "0.0005"}, "QUANTITY_BELOW_MINIMUM"),
        ({"quantity": "0.0015"}, "QUANTITY_NOT_LOT"),
        ({"quantity": "1001"}, "QUANTITY_OVER_MAXIMUM"),
        ({"limit": "60000.05"}, "PRICE_NOT_ON_TICK"),
        ({"quantity": "0.001"}, "NOTIONAL_BELOW_MINIMUM"),
        ({"limit": "0"}, "PRICE_UNBOUNDED"),
        ({"order_type": OrderType.STOP}, "STOP_MISSING"),
        ({"order_type": OrderType.STOP, "stop_price": e8("60000.01")}, "PRICE_NOT_ON_TICK"),
        ({"quantity": "17"}, "CASH_INSUFFICIENT"),
        ({"quantity": "201"}, "NOTIONAL_OVER_BRACKETS"),
        ({}, ""),
    ],
)
def test_an_order_is_refused_by_name(change: dict[str, object], code: str) -> None:
    facts = {"quantity": "1", "limit": "60000", **change}
    quantity, limit = str(facts.pop("quantity")), str(facts.pop("limit"))
    assert Bench(leverage=10).send(order("o", LONG, quantity, limit, at(1), **facts)) == [code]


def test_the_brackets_forbid_the_leverage_of_a_large_position_and_of_one_that_grows() -> None:
    bench = Bench(cash="1000000", leverage=100)
    assert bench.send(order("a", LONG, "11", "60000", at(1))) == ["LEVERAGE_OVER_BRACKET"]
    bench.trade(LONG, "9", "60000", 2)
    assert bench.send(order("b", LONG, "2", "60000", at(3))) == ["LEVERAGE_OVER_BRACKET"]
    assert bench.send(order("c", SHORT, "18", "60000", at(4))) == [""], "nine close, nine open"


def test_a_desk_without_shorts_sells_what_it_holds_and_no_more() -> None:
    bench = Bench(shorts=False)
    assert bench.send(order("a", SHORT, "1", "60000", at(1))) == ["SHORT_FORBIDDEN"]
    bench.trade(LONG, "1", "60000", 2)
    assert bench.send(order("b", SHORT, "1.001", "60000", at(3))) == ["SHORT_FORBIDDEN"]
    assert bench.send(order("c", SHORT, "1", "60000", at(4)), order("d", SHORT, "0.5", "60000", at(4))) == ["", "SHORT_FORBIDDEN"]


def test_an_order_that_would_go_short_does_not_fill_once_the_terms_forbid_it() -> None:
    bench = Bench(shorts=True)
    bench.send(order("o", SHORT, "1", "60000", at(1)))
    bench.broker = PaperBroker(DESK, Market.CRYPTO, FREE, bench.names, replace(bench.terms, shorts=False))
    bench.broker.load(bench.fold.book)
    assert bench.bar(("60100", "60100", "60000", "60000"), at(1), at(2)) == ()
    assert "o" in bench.broker.working() and bench.account.perps == {}


def test_a_remainder_below_the_least_notional_can_be_closed() -> None:
    bench = Bench()
    bench.trade(LONG, "1", "60000", 1)
    bench.trade(SHORT, "0.999", "60000", 2)
    assert bench.send(order("o", LONG, "0.001", "60000", at(3))) == ["NOTIONAL_BELOW_MINIMUM"]
    bench.trade(SHORT, "0.001", "60000", 4)
    assert position_of(bench.account) == (0, 0, 0)


def test_an_instrument_without_a_contract_and_a_price_of_another_day_are_refused() -> None:
    bench = Bench()
    assert bench.broker.submit([order("o", LONG, "1", "60000", at(1))], at(1)).records[-1] == OrderMoved(
        "o", DESK, OrderStatus.REJECTED, "NO_PRICE_TODAY"
    )
    bench.terms.contracts.pop(SYMBOL)  # type: ignore[attr-defined]
    assert bench.send(order("p", LONG, "1", "60000", at(1))) == ["CONTRACT_UNKNOWN"]


# Funding -----------------------------------------------------------------------------------------------------------------------


def test_longs_pay_shorts_at_a_positive_rate_and_a_settlement_is_booked_once() -> None:
    for side, amount in ((LONG, "-6"), (SHORT, "6")):
        bench = Bench()
        bench.trade(side, "1", "60000", 1)
        before = bench.account.cash
        due = funding("0.0001", at(8), "60000")
        (record,) = bench.take(bench.broker.settle([due]))
        assert isinstance(record, FundingSettled) and record.settlement_id == f"{DESK}:{SYMBOL}:funding:20261120T080000.000000Z"
        assert bench.account.cash - before == e8(amount) == bench.account.flows
        assert bench.take(bench.broker.settle([due, funding("0.0001", at(0), "60000")])) == ()
        assert len(bench.take(bench.broker.settle([funding("0.0001", at(16), "60000"), due]))) == 1


def test_funding_that_cash_cannot_pay_comes_out_of_the_margin() -> None:
    bench = Bench(cash="6001", leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    bench.take(bench.broker.settle([funding("0.0001", at(8), "60000")]))
    assert (bench.account.cash, position_of(bench.account)) == (0, (e8("1"), e8("60000"), e8("5995")))


def test_funding_takes_from_the_margin_before_what_orders_reserved() -> None:
    bench = Bench(cash="12001", leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    bench.send(order("o", LONG, "1", "59000", at(2)))
    reserved = bench.account.reserved
    bench.take(bench.broker.settle([funding("0.01", at(8), "60000")]))
    assert (bench.account.reserved, bench.account.cash) == (reserved, reserved)
    assert position_of(bench.account)[2] == e8("6000") - (e8("600") - (e8("6001") - reserved))


def test_funding_is_due_from_what_was_held_at_the_settlement() -> None:
    bench = Bench()
    bench.trade(LONG, "1", "60000", 7)
    bench.trade(LONG, "2", "60000", 8, 1)
    (record,) = bench.take(bench.broker.settle([funding("0.0001", at(8), "60000", known=at(8, 5))]))
    assert sum(p.amount for p in record.postings if p.account.startswith("funding")) == e8("6")  # type: ignore[union-attr]
    assert position_of(bench.account)[0] == e8("3")


def test_what_was_opened_after_the_settlement_pays_nothing_and_what_was_closed_after_it_pays() -> None:
    late = Bench()
    late.trade(LONG, "1", "60000", 8, 1)
    assert late.take(late.broker.settle([funding("0.0001", at(8), "60000", known=at(8, 5))])) == ()
    left = Bench()
    left.trade(LONG, "1", "60000", 7)
    left.trade(SHORT, "1", "60000", 8, 1)
    (record,) = left.take(left.broker.settle([funding("0.0001", at(8), "60000", known=at(8, 5))]))
    assert isinstance(record, FundingSettled) and record.perps == ()
    assert left.account.cash == e8("99994")


def test_settlements_told_in_any_order_are_booked_in_that_of_time() -> None:
    bench = Bench()
    bench.trade(LONG, "1", "60000", 1)
    both = bench.take(bench.broker.settle([funding("0.0001", at(16), "60000"), funding("0.0001", at(8), "60000")]))
    assert [record.at for record in both if isinstance(record, FundingSettled)] == [at(8), at(16)]


def test_every_trade_since_the_settlement_is_remembered_for_a_day_and_no_longer() -> None:
    bench = Bench()
    bench.trade(LONG, "1", "60000", 8, 1)
    bench.trade(LONG, "1", "60000", 8, 2)
    assert bench.take(bench.broker.settle([funding("0.0001", at(8), "60000", known=at(8, 5))])) == ()
    bench.trade(LONG, "1", "60000", 9, day=21)
    assert len(bench.fold.book.trades[SYMBOL]) == 1


def test_a_bar_that_ends_at_the_settlement_traded_before_it() -> None:
    bench = Bench()
    bench.send(order("o", LONG, "1", "60000", at(7)))
    bench.bar(("59000", "60000", "59000", "60000"), at(7), at(8))
    (record,) = bench.take(bench.broker.settle([funding("0.0001", at(8), "60000")]))
    assert isinstance(record, FundingSettled) and Posting("cash", -e8("6")) in record.postings


def test_nothing_held_settles_nothing() -> None:
    bench = Bench()
    assert bench.take(bench.broker.settle([funding("0.0001", at(8), "60000")])) == ()


# Liquidation -------------------------------------------------------------------------------------------------------------------


def test_a_margin_below_maintenance_is_liquidated_after_its_orders_are_cancelled() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    bench.send(order("more", LONG, "0.5", "50000", at(2)), order("less", SHORT, "1", "70000", at(2)))
    assert bench.take(bench.broker.watch_margins({SYMBOL: e8("54900")}, at(3), at(3).date())) == ()
    *cancelled, record = bench.take(bench.broker.watch_margins({SYMBOL: e8("54200")}, at(4), at(4).date()))
    assert [(one.order_id, one.status, one.code) for one in cancelled if isinstance(one, OrderMoved)] == [
        ("more", OrderStatus.CANCELLED, "LIQUIDATED"),
        ("less", OrderStatus.CANCELLED, "LIQUIDATED"),
    ]
    assert isinstance(record, Liquidated) and record.liquidation_id == f"{DESK}:{SYMBOL}:liquidation:20261120T040000.000000Z"
    assert record.perps == (PerpChange(SYMBOL, 0, 0, 0),)
    assert (bench.account.realized, bench.account.fees) == (e8("-5800"), e8("200")), "the fee takes what the margin had left"
    assert (bench.account.cash, bench.account.reserved, bench.account.perps) == (e8("94000"), 0, {})
    assert bench.take(bench.broker.watch_margins({SYMBOL: e8("50000")}, at(5), at(5).date())) == ()


def test_a_short_is_liquidated_by_a_rise_even_beyond_the_brackets() -> None:
    bench = Bench(cash="2000000", leverage=10)
    bench.trade(SHORT, "190", "60000", 1)
    (record,) = bench.take(bench.broker.watch_margins({SYMBOL: e8("66000")}, at(2), at(2).date()))
    assert isinstance(record, Liquidated) and bench.account.perps == {}


def test_a_name_without_a_mark_is_not_looked_at() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    assert bench.take(bench.broker.watch_margins({}, at(2), at(2).date())) == ()
    assert bench.take(bench.broker.watch_margins({SYMBOL: 0}, at(3), at(3).date())) == ()


def test_funding_known_after_a_liquidation_is_due_from_what_was_held_before_it() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "1", "60000", 7)
    bench.take(bench.broker.watch_margins({SYMBOL: e8("54000")}, at(8, 1), at(8).date()))
    cash = bench.account.cash
    bench.take(bench.broker.settle([funding("0.0001", at(8), "54300", known=at(8, 5))]))
    assert bench.account.cash == cash - e8("5.43")


# What it is worth --------------------------------------------------------------------------------------------------------------


def test_a_perpetual_is_worth_its_margin_and_what_it_would_gain_at_the_mark() -> None:
    bench = Bench(leverage=10)
    bench.trade(SHORT, "1", "60000", 1)
    bench.broker.see([quote("59000", at(2))])
    point = mark(DESK, "", at(2).date(), at(2), bench.broker, bench.names)
    assert (point.cash, point.market_value, point.unrealized) == (e8("94000"), e8("7000"), e8("1000"))
    assert point.equity == e8("101000") and point.marks == ((SYMBOL, e8("59000")),)
    bench.take(bench.broker.watch_margins({SYMBOL: e8("58500")}, at(2, 1), at(2).date()))
    assert mark(DESK, "", at(2).date(), at(2), bench.broker, bench.names).unrealized == e8("1500"), "the exchange's mark, if given"


def test_a_perpetual_that_was_never_priced_is_worth_its_margin() -> None:
    bench = Bench(leverage=10)
    bench.trade(LONG, "1", "60000", 1)
    assert bench.account.perps[SYMBOL].worth(0) == e8("6000")
    assert bench.account.margin == e8("6000")


def test_a_spot_broker_leaves_perpetuals_alone() -> None:
    broker = PaperBroker(DESK, Market.CRYPTO, FREE, Bench().names)
    assert broker.watch_margins({SYMBOL: 1}, at(1), at(1).date()).records == ()


# Beside what a broker says -----------------------------------------------------------------------------------------------------


def test_a_perpetual_that_differs_is_named() -> None:
    bench = Bench(leverage=10)
    bench.trade(SHORT, "1", "60000", 1)
    booked, stands = bench.account, bench.account.perps[SYMBOL]

    def compared(*perps: PerpPosition) -> dict[str, Match]:
        held = replace(booked, perps={one.instrument: one for one in perps})
        return {line.about: line.match for line in reconcile(booked, {}, held, {})}

    name = f"perp:{SYMBOL}"
    assert compared(stands) == {name: Match.MATCHED, "cash": Match.MATCHED}
    assert compared()[name] is compared(replace(stands, quantity=e8("1")))[name] is Match.UNKNOWN_FILL
    assert compared(replace(stands, margin=1))[name] is compared(replace(stands, entry=1))[name] is Match.AMBIGUOUS
    assert compared(stands, replace(stands, instrument="ETHUSDT.BINANCE"))["perp:ETHUSDT.BINANCE"] is Match.UNKNOWN_FILL
