"""Fees by date and product, and the promise that splitting an order never changes what it costs."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulebook import cny, day, pair, share, us_share

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.order import Fees, Fill, Side
from engine.exchange import NOTHING_CHARGED, Charged, FeeSchedule, charged_by, fees, worst_case_cost
from engine.exchange.fees import order_fees, plus

TODAY = date(2026, 11, 20)
SPLIT = FeeSchedule(all_in=False)
INSTRUMENTS = [share("main"), share("bse"), share("etf"), us_share(), pair(), pair(Board.PERP)]


@given(
    st.sampled_from(INSTRUMENTS),
    st.sampled_from(Side),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**7)), min_size=1, max_size=6),
    st.sampled_from([FeeSchedule(), FeeSchedule(commission_ppm=3000, minimum=0)]),
)
def test_splitting_an_order_never_changes_what_it_costs(
    instrument: Instrument, side: Side, pieces: list[tuple[int, int]], schedule: FeeSchedule
) -> None:
    so_far, paid = NOTHING_CHARGED, Fees()
    for quantity, price in pieces:
        charge = fees(instrument, side, price, quantity, TODAY, schedule, so_far)
        assert min(charge.commission, charge.stamp, charge.transfer, charge.handling, charge.regulatory, charge.base) >= 0
        paid = plus(paid, charge)
        notional = so_far.notional + instrument.units.notional(price, quantity)
        so_far = Charged(so_far.quantity + quantity, notional, paid)
    assert paid == order_fees(instrument, side, so_far.quantity, so_far.notional, TODAY, schedule)
    if side is Side.BUY:
        top = max(price for _, price in pieces)
        assert so_far.notional + paid.total <= worst_case_cost(instrument, so_far.quantity, top, TODAY, schedule)


def test_charged_by_adds_up_fills() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    fills = [
        Fill(f"f{n}", "o", "d", "", "600519.SH", Side.BUY, 100, 10_000, 10**6, Fees(1, 2, 3, 4, 5, 6), TODAY, at, "t")
        for n in (1, 2)
    ]
    assert charged_by(fills) == Charged(200, 2 * 10**6, Fees(2, 4, 6, 8, 10, 12))
    assert charged_by([]) == NOTHING_CHARGED


def sold(instrument: Instrument, on: str, schedule: FeeSchedule = SPLIT, notional: str = "1000000000") -> Fees:
    return order_fees(instrument, Side.SELL, 10**6, cny(notional), day(on), schedule)


@pytest.mark.parametrize(
    ("on", "stamp", "transfer", "handling"),
    [
        ("2015-08-01", "1000000", "20000", "48700"),
        ("2022-04-28", "1000000", "20000", "48700"),
        ("2022-04-29", "1000000", "10000", "48700"),
        ("2023-08-27", "1000000", "10000", "48700"),
        ("2023-08-28", "500000", "10000", "34100"),
    ],
)
def test_rates_by_date(on: str, stamp: str, transfer: str, handling: str) -> None:
    """On a sale of a billion."""
    for kind in ("main", "main_sz"):
        charged = sold(share(kind), on)
        assert (charged.stamp, charged.transfer, charged.handling) == (cny(stamp), cny(transfer), cny(handling))
        assert (charged.regulatory, charged.commission) == (cny("20000"), cny("250000"))


def test_beijing_handling_and_its_dates() -> None:
    assert sold(share("bse"), "2023-08-27").handling == cny("250000")
    assert sold(share("bse"), "2023-08-28").handling == cny("125000")
    assert sold(share("bse"), "2022-12-01").handling == cny("250000")
    with pytest.raises(RuleUnknown, match="BSE"):
        sold(share("bse"), "2022-11-30")


def test_what_the_fee_table_does_not_know_is_refused() -> None:
    with pytest.raises(RuleUnknown, match="transfer"):
        sold(share("main"), "2015-07-31", FeeSchedule())
    with pytest.raises(RuleUnknown, match="USD or HKD"):
        sold(share("b_share_sse_usd"), "2026-11-20")
    with pytest.raises(RuleUnknown, match="all-in"):
        sold(share("etf"), "2026-11-20")
    with pytest.raises(RuleUnknown, match="SEC"):
        sold(us_share(), "2022-05-13")


@pytest.mark.parametrize("kind", ["etf", "lof", "reit", "convertible"])
def test_funds_and_bonds_pay_no_stamp_and_no_transfer(kind: str) -> None:
    assert sold(share(kind), "2026-11-20", FeeSchedule()) == Fees(commission=cny("250000"))


@pytest.mark.parametrize(
    ("on", "sec", "taf"),
    [
        ("2022-05-14", "22900", "6.49"),
        ("2022-12-31", "22900", "6.49"),
        ("2023-01-01", "22900", "7.27"),
        ("2023-02-27", "8000", "7.27"),
        ("2024-01-01", "8000", "8.30"),
        ("2024-05-22", "27800", "8.30"),
        ("2025-05-14", "0", "8.30"),
        ("2025-12-31", "0", "8.30"),
        ("2026-01-01", "0", "9.79"),
        ("2026-04-03", "0", "9.79"),
        ("2026-04-04", "20600", "9.79"),
        ("2027-01-01", "20600", "11.61"),
    ],
)
def test_us_fees_by_date(on: str, sec: str, taf: str) -> None:
    """A billion dollars and ten million shares: the SEC fee in full, the TAF at ten times its per-share rate or its cap."""
    charged = order_fees(us_share(), Side.SELL, 10**7 * 10**6, cny("1000000000"), day(on), FeeSchedule())
    assert charged.regulatory == cny(sec)
    assert charged.handling == cny(taf), "the cap"
    below = order_fees(us_share(), Side.SELL, 10_000 * 10**6, cny("10"), day(on), FeeSchedule())
    per_share = {"6.49": "1.30", "7.27": "1.45", "8.30": "1.66", "9.79": "1.95", "11.61": "2.32"}[taf]
    assert below.handling == cny(per_share), "10,000 shares"


def test_the_trading_activity_fee_is_rounded_up_to_the_cent() -> None:
    """41,026 shares at 0.000195 are 8.00007 dollars."""
    assert order_fees(us_share(), Side.SELL, 41_026 * 10**6, cny("1000"), TODAY, FeeSchedule()).handling == cny("8.01")
    assert order_fees(us_share(), Side.SELL, 40_000 * 10**6, cny("1000"), TODAY, FeeSchedule()).handling == cny("7.80")


def test_older_us_histories_need_a_person_to_choose_the_rates() -> None:
    with pytest.raises(RuleUnknown):
        sold(us_share(), "2013-01-02", FeeSchedule())
    chosen = FeeSchedule(us_fees_of=TODAY)
    assert sold(us_share(), "2013-01-02", chosen) == sold(us_share(), "2026-11-20", FeeSchedule())


def test_us_commission_is_the_brokers() -> None:
    schedule = FeeSchedule(us_commission_ppm=500)
    assert order_fees(us_share(), Side.BUY, 10**6, cny("185.50"), TODAY, schedule) == Fees(commission=cny("0.09"))
    assert order_fees(us_share(), Side.SELL, 10**6, cny("190"), TODAY, schedule).commission == cny("0.10")


def test_schedules_outside_the_law_are_refused() -> None:
    for bad in ({"commission_ppm": 3_001}, {"commission_ppm": -1}, {"minimum": -1}, {"spot_ppm": -1}, {"perp_maker_ppm": -1}):
        with pytest.raises(ValueError):
            FeeSchedule(**bad)
    assert FeeSchedule(commission_ppm=0, minimum=0).commission_ppm == 0
    assert FeeSchedule(commission_ppm=3_000).all_in


def test_every_item_is_charged_on_the_running_total() -> None:
    """Two fills of one order, each just below a cent of transfer and regulatory fee: the second pays what the first did not."""
    first = fees(share("main"), Side.SELL, cny("4"), 100, TODAY, SPLIT)
    second = fees(share("main"), Side.SELL, cny("4"), 100, TODAY, SPLIT, Charged(100, cny("400"), first))
    assert (first.stamp, first.transfer, first.handling, first.regulatory) == (cny("0.20"), 0, cny("0.01"), cny("0.01"))
    assert (second.stamp, second.transfer, second.handling, second.regulatory) == (
        cny("0.20"),
        cny("0.01"),
        cny("0.02"),
        cny("0.01"),
    )
    assert plus(first, second) == order_fees(share("main"), Side.SELL, 200, cny("800"), TODAY, SPLIT)


def test_a_single_share_pays_the_minimum() -> None:
    assert order_fees(share("main"), Side.BUY, 1, cny("1"), TODAY, FeeSchedule()) == Fees(commission=cny("5"))
    assert order_fees(share("main"), Side.BUY, 1, 0, TODAY, FeeSchedule()) == Fees(commission=cny("5"))


def test_nothing_traded_costs_nothing() -> None:
    assert order_fees(share("main"), Side.BUY, 0, 0, TODAY, FeeSchedule()) == Fees()
