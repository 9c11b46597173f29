"""Perpetuals: the same rules both ways by magnitude, what only margin brings, and orders that the exchange would take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.account import Account, PerpPosition
from engine.core.decision import Decision, Intent, VerdictResult
from engine.core.instrument import Board, Instrument
from engine.core.journal import TradingState
from engine.core.market import Funding, Quote
from engine.core.order import Side
from engine.core.units import PPM, Market
from engine.exchange import Contract, FeeSchedule, MarginTier, PerpTerms, fitted, liquidation_price, opening_cost
from engine.risk import Policy, Ruling, View, judge

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = date(2026, 3, 4)
E8 = 10**8
PRICE = 100 * E8
EQUITY = 100_000 * E8
FEES = FeeSchedule()
COIN, MATE, THIRD = "AAAUSDT.BINANCE", "BBBUSDT.BINANCE", "CCCUSDT.BINANCE"
NAMES = {s: Instrument(s, Market.CRYPTO, Board.PERP, s, tick=E8 // 100, step=E8 // 1_000) for s in (COIN, MATE, THIRD)}
TIERS = (
    MarginTier(50_000 * E8, 5_000, 0, 50),
    MarginTier(200_000 * E8, 10_000, 250 * E8, 10),
    MarginTier(10**7 * E8, 25_000, 0, 3),
)
OPEN = Policy(
    max_position_ppm=3 * PPM, max_gross_ppm=3 * PPM, max_sector_ppm=PPM, max_daily_loss_ppm=PPM, max_drawdown_ppm=PPM,
    cash_reserve=0, min_order=0, max_volume_share_ppm=PPM, entry_band_ppm=0,
)  # fmt: skip
"""Nothing bites."""


def terms(leverage: int = 3, *, shorts: bool = True) -> PerpTerms:
    bare = {s: Contract(s.removesuffix(".BINANCE"), 0, 0, 0, 0, 0, 0, tiers=TIERS) for s in NAMES}
    return fitted(PerpTerms(leverage, shorts, bare), NAMES)


def perp(symbol: str, quantity: int, *, entry: int = 100, leverage: int = 3) -> PerpPosition:
    """So many coins (below zero: short) entered at `entry` USDT."""
    notional = abs(quantity) * entry * E8
    return PerpPosition(symbol, quantity * E8, notional, notional // leverage)


def quote(symbol: str, price: int = PRICE) -> Quote:
    return Quote(symbol, symbol, DAY, AT, price, price, price, price, price, 1, 1, "test")


def funding(rate_e8: int, hours: int = 8) -> Funding:
    return Funding(COIN, AT, rate_e8, PRICE, hours, AT, "test")


def view(*perps: PerpPosition, leverage: int = 3, shorts: bool = True, **changes: Any) -> View:
    """A desk with a hundred thousand in all and coins at a hundred each, both ways permitted."""
    held = {item.instrument: item for item in perps}
    margin = sum(item.margin for item in perps)
    facts: dict[str, Any] = {
        "account": Account("demo", "USDT", EQUITY - margin, EQUITY, 0, 0, perps=held), "instruments": NAMES,
        "quotes": {name: quote(name) for name in NAMES}, "prices": dict.fromkeys(NAMES, PRICE), "limits": dict.fromkeys(NAMES),
        "session_volume": dict.fromkeys(NAMES, 10**9 * E8), "stale": frozenset(), "open_orders": frozenset(), "trading_day": DAY,
        "trading_state": TradingState.ACTIVE, "books_reconciled": True, "equity": EQUITY, "equity_day_start": EQUITY,
        "equity_peak": EQUITY, "planned": {}, "cash_free": EQUITY - margin, "perps": terms(leverage, shorts=shorts),
        "funding": {COIN: funding(10_000)}, "as_of": AT,
    }  # fmt: skip
    return View(**{**facts, **changes})


def wants(weight: float, intent: Intent = Intent.OPEN, symbol: str = COIN, confidence: float = 0.5, **more: Any) -> Decision:
    return Decision(symbol, intent, round(weight * PPM), round(confidence * PPM), "because", **more)


def codes(ruling: Ruling, symbol: str = COIN) -> list[str]:
    return [verdict.code for verdict in ruling.verdicts if verdict.instrument == symbol]


def the_order(ruling: Ruling) -> tuple[Side, float]:
    (order,) = ruling.proposals
    return order.side, order.quantity / E8


@pytest.mark.parametrize(
    ("held", "weight", "intent", "order"),
    [
        (0, 0.5, Intent.OPEN, (Side.BUY, 500)),
        (0, -0.5, Intent.OPEN, (Side.SELL, 500)),
        (-200, -0.5, Intent.ADD, (Side.SELL, 300)),
        (200, 0.5, Intent.ADD, (Side.BUY, 300)),
        (-500, -0.2, Intent.REDUCE, (Side.BUY, 300)),
        (500, 0.2, Intent.REDUCE, (Side.SELL, 300)),
        (-500, 0, Intent.EXIT, (Side.BUY, 500)),
        (500, 0, Intent.EXIT, (Side.SELL, 500)),
    ],
)
def test_each_way_is_the_other_mirrored(held: int, weight: float, intent: Intent, order: tuple[Side, int]) -> None:
    here = view(perp(COIN, held)) if held else view()
    ruling = judge(here, OPEN, [wants(weight, intent)], FEES)
    assert codes(ruling) == ["ALLOWED"] and the_order(ruling) == order


@pytest.mark.parametrize(("held", "weight"), [(500, -0.3), (-500, 0.3)])
@pytest.mark.parametrize("intent", [Intent.OPEN, Intent.ADD, Intent.REDUCE])
def test_a_wish_across_nothing_ends_at_nothing_in_this_cycle(held: int, weight: float, intent: Intent) -> None:
    ruling = judge(view(perp(COIN, held)), OPEN, [wants(weight, intent)], FEES)
    (verdict,) = ruling.verdicts
    assert (verdict.rule, verdict.code, verdict.result) == ("one_way", "WAY_CROSSES", VerdictResult.CLAMP)
    assert (float(verdict.observed), float(verdict.after)) == (weight, 0)
    assert the_order(ruling) == (Side.SELL if held > 0 else Side.BUY, 500), "closed, and not one coin beyond"


def test_without_shorts_nothing_goes_short_whoever_asks() -> None:
    ruling = judge(view(shorts=False), OPEN, [wants(-0.1)], FEES)
    assert codes(ruling) == ["SHORT_FORBIDDEN"] and ruling.proposals == ()
    assert the_order(judge(view(perp(COIN, -100), shorts=False), OPEN, [wants(0, Intent.EXIT)], FEES)) == (Side.BUY, 100)
    assert codes(judge(view(shorts=False), OPEN, [wants(0.1)], FEES)) == ["ALLOWED"]


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("policy", "perps", "code", "coins"),
    [
        ({"max_position_ppm": 300_000}, (), "EXPOSURE_NAME", 300),
        ({"max_gross_ppm": 700_000}, (perp(MATE, -300),), "EXPOSURE_GROSS", 400),
        ({"max_gross_ppm": 700_000}, (perp(MATE, 300),), "EXPOSURE_GROSS", 400),
        ({"max_leverage_ppm": 600_000}, (perp(MATE, -300),), "EXPOSURE_LEVERAGE", 300),
        ({"evidence_cap_ppm": 100_000}, (), "EVIDENCE_UNVERIFIED", 100),
    ],
)
def test_a_clamp_counts_magnitudes(
    way: int, policy: dict[str, int], perps: tuple[PerpPosition, ...], code: str, coins: int
) -> None:
    ruling = judge(view(*perps), replace(OPEN, **policy), [wants(way * 0.9, unverified=("1",))], FEES)
    assert codes(ruling) == [code] and the_order(ruling) == (Side.BUY if way > 0 else Side.SELL, coins)
    assert float(ruling.verdicts[0].after) == way * coins / 1_000


@pytest.mark.parametrize(
    ("way", "other", "coins"),
    [(1, 200, 300), (-1, -200, 300), (1, -200, 700), (-1, 200, 700), (1, 0, 500)],
    ids=["long beside long", "short beside short", "long beside short", "short beside long", "alone"],
)
def test_net_exposure_is_long_less_short(way: int, other: int, coins: int) -> None:
    here = view(perp(MATE, other)) if other else view()
    ruling = judge(here, replace(OPEN, max_net_ppm=500_000), [wants(way * 0.9)], FEES)
    assert codes(ruling) == ["EXPOSURE_NET"] and the_order(ruling) == (Side.BUY if way > 0 else Side.SELL, coins)
    within = judge(here, replace(OPEN, max_net_ppm=500_000), [wants(way * coins / 1_000)], FEES)
    assert codes(within) == ["ALLOWED"]


def test_net_exposure_of_a_batch_counts_what_the_batch_has_planned() -> None:
    batch = [wants(-0.4, confidence=0.9), wants(-0.4, symbol=MATE), wants(0.9, symbol=THIRD, confidence=0.1)]
    ruling = judge(view(), replace(OPEN, max_net_ppm=500_000), batch, FEES)
    assert [(p.instrument, p.side, p.quantity / E8) for p in ruling.proposals] == [
        (COIN, Side.SELL, 400), (MATE, Side.SELL, 100), (THIRD, Side.BUY, 900),
    ]  # fmt: skip


@pytest.mark.parametrize("way", [1, -1])
def test_cash_is_spent_as_margin_not_as_notional(way: int) -> None:
    """A third of equity is held back; what is left, at three times, is twice the equity, less what the fees take."""
    reserve = EQUITY // 3
    ruling = judge(view(), replace(OPEN, cash_reserve=reserve), [wants(way * 3)], FEES)
    (order,) = ruling.proposals
    assert codes(ruling) == ["CASH_RESERVE"] and order.reserved <= EQUITY - reserve
    bigger = order.quantity + NAMES[COIN].step
    assert _cost(order.side, bigger) > EQUITY - reserve and order.reserved == _cost(order.side, order.quantity)
    assert 1_990 < order.quantity / E8 < 2_000


def _cost(side: Side, quantity: int) -> int:
    return opening_cost(NAMES[COIN], terms().contracts[COIN], 3, 0, side, quantity, PRICE, DAY, FEES)


@pytest.mark.parametrize("way", [1, -1])
def test_a_bracket_cuts_to_the_largest_size_at_the_desk_s_leverage(way: int) -> None:
    ruling = judge(view(leverage=10), replace(OPEN, max_position_ppm=10 * PPM, max_gross_ppm=10 * PPM), [wants(way * 4)], FEES)
    (verdict,) = [item for item in ruling.verdicts if item.code == "LEVERAGE_BRACKET"]
    assert (verdict.observed, verdict.limit) == ("10", "3") and the_order(ruling)[1] == 2_000
    grown = view(perp(COIN, way * 1_900, entry=105, leverage=10), leverage=10)
    more = judge(grown, replace(OPEN, max_position_ppm=10 * PPM, max_gross_ppm=10 * PPM), [wants(way * 3, Intent.ADD)], FEES)
    assert the_order(more)[1] == 5, "199,500 were entered: the bracket looks at what was entered, not at the mark"
    assert codes(judge(view(leverage=3), OPEN, [wants(way * 2.9)], FEES)) == ["ALLOWED"]


def test_leverage_beyond_every_bracket_opens_nothing() -> None:
    ruling = judge(view(leverage=60), replace(OPEN, max_position_ppm=PPM), [wants(0.1)], FEES)
    assert codes(ruling) == ["LEVERAGE_BRACKET"] and ruling.proposals == ()


@pytest.mark.parametrize("way", [1, -1])
def test_no_entry_is_liquidated_nearer_than_the_desk_wants(way: int) -> None:
    """At ten times a position of this size dies some 9.5 % from its mark."""
    fresh = PerpPosition(COIN, way * 400 * E8, 40_000 * E8, 4_000 * E8)
    price = liquidation_price(fresh, terms().contracts[COIN])
    distance = way * (PRICE - price) * PPM // PRICE
    assert 90_000 < distance < 100_000
    near = replace(OPEN, min_liquidation_distance_ppm=distance + 1)
    ruling = judge(view(leverage=10), near, [wants(way * 0.4)], FEES)
    assert codes(ruling) == ["LIQUIDATION_NEAR"] and ruling.proposals == ()
    inside = judge(view(leverage=10), replace(OPEN, min_liquidation_distance_ppm=distance), [wants(way * 0.4)], FEES)
    assert codes(inside) == ["ALLOWED"]
    leaving = judge(view(perp(COIN, way * 400), leverage=10), near, [wants(0, Intent.EXIT)], FEES)
    assert codes(leaving) == ["ALLOWED"]


@pytest.mark.parametrize(
    ("rate_e8", "hours", "way", "code"),
    [
        (46_000, 8, 1, "FUNDING_COST"),
        (45_000, 8, 1, "ALLOWED"),
        (46_000, 8, -1, "ALLOWED"),
        (-46_000, 8, -1, "FUNDING_COST"),
        (-46_000, 8, 1, "ALLOWED"),
        (45_000, 4, 1, "FUNDING_COST"),
    ],
)
def test_an_entry_that_would_pay_too_much_funding_a_year_is_denied(rate_e8: int, hours: int, way: int, code: str) -> None:
    here = view(funding={COIN: funding(rate_e8, hours)})
    ruling = judge(here, replace(OPEN, max_funding_ppm=500_000), [wants(way * 0.1)], FEES)
    assert codes(ruling) == [code]


def test_funding_that_nobody_knows_is_not_taken_for_cheap() -> None:
    ruling = judge(view(funding={}), replace(OPEN, max_funding_ppm=500_000), [wants(0.1)], FEES)
    assert codes(ruling) == ["FUNDING_UNKNOWN"]
    assert codes(judge(view(funding={}), OPEN, [wants(0.1)], FEES)) == ["ALLOWED"]
    leaving = judge(view(perp(COIN, 100), funding={}), replace(OPEN, max_funding_ppm=1), [wants(0, Intent.EXIT)], FEES)
    assert codes(leaving) == ["ALLOWED"]


WAVE = tuple((-1) ** n * 20_000 + n * 100 for n in range(40))
APART = tuple((-1) ** (n // 2) * 20_000 for n in range(40))


@pytest.mark.parametrize(
    ("way", "other", "code"),
    [(1, 300, "EXPOSURE_CLUSTER"), (-1, -300, "EXPOSURE_CLUSTER"), (1, -300, "ALLOWED"), (-1, 300, "ALLOWED")],
)
def test_a_short_name_moves_against_its_cluster(way: int, other: int, code: str) -> None:
    here = view(perp(MATE, other), returns={COIN: WAVE, MATE: WAVE})
    ruling = judge(here, replace(OPEN, max_cluster_ppm=400_000), [wants(way * 0.3)], FEES)
    assert codes(ruling) == [code]


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("rule", [{"max_volatility_ppm": 120_000}, {"max_var_ppm": 6_000}])
def test_a_hedge_lowers_what_the_portfolio_risks(rule: dict[str, int], way: int) -> None:
    """Half of equity in a name that moves 2 % a day: beside it, the same the other way is no risk, and the same way is twice it."""
    here = view(perp(MATE, way * 500), returns={COIN: APART, MATE: APART})
    policy = replace(OPEN, **rule)
    assert codes(judge(here, policy, [wants(way * -0.5)], FEES)) == ["ALLOWED"]
    assert codes(judge(here, policy, [wants(way * 0.5)], FEES))[0].startswith("RISK_")


def test_what_the_batch_planned_short_hedges_the_next_wish() -> None:
    here = view(returns={COIN: APART, MATE: APART})
    policy = replace(OPEN, max_volatility_ppm=200_000)
    batch = [wants(-0.5, confidence=0.9), wants(0.5, symbol=MATE)]
    assert [p.side for p in judge(here, policy, batch, FEES).proposals] == [Side.SELL, Side.BUY]
    alone = judge(here, policy, [replace(one, target_weight_ppm=abs(one.target_weight_ppm)) for one in batch], FEES)
    assert "RISK_VOLATILITY" in codes(alone, MATE)


@pytest.mark.parametrize(
    ("way", "stop", "target", "code"), [(-1, 105, 80, "ALLOWED"), (-1, 120, 99, "EDGE_BELOW_COST"), (1, 95, 120, "ALLOWED")]
)
def test_an_edge_of_a_short_lies_below_its_price(way: int, stop: int, target: int, code: str) -> None:
    decision = wants(way * 0.1, stop_loss=stop * E8, take_profit=target * E8)
    assert codes(judge(view(), replace(OPEN, min_edge_ppm=PPM), [decision], FEES)) == [code]


def test_a_short_is_sized_at_the_dearest_price_and_limited_at_the_cheapest() -> None:
    (order,) = judge(view(), replace(OPEN, entry_band_ppm=20_000), [wants(-0.51)], FEES).proposals
    assert order.quantity == 500 * E8 and order.limit_price == 98 * E8 and order.exposure == 51_000 * E8
    (order,) = judge(view(), replace(OPEN, entry_band_ppm=20_000), [wants(0.51)], FEES).proposals
    assert order.quantity == 500 * E8 and order.limit_price == 102 * E8


def test_exits_are_priced_beyond_the_mark_on_the_side_that_closes() -> None:
    (cover,) = judge(view(perp(COIN, -3)), OPEN, [wants(0, Intent.EXIT)], FEES).proposals
    (sale,) = judge(view(perp(COIN, 3)), OPEN, [wants(0, Intent.EXIT)], FEES).proposals
    assert (cover.limit_price, sale.limit_price) == (110 * E8, 90 * E8) and cover.reserved == sale.reserved == 0


def test_a_rest_that_weighs_nothing_can_still_be_left() -> None:
    rest = PerpPosition(COIN, -E8 // 1_000, E8 // 10, E8 // 30)
    here = view(rest, equity=10**9 * E8)
    assert the_order(judge(here, OPEN, [wants(0, Intent.EXIT)], FEES)) == (Side.BUY, 0.001)


def test_an_unknown_contract_denies() -> None:
    here = view(perps=PerpTerms(3, True, {}))
    assert codes(judge(here, replace(OPEN, min_order=0), [wants(0.1)], FEES)) == ["RULE_UNEVALUABLE"]


def test_a_desk_without_perpetuals_is_asked_none_of_their_rules() -> None:
    ruling = judge(view(perps=None), replace(OPEN, max_position_ppm=PPM, max_gross_ppm=PPM, max_net_ppm=1), [wants(-0.1)], FEES)
    assert codes(ruling) == ["ALLOWED"] and ruling.proposals == (), "a weight below zero is no wish of theirs"


@settings(max_examples=300)
@given(
    holds=st.dictionaries(st.sampled_from(sorted(NAMES)), st.integers(-900, 900).filter(bool), max_size=3),
    asks=st.lists(
        st.tuples(st.sampled_from(sorted(NAMES)), st.integers(-3_000_000, 3_000_000), st.sampled_from(list(Intent))), max_size=6
    ),
    net=st.integers(100_000, 2_000_000),
    gross=st.integers(100_000, 3_000_000),
)
def test_no_order_breaks_gross_or_net_and_no_exit_grows(
    holds: dict[str, int], asks: list[tuple[str, int, Intent]], net: int, gross: int
) -> None:
    here = view(*(perp(symbol, coins) for symbol, coins in holds.items()))
    policy = replace(OPEN, max_net_ppm=net, max_gross_ppm=gross, max_position_ppm=gross, cash_reserve=1_000 * E8)
    ruling = judge(here, policy, [Decision(s, intent, weight, 500_000, "") for s, weight, intent in asks], FEES)
    held = {symbol: holds.get(symbol, 0) * E8 for symbol in NAMES}
    filled, exits = dict(held), 0
    for order in ruling.proposals:
        before, signed = held[order.instrument], order.quantity if order.side is Side.BUY else -order.quantity
        filled[order.instrument] = before + signed
        exits += before * signed < 0
        assert before * filled[order.instrument] >= 0, "never across nothing"
        assert (order.reserved == 0) == (before * signed < 0)
        if before * signed >= 0:
            standing = [max(abs(held[name]), abs(filled[name])) for name in NAMES]  # an exit frees nothing before it fills
            assert sum(standing) * 100 <= gross * EQUITY // PPM + E8
            along = sum(filled.values()) * (1 if signed > 0 else -1)
            assert exits or along * 100 <= net * EQUITY // PPM + E8
    assert sum(order.reserved for order in ruling.proposals) <= max(0, here.cash_free - policy.cash_reserve)
