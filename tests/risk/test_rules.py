"""Each rule bites at its limit and not just inside it; none of those for entries ever stands in the way of an exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.account import Account, Lot, Position
from engine.core.decision import Decision, Intent, VerdictResult
from engine.core.instrument import Board, Instrument
from engine.core.journal import TradingState
from engine.core.market import Quote
from engine.core.order import OrderType, Side
from engine.core.units import PPM, Market
from engine.exchange import FeeSchedule, quantity_problem, worst_case_cost
from engine.risk import Policy, View, judge
from tests.engine.desk_harness import WALL

DAY, BEFORE = date(2026, 3, 4), date(2026, 3, 3)
EQUITY = 10_000_000_000
FEES = FeeSchedule()
OPEN = Policy(
    max_position_ppm=PPM, max_gross_ppm=PPM, max_sector_ppm=PPM, max_daily_loss_ppm=PPM, max_drawdown_ppm=PPM, cash_reserve=0,
    min_order=0, max_volume_share_ppm=PPM, entry_band_ppm=0,
)  # fmt: skip
"""Nothing bites."""


def share(symbol: str, board: Board = Board.MAIN_SH, **more: Any) -> Instrument:
    return Instrument(symbol, Market.ASHARE, board, symbol, **more)


NAMES = {
    "600000.SH": share("600000.SH", industry="banks"),
    "600001.SH": share("600001.SH", industry="banks"),
    "000001.SZ": share("000001.SZ", Board.MAIN_SZ, industry="steel"),
    "688001.SH": share("688001.SH", Board.STAR, industry="chips"),
    "300001.SZ": share("300001.SZ", Board.CHINEXT, industry="chips"),
}


def quote(symbol: str, price: int = 100_000) -> Quote:
    return Quote(symbol, symbol, DAY, WALL, price, price, price, price, price, 1, 1, "test")


def holding(symbol: str, quantity: int, price: int = 100_000, *, today: bool = False) -> Position:
    sellable = date(2026, 3, 5) if today else DAY
    return Position(symbol, (Lot(f"{symbol}-1", quantity, quantity * price, BEFORE, sellable),), price)


def view(positions: Mapping[str, Position] | None = None, **changes: Any) -> View:
    """A desk with a million yuan in all, ten-yuan shares, everything permitted."""
    held = dict(positions or {})
    value = sum(position.quantity * 100_000 for position in held.values())
    cash = EQUITY - value
    account = Account("demo", "CNY", cash, EQUITY, 0, 0, held)
    facts: dict[str, Any] = {
        "account": account, "instruments": NAMES, "quotes": {name: quote(name) for name in NAMES},
        "prices": dict.fromkeys(NAMES, 100_000), "limits": dict.fromkeys(NAMES, (110_000, 90_000)),
        "session_volume": dict.fromkeys(NAMES, 10**9), "stale": frozenset(), "open_orders": frozenset(), "trading_day": DAY,
        "trading_state": TradingState.ACTIVE, "books_reconciled": True, "equity": EQUITY, "equity_day_start": EQUITY,
        "equity_peak": EQUITY, "planned": {}, "cash_free": cash,
    }  # fmt: skip
    known = {name: value for name, value in facts.items() if name in View.__dataclass_fields__}
    return View(**{**known, **changes})


def wants(symbol: str, weight: float, intent: Intent = Intent.OPEN, confidence: float = 0.5) -> Decision:
    return Decision(symbol, intent, round(weight * PPM), round(confidence * PPM), "because")


def codes(ruling: Any, symbol: str = "600000.SH") -> list[str]:
    return [verdict.code for verdict in ruling.verdicts if verdict.instrument == symbol]


BITES: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # rule, code, policy, the view it bites in, the view just inside
    ("trading_state", "STATE_HALTED", {}, {"trading_state": TradingState.HALTED}, {}),
    ("trading_state", "STATE_REDUCING", {}, {"trading_state": TradingState.REDUCING}, {}),
    ("instrument_priced", "INSTRUMENT_SUSPENDED", {}, {"quotes": {"600000.SH": replace(quote("600000.SH"), suspended=True)}}, {}),
    ("instrument_priced", "PRICE_MISSING", {}, {"quotes": {"600000.SH": quote("600000.SH", 0)}}, {}),
    ("instrument_known", "INSTRUMENT_UNKNOWN", {}, {"quotes": {}}, {}),
    ("one_open_order", "ORDER_OPEN", {}, {"open_orders": frozenset({"600000.SH"})}, {"open_orders": frozenset({"600001.SH"})}),
    ("data_fresh", "DATA_STALE", {}, {"stale": frozenset({"600000.SH"})}, {"stale": frozenset({"600001.SH"})}),
    ("blacklist", "INSTRUMENT_BLACKLISTED", {"blacklist": frozenset({"600000.SH"})}, {}, {}),
    ("special_treatment", "INSTRUMENT_ST", {}, {"instruments": {"600000.SH": share("600000.SH", special_treatment=True)}}, {}),
    ("special_treatment", "INSTRUMENT_DELISTING", {}, {"instruments": {"600000.SH": share("600000.SH", delisting=True)}}, {}),
    (
        "max_daily_loss", "LOSS_DAILY", {"max_daily_loss_ppm": 50_000},
        {"equity_day_start": EQUITY * 100 // 95 + 1}, {"equity_day_start": EQUITY * 1000 // 951},
    ),
    (
        "max_drawdown", "LOSS_DRAWDOWN", {"max_drawdown_ppm": 150_000},
        {"equity_peak": EQUITY * 100 // 85 + 1}, {"equity_peak": EQUITY * 1000 // 851},
    ),
    ("max_daily_loss", "EQUITY_UNKNOWN", {}, {"equity_day_start": 0}, {}),
    ("max_drawdown", "EQUITY_UNKNOWN", {}, {"equity_peak": 0}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "code", "policy", "outside", "inside"), BITES, ids=[f"{b[0]}-{b[1]}" for b in BITES])
def test_a_gate_denies_beyond_its_limit_and_not_inside(
    rule: str, code: str, policy: dict[str, Any], outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    bitten = judge(view(**outside), replace(OPEN, **policy), [wants("600000.SH", 0.1)], FEES)
    assert [(v.rule, v.code) for v in bitten.verdicts] == [(rule, code)] and bitten.proposals == ()
    calm = OPEN if "blacklist" in policy else replace(OPEN, **policy)
    passed = judge(view(**inside), calm, [wants("600000.SH", 0.1)], FEES)
    assert codes(passed) == ["ALLOWED"] and len(passed.proposals) == 1


BANK = {"600001.SH": holding("600001.SH", 20_000)}
"""A fifth of equity in another bank."""
CLAMPS: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    # rule, policy, view, the quantity that is exactly the limit
    ("max_position", {"max_position_ppm": 300_000}, {}, 30_000),
    ("max_sector", {"max_sector_ppm": 400_000}, {"positions": BANK}, 20_000),
    ("max_gross", {"max_gross_ppm": 500_000}, {"positions": BANK}, 30_000),
    ("max_volume_share", {"max_volume_share_ppm": 10_000}, {"session_volume": {"600000.SH": 1_234_500}}, 12_300),
]


@pytest.mark.parametrize(("rule", "policy", "situation", "quantity"), CLAMPS, ids=[clamp[0] for clamp in CLAMPS])
def test_a_clamp_cuts_to_exactly_its_limit(rule: str, policy: dict[str, Any], situation: dict[str, Any], quantity: int) -> None:
    positions = situation.get("positions")
    here = view(positions, **{key: value for key, value in situation.items() if key != "positions"})
    ruling = judge(here, replace(OPEN, **policy), [wants("600000.SH", 0.75)], FEES)
    assert [(v.rule, v.result) for v in ruling.verdicts] == [(rule, VerdictResult.CLAMP)]
    assert [proposal.quantity for proposal in ruling.proposals] == [quantity]
    within = judge(here, replace(OPEN, **policy), [wants("600000.SH", quantity / 100_000)], FEES)
    assert codes(within) == ["ALLOWED"] and within.proposals[0].quantity == quantity // 100 * 100


def test_a_full_limit_denies_rather_than_clamps_to_nothing() -> None:
    full = view({"600001.SH": holding("600001.SH", 40_000)})
    ruling = judge(full, replace(OPEN, max_sector_ppm=400_000), [wants("600000.SH", 0.1)], FEES)
    assert [(v.code, v.result) for v in ruling.verdicts] == [("EXPOSURE_SECTOR", VerdictResult.DENY)]


def test_the_cash_reserve_is_never_spent_even_at_worst_case_cost() -> None:
    ruling = judge(view(), replace(OPEN, cash_reserve=3_000_000_000), [wants("600000.SH", 1.0)], FEES)
    (order,) = ruling.proposals
    assert order.reserved == worst_case_cost(NAMES["600000.SH"], order.quantity, order.limit_price, DAY, FEES)
    assert order.reserved <= EQUITY - 3_000_000_000
    more = worst_case_cost(NAMES["600000.SH"], order.quantity + 100, order.limit_price, DAY, FEES)
    assert more > EQUITY - 3_000_000_000
    assert "CASH_RESERVE" in codes(ruling)


def test_what_is_cut_is_handed_to_no_other_name() -> None:
    policy = replace(OPEN, max_position_ppm=100_000)
    ruling = judge(view(), policy, [wants("600000.SH", 0.9, confidence=0.9), wants("000001.SZ", 0.05)], FEES)
    assert {p.instrument: p.quantity for p in ruling.proposals} == {"600000.SH": 10_000, "000001.SZ": 5_000}


def test_sells_come_before_buys_and_their_cash_and_room_are_not_spent_before_they_fill() -> None:
    held = {"600001.SH": holding("600001.SH", 80_000)}
    batch = [wants("600000.SH", 0.5, confidence=1), wants("600001.SH", 0, Intent.EXIT, confidence=0)]
    ruling = judge(view(held), replace(OPEN, max_gross_ppm=900_000), batch, FEES)
    assert [p.side for p in ruling.proposals] == [Side.SELL, Side.BUY]
    buy = ruling.proposals[1]
    assert buy.quantity == 10_000, "eighty per cent may still be held tomorrow: only ten are left below ninety"


def test_one_instrument_gets_one_order_a_batch() -> None:
    ruling = judge(view(), OPEN, [wants("600000.SH", 0.2), wants("600000.SH", 0.2)], FEES)
    assert len(ruling.proposals) == 1 and codes(ruling) == ["ALLOWED", "ORDER_OPEN"]


def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    for blind in ({"session_volume": {}}, {"prices": {}}, {"limits": {}}):
        ruling = judge(view(**blind), OPEN, [wants("600000.SH", 0.1)], FEES)
        assert ruling.proposals == () and codes(ruling) == ["RULE_UNEVALUABLE"], blind


def test_bought_today_is_not_sold_today() -> None:
    held = {"600000.SH": holding("600000.SH", 1_000, today=True)}
    ruling = judge(view(held), OPEN, [wants("600000.SH", 0, Intent.EXIT)], FEES)
    assert codes(ruling) == ["SHAPE_T1"] and ruling.proposals == ()


@pytest.mark.parametrize(
    ("symbol", "weight", "quantity"),
    [
        ("600000.SH", 0.0155, 1_500),
        ("600000.SH", 0.0009, 0),
        ("688001.SH", 0.00345, 345),
        ("688001.SH", 0.00199, 0),
        ("688001.SH", 0.002, 200),
        ("300001.SZ", 0.0155, 1_500),
    ],
)
def test_buys_come_in_the_lots_of_their_board(symbol: str, weight: float, quantity: int) -> None:
    ruling = judge(view(), OPEN, [wants(symbol, weight)], FEES)
    assert [proposal.quantity for proposal in ruling.proposals] == ([quantity] if quantity else [])
    if not quantity:
        assert codes(ruling, symbol) == ["SHAPE_LOT"]


# -- any account, any batch ----------------------------------------------------------------------------------------------------

quantities = st.integers(0, 60).map(lambda lots: lots * 137)
accounts = st.fixed_dictionaries(dict.fromkeys(NAMES, quantities))
decisions = st.lists(
    st.builds(
        wants, st.sampled_from([*NAMES, "999999.SH"]), st.floats(0, 1), st.sampled_from(list(Intent)), st.floats(0, 1)
    ),
    max_size=8,
)  # fmt: skip
fraction = st.integers(0, PPM)
policies = st.builds(
    Policy, max_position_ppm=fraction, max_gross_ppm=fraction, max_sector_ppm=fraction, max_daily_loss_ppm=fraction,
    max_drawdown_ppm=fraction, cash_reserve=st.integers(0, EQUITY), min_order=st.integers(0, 10**8),
    max_volume_share_ppm=fraction, entry_band_ppm=st.sampled_from([0, 20_000]),
)  # fmt: skip


def random_view(quantities: Mapping[str, int], spent: int, losses: int) -> View:
    held = {name: holding(name, quantity) for name, quantity in quantities.items() if quantity}
    here = view(held)
    return replace(here, cash_free=here.cash_free - spent % (here.cash_free + 1), equity_peak=EQUITY + losses)


@settings(max_examples=400, deadline=None)
@given(accounts, decisions, policies, st.integers(0, EQUITY), st.integers(0, EQUITY))
def test_no_batch_breaks_a_limit_after_rounding(
    quantities: dict[str, int], batch: list[Decision], policy: Policy, spent: int, losses: int
) -> None:
    here = random_view(quantities, spent, losses)
    ruling = judge(here, policy, batch, FEES)
    assert ruling == judge(here, policy, batch, FEES)
    buys = [p for p in ruling.proposals if p.side is Side.BUY]
    assert [p.side for p in ruling.proposals] == sorted((p.side for p in ruling.proposals), key=lambda side: side is Side.BUY)
    assert len({p.instrument for p in ruling.proposals}) == len(ruling.proposals)
    worth = {name: quantities[name] * 100_000 for name in NAMES}
    for order in ruling.proposals:
        sellable = quantities[order.instrument] if order.side is Side.SELL else 0
        assert quantity_problem(NAMES[order.instrument], order.side, order.quantity, sellable, OrderType.LIMIT, DAY) == ""
        assert 90_000 <= order.limit_price <= 110_000 and order.limit_price % 100 == 0
    for order in buys:
        worth[order.instrument] += order.quantity * order.limit_price
        assert worth[order.instrument] * PPM <= policy.max_position_ppm * EQUITY
    if buys:
        assert sum(worth.values()) * PPM <= policy.max_gross_ppm * EQUITY
        assert sum(order.reserved for order in buys) + policy.cash_reserve <= here.cash_free
        for industry in {NAMES[order.instrument].industry for order in buys}:
            inside = sum(value for name, value in worth.items() if NAMES[name].industry == industry)
            assert inside * PPM <= policy.max_sector_ppm * EQUITY


@settings(max_examples=300, deadline=None)
@given(accounts, st.sampled_from(list(NAMES)), policies, st.integers(0, EQUITY), st.integers(0, EQUITY))
def test_no_entry_rule_stands_in_the_way_of_an_exit(
    quantities: dict[str, int], symbol: str, policy: Policy, spent: int, losses: int
) -> None:
    here = replace(random_view(quantities, spent, losses), stale=frozenset(NAMES), session_volume={})
    banned = replace(policy, blacklist=frozenset(NAMES))
    ruling = judge(here, banned, [wants(symbol, 0, Intent.EXIT)], FEES)
    assert [p.quantity for p in ruling.proposals] == ([quantities[symbol]] if quantities[symbol] else [])
