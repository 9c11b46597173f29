"""Funding, premium and open interest of perpetuals: recorded payments to the unit, on the minute, with their interval."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from binance_exchange import RECORDED, SHARED, Exchange, flattened

from engine.feeds.binance_futures import BinanceUsdM, parse_premiums
from engine.feeds.source import FUNDING_TABLE, OPEN_INTEREST_TABLE, Fault, FeedError, FundingSource

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SYMBOL = "BTCUSDT.BINANCE"
recorded = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded bodies lie beside the checkout, and are not here")


def payments(coin: str = "BTC") -> list[dict[str, object]]:
    rows = flattened(f"um_{coin}USDT_fundingRate_200_20260112_0320.csv")
    return [
        {"symbol": r["symbol"], "fundingRate": r["funding_rate"], "fundingTime": int(r["timestamp"]), "markPrice": ""} for r in rows
    ]


def samples(period: str) -> list[dict[str, object]]:
    rows = flattened(f"um_BTCUSDT_openInterestHist_{period}_{'20260220' if period == '4h' else '20260221'}_0320.csv")
    names = {"sumOpenInterest": "sum_open_interest", "sumOpenInterestValue": "sum_open_interest_value"}
    return [{"symbol": r["symbol"], "timestamp": int(r["timestamp"]), **{k: r[v] for k, v in names.items()}} for r in rows]


def test_it_is_a_source_of_funding() -> None:
    source: FundingSource = BinanceUsdM()
    assert source.name == "binance_um"


@recorded
@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_recorded_payments_fall_on_the_minute(coin: str) -> None:
    """Recorded instants lie up to 17 ms after the hour; the rate is the rate."""
    rows = payments(coin)
    exchange = Exchange(rows=rows)
    table = BinanceUsdM().funding(exchange, f"{coin}USDT.BINANCE", date(2026, 1, 13), date(2026, 3, 19), NOW)
    assert table.schema == FUNDING_TABLE
    assert table.height == 66 * 3
    assert {at.second + at.microsecond + at.minute for at in table["known_at"]} == {0}
    assert table["rate_e8"].to_list() == [round(float(str(r["fundingRate"])) * 1e8) for r in rows[1:199]]
    assert set(table["interval_hours"]) == {8}


@recorded
def test_funding_is_always_asked_for_from_a_start() -> None:
    """Without times the endpoint gives the latest two hundred whatever the limit."""
    exchange = Exchange(rows=payments())
    BinanceUsdM().funding(exchange, SYMBOL, date(2026, 1, 13), date(2026, 3, 19), NOW)
    assert all({"startTime", "endTime"} <= dict(request.params).keys() for request in exchange.asked)


@recorded
def test_funding_comes_in_pages() -> None:
    exchange = Exchange(rows=payments(), page=50)
    whole = BinanceUsdM().funding(Exchange(rows=payments()), SYMBOL, date(2026, 1, 13), date(2026, 3, 19), NOW)
    assert BinanceUsdM().funding(exchange, SYMBOL, date(2026, 1, 13), date(2026, 3, 19), NOW).equals(whole)
    assert len(exchange.asked) > 4


def test_a_symbol_that_pays_every_four_hours_says_so() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        {"symbol": "XUSDT", "fundingRate": "0.0001", "fundingTime": int((start + timedelta(hours=h)).timestamp() * 1_000) + 3}
        for h in (-8, 0, 4, 8, 9, 10)
    ]
    table = BinanceUsdM().funding(Exchange(rows=rows), "XUSDT.BINANCE", date(2026, 3, 1), date(2026, 3, 1), NOW)
    assert table["interval_hours"].to_list() == [8, 4, 4, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "YUSDT"},
        {"fundingRate": "0.5"},
        {"fundingRate": None},
        {"fundingTime": "1772323200000"},
        {"fundingTime": 1772323200000 + 86_400_000_000},
    ],
)
def test_a_payment_that_cannot_be_refuses_the_page(change: dict[str, object]) -> None:
    row = {"symbol": "XUSDT", "fundingRate": "0.0001", "fundingTime": 1772323200000} | change
    exchange = Exchange(bodies={"/fapi/v1/fundingRate": [row]})
    with pytest.raises(FeedError):
        BinanceUsdM().funding(exchange, "XUSDT.BINANCE", date(2026, 3, 1), date(2026, 3, 1), NOW)


@recorded
def test_the_recorded_premium() -> None:
    body = (RECORDED / "http_futures_market_premium_index.json").read_bytes()
    (premium,) = parse_premiums("binance_um", body, NOW)
    assert (premium.symbol, premium.mark, premium.index, premium.rate_e8) == (SYMBOL, 1_179_363_104_562, 1_178_180_495_970, 38_246)
    assert premium.next_funding_at == datetime(2020, 8, 14, 8, tzinfo=UTC)
    assert premium.at == datetime(2020, 8, 14, 2, 1, 35, 2_000, tzinfo=UTC)


def test_premiums_of_all_leave_out_delivery_contracts() -> None:
    row = {"markPrice": "2", "indexPrice": "2", "lastFundingRate": "", "nextFundingTime": 0, "time": 1772323200000}
    exchange = Exchange(bodies={"/fapi/v1/premiumIndex": [row | {"symbol": "XUSDT"}, row | {"symbol": "XUSDT_260327"}]})
    (premium,) = BinanceUsdM().premiums(exchange, NOW)
    assert (premium.symbol, premium.rate_e8, premium.next_funding_at) == ("XUSDT.BINANCE", 0, None)


@recorded
def test_the_recorded_open_interest_of_the_moment() -> None:
    exchange = Exchange(bodies={"/fapi/v1/openInterest": (RECORDED / "http_futures_market_open_interest.json").read_bytes()})
    table = BinanceUsdM().open_interest_now(exchange, SYMBOL, NOW)
    assert table.schema == OPEN_INTEREST_TABLE
    assert table.row(0) == (SYMBOL, datetime(2020, 5, 14, 6, 25, 30, 11_000, tzinfo=UTC), 1_065_950_900_000, "binance_um")


@recorded
@pytest.mark.parametrize("period", ["4h", "1d"])
def test_recorded_open_interest_of_a_month(period: str) -> None:
    rows = samples(period)
    table = BinanceUsdM().open_interest(Exchange(rows=rows), SYMBOL, period, date(2026, 2, 22), date(2026, 3, 19), NOW)
    wanted = [row for row in rows if datetime(2026, 2, 22, tzinfo=UTC).timestamp() * 1_000 <= float(str(row["timestamp"]))]
    wanted = [row for row in wanted if float(str(row["timestamp"])) < datetime(2026, 3, 20, tzinfo=UTC).timestamp() * 1_000]
    assert table["quantity"].to_list() == [round(float(str(row["sumOpenInterest"])) * 1e8) for row in wanted]
    assert table["known_at"][0] == datetime(2026, 2, 22, 0, 5, tzinfo=UTC)


def test_open_interest_older_than_a_month_is_not_to_be_had() -> None:
    exchange = Exchange()
    with pytest.raises(FeedError) as error:
        BinanceUsdM().open_interest(exchange, SYMBOL, "4h", date(2026, 1, 1), date(2026, 1, 2), NOW)
    assert (error.value.fault, exchange.asked) == (Fault.EMPTY, [])


def test_a_sample_off_the_grid_or_of_another_symbol_is_refused() -> None:
    row = {"symbol": "BTCUSDT", "sumOpenInterest": "1.0", "timestamp": 1773792000000}
    for change in ({"timestamp": 1773792000001}, {"symbol": "ETHUSDT"}, {"sumOpenInterest": "-1"}, {"sumOpenInterest": "x"}):
        body = json.dumps([row | change]).encode()
        with pytest.raises(FeedError):
            BinanceUsdM().open_interest(
                Exchange(bodies={"/futures/data/openInterestHist": body}), SYMBOL, "4h", date(2026, 3, 18), date(2026, 3, 18), NOW
            )
