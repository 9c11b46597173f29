"""Dividends, bonus shares and splits: the reference price, the account, and the tax at sale."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from rulebook import cny, share, vectors
from test_booking import STOCK, account, fill, traded

from engine.core.errors import RuleUnknown
from engine.core.order import Side
from engine.core.units import to_units
from engine.exchange import BookingRefused, apply_booking, conserved, price_limits
from engine.exchange.booking import book_fill
from engine.exchange.corporate import CorporateAction, book_dividend, book_sale_tax, dividend_tax, ex_reference, later

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)


def action(
    cash: str = "0", bonus: str = "0", transfer: str = "0", rights: str = "0", price: str = "0", on: date = TUESDAY
) -> CorporateAction:
    e8 = 10**8
    return CorporateAction(
        STOCK, on, to_units(cash, e8), to_units(bonus, e8), to_units(transfer, e8), to_units(rights, e8), cny(price)
    )


def test_ex_reference_prices_and_their_limits() -> None:
    for row in vectors("ex_reference_price"):
        event = action(row["cash"], row["bonus"], rights=row["rights"], price=row["rights_price"])
        reference = ex_reference(event, cny(row["prev"]), 100)
        assert reference == cny(row["ref"]), row
        limits = price_limits(share("main"), TUESDAY, reference, sessions_listed=None)
        assert limits is not None
        assert [limits.up, limits.down] == [cny(value) for value in row["limits_10"]]


def test_an_action_gives_nothing_unless_it_says_so() -> None:
    nothing = CorporateAction(STOCK, TUESDAY)
    assert nothing == action()
    assert ex_reference(nothing, cny("12.34"), 100) == cny("12.34")
    held = traded(account(), fill(Side.BUY, 100, "10"))
    assert book_dividend(held, nothing).postings == book_dividend(held, nothing).lots == ()


def test_cash_beyond_the_price_is_refused() -> None:
    with pytest.raises(RuleUnknown):
        ex_reference(action(cash="12.34"), cny("12.34"), 100)
    assert ex_reference(action(cash="12.33"), cny("12.34"), 100) == 100
    with pytest.raises(RuleUnknown):
        ex_reference(action(cash="13"), cny("12.34"), 100)


def test_dividend_pays_cash_and_bonus_shares_and_leaves_cost_alone() -> None:
    held = traded(account(), fill(Side.BUY, 1001, "10"))
    after = apply_booking(held, book_dividend(held, action(cash="0.145", bonus="0.3")))
    assert after.positions[STOCK].quantity == 1301
    assert after.positions[STOCK].cost == held.positions[STOCK].cost
    assert after.cash - held.cash == cny("145.15")  # 145.145, half-up to the cent
    assert conserved(after) == 0


def test_new_shares_are_rounded_down_once_on_the_whole_holding() -> None:
    held = traded(account(), *(fill(Side.BUY, 1, "10", name=f"lot-{n}") for n in range(7)))
    after = apply_booking(held, book_dividend(held, action(transfer="0.5")))
    assert after.positions[STOCK].quantity == 10
    assert [lot.quantity for lot in after.positions[STOCK].lots] == [2, 2, 2, 1, 1, 1, 1]


def test_shares_bought_on_the_ex_date_are_not_entitled() -> None:
    held = traded(account(), fill(Side.BUY, 100, "10", TUESDAY))
    assert book_dividend(held, action(cash="1", bonus="1")).lots == ()
    assert book_dividend(account(), action(cash="1")).postings == ()


def test_reverse_split_keeps_the_cost() -> None:
    held = traded(account(), *(fill(Side.BUY, 5, "10", name=f"lot-{n}") for n in range(4)))
    after = apply_booking(held, book_dividend(held, action(transfer="-0.9")))
    assert after.positions[STOCK].quantity == 2
    assert after.positions[STOCK].cost == held.positions[STOCK].cost
    assert conserved(after) == 0


def test_impossible_actions_are_refused() -> None:
    for bad in ({"cash": "-1"}, {"transfer": "-1"}):
        with pytest.raises(ValueError, match="impossible"):
            action(**bad)


@pytest.mark.parametrize(
    ("sold", "rate"),
    [(date(2026, 2, 8), 20), (date(2026, 2, 9), 10), (date(2027, 1, 8), 10), (date(2027, 1, 9), 0)],
)
def test_dividend_tax_falls_with_the_holding_period(sold: date, rate: int) -> None:
    assert dividend_tax(date(2026, 1, 8), 1000, sold, [action(cash="0.5", on=date(2026, 1, 20))]) == cny("5") * rate


def test_dividend_tax_before_2015_never_ends_and_bonus_shares_count_at_par() -> None:
    assert dividend_tax(date(2014, 1, 8), 1000, date(2016, 1, 8), [action(cash="0.5", on=date(2014, 6, 3))]) == cny("25")
    grown = action(cash="0.5", bonus="1", on=date(2026, 6, 3))
    # 2,000 shares now were 1,000 then: (0.5 + 1.0 par) x 1,000 x 20 %.
    assert dividend_tax(date(2026, 6, 1), 2000, date(2026, 6, 20), [grown]) == cny("300")
    assert dividend_tax(date(2026, 6, 3), 2000, date(2026, 6, 20), [grown]) == 0


@pytest.mark.parametrize(
    ("ex", "month", "year", "longer"),
    [
        (date(2005, 6, 13), 10, 10, 10),
        (date(2012, 12, 31), 10, 10, 10),
        (date(2013, 1, 1), 20, 10, 5),
        (date(2015, 9, 7), 20, 10, 5),
        (date(2015, 9, 8), 20, 10, 0),
    ],
)
def test_the_tax_changed_on_its_days(ex: date, month: int, year: int, longer: int) -> None:
    """A million yuan of dividends, held for a fortnight, half a year and two years."""
    bought, paid = ex - timedelta(days=1), [action(cash="1000", on=ex)]
    for held, percent in ((14, month), (180, year), (730, longer)):
        assert dividend_tax(bought, 1000, ex + timedelta(days=held), paid) == cny("10000") * percent
    with pytest.raises(RuleUnknown, match="dividend tax"):
        dividend_tax(date(2005, 6, 1), 1000, date(2005, 7, 1), [action(cash="1", on=date(2005, 6, 12))])


def test_a_sale_on_the_ex_date_itself_is_taxed_and_payments_are_counted_backwards() -> None:
    paid = [action(cash="1", transfer="1", on=TUESDAY), action(cash="1", on=WEDNESDAY)]
    assert dividend_tax(MONDAY, 1000, TUESDAY, paid[:1]) == cny("100")
    # 2,000 shares on Wednesday were 1,000 on Tuesday: 1,000 x 1 and then 2,000 x 1.
    assert dividend_tax(MONDAY, 2000, WEDNESDAY, paid) == dividend_tax(MONDAY, 2000, WEDNESDAY, paid[::-1]) == cny("600")


def test_tax_takes_no_more_than_free_cash_and_nothing_when_nothing_is_due() -> None:
    held = traded(account("10005.10"), fill(Side.BUY, 1000, "10", MONDAY))
    event = action(cash="100")
    paid = apply_booking(held, book_dividend(held, event))
    sale = book_fill(paid, fill(Side.SELL, 100, "1", WEDNESDAY), sellable_on=WEDNESDAY)
    earned = cny("100") - cny("5.05")
    due = cny("2000")
    assert book_sale_tax(paid, sale, STOCK, WEDNESDAY, [event]).postings[1].amount == due
    tight = replace(paid, reserved=paid.cash - cny("7"))
    assert book_sale_tax(tight, sale, STOCK, WEDNESDAY, [event]).postings[1].amount == earned + cny("7")
    assert book_sale_tax(paid, sale, STOCK, WEDNESDAY, []).postings == ()
    assert book_sale_tax(paid, sale, STOCK, WEDNESDAY, [action(cash="100", on=MONDAY)]).postings == ()
    assert book_sale_tax(paid, sale, "000001.SZ", WEDNESDAY, [event]).postings == ()
    cent = action(cash="0.0005")
    assert book_sale_tax(paid, sale, STOCK, WEDNESDAY, [cent]).postings[1].amount == cny("0.01")


def test_a_lot_that_a_reverse_split_wipes_out_leaves_its_cost_to_the_first_that_survives() -> None:
    fills = [fill(Side.BUY, 4, "10", name="small"), fill(Side.BUY, 20, "10", name="large"), fill(Side.BUY, 6, "20", name="third")]
    held = traded(account(), *fills)
    booking = book_dividend(held, action(transfer="-0.9"))
    assert (booking.lots[0].quantity, booking.lots[0].cost) == (0, 0)
    after = apply_booking(held, booking)
    assert [(lot.lot_id, lot.quantity, lot.cost) for lot in after.positions[STOCK].lots] == [
        ("large", 2, cny("240")),
        ("third", 1, cny("120")),
    ]
    with pytest.raises(BookingRefused, match="survive"):
        book_dividend(held, action(transfer="-0.99"))


def test_tax_is_held_back_with_the_sale() -> None:
    held = traded(account(), fill(Side.BUY, 1000, "10", MONDAY))
    event = action(cash="0.5")
    paid = apply_booking(held, book_dividend(held, event))
    sale = book_fill(paid, fill(Side.SELL, 400, "10", WEDNESDAY), sellable_on=WEDNESDAY)
    tax = book_sale_tax(paid, sale, STOCK, WEDNESDAY, [event])
    after = apply_booking(apply_booking(paid, sale), tax)
    assert after.flows == cny("500") - cny("40")
    assert conserved(after) == 0


def test_a_month_later_is_the_same_day_or_the_last() -> None:
    assert later(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert later(date(2026, 12, 8), 1) == date(2027, 1, 8)
