"""Perpetuals: margin, liquidation, funding, and books that balance."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulebook import SHARED, vectors

from engine.core.account import Account, PerpPosition
from engine.core.errors import RuleUnknown
from engine.core.instrument import Board
from engine.core.order import Fees, Fill, OrderType, Side
from engine.core.units import Market, to_units
from engine.exchange import BookingRefused, apply_booking, conserved, new_account
from engine.exchange.contracts import Contract, MarginTier, contract_from, contract_problem, margin_tiers
from engine.exchange.perps import (
    book_funding,
    book_perp_fill,
    funding_payment,
    funding_rate,
    funding_times,
    initial_margin,
    liquidate,
    liquidation_price,
    maintenance_margin,
    must_liquidate,
    tier_at,
)

E8 = 10**8
DAY = date(2026, 11, 20)
BTC = Contract("BTCUSDT", 10**7, 10**5, 10**5, 1000 * E8, 1000 * E8, 10 * E8, 12_000, 8, margin_tiers("BTCUSDT"))
SYMBOL = "BTCUSDT.BINANCE"


def e8(text: str) -> int:
    return to_units(text, E8)


def held(side: str, quantity: str, entry: str, margin: str) -> PerpPosition:
    size = e8(quantity)
    notional = size * e8(entry) // E8
    return PerpPosition(SYMBOL, size if side == "long" else -size, notional, e8(margin))


def fill(side: Side, quantity: str, price: str, fee: str = "0", name: str = "f") -> Fill:
    size, at = e8(quantity), datetime(2026, 11, 20, tzinfo=UTC)
    return Fill(name, name, "d", "", SYMBOL, side, size, e8(price), size * e8(price) // E8, Fees(e8(fee)), DAY, at, "test")


def wallet(cash: str = "100000") -> Account:
    return new_account("d", Market.CRYPTO, e8(cash))


def test_funding_rates() -> None:
    for row in vectors("funding_rate"):
        assert funding_rate(e8(row["premium"]), row["N"]) == e8(row["F"]), row
    assert funding_rate(e8("0.1"), 8, cap_e8=e8("0.02")) == e8("0.02")
    assert funding_rate(e8("-0.1"), 8, cap_e8=e8("0.02")) == e8("-0.02")
    with pytest.raises(RuleUnknown):
        funding_rate(0, 3)


def test_the_interval_scales_the_resting_rate() -> None:
    assert [funding_rate(e8("0.0003"), hours) for hours in (8, 4, 1)] == [10_000, 5_000, 1_250]


def test_funding_payments() -> None:
    for row in vectors("funding_payment"):
        position = held(row["side"], row["qty"], row["mark"], "1")
        assert funding_payment(position, e8(row["mark"]), e8(row["rate"])) == e8(row["cash"]), row


def test_liquidation_prices() -> None:
    for row in vectors("liquidation_isolated"):
        position = held(row["side"], row["qty"], row["entry"], row["isolated_margin"])
        tier = tier_at(BTC, position.entry)
        assert (tier.mmr_ppm, tier.cum) == (to_units(row["mmr"], 10**6), e8(row["cum"]))
        assert initial_margin(BTC, position.entry, row["leverage"]) == position.margin
        price = liquidation_price(position, BTC)
        assert (Decimal(price) / E8).quantize(Decimal("0.01")) == Decimal(row["liq"]), row
        beyond = e8("1") if row["side"] == "long" else -e8("1")
        assert must_liquidate(position, BTC, price - beyond)
        assert not must_liquidate(position, BTC, price + beyond)


def test_liquidation_price_uses_the_bracket_that_holds_there() -> None:
    steep = replace(BTC, tiers=(MarginTier(100 * E8, 10_000, 0, 20), MarginTier(1000 * E8, 100_000, 9 * E8, 5)))
    # Short 1 at 99 with margin 10: in the second bracket (10 + 9 + 99) / (0.1 + 1) = 107.27; the first says 107.92, beyond its cap.
    assert liquidation_price(held("short", "1", "99", "10"), steep) == e8("107.27272727")
    assert liquidation_price(held("long", "1", "99", "99"), steep) == 0, "fully paid long cannot be liquidated"


def test_a_size_or_leverage_beyond_the_brackets_is_refused() -> None:
    with pytest.raises(RuleUnknown, match="12000001"):
        maintenance_margin(BTC, 12_000_001 * E8)
    with pytest.raises(RuleUnknown, match="at most 100"):
        initial_margin(BTC, 100_000 * E8, 125)
    with pytest.raises(RuleUnknown, match="leverage 0"):
        initial_margin(BTC, 100 * E8, 0)
    assert initial_margin(BTC, 50_000 * E8, 125) == 400 * E8
    with pytest.raises(RuleUnknown, match="ETHUSDT"):
        margin_tiers("ETHUSDT")


def test_open_reduce_flip_and_close_keep_the_books() -> None:
    account, position = wallet(), None
    steps = [
        (fill(Side.BUY, "1", "60000", "30"), "1", "6000"),
        (fill(Side.BUY, "0.5", "63000", "15.75"), "1.5", "9150"),
        (fill(Side.SELL, "0.5", "66000", "16.5"), "1", "6100"),
        (fill(Side.SELL, "3", "60000", "90"), "-2", "12000"),
        (fill(Side.BUY, "2", "54000", "54"), None, "0"),
    ]
    for one, quantity, margin in steps:
        outcome = book_perp_fill(account, position, one, BTC, 10)
        account, position = apply_booking(account, outcome.booking), outcome.position
        assert conserved(account) == 0
        assert (position.quantity if position else None) == (e8(quantity) if quantity else None)
        assert (position.margin if position else 0) == e8(margin)
    # 0.5 at +5,000; then 1 at -1,000; then a short of 2 at +6,000 each.
    assert account.realized == e8("2500") + e8("-1000") + e8("12000")
    assert account.cash == e8("100000") + account.realized - account.fees
    assert account.fees == e8("206.25")


def test_a_part_of_a_short_is_closed_and_a_short_may_grow() -> None:
    account = wallet()
    short = book_perp_fill(account, None, fill(Side.SELL, "2", "60000"), BTC, 10)
    account = apply_booking(account, short.booking)
    part = book_perp_fill(account, short.position, fill(Side.BUY, "0.5", "50000"), BTC, 10)
    assert part.position == PerpPosition(SYMBOL, -e8("1.5"), e8("90000"), e8("9000"))
    assert part.booking.realized == e8("5000")
    more = book_perp_fill(account, short.position, fill(Side.SELL, "1", "60000"), BTC, 10)
    assert more.position == PerpPosition(SYMBOL, -e8("3"), e8("180000"), e8("18000"))
    assert more.booking.realized == 0
    long = book_perp_fill(wallet(), None, fill(Side.BUY, "2", "60000"), BTC, 10).position
    less = book_perp_fill(account, long, fill(Side.SELL, "0.5", "70000"), BTC, 10)
    assert less.position == PerpPosition(SYMBOL, e8("1.5"), e8("90000"), e8("9000"))
    assert less.booking.realized == e8("5000")


def test_equity_equal_to_maintenance_is_liquidated() -> None:
    position = held("long", "1", "60000", "6000")
    price = e8("54221.10552764")  # maintenance 271.105..., rounded up to the unit
    need = maintenance_margin(BTC, price)
    exact = replace(position, margin=need - position.unrealized(price))
    assert must_liquidate(exact, BTC, price)
    assert not must_liquidate(replace(exact, margin=exact.margin + 1), BTC, price)


def test_a_position_that_outgrew_the_brackets_is_held_to_the_last_of_them() -> None:
    # 150 BTC sold for 11.9 M stand at 15 M, beyond the last cap of 12 M: 1 % of it less 11,450 is what must be left of the margin.
    short = held("short", "150", "79333.33333333", "3238550")
    short = replace(short, entry=e8("11900000"))
    assert must_liquidate(short, BTC, e8("100000"))
    assert not must_liquidate(replace(short, margin=short.margin + 1), BTC, e8("100000"))
    with pytest.raises(RuleUnknown):
        must_liquidate(short, replace(BTC, tiers=()), e8("100000"))


def test_margin_and_fees_must_be_covered_by_cash() -> None:
    with pytest.raises(BookingRefused):
        book_perp_fill(wallet("6029"), None, fill(Side.BUY, "1", "60000", "30"), BTC, 10)
    exact = book_perp_fill(wallet("6030"), None, fill(Side.BUY, "1", "60000", "30"), BTC, 10)
    assert apply_booking(wallet("6030"), exact.booking).cash == 0


def test_liquidation_costs_the_fee_and_never_more_than_the_margin() -> None:
    position = held("long", "1", "60000", "6000")
    opened = apply_booking(wallet(), book_perp_fill(wallet(), None, fill(Side.BUY, "1", "60000"), BTC, 10).booking)
    gentle = liquidate(position, BTC, e8("54900"))
    after = apply_booking(opened, gentle.booking)
    assert (after.realized, after.fees) == (e8("-5100"), e8("658.8"))
    assert conserved(after) == 0
    gap = apply_booking(opened, liquidate(position, BTC, e8("40000")).booking)
    assert (gap.realized, gap.fees, gap.cash) == (e8("-6000"), 0, e8("94000"))
    assert conserved(gap) == 0
    short = liquidate(held("short", "1", "60000", "6000"), BTC, e8("65500"))
    assert short.booking.realized == e8("-5500")


def test_funding_is_paid_in_cash_then_from_margin_then_not_at_all() -> None:
    position = held("long", "1", "60000", "6000")
    rich = book_funding(wallet("10"), position, e8("60000"), e8("0.0001"))
    assert apply_booking(wallet("10"), rich.booking).cash == e8("4")
    poor = book_funding(wallet("2"), position, e8("60000"), e8("0.0001"))
    assert poor.position is not None
    assert (apply_booking(wallet("2"), poor.booking).cash, poor.position.margin) == (0, e8("5996"))
    broke = book_funding(wallet("1"), replace(position, margin=e8("2")), e8("60000"), e8("0.0001"))
    assert broke.position is not None and broke.position.margin == 0
    earns = book_funding(wallet("1"), replace(position, quantity=-position.quantity), e8("60000"), e8("0.0001"))
    after = apply_booking(wallet("1"), earns.booking)
    assert (after.cash, after.flows) == (e8("7"), e8("6"))


def test_funding_falls_due_on_each_symbols_own_grid() -> None:
    def at(hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 3, 1, hour, minute, tzinfo=UTC)

    assert funding_times(8, at(0), at(23, 59)) == [at(8), at(16)]
    assert funding_times(4, at(3, 59), at(8)) == [at(4), at(8)]
    assert funding_times(1, at(1, 30), at(2, 30)) == [at(2)]
    assert funding_times(8, at(8, 1), at(15, 59)) == [], "opened and closed between settlements: nothing due"
    with pytest.raises(RuleUnknown):
        funding_times(5, at(0), at(1))


def test_recorded_settlements_lie_on_the_eight_hour_grid() -> None:
    path = SHARED / "recorded" / "binance" / "um_BTCUSDT_fundingRate_200_20260112_0320.csv"
    if not path.exists():
        pytest.skip("the recorded funding rates are not beside this checkout")
    with path.open(encoding="utf-8") as rows:
        stamps = [datetime.fromtimestamp(int(row["timestamp"]) // 1000, UTC).replace(microsecond=0) for row in csv.DictReader(rows)]
    assert funding_times(8, stamps[0].replace(second=0), stamps[-1]) == [stamp.replace(second=0) for stamp in stamps[1:]]


def recorded(name: str) -> dict[str, object]:
    path = SHARED / "recorded" / "binance" / name
    if not path.exists():
        pytest.skip("the recorded exchange information is not beside this checkout")
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["symbols"][0]
    return found


def test_filters_come_from_exchange_information() -> None:
    perp = contract_from(recorded("http_futures_market_exchange_info.json"), tiers=margin_tiers("BTCUSDT"))
    assert (perp.tick, perp.step, perp.min_notional) == (e8("0.1"), e8("0.001"), e8("10"))
    assert perp.liquidation_fee_ppm == 12_000
    spot = contract_from(recorded("http_spot_market_exchange_info.json"))
    assert (spot.tick, spot.step, spot.min_notional) == (e8("0.01"), e8("0.00001"), e8("10"))
    assert spot.max_market_quantity == e8("112.2110882")
    assert spot.instrument(Board.SPOT).step == spot.step


@pytest.mark.parametrize(
    "bad", [{}, {"symbol": "X", "status": "BREAK", "filters": []}, {"symbol": "X", "status": "TRADING", "filters": []}]
)
def test_exchange_information_that_is_not_understood_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(RuleUnknown):
        contract_from(bad)


@pytest.mark.parametrize(
    ("quantity", "price", "kind", "code"),
    [
        ("0.001", "60000", OrderType.LIMIT, ""),
        ("0", "60000", OrderType.LIMIT, "QUANTITY_NOT_POSITIVE"),
        ("0.0005", "60000", OrderType.LIMIT, "QUANTITY_BELOW_MINIMUM"),
        ("0.0015", "60000", OrderType.LIMIT, "QUANTITY_NOT_LOT"),
        ("1000.001", "60000", OrderType.LIMIT, "QUANTITY_OVER_MAXIMUM"),
        ("0.001", "60000.05", OrderType.LIMIT, "PRICE_NOT_ON_TICK"),
        ("0.001", "60000.05", OrderType.MARKET, ""),
        ("0.001", "0", OrderType.MARKET, "PRICE_NOT_ON_TICK"),
        ("0.001", "9999.9", OrderType.LIMIT, "NOTIONAL_BELOW_MINIMUM"),
        ("0.001", "10000", OrderType.LIMIT, ""),
        ("-0.001", "60000", OrderType.LIMIT, "QUANTITY_NOT_POSITIVE"),
        ("0.00000001", "60000", OrderType.LIMIT, "QUANTITY_BELOW_MINIMUM"),
        ("1000", "60000", OrderType.LIMIT, ""),
        ("0.001", "-0.1", OrderType.LIMIT, "PRICE_NOT_ON_TICK"),
    ],
)
def test_filters_refuse_by_code(quantity: str, price: str, kind: OrderType, code: str) -> None:
    assert contract_problem(BTC, e8(quantity), e8(price), kind) == code


def test_a_market_order_has_a_maximum_of_its_own() -> None:
    narrow = replace(BTC, max_market_quantity=100 * E8)
    assert contract_problem(narrow, 101 * E8, e8("60000"), OrderType.LIMIT) == ""
    assert contract_problem(narrow, 101 * E8, e8("60000"), OrderType.MARKET) == "QUANTITY_OVER_MAXIMUM"
    assert contract_problem(narrow, 100 * E8, e8("60000"), OrderType.MARKET) == ""


def test_what_exchange_information_leaves_out_is_the_exchanges_default() -> None:
    info = recorded("http_spot_market_exchange_info.json")
    spot = contract_from(info)
    assert (spot.liquidation_fee_ppm, spot.funding_hours, spot.tiers) == (0, 8, ())
    bare = Contract("X", 1, 1, 1, 1, 1, 1)
    assert (bare.liquidation_fee_ppm, bare.funding_hours, bare.tiers) == (0, 8, ())


def test_an_unknown_symbol_has_no_brackets_and_says_of_when_the_table_is() -> None:
    with pytest.raises(RuleUnknown, match=r"NOPEUSDT: no margin tiers known .the table of 2024-10-24 has BTCUSDT"):
        margin_tiers("NOPEUSDT")


def test_the_shipped_brackets_agree_with_the_recorded_ones() -> None:
    path = SHARED / "recorded" / "binance" / "leverage_tiers_freqtrade_20241024_subset.json"
    if not path.exists():
        pytest.skip("the recorded brackets are not beside this checkout")
    theirs = json.loads(path.read_text(encoding="utf-8"))["BTC/USDT:USDT"]
    for ours, row in zip(margin_tiers("BTCUSDT"), theirs, strict=False):
        info = row["info"]
        assert ours.cap == e8(info["notionalCap"])
        assert ours.mmr_ppm == to_units(info["maintMarginRatio"], 10**6)
        assert (ours.cum, ours.max_leverage) == (e8(info["cum"]), int(info["initialLeverage"]))


@given(st.sampled_from(["long", "short"]), st.integers(1, 10**5), st.integers(10**3, 10**5), st.integers(1, 50))
def test_the_liquidation_price_is_where_equity_meets_maintenance(side: str, lots: int, entry: int, leverage: int) -> None:
    quantity = lots * BTC.step
    notional = quantity * entry
    if notional > 6_000_000 * E8:
        return
    margin = initial_margin(BTC, notional, leverage)
    position = PerpPosition(SYMBOL, quantity if side == "long" else -quantity, notional, margin)
    price = liquidation_price(position, BTC)
    if price == 0:
        assert leverage == 1 or side == "short"
        return
    value = quantity * price // E8
    assert abs(position.margin + position.unrealized(price) - maintenance_margin(BTC, value)) <= 2 + quantity // E8


def test_the_modal_recorded_rate_is_the_resting_rate() -> None:
    path = SHARED / "recorded" / "binance" / "um_BTCUSDT_fundingRate_200_20260112_0320.csv"
    if not path.exists():
        pytest.skip("the recorded funding rates are not beside this checkout")
    with path.open(encoding="utf-8") as rows:
        rates = Counter(e8(row["funding_rate"]) for row in csv.DictReader(rows))
    assert max(rates) == funding_rate(e8("0.0001"), 8) == 10_000
