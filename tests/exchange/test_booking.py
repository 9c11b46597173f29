"""The books balance: lots, cost, cash, fees and gains of a long-only account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from rulebook import cny, share

from engine.core.account import Account
from engine.core.bookkeeping import Posting
from engine.core.order import Fees, Fill, Side
from engine.core.units import Market
from engine.exchange import (
    BookingRefused,
    FeeSchedule,
    apply_booking,
    book_fill,
    book_flow,
    calendar,
    conserved,
    fees,
    new_account,
    open_account,
    settles_on,
    worst_case_cost,
)
from engine.exchange.booking import Booking

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
STOCK = "600519.SH"


def fill(side: Side, quantity: int, price: str, day: date = MONDAY, *, charges: Fees | None = None, name: str = "") -> Fill:
    amount = cny(price)
    charges = fees(share("main"), side, amount, quantity, day, FeeSchedule()) if charges is None else charges
    fill_id = name or f"{side}-{quantity}-{price}-{day}"
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    return Fill(fill_id, fill_id, "demo", "", STOCK, side, quantity, amount, amount * quantity, charges, day, at, "test")


def account(cash: str = "100000") -> Account:
    return new_account("demo", Market.ASHARE, cny(cash))


def traded(start: Account, *fills: Fill) -> Account:
    for one in fills:
        sellable_on = settles_on(share("main"), one.trading_day, calendar(Market.ASHARE))
        start = apply_booking(start, book_fill(start, one, sellable_on=sellable_on))
        assert conserved(start) == 0
    return start


def test_opening_is_cash_against_capital() -> None:
    assert sum(posting.amount for posting in open_account("demo", Market.ASHARE, 10)) == 0
    assert account().cash == account().initial_cash == cny("100000")
    with pytest.raises(BookingRefused):
        open_account("demo", Market.ASHARE, 0)


def test_purchase_takes_notional_and_fees_from_cash_and_keeps_fees_out_of_cost() -> None:
    after = traded(account(), fill(Side.BUY, 1000, "12.34"))
    assert after.cash == cny("100000") - cny("12345.12")
    assert after.positions[STOCK].cost == cny("12340")
    assert after.fees == cny("5.12")
    assert after.realized == 0


def test_what_was_bought_today_is_sold_tomorrow_at_the_earliest() -> None:
    after = traded(account(), fill(Side.BUY, 500, "10"))
    assert after.sellable(STOCK, MONDAY) == 0
    assert after.sellable(STOCK, TUESDAY) == 500
    with pytest.raises(BookingRefused, match="0 settled"):
        traded(after, fill(Side.SELL, 500, "10"))


def test_settled_shares_are_sold_and_new_ones_are_not() -> None:
    held = traded(account(), fill(Side.BUY, 300, "10", MONDAY))
    both = traded(held, fill(Side.BUY, 200, "11", TUESDAY))
    assert traded(both, fill(Side.SELL, 300, "12", TUESDAY)).positions[STOCK].quantity == 200
    with pytest.raises(BookingRefused, match="300 settled"):
        traded(both, fill(Side.SELL, 301, "12", TUESDAY))


def test_sale_takes_the_oldest_lot_first_and_realizes_price_less_cost() -> None:
    held = traded(account(), fill(Side.BUY, 100, "10", MONDAY), fill(Side.BUY, 100, "20", MONDAY, name="second"))
    after = traded(held, fill(Side.SELL, 150, "30", TUESDAY))
    assert after.realized == cny("4500") - cny("1000") - cny("1000")
    (lot,) = after.positions[STOCK].lots
    assert (lot.lot_id, lot.quantity, lot.cost) == ("second", 50, cny("1000"))


def test_partial_sales_of_a_lot_with_an_odd_cost_lose_no_unit() -> None:
    odd = replace(fill(Side.BUY, 3, "10", charges=Fees()), notional=100_001)
    held = traded(account(), odd)
    costs = []
    for number in range(3):
        before = held.positions[STOCK].cost
        held = traded(held, fill(Side.SELL, 1, "10", TUESDAY, charges=Fees(), name=f"sale-{number}"))
        costs.append(before - (held.positions[STOCK].cost if STOCK in held.positions else 0))
    assert sum(costs) == 100_001
    assert STOCK not in held.positions


def test_cash_never_falls_below_zero() -> None:
    with pytest.raises(BookingRefused, match="cash would fall"):
        traded(account("12345.11"), fill(Side.BUY, 1000, "12.34"))
    assert traded(account("12345.12"), fill(Side.BUY, 1000, "12.34")).cash == 0
    with pytest.raises(BookingRefused):
        book_flow(account("1"), "tax:dividend", -cny("1.01"))


@pytest.mark.parametrize("bad", [{"quantity": 0}, {"price": 0}, {"notional": -1}, {"quantity": -100}])
def test_a_fill_without_quantity_or_price_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(BookingRefused, match="positive"):
        traded(account(), replace(fill(Side.BUY, 100, "10"), **bad))


def test_a_fee_in_the_base_asset_shrinks_the_lot_and_cannot_take_it_all() -> None:
    one = replace(fill(Side.BUY, 100, "10"), fees=Fees(base=99))
    (lot,) = book_fill(account(), one, sellable_on=TUESDAY).lots
    assert (lot.quantity, lot.cost) == (1, cny("1000"))
    with pytest.raises(BookingRefused, match="whole purchase"):
        book_fill(account(), replace(one, fees=Fees(base=100)), sellable_on=TUESDAY)


def test_the_last_unit_of_cash_may_be_used() -> None:
    assert apply_booking(account("1"), book_flow(account("1"), "tax:dividend", -cny("1"))).cash == 0
    assert sum(posting.amount for posting in open_account("demo", Market.ASHARE, 1)) == 0


def test_a_sale_worth_less_than_its_commission_leaves_reserved_cash_alone() -> None:
    held = traded(account("1000"), fill(Side.BUY, 100, "0.5", charges=Fees()))
    sale = fill(Side.SELL, 1, "0.5", TUESDAY)
    assert traded(held, sale).cash == held.cash - cny("4.50")
    free = replace(held, reserved=held.cash - cny("4.50"))
    assert book_fill(free, sale, sellable_on=TUESDAY).realized == 0
    with pytest.raises(BookingRefused, match="are needed"):
        book_fill(replace(free, reserved=free.reserved + 1), sale, sellable_on=TUESDAY)


def test_dust_is_worth_nothing_and_still_booked() -> None:
    dust = replace(fill(Side.BUY, 1, "10", charges=Fees()), price=1, notional=0)
    after = traded(account(), dust)
    assert (after.cash, after.positions[STOCK].quantity, after.positions[STOCK].cost) == (account().cash, 1, 0)
    assert traded(after, replace(dust, fill_id="out", side=Side.SELL, trading_day=TUESDAY)).positions == {}


def test_only_sales_realize() -> None:
    assert book_fill(account(), fill(Side.BUY, 100, "10"), sellable_on=TUESDAY).realized == 0
    assert book_flow(account(), "capital", 5) == Booking((), (Posting("cash", 5), Posting("capital", -5)), 0)
    assert book_flow(account(), "capital", 0) == Booking((), (), 0)


def test_other_flows_are_counted_apart_from_gains() -> None:
    after = apply_booking(account("1"), book_flow(account("1"), "dividend:600519.SH", cny("2")))
    assert (after.cash, after.flows, after.realized, conserved(after)) == (cny("3"), cny("2"), 0, 0)


def test_postings_that_do_not_balance_are_refused() -> None:
    with pytest.raises(BookingRefused, match="zero"):
        Booking((), (Posting("cash", 1),))


def test_worst_case_cost_covers_every_split_of_the_order() -> None:
    instrument, schedule = share("main"), FeeSchedule()
    reserve = worst_case_cost(instrument, 1000, cny("12.34"), MONDAY, schedule)
    assert reserve == cny("12345.12")
    assert worst_case_cost(share("main"), 100, cny("3.02"), MONDAY, schedule) == cny("307.00")
