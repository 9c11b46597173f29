"""Bodies of Binance and Yahoo, damaged in every way: a whole table or a FeedError, never another error, never a part."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from binance_exchange import RECORDED, SHARED, Exchange, flattened, klines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_yahoo import SPLIT, SPLIT_ROWS, body, opening

from engine.feeds.binance import USD_M, Binance, parse_tickers
from engine.feeds.binance_futures import BinanceUsdM, parse_premiums
from engine.feeds.source import FeedError
from engine.feeds.yahoo import chart_bars, chart_distributions, chart_quote, parse_chart

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = date(2026, 3, 18)
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded bodies lie beside the checkout, and are not here")
fuzzed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["", "-", "0", "1e9", "-1", "NaN", "Infinity", "９.5", "0x10", "1_000", "99999999999999999999999999"]),
    st.just([]),
    st.just({}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value inside a JSON value lies."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


@st.composite
def damaged(draw: st.DrawFn, whole: Any) -> bytes:
    """A body with some of its values swapped, dropped, doubled or put out of order, or its bytes cut or flipped."""
    value = deepcopy(whole)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([place for place in places(value) if place] or [()]))
        if not path:
            break
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        kind = draw(st.sampled_from(["junk", "drop", "double", "reverse", "swap"]))
        if kind == "junk":
            parent[path[-1]] = draw(JUNK)
        elif kind == "drop":
            del parent[path[-1]]
        elif isinstance(parent, list) and kind == "double":
            parent.insert(path[-1], deepcopy(parent[path[-1]]))
        elif isinstance(parent, list) and kind == "reverse":
            parent.reverse()
        else:
            other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else list(range(len(parent)))))
            parent[path[-1]], parent[other] = parent[other], parent[path[-1]]
    text = bytearray(json.dumps(value).encode())
    if text and draw(st.booleans()):
        cut = draw(st.integers(0, len(text) - 1))
        if draw(st.booleans()):
            del text[cut:]
        else:
            text[cut] ^= draw(st.integers(1, 255))
    return bytes(text)


def accepted(read: Callable[[], Any]) -> Any:
    """What a parser made of a body, or None where it refused it with its own error; any other error fails the test."""
    try:
        return read()
    except FeedError:
        return None


def sound(table: pl.DataFrame) -> bool:
    """Whether rows are unique, in order, positive and known by now."""
    return bool(
        table.height
        and not table.null_count().select("symbol", "known_at").to_numpy().any()
        and table["known_at"].max() <= NOW  # type: ignore[operator]
        and not table.select("symbol", "known_at").is_duplicated().any()
    )


HOURS = (
    [row for row in klines(flattened("um_BTCUSDT_klines_1h_to20260319.csv")) if row[0] // 86_400_000 == 20_530]
    if SHARED.is_dir()
    else []
)


@fuzzed
@given(data=st.data())
def test_recorded_candles_of_a_day_come_whole_or_not_at_all(data: st.DataObject) -> None:
    """A page that lost a candle is found out by asking for the hole again; a page cut at its end, by asking for the rest."""
    first = data.draw(damaged(HOURS))
    honest = Exchange(rows=HOURS)
    pages = iter([first])

    def fetch(source: str, request: Any) -> bytes:
        return next(pages, None) or honest(source, request)

    table = accepted(lambda: Binance(USD_M).bars(fetch, "BTCUSDT.BINANCE", "1h", DAY, DAY, NOW))
    assert table is None or (table.height == 24 and sound(table))


TICKERS = [
    {
        "symbol": f"{code}USDT",
        "lastPrice": "101.50",
        "openPrice": "100.00",
        "highPrice": "102.00",
        "lowPrice": "99.00",
        "volume": "10.00",
        "quoteVolume": "1005.00",
        "bidPrice": "101.40",
        "bidQty": "3",
        "askPrice": "101.60",
        "askQty": "4",
        "closeTime": 1_773_900_000_000,
    }
    for code in ("AAA", "BBB", "CCC")
]


@fuzzed
@given(broken=damaged(TICKERS))
def test_tickers_that_were_asked_for_come_whole_or_not_at_all(broken: bytes) -> None:
    names = [f"{row['symbol']}.BINANCE" for row in TICKERS]
    table = accepted(lambda: Binance().quotes(Exchange(bodies={"/api/v3/ticker/24hr": broken}), names, NOW))
    assert table is None or (table["symbol"].to_list() == names and sound(table))


@fuzzed
@given(broken=damaged(TICKERS))
def test_tickers_of_all_raise_nothing_else(broken: bytes) -> None:
    table = accepted(lambda: parse_tickers("binance", broken, NOW))
    assert table is None or sound(table)


@fuzzed
@given(data=st.data(), market=st.sampled_from(["spot", "futures"]))
def test_recorded_listings_raise_nothing_else(data: st.DataObject, market: str) -> None:
    broken = data.draw(damaged(json.loads((RECORDED / f"http_{market}_market_exchange_info.json").read_bytes())))
    source, path = (Binance(), "/api/v3/exchangeInfo") if market == "spot" else (BinanceUsdM(), "/fapi/v1/exchangeInfo")
    exchange = Exchange(bodies={path: broken})
    listed = accepted(lambda: source.instruments(exchange))
    assert listed is None or all(item.tick > 0 and item.step > 0 for item in listed)
    securities = accepted(lambda: source.securities(exchange, NOW))
    assert securities is None or securities.height


@fuzzed
@given(data=st.data())
def test_recorded_premium_and_open_interest_raise_nothing_else(data: st.DataObject) -> None:
    premium = data.draw(damaged(json.loads((RECORDED / "http_futures_market_premium_index.json").read_bytes())))
    found = accepted(lambda: parse_premiums("binance_um", premium, NOW))
    assert found is None or all(item.mark > 0 for item in found)
    interest = data.draw(damaged(json.loads((RECORDED / "http_futures_market_open_interest.json").read_bytes())))
    table = accepted(
        lambda: BinanceUsdM().open_interest_now(Exchange(bodies={"/fapi/v1/openInterest": interest}), "BTCUSDT.BINANCE", NOW)
    )
    assert table is None or (table.height == 1 and sound(table))


PAYMENTS = [
    {
        "symbol": "BTCUSDT",
        "fundingRate": "0.00004650",
        "fundingTime": 1_773_763_200_000 + n * 28_800_000 + n,
        "markPrice": "70000.1",
    }
    for n in range(5)
]


@fuzzed
@given(broken=damaged(PAYMENTS))
def test_funding_raises_nothing_else(broken: bytes) -> None:
    exchange = Exchange(bodies={"/fapi/v1/fundingRate": broken})
    table = accepted(lambda: BinanceUsdM().funding(exchange, "BTCUSDT.BINANCE", date(2026, 3, 17), DAY, NOW))
    assert table is None or sound(table)


CHART = json.loads(
    body(
        SPLIT_ROWS,
        events={**SPLIT, "dividends": {"d": {"date": opening(date(2020, 8, 28)), "amount": 0.205}}},
        meta={
            "regularMarketPrice": 134.18,
            "regularMarketDayHigh": 134.8,
            "regularMarketDayLow": 130.53,
            "regularMarketTime": 1_598_990_400,
            "regularMarketVolume": 151_948_100,
        },
    )
)


@fuzzed
@given(broken=damaged(CHART))
def test_charts_raise_nothing_else(broken: bytes) -> None:
    chart = accepted(lambda: parse_chart(broken, "AAPL.US"))
    if chart is None:
        return
    bars = accepted(lambda: chart_bars(chart, "AAPL.US", "1d", NOW))
    assert bars is None or all(0 < bar["low"] <= bar["close"] <= bar["high"] for bar in bars)
    quote = accepted(lambda: chart_quote(chart, "AAPL.US", NOW))
    assert quote is None or quote["known_at"] <= NOW
    events = accepted(lambda: chart_distributions(chart, "AAPL.US"))
    assert events is None or all(item.numerator > 0 and item.denominator > 0 for item in events)
