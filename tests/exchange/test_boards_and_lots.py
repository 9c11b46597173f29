"""What a code, a name and a quantity mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rulebook import BOARDS, cny, day, pair, share, us_share

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board
from engine.core.order import OrderType, Side
from engine.core.units import Market
from engine.exchange import (
    Exchange,
    NameFlags,
    Product,
    board_of,
    calendar,
    exchange_of,
    floor_quantity,
    name_flags,
    on_tick,
    order_maximum,
    product_of,
    quantity_problem,
    settles_on,
    symbol_of,
    tick_at,
    tick_of,
    to_tick,
)
from engine.exchange.boards import growth_fund
from engine.exchange.dated import Dated, Gap, since

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("贵州茅台", NameFlags("贵州茅台", False, False, False, False, False, False)),
        ("XD贵州茅", NameFlags("贵州茅", False, False, False, False, True, False)),
        ("XR平安银", NameFlags("平安银", False, False, False, False, False, True)),
        ("DR五粮液", NameFlags("五粮液", False, False, False, False, True, True)),
        ("ST华通", NameFlags("华通", True, False, False, False, False, False)),
        ("*ST国华", NameFlags("国华", True, False, False, False, False, False)),
        ("SST佳通", NameFlags("佳通", True, False, False, False, False, False)),
        ("S*ST前锋", NameFlags("前锋", True, False, False, False, False, False)),
        ("XD*ST国华", NameFlags("国华", True, False, False, False, True, False)),
        ("N屹唐", NameFlags("屹唐", False, False, True, False, False, False)),
        ("C屹唐", NameFlags("屹唐", False, False, False, True, False, False)),
        ("NST汇通", NameFlags("汇通", True, False, True, False, False, False)),
        ("国华退", NameFlags("国华", False, True, False, False, False, False)),
        ("退市海润", NameFlags("海润", False, True, False, False, False, False)),
        ("万  科Ａ", NameFlags("万科A", False, False, False, False, False, False)),
        ("TCL科技", NameFlags("TCL科技", False, False, False, False, False, False)),
        ("NIO", NameFlags("NIO", False, False, False, False, False, False)),
        ("N", NameFlags("N", False, False, False, False, False, False)),
        ("", NameFlags("", False, False, False, False, False, False)),
    ],
)
def test_marks_are_read_off_a_name(name: str, expected: NameFlags) -> None:
    assert name_flags(name) == expected


def test_symbols_and_exchanges() -> None:
    for symbol, board in BOARDS.values():
        assert board_of(symbol, Market.ASHARE) is board
        assert symbol_of(symbol[:6]) == symbol
    assert [exchange_of(share(kind)) for kind in ("main", "main_sz", "bse")] == [Exchange.SSE, Exchange.SZSE, Exchange.BSE]
    assert (exchange_of(us_share()), exchange_of(pair())) == (Exchange.US, Exchange.BINANCE)
    assert board_of("BRK.B.US", Market.US) is Board.US
    assert board_of("BTCUSDT.BINANCE", Market.CRYPTO) is Board.SPOT
    assert board_of("508000.SH", Market.ASHARE) is board_of("180101.SZ", Market.ASHARE) is Board.REIT


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("000001.SH", Market.ASHARE),
        ("600519.SZ", Market.ASHARE),
        ("399001.SZ", Market.ASHARE),
        ("60051.SH", Market.ASHARE),
        ("AAPL", Market.ASHARE),
        ("６００５１９.SH", Market.ASHARE),
        ("aapl.US", Market.US),
        ("../x.US", Market.US),
        ("BTC/USDT.BINANCE", Market.CRYPTO),
        ("", Market.CRYPTO),
    ],
)
def test_codes_no_board_owns_are_refused(symbol: str, market: Market) -> None:
    with pytest.raises(RuleUnknown):
        board_of(symbol, market)


def test_an_a_share_symbol_needs_its_exchange() -> None:
    with pytest.raises(RuleUnknown, match=r"\.SH, \.SZ or \.BJ"):
        exchange_of(share("main", symbol="600519"))


@pytest.mark.parametrize(
    ("kind", "symbol", "name", "product"),
    [
        ("etf", "511880.SH", "银华日利", Product.FUND_T0),
        ("etf", "518880.SH", "黄金ETF", Product.FUND_T0),
        ("etf", "513100.SH", "纳指ETF", Product.FUND_T0),
        ("etf", "510900.SH", "H股ETF", Product.FUND_T0),
        ("etf", "551030.SH", "科创债ETF", Product.FUND_T0),
        ("etf", "510300.SH", "沪深300ETF", Product.FUND),
        ("etf_20pct", "588000.SH", "科创50ETF", Product.FUND),
        ("etf_sz", "159919.SZ", "沪深300ETF", Product.FUND),
        ("etf_sz", "159934.SZ", "黄金ETF", Product.FUND_T0),
        ("etf_sz", "159562.SZ", "黄金股ETF", Product.FUND),
        ("etf_sz", "159941.SZ", "纳指ETF", Product.FUND_T0),
        ("etf_sz", "159920.SZ", "恒生ETF", Product.FUND_T0),
        ("etf_sz", "159001.SZ", "货币ETF", Product.FUND_T0),
        ("etf_sz", "159972.SZ", "5年地债ETF", Product.FUND_T0),
        ("etf_sz", "159985.SZ", "豆粕ETF", Product.FUND_T0),
        ("etf_sz", "159980.SZ", "有色ETF", Product.FUND_T0),
        ("etf_sz", "159999.SZ", "恒生A股龙头ETF", Product.FUND),
        ("etf_sz", "159125.SZ", "可转债ETF", Product.FUND_T0),
        ("lof", "161125.SZ", "标普500LOF", Product.FUND),
        ("reit", "508000.SH", "张江REIT", Product.REIT),
        ("convertible", "113050.SH", "南银转债", Product.CONVERTIBLE),
        ("b_share_sse_usd", "900901.SH", "云赛B股", Product.B_SHARE),
        ("bse", "920819.BJ", "颖泰生物", Product.STOCK),
    ],
)
def test_products_and_when_they_may_be_resold(kind: str, symbol: str, name: str, product: Product) -> None:
    instrument = share(kind, symbol=symbol, name=name)
    assert product_of(instrument) is product
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    same_day = product in (Product.FUND_T0, Product.CONVERTIBLE)
    assert settles_on(instrument, friday, calendar(Market.ASHARE)) == (friday if same_day else monday)


def test_us_shares_and_crypto_may_be_resold_at_once() -> None:
    assert product_of(us_share()) is Product.US_STOCK
    assert (product_of(pair()), product_of(pair(Board.PERP))) == (Product.SPOT, Product.PERP)
    assert settles_on(us_share(), TODAY, calendar(Market.US)) == TODAY
    assert settles_on(pair(), TODAY, calendar(Market.CRYPTO)) == TODAY


@pytest.mark.parametrize(
    ("kind", "name", "grown"),
    [
        ("etf_20pct", "科创50ETF", True),
        ("etf_sz", "创业板ETF", True),
        ("etf_sz", "双创龙头ETF", True),
        ("etf_sz", "创新药ETF", False),
        ("etf_sz", "科创债ETF", False),
        ("lof", "创业板LOF", True),
        ("etf", "创业板ETF", False),
        ("main", "创业环保", False),
    ],
)
def test_funds_of_growth_boards_are_known_by_code_or_name(kind: str, name: str, grown: bool) -> None:
    assert growth_fund(share(kind, name=name)) is grown


def test_ticks_by_product_and_price() -> None:
    assert tick_of(share("main"), TODAY) == tick_of(us_share(), TODAY) == 100
    assert tick_of(share("convertible"), TODAY) == 10
    assert tick_of(pair(), TODAY) == 10**6
    assert tick_at(us_share(), TODAY, 9_999) == 1
    assert tick_at(us_share(), TODAY, 10_000) == 100
    assert on_tick(us_share(), TODAY, 9_999) and not on_tick(us_share(), TODAY, 10_001)
    assert not on_tick(share("main"), TODAY, 0)
    assert [to_tick(share("main"), side, TODAY, 100_050) for side in Side] == [100_000, 100_100]
    assert to_tick(share("main"), Side.SELL, TODAY, 100_000) == 100_000


def test_order_maxima_came_with_the_boards() -> None:
    limit, market = OrderType.LIMIT, OrderType.MARKET
    assert order_maximum(share("chinext"), limit, day("2020-08-21")) == 1_000_000
    assert order_maximum(share("chinext"), limit, day("2020-08-24")) == 300_000
    assert order_maximum(share("chinext"), market, TODAY) == 150_000
    assert order_maximum(share("star"), OrderType.STOP, TODAY) == 100_000
    assert order_maximum(share("bse"), market, TODAY) == order_maximum(share("etf"), limit, TODAY) == 1_000_000
    assert order_maximum(us_share(), market, TODAY) == 10**15
    with pytest.raises(RuleUnknown):
        order_maximum(share("star"), limit, day("2019-07-21"))


@pytest.mark.parametrize(
    ("kind", "side", "wanted", "sellable", "expected"),
    [
        ("main", Side.BUY, 99, 0, 0),
        ("main", Side.BUY, 199, 0, 100),
        ("main", Side.BUY, 5_000_000, 0, 1_000_000),
        ("main", Side.BUY, -5, 0, 0),
        ("main", Side.SELL, 350, 350, 350),
        ("main", Side.SELL, 349, 350, 300),
        ("main", Side.SELL, 149, 350, 100),
        ("main", Side.SELL, 99, 350, 50),
        ("main", Side.SELL, 49, 350, 0),
        ("main", Side.SELL, 1000, 350, 350),
        ("main", Side.SELL, 1000, 0, 0),
        ("main", Side.SELL, 30, 30, 30),
        ("star", Side.BUY, 199, 0, 0),
        ("star", Side.BUY, 200, 0, 200),
        ("star", Side.BUY, 100_001, 0, 100_000),
        ("star", Side.SELL, 150, 350, 0),
        ("star", Side.SELL, 150, 150, 150),
        ("star", Side.SELL, 149, 150, 0),
        ("star", Side.SELL, 500, 150, 150),
        ("bse", Side.SELL, 60, 60, 60),
        ("bse", Side.SELL, 60, 160, 0),
        ("convertible", Side.BUY, 19, 0, 10),
        ("convertible", Side.SELL, 13, 13, 13),
    ],
)
def test_quantities_are_floored_never_raised(kind: str, side: Side, wanted: int, sellable: int, expected: int) -> None:
    assert floor_quantity(share(kind), side, wanted, sellable, OrderType.LIMIT, TODAY) == expected


def test_fractions_of_us_shares_need_a_market_order() -> None:
    assert floor_quantity(us_share(), Side.BUY, 2_500_001, 0, OrderType.MARKET, TODAY) == 2_500_001
    assert floor_quantity(us_share(), Side.BUY, 2_500_001, 0, OrderType.LIMIT, TODAY) == 2_000_000
    with pytest.raises(RuleUnknown, match="step"):
        floor_quantity(replace(pair(), step=0), Side.BUY, 1, 0, OrderType.MARKET, TODAY)


@pytest.mark.parametrize(
    ("kind", "side", "quantity", "sellable", "code"),
    [
        ("main", Side.BUY, 0, 0, "QUANTITY_NOT_POSITIVE"),
        ("main", Side.BUY, 1_000_001, 0, "QUANTITY_OVER_MAXIMUM"),
        ("main", Side.BUY, 50, 0, "QUANTITY_BELOW_MINIMUM"),
        ("main", Side.BUY, 150, 0, "QUANTITY_NOT_LOT"),
        ("main", Side.SELL, 101, 100, "QUANTITY_OVER_SELLABLE"),
        ("star", Side.SELL, 150, 350, "QUANTITY_BELOW_MINIMUM"),
        ("star", Side.SELL, 200, 200, ""),
        ("star", Side.SELL, 199, 199, ""),
    ],
)
def test_invalid_quantities_say_why(kind: str, side: Side, quantity: int, sellable: int, code: str) -> None:
    assert quantity_problem(share(kind), side, quantity, sellable, OrderType.LIMIT, TODAY) == code


@given(
    st.sampled_from(["main", "chinext", "star", "bse", "etf", "convertible"]),
    st.sampled_from(Side),
    st.integers(-10, 2_000_000),
    st.integers(0, 2_000_000),
    st.sampled_from(OrderType),
)
def test_a_floored_quantity_is_valid_and_the_next_valid_one_is_too_much(
    kind: str, side: Side, wanted: int, sellable: int, order_type: OrderType
) -> None:
    instrument = share(kind)
    quantity = floor_quantity(instrument, side, wanted, sellable, order_type, TODAY)
    assert 0 <= quantity <= max(wanted, 0)
    if quantity:
        assert quantity_problem(instrument, side, quantity, sellable, order_type, TODAY) == ""
    for larger in range(quantity + 1, min(wanted, quantity + 250) + 1):
        assert quantity_problem(instrument, side, larger, sellable, order_type, TODAY) != ""


def test_a_dated_rule_answers_from_its_first_day_and_refuses_gaps() -> None:
    rule: Dated[int] = since("thing", ("2020-01-02", 2), ("2019-01-01", 1), ("2021-01-01", Gap("two texts disagree")))
    assert [rule.on(day(text)) for text in ("2019-01-01", "2020-01-01", "2020-01-02", "2020-12-31")] == [1, 1, 2, 2]
    with pytest.raises(RuleUnknown, match=r"thing.*2018-12-31.*2019-01-01"):
        rule.on(day("2018-12-31"))
    with pytest.raises(RuleUnknown, match="two texts disagree"):
        rule.on(day("2021-01-01"))


def test_one_cent_prices_stay_above_zero() -> None:
    assert to_tick(share("main"), Side.BUY, TODAY, cny("0.01")) == 100
