"""Yahoo's chart: nulls, splits and dividends undone to what was traded, 32-bit prices to the cent; bodies of documented shape."""

import json
import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.feeds.source import BarSource, Fault, FeedError, QuoteSource, Request
from engine.feeds.yahoo import Distribution, Yahoo, chart_bars, chart_distributions, code_of, parse_chart

NOW = datetime(2020, 9, 10, 12, tzinfo=UTC)
SYMBOL = "AAPL.US"


def opening(day: date) -> int:
    """09:30 in New York in summer."""
    return int(datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC).timestamp())


def float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def body(
    rows: Sequence[tuple[int, Sequence[float | None], int | None]],
    *,
    events: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> bytes:
    columns = {name: [row[1][place] for row in rows] for place, name in enumerate(("open", "high", "low", "close"))}
    result = {
        "meta": {"symbol": "AAPL", "currency": "USD", **(meta or {})},
        "timestamp": [row[0] for row in rows],
        "indicators": {"quote": [{**columns, "volume": [row[2] for row in rows]}]},
    }
    if events:
        result["events"] = dict(events)
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


class Server:
    """A Fetch that always answers the same."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def __call__(self, source: str, request: Request) -> bytes:
        self.asked.append(request)
        return self.answer


SPLIT_DAYS = [date(2020, 8, 27), date(2020, 8, 28), date(2020, 8, 31), date(2020, 9, 1)]
SPLIT_ROWS: list[tuple[int, Sequence[float | None], int | None]] = [
    (opening(SPLIT_DAYS[0]), [127.14, 127.49, 123.83, 125.01], 155_552_400),
    (opening(SPLIT_DAYS[1]), [126.01, 126.44, 124.58, 124.81], 187_151_600),
    (opening(SPLIT_DAYS[2]), [127.58, 131.00, 126.00, 129.04], 225_702_700),
    (opening(SPLIT_DAYS[3]), [132.76, 134.80, 130.53, 134.18], 151_948_100),
]
SPLIT = {"splits": {"s": {"date": opening(SPLIT_DAYS[2]), "numerator": 4, "denominator": 1, "splitRatio": "4:1"}}}


def test_it_is_a_source_of_quotes_and_bars() -> None:
    quotes: QuoteSource = Yahoo()
    bars: BarSource = Yahoo()
    assert {quotes.name, bars.name} == {"yahoo"}


def test_prices_before_a_split_are_what_was_traded() -> None:
    """Four for one on 2020-08-31: what is given as 124.81 was traded at 499.24, a quarter of the shares."""
    table = Yahoo().bars(Server(body(SPLIT_ROWS, events=SPLIT)), SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], NOW)
    assert table["close"].to_list() == [5_000_400, 4_992_400, 1_290_400, 1_341_800]
    assert table["volume"].to_list()[1:3] == [46_787_900_000_000, 225_702_700_000_000]
    assert table["pre_close"].to_list()[1:] == [5_000_400, 1_248_100, 1_290_400]
    assert table["factor_ppm"].to_list() == [1_000_000, 1_000_000, 4_000_000, 4_000_000]


def test_a_dividend_lowers_the_reference_price_and_raises_the_factor() -> None:
    paid = {"dividends": {"d": {"date": opening(SPLIT_DAYS[3]), "amount": 1.29}}}
    table = Yahoo().bars(Server(body(SPLIT_ROWS[2:], events=paid)), SYMBOL, "1d", SPLIT_DAYS[2], SPLIT_DAYS[3], NOW)
    assert table["pre_close"].to_list()[1] == 1_290_400 - 12_900
    assert table["factor_ppm"].to_list()[1] == round(1_000_000 * 129.04 / 127.75)


def test_a_dividend_before_a_split_is_what_was_paid_then() -> None:
    events = {**SPLIT, "dividends": {"d": {"date": opening(date(2020, 8, 7)), "amount": 0.205}}}
    found = chart_distributions(parse_chart(body(SPLIT_ROWS, events=events), SYMBOL), SYMBOL)
    assert found == (Distribution(SYMBOL, date(2020, 8, 7), 820_000, 1, 1), Distribution(SYMBOL, date(2020, 8, 31), 0, 4, 1))


def test_a_factor_depends_on_the_past_alone() -> None:
    """Daily bars are asked for from the listing on, so that any stretch has the factors of the whole."""
    server = Server(body(SPLIT_ROWS, events=SPLIT))
    whole = Yahoo().bars(server, SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], NOW)
    late = Yahoo().bars(server, SYMBOL, "1d", SPLIT_DAYS[2], SPLIT_DAYS[-1], NOW)
    assert whole[2:].equals(late)
    assert len({dict(request.params)["period1"] for request in server.asked}) == 1


def test_a_day_of_nulls_is_no_day_and_half_a_day_is_a_fault() -> None:
    null: tuple[int, Sequence[float | None], int | None] = (opening(date(2020, 8, 29)), [None] * 4, None)
    rows = [*SPLIT_ROWS[:2], null, *SPLIT_ROWS[2:]]
    table = Yahoo().bars(Server(body(rows, events=SPLIT)), SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], NOW)
    assert table["trading_day"].to_list() == SPLIT_DAYS
    half = [*SPLIT_ROWS[:3], (opening(SPLIT_DAYS[3]), [132.76, 134.80, None, 134.18], 1)]
    with pytest.raises(FeedError) as error:
        Yahoo().bars(Server(body(half, events=SPLIT)), SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], NOW)
    assert error.value.fault is Fault.INCOMPLETE


def test_the_session_under_way_is_no_bar() -> None:
    noon = datetime(2020, 9, 1, 16, tzinfo=UTC)
    table = Yahoo().bars(Server(body(SPLIT_ROWS, events=SPLIT)), SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], noon)
    assert table["trading_day"].to_list() == SPLIT_DAYS[:3]
    assert table["known_at"].to_list()[-1] == datetime(2020, 8, 31, 20, tzinfo=UTC)


def test_intraday_bars_end_an_interval_after_they_begin() -> None:
    start = opening(SPLIT_DAYS[3])
    rows = [(start + number * 300, [132.76, 134.80, 130.53, 134.18], 1_000) for number in range(3)]
    at = datetime.fromtimestamp(start + 700, UTC)
    table = Yahoo().bars(Server(body(rows)), SYMBOL, "5m", SPLIT_DAYS[3], SPLIT_DAYS[3], at)
    assert table.height == 2
    assert (table["known_at"] - table["start"]).unique().to_list() == [timedelta(minutes=5)]


@given(cents=st.integers(100, 9_999_999))
def test_a_price_written_as_a_32_bit_float_is_its_cent(cents: int) -> None:
    price = float32(cents / 100)
    rows = [(opening(SPLIT_DAYS[3]), [price] * 4, 1)]
    (bar,) = chart_bars(parse_chart(body(rows), SYMBOL), SYMBOL, "1d", NOW)
    assert bar["close"] == cents * 100


def test_a_penny_stock_keeps_its_hundredths_of_a_cent() -> None:
    rows = [(opening(SPLIT_DAYS[3]), [float32(0.1234)] * 4, 1)]
    (bar,) = chart_bars(parse_chart(body(rows), SYMBOL), SYMBOL, "1d", NOW)
    assert bar["close"] == 1_234


def test_a_quote_comes_from_the_meta_and_the_days_before() -> None:
    meta = {
        "regularMarketPrice": 134.18,
        "regularMarketTime": int(datetime(2020, 9, 1, 20, tzinfo=UTC).timestamp()),
        "regularMarketDayHigh": 134.8,
        "regularMarketDayLow": 130.53,
        "regularMarketVolume": 151_948_100,
        "longName": "Apple Inc.",
    }
    table = Yahoo().quotes(Server(body(SPLIT_ROWS, events=SPLIT, meta=meta)), [SYMBOL], NOW)
    row = table.row(0, named=True)
    assert (row["last"], row["pre_close"], row["open"], row["high"], row["low"]) == (
        1_341_800,
        1_290_400,
        1_327_600,
        1_348_000,
        1_305_300,
    )
    assert (row["trading_day"], row["known_at"], row["name"]) == (
        date(2020, 9, 1),
        datetime(2020, 9, 1, 20, tzinfo=UTC),
        "Apple Inc.",
    )


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"Too Many Requests", Fault.NOT_DATA),
        (b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}', Fault.UNKNOWN_SYMBOL),
        (b'{"chart":{"result":null,"error":{"code":"Internal","description":"x"}}}', Fault.SERVER),
        (b'{"chart":{"result":[],"error":null}}', Fault.NOT_DATA),
        (body(SPLIT_ROWS, meta={"currency": "GBp"}), Fault.NOT_DATA),
        (body(SPLIT_ROWS, meta={"symbol": "MSFT"}), Fault.NOT_DATA),
        (body([*SPLIT_ROWS, SPLIT_ROWS[0]]), Fault.NOT_DATA),
        (body([(opening(SPLIT_DAYS[0]), [1.0, 2.0, 1.5, 1.2], 1)]), Fault.NOT_DATA),
        (body([(opening(SPLIT_DAYS[0]), [0.0, 0.0, 0.0, 0.0], 1)]), Fault.NOT_DATA),
        (body([(opening(date(2021, 8, 27)), [1.0, 1.0, 1.0, 1.0], 1)]), Fault.FUTURE),
        (body([]), Fault.EMPTY),
    ],
)
def test_what_is_no_chart_is_named(answer: bytes, fault: Fault) -> None:
    with pytest.raises(FeedError) as error:
        Yahoo().bars(Server(answer), SYMBOL, "1d", SPLIT_DAYS[0], SPLIT_DAYS[-1], NOW)
    assert error.value.fault is fault


def test_symbols() -> None:
    assert code_of("BRK.B.US") == "BRK-B"
    for symbol in ("600519.SH", "AAPL", "aapl.US", "A/B.US", "../x.US"):
        with pytest.raises(FeedError):
            code_of(symbol)
