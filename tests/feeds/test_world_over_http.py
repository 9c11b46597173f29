"""Binance, its archive and Yahoo over real HTTP on loopback, through the real fetcher: good days, bans, bodies cut on the way."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from binance_exchange import candles
from feed_server import Behaviour, FeedServer, gzipped, half, html_page, plays, reset_mid_body, short_of_its_length, status
from feed_server import Exchange as Answer
from test_yahoo import SPLIT, SPLIT_ROWS, body

from engine.feeds.binance import SPOT, USD_M, Binance
from engine.feeds.binance_archive import HOST as ARCHIVE
from engine.feeds.binance_archive import BinanceArchive
from engine.feeds.fetch import Fetcher, FetchSettings
from engine.feeds.pacing import Pace
from engine.feeds.source import Fault, FeedError
from engine.feeds.yahoo import HOSTS, Yahoo

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = date(2026, 3, 1)
MARCH = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1_000)
MINUTES = candles(MARCH, 60_000, 1_440)
YAHOO = body(SPLIT_ROWS, events=SPLIT)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


@pytest.fixture
def fetch(server: FeedServer) -> Fetcher:
    paces = {host: Pace(0.0) for host in (SPOT.host, USD_M.host, ARCHIVE, *HOSTS)}
    return Fetcher(FetchSettings(retry_wait_s=0.001, paces=paces), resolve=server.resolve)


def klines(answer: Answer) -> None:
    """An exchange that pages its minutes."""
    asked = answer.seen.params
    rows = [row for row in MINUTES if int(asked["startTime"]) <= row[0] <= int(asked["endTime"])]
    answer.send(json.dumps(rows[: int(asked["limit"])]).encode(), headers={"X-MBX-USED-WEIGHT-1M": "4"})


def test_a_day_of_minutes_comes_in_two_pages(server: FeedServer, fetch: Fetcher) -> None:
    server.set(SPOT.host, klines)
    table = Binance().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)
    assert table.height == 1_440
    assert [seen.params["limit"] for seen in server.asked(SPOT.host)] == ["1000", "1000"]
    assert {seen.path for seen in server.asked(SPOT.host)} == {"/api/v3/klines"}


def test_three_minute_candles_of_the_perpetual_are_asked_for_as_such(server: FeedServer, fetch: Fetcher) -> None:
    server.set(USD_M.host, plays(json.dumps(candles(MARCH, 180_000, 480))))
    assert Binance(USD_M).bars(fetch, "XUSDT.BINANCE", "3m", DAY, DAY, NOW).height == 480
    (seen,) = server.asked(USD_M.host)
    assert (seen.path, seen.params["interval"], seen.params["limit"]) == ("/fapi/v1/klines", "3m", "1500")


PAGE = json.dumps(MINUTES[:1_000]).encode()


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (status(418, b'{"code":-1003,"msg":"banned"}', Retry_After="120"), Fault.BANNED),
        (status(429, b"", Retry_After="3"), Fault.THROTTLED),
        (status(451, b'{"code":0,"msg":"restricted location"}'), Fault.BANNED),
        (status(400, b'{"code":-1121,"msg":"Invalid symbol."}'), Fault.UNKNOWN_SYMBOL),
        (status(503), Fault.SERVER),
        (html_page(), Fault.NOT_DATA),
        (half(PAGE), Fault.NOT_DATA),
        (short_of_its_length(PAGE), Fault.NETWORK),
        (reset_mid_body(PAGE), Fault.NETWORK),
        (plays(b"[]"), Fault.EMPTY),
    ],
    ids=["418", "429", "451", "400", "503", "html", "half", "short", "reset", "empty"],
)
def test_a_bad_day_of_binance_is_named_and_nothing_of_it_is_kept(
    server: FeedServer, fetch: Fetcher, behaviour: Behaviour, fault: Fault
) -> None:
    server.set(SPOT.host, behaviour)
    with pytest.raises(FeedError) as error:
        Binance().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)
    assert error.value.fault is fault


def test_a_first_page_alone_is_no_day(server: FeedServer, fetch: Fetcher) -> None:
    """The second page fails: what the first one held is not taken for the day."""
    server.once(SPOT.host, klines)
    server.set(SPOT.host, status(503))
    with pytest.raises(FeedError):
        Binance().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)


def filed(rows: list[list[object]], name: str) -> tuple[bytes, bytes]:
    text, buffer = io.StringIO(), io.BytesIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text.getvalue())
    data = buffer.getvalue()
    return data, f"{hashlib.sha256(data).hexdigest()}  {name}.zip\n".encode()


def archive(damage: Callable[[bytes], bytes]) -> Behaviour:
    data, checksum = filed(MINUTES, "XUSDT-1m-2026-03-01")

    def answer(exchange: Answer) -> None:
        exchange.send(checksum if exchange.seen.path.endswith(".CHECKSUM") else damage(data))

    return answer


def test_a_file_of_the_archive_is_the_same_day(server: FeedServer, fetch: Fetcher) -> None:
    server.set(SPOT.host, klines)
    server.set(ARCHIVE, archive(lambda data: data))
    filed_ = BinanceArchive().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)
    assert filed_.equals(Binance().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW))
    assert [seen.path for seen in server.asked(ARCHIVE)] == [
        "/data/spot/daily/klines/XUSDT/1m/XUSDT-1m-2026-03-01.zip",
        "/data/spot/daily/klines/XUSDT/1m/XUSDT-1m-2026-03-01.zip.CHECKSUM",
    ]


@pytest.mark.parametrize("damage", [lambda data: data[:-7], lambda data: data[:50] + b"?" + data[51:]])
def test_a_damaged_file_of_the_archive_is_not_unpacked(
    server: FeedServer, fetch: Fetcher, damage: Callable[[bytes], bytes]
) -> None:
    server.set(ARCHIVE, archive(damage))
    with pytest.raises(FeedError) as error:
        BinanceArchive().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)
    assert error.value.fault is Fault.INCOMPLETE


def test_a_day_whose_file_is_not_there_yet_is_an_error(server: FeedServer, fetch: Fetcher) -> None:
    server.set(ARCHIVE, status(404, b"<Error><Code>NoSuchKey</Code></Error>"))
    with pytest.raises(FeedError):
        BinanceArchive().bars(fetch, "XUSDT.BINANCE", "1m", DAY, DAY, NOW)


def test_yahoo_is_asked_as_a_browser_would_and_answers_packed(server: FeedServer, fetch: Fetcher) -> None:
    server.set(HOSTS[0], gzipped(YAHOO))
    table = Yahoo().bars(fetch, "AAPL.US", "1d", date(2020, 8, 27), date(2020, 9, 1), NOW)
    assert table["close"].to_list() == [5_000_400, 4_992_400, 1_290_400, 1_341_800]
    (seen,) = server.asked(HOSTS[0])
    assert (seen.path, seen.params["interval"], seen.params["events"]) == ("/v8/finance/chart/AAPL", "1d", "div,splits")
    assert seen.headers["user-agent"].startswith("Mozilla/5.0")


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (status(429, b"Too Many Requests"), Fault.THROTTLED),
        (
            status(404, b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'),
            Fault.UNKNOWN_SYMBOL,
        ),
        (half(YAHOO), Fault.NOT_DATA),
        (html_page(), Fault.NOT_DATA),
    ],
    ids=["429", "404", "half", "html"],
)
def test_a_bad_day_of_yahoo_is_named(server: FeedServer, fetch: Fetcher, behaviour: Behaviour, fault: Fault) -> None:
    server.set(HOSTS[0], behaviour)
    with pytest.raises(FeedError) as error:
        Yahoo().bars(fetch, "AAPL.US", "1d", date(2020, 8, 27), date(2020, 9, 1), NOW)
    assert error.value.fault is fault
