"""Binance spot and USD-M: recorded candles and listings to the unit, pages put together whole, and nothing that is not over."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from binance_exchange import RECORDED, SHARED, Exchange, candles, flattened, klines
from hypothesis import given
from hypothesis import strategies as st

from engine.core.instrument import Board
from engine.feeds.binance import USD_M, Binance, parse_tickers
from engine.feeds.binance_futures import BinanceUsdM
from engine.feeds.candles import INTERVAL_MS, parse_klines
from engine.feeds.source import BarSource, Fault, FeedError, QuoteSource, SecuritySource
from engine.store.snapshot import BAR_SCHEMA

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_MS = INTERVAL_MS["1d"]
MARCH = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1_000)

recorded = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded bodies lie beside the checkout, and are not here")


def fault_of(error: pytest.ExceptionInfo[FeedError]) -> Fault:
    return error.value.fault


@recorded
def test_recorded_spot_candles_to_the_unit() -> None:
    body = (RECORDED / "http_spot_market_klines.json").read_bytes()
    rows = parse_klines("binance", body, "BTCUSDT.BINANCE", "1m", NOW)
    first = rows[0]
    assert (len(rows), first["start"]) == (10, datetime(2021, 10, 22, 23, 3, tzinfo=UTC))
    assert first["known_at"] == datetime(2021, 10, 22, 23, 4, tzinfo=UTC)
    assert (first["open"], first["high"], first["low"], first["close"]) == (
        6_068_522_000_000,
        6_072_984_000_000,
        6_067_090_000_000,
        6_071_927_000_000,
    )
    assert (first["volume"], first["amount"]) == (2_163_272_000, 131_320_001_340_410)


@recorded
def test_the_candle_under_way_is_dropped() -> None:
    """The last recorded candle had run for a few seconds when it was fetched."""
    rows = json.loads((RECORDED / "http_spot_market_klines.json").read_bytes())
    now = datetime(2021, 10, 22, 23, 12, 3, tzinfo=UTC)
    day = date(2021, 10, 22)
    listed = Binance().bars(
        Exchange(rows=[*candles(rows[0][0] - 1_383 * 60_000, 60_000, 1_383), *rows]), "BTCUSDT.BINANCE", "1m", day, day, now
    )
    assert listed.height == 1_383 + 9
    assert listed["known_at"].max() == datetime(2021, 10, 22, 23, 12, tzinfo=UTC)


@recorded
@pytest.mark.parametrize("coin", ["BTC", "ETH"])
@pytest.mark.parametrize("interval", ["1h", "4h"])
def test_recorded_perpetual_candles_in_pages(coin: str, interval: str) -> None:
    """Four hundred candles in pages of a hundred are the same rows, in order, none lost."""
    rows = klines(flattened(f"um_{coin}USDT_klines_{interval}_to20260319.csv"))
    first = datetime.fromtimestamp(rows[0][0] / 1_000, UTC).date() + timedelta(days=1)
    source, exchange = Binance(USD_M), Exchange(rows=rows, page=100)
    table = source.bars(exchange, f"{coin}USDT.BINANCE", interval, first, date(2026, 3, 18), NOW)
    wanted = [row for row in rows if first <= datetime.fromtimestamp(row[0] / 1_000, UTC).date() <= date(2026, 3, 18)]
    assert table.schema == BAR_SCHEMA
    assert table["close"].to_list() == [round(float(row[4]) * 100) * 1_000_000 for row in wanted]
    assert len(exchange.asked) >= len(wanted) // 100
    assert {request.host for request in exchange.asked} == {"fapi.binance.com"}


@recorded
def test_recorded_listings_become_instruments() -> None:
    spot = Exchange(bodies={"/api/v3/exchangeInfo": (RECORDED / "http_spot_market_exchange_info.json").read_bytes()})
    found = {item.symbol: item for item in Binance().instruments(spot)}
    assert {name: (item.board, item.tick, item.step) for name, item in found.items()} == {
        "BTCUSDT.BINANCE": (Board.SPOT, 1_000_000, 1_000),
        "ETHUSDT.BINANCE": (Board.SPOT, 1_000_000, 10_000),
    }
    perpetuals = Exchange(bodies={"/fapi/v1/exchangeInfo": (RECORDED / "http_futures_market_exchange_info.json").read_bytes()})
    listed = BinanceUsdM().instruments(perpetuals)
    assert [(item.symbol, item.board, item.tick, item.step) for item in listed] == [
        ("BTCUSDT.BINANCE", Board.PERP, 10_000_000, 100_000),
        ("ETHUSDT.BINANCE", Board.PERP, 1_000_000, 100_000),
    ]
    securities = BinanceUsdM().securities(perpetuals, NOW)
    assert securities["list_date"].to_list() == [date(2019, 9, 25)] * 2


def test_it_is_a_source_of_everything_it_says() -> None:
    source = Binance()
    protocols: tuple[QuoteSource, BarSource, SecuritySource] = (source, source, source)
    assert {item.name for item in protocols} == {"binance"}


@pytest.mark.parametrize("interval", sorted(INTERVAL_MS))
def test_every_interval_down_to_three_minutes_and_four_hours(interval: str) -> None:
    step = INTERVAL_MS[interval]
    rows = candles(MARCH, step, 2 * DAY_MS // step)
    table = Binance().bars(Exchange(rows=rows), "XUSDT.BINANCE", interval, date(2026, 3, 1), date(2026, 3, 2), NOW)
    assert table.height == len(rows)
    assert table["interval"].unique().to_list() == [interval]
    assert (table["known_at"] - table["start"]).unique().to_list() == [timedelta(milliseconds=step)]


def test_a_candle_is_the_same_row_in_whatever_range_it_was_fetched() -> None:
    rows = candles(MARCH, DAY_MS, 10)
    exchange = Exchange(rows=rows)
    long = Binance().bars(exchange, "XUSDT.BINANCE", "1d", date(2026, 3, 1), date(2026, 3, 10), NOW)
    short = Binance().bars(exchange, "XUSDT.BINANCE", "1d", date(2026, 3, 5), date(2026, 3, 6), NOW)
    assert long.filter(pl.col("trading_day").is_between(date(2026, 3, 5), date(2026, 3, 6))).equals(short)


def test_a_hole_is_asked_for_again_and_accepted_only_if_the_exchange_has_nothing_there() -> None:
    whole = candles(MARCH, INTERVAL_MS["1h"], 24)
    day = date(2026, 3, 1)
    outage = Exchange(rows=whole[:8] + whole[11:])
    assert Binance().bars(outage, "XUSDT.BINANCE", "1h", day, day, NOW).height == 21
    hole = dict(outage.asked[-1].params)
    assert (int(hole["startTime"]), int(hole["endTime"])) == (whole[8][0], whole[11][0] - 1)

    class Careless(Exchange):
        """Leaves candles out of long pages."""

        def between(self, request):  # type: ignore[no-untyped-def]
            rows = super().between(request)
            return rows[:8] + rows[11:]

    with pytest.raises(FeedError) as error:
        Binance().bars(Careless(rows=whole), "XUSDT.BINANCE", "1h", day, day, NOW)
    assert fault_of(error) is Fault.INCOMPLETE


def test_nothing_at_all_is_said_to_be_empty() -> None:
    with pytest.raises(FeedError) as error:
        Binance().bars(Exchange(), "XUSDT.BINANCE", "1h", date(2026, 3, 1), date(2026, 3, 1), NOW)
    assert fault_of(error) is Fault.EMPTY


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<html>502 Bad Gateway</html>", Fault.NOT_DATA),
        (b"", Fault.NOT_DATA),
        (b'[[1634943780000,"60685.22"', Fault.NOT_DATA),
        (b'{"code":-1121,"msg":"Invalid symbol."}', Fault.UNKNOWN_SYMBOL),
        (b'{"code":-1003,"msg":"Too much request weight used."}', Fault.THROTTLED),
        (b'{"code":-1000,"msg":"An unknown error occurred."}', Fault.SERVER),
        (b"NaN", Fault.NOT_DATA),
        (b"[" * 100_000, Fault.NOT_DATA),
    ],
)
def test_what_is_no_candle_is_named(body: bytes, fault: Fault) -> None:
    with pytest.raises(FeedError) as error:
        parse_klines("binance", body, "XUSDT.BINANCE", "1h", NOW)
    assert fault_of(error) is fault


HOUR = candles(MARCH, INTERVAL_MS["1h"], 3)


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (1, "0", Fault.NOT_DATA),
        (2, "100.4", Fault.NOT_DATA),
        (4, "-", Fault.NOT_DATA),
        (4, "100.500000001", Fault.UNIT),
        (4, "1e2", Fault.NOT_DATA),
        (5, "-1", Fault.NOT_DATA),
        (5, "200", Fault.UNIT),
        (7, "201000", Fault.UNIT),
        (6, MARCH, Fault.NOT_DATA),
        (0, MARCH + 1, Fault.NOT_DATA),
        (0, None, Fault.NOT_DATA),
    ],
)
def test_one_bad_field_refuses_the_page(place: int, value: object, fault: Fault) -> None:
    rows = json.loads(json.dumps(HOUR))
    rows[1][place] = value
    with pytest.raises(FeedError) as error:
        parse_klines("binance", json.dumps(rows).encode(), "XUSDT.BINANCE", "1h", NOW)
    assert fault_of(error) is fault


def test_duplicates_disorder_and_the_future_are_refused() -> None:
    for rows in ([HOUR[0], HOUR[0]], [HOUR[1], HOUR[0]]):
        with pytest.raises(FeedError, match="out of order"):
            parse_klines("binance", json.dumps(rows).encode(), "XUSDT.BINANCE", "1h", NOW)
    with pytest.raises(FeedError) as error:
        parse_klines("binance", json.dumps(HOUR).encode(), "XUSDT.BINANCE", "1h", datetime(2026, 3, 1, tzinfo=UTC))
    assert fault_of(error) is Fault.FUTURE


def test_candles_outside_of_what_was_asked_are_refused() -> None:
    stray = Exchange(bodies={"/api/v3/klines": HOUR})
    with pytest.raises(FeedError) as error:
        Binance().bars(stray, "XUSDT.BINANCE", "1h", date(2026, 3, 2), date(2026, 3, 2), NOW)
    assert fault_of(error) is Fault.NOT_DATA


def ticker(code: str, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {
        "symbol": code,
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
        "closeTime": int(NOW.timestamp() * 1_000),
    }
    return made | changes


def test_day_tickers_become_quotes() -> None:
    exchange = Exchange(bodies={"/api/v3/ticker/24hr": [ticker("BUSDT"), ticker("AUSDT")]})
    table = Binance().quotes(exchange, ["AUSDT.BINANCE", "BUSDT.BINANCE"], NOW)
    row = table.row(0, named=True)
    assert (row["symbol"], row["known_at"], row["trading_day"]) == ("AUSDT.BINANCE", NOW, NOW.date())
    assert (row["last"], row["pre_close"], row["bid"], row["ask_size"]) == (
        101_5000_0000,
        100_0000_0000,
        101_4000_0000,
        4_0000_0000,
    )
    assert dict(exchange.asked[0].params) == {"symbols": '["AUSDT","BUSDT"]'}


def test_the_whole_venue_leaves_out_what_is_no_pair_against_the_quote_currency() -> None:
    rows = [ticker("AUSDT"), ticker("AUSDT_260327"), ticker("ABTC"), ticker("币安人生USDT")]
    exchange = Exchange(bodies={"/fapi/v1/ticker/24hr": rows})
    assert BinanceUsdM().quotes(exchange, [], NOW)["symbol"].to_list() == ["AUSDT.BINANCE"]
    assert exchange.asked[0].weight == 40


def test_a_ticker_that_was_asked_for_and_is_missing_is_no_answer() -> None:
    exchange = Exchange(bodies={"/api/v3/ticker/24hr": [ticker("AUSDT")]})
    with pytest.raises(FeedError) as error:
        Binance().quotes(exchange, ["AUSDT.BINANCE", "BUSDT.BINANCE"], NOW)
    assert fault_of(error) is Fault.INCOMPLETE


def test_a_ticker_ahead_of_the_clock() -> None:
    """Clocks differ by a second or two; a row from the future is a fault."""
    ahead = int((NOW + timedelta(seconds=2)).timestamp() * 1_000)
    table = parse_tickers("binance", json.dumps([ticker("AUSDT", closeTime=ahead)]).encode(), NOW)
    assert table["known_at"].to_list() == [NOW]
    with pytest.raises(FeedError) as error:
        parse_tickers("binance", json.dumps([ticker("AUSDT", closeTime=ahead + 60_000)]).encode(), NOW)
    assert fault_of(error) is Fault.FUTURE


def test_coins_traded_by_the_trillion_count_as_the_most_a_table_holds() -> None:
    row = ticker(
        "PEPEUSDT", lastPrice="0.00001", openPrice="0.00001", highPrice="0.00001", lowPrice="0.00001", volume="9999999999999.00"
    )
    table = parse_tickers("binance", json.dumps([row | {"quoteVolume": "99999999.99"}]).encode(), NOW)
    assert table["volume"].to_list() == [9 * 10**18]


@given(units=st.integers(1, 10**16), places=st.integers(0, 4))
def test_prices_are_exact_to_the_last_digit(units: int, places: int) -> None:
    text = f"{units // 10**8}.{units % 10**8:08d}{'0' * places}"
    row = [MARCH, text, text, text, text, "0", MARCH + DAY_MS - 1, "0", 0, "0", "0", "0"]
    made = parse_klines("binance", json.dumps([row]).encode(), "XUSDT.BINANCE", "1d", NOW)
    assert made[0]["close"] == units


@pytest.mark.parametrize("symbol", ["600519.SH", "BTCUSDT", "btcusdt.BINANCE", "BTC/USDT.BINANCE", ".BINANCE"])
def test_a_symbol_of_another_market_is_not_asked_for(symbol: str) -> None:
    exchange = Exchange()
    with pytest.raises(FeedError) as error:
        Binance().bars(exchange, symbol, "1h", date(2026, 3, 1), date(2026, 3, 1), NOW)
    assert (fault_of(error), exchange.asked) == (Fault.UNKNOWN_SYMBOL, [])
