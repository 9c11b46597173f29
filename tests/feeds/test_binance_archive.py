"""Binance's bulk archive: files are what their checksums say, headers and microseconds are sniffed, rows are the REST rows."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from binance_exchange import SHARED, Exchange, candles, flattened, klines

from engine.feeds.binance import USD_M, Binance
from engine.feeds.binance_archive import BinanceArchive, stretches, unpacked
from engine.feeds.source import BarSource, Fault, FeedError, FundingSource, Request

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SYMBOL = "BTCUSDT.BINANCE"
HEADER = [
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
]
HOUR_MS = 3_600_000
recorded = pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded bodies lie beside the checkout, and are not here")


def zipped(name: str, rows: Sequence[Sequence[object]], *, member: str = "") -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member or f"{name}.csv", text.getvalue())
    return buffer.getvalue()


def checksum(name: str, body: bytes) -> bytes:
    return f"{hashlib.sha256(body).hexdigest()}  {name}.zip\n".encode()


class Archive:
    """A Fetch over files; what is not there is a fault of the fetcher, as a 404 is."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, folder: str, name: str, rows: Sequence[Sequence[object]]) -> None:
        body = zipped(name, rows)
        self.files |= {f"{folder}/{name}.zip": body, f"{folder}/{name}.zip.CHECKSUM": checksum(name, body)}

    def __call__(self, source: str, request: Request) -> bytes:
        if request.path not in self.files:
            raise FeedError(source, Fault.EMPTY, f"404 {request.path}")
        return self.files[request.path]


def of_day(rows: Sequence[list[object]], day: date) -> list[list[object]]:
    return [row for row in rows if datetime.fromtimestamp(int(str(row[0])) / 1_000, UTC).date() == day]


def test_it_is_a_source_of_bars_and_of_funding() -> None:
    bars: BarSource = BinanceArchive()
    funding: FundingSource = BinanceArchive(USD_M)
    assert (bars.name, funding.name) == ("binance_archive", "binance_um_archive")


def test_a_past_month_is_one_file_and_newer_days_are_files_of_their_own() -> None:
    found = [label for _, label, _, _ in stretches(date(2026, 1, 30), date(2026, 3, 31), datetime(2026, 3, 3, tzinfo=UTC))]
    assert found == ["2026-01", *[f"2026-02-{day:02d}" for day in range(1, 29)], "2026-03-01", "2026-03-02"]
    assert [label for _, label, _, _ in stretches(date(2026, 1, 30), date(2026, 2, 2), NOW)] == ["2026-01", "2026-02"]


@recorded
@pytest.mark.parametrize("header", [True, False])
def test_files_and_the_live_endpoint_give_the_same_rows(header: bool) -> None:
    rows = klines(flattened("um_BTCUSDT_klines_1h_to20260319.csv"))
    first, last = date(2026, 3, 5), date(2026, 3, 8)
    archive = Archive()
    for number in range(4):
        day = first + timedelta(days=number)
        lines = [HEADER, *of_day(rows, day)] if header else of_day(rows, day)
        archive.put("/data/futures/um/daily/klines/BTCUSDT/1h", f"BTCUSDT-1h-{day}", lines)
    filed = BinanceArchive(USD_M).bars(archive, SYMBOL, "1h", first, last, NOW)
    assert filed.equals(Binance(USD_M).bars(Exchange(rows=rows), SYMBOL, "1h", first, last, NOW))
    assert filed.height == 4 * 24


def test_spot_files_from_2025_on_are_in_microseconds() -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    rows = candles(start, HOUR_MS, 31 * 24)
    micro = [[row[0] * 1_000, *row[1:6], row[6] * 1_000 + 999, *row[7:]] for row in rows]
    old, new = Archive(), Archive()
    old.put("/data/spot/monthly/klines/XUSDT/1h", "XUSDT-1h-2026-01", rows)
    new.put("/data/spot/monthly/klines/XUSDT/1h", "XUSDT-1h-2026-01", micro)
    tables = [BinanceArchive().bars(f, "XUSDT.BINANCE", "1h", date(2026, 1, 3), date(2026, 1, 31), NOW) for f in (old, new)]
    assert tables[0].equals(tables[1])
    assert tables[0].height == 29 * 24


def test_a_file_of_another_month_is_refused() -> None:
    archive = Archive()
    rows = candles(int(datetime(2026, 2, 1, tzinfo=UTC).timestamp() * 1_000), HOUR_MS, 24)
    archive.put("/data/spot/monthly/klines/XUSDT/1h", "XUSDT-1h-2026-01", rows)
    with pytest.raises(FeedError) as error:
        BinanceArchive().bars(archive, "XUSDT.BINANCE", "1h", date(2026, 1, 1), date(2026, 1, 31), NOW)
    assert error.value.fault is Fault.NOT_DATA


def test_a_missing_file_is_not_skipped() -> None:
    with pytest.raises(FeedError, match="404"):
        BinanceArchive().bars(Archive(), "XUSDT.BINANCE", "1h", date(2026, 1, 1), date(2026, 1, 31), NOW)


def test_a_damaged_file_is_not_what_its_checksum_says() -> None:
    body = zipped("X-1h-2026-01", candles(0, HOUR_MS, 10))
    for damaged in (body[:-1], body[:40] + b"\0" + body[41:], b""):
        with pytest.raises(FeedError) as error:
            unpacked("archive", "X-1h-2026-01", damaged, checksum("X-1h-2026-01", body))
        assert error.value.fault is Fault.INCOMPLETE
    assert len(unpacked("archive", "X-1h-2026-01", body, checksum("X-1h-2026-01", body))) == 10


@pytest.mark.parametrize(
    "body",
    [b"not a zip", zipped("x", [["1"]], member="../../etc/passwd"), zipped("x", [["1"]], member="other.csv")],
    ids=["html", "path", "name"],
)
def test_a_zip_that_is_not_the_one_file_is_refused_even_with_its_checksum(body: bytes) -> None:
    with pytest.raises(FeedError) as error:
        unpacked("archive", "x", body, checksum("x", body))
    assert error.value.fault is Fault.NOT_DATA


def test_the_checksum_of_another_file_is_refused() -> None:
    body = zipped("x", [["1"]])
    with pytest.raises(FeedError):
        unpacked("archive", "x", body, checksum("y", body))


def test_funding_files_carry_the_interval() -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    rows = [[start + number * 4 * HOUR_MS + 7, 4, "-0.00001234"] for number in range(186)]
    archive = Archive()
    archive.put(
        "/data/futures/um/monthly/fundingRate/BTCUSDT",
        "BTCUSDT-fundingRate-2026-01",
        [["calc_time", "funding_interval_hours", "last_funding_rate"], *rows],
    )
    table = BinanceArchive(USD_M).funding(archive, SYMBOL, date(2026, 1, 1), date(2026, 1, 31), NOW)
    assert table.row(1) == (SYMBOL, datetime(2026, 1, 1, 4, tzinfo=UTC), -1_234, 4, 0)
    assert table.height == 186


def test_spot_has_no_funding() -> None:
    with pytest.raises(FeedError) as error:
        BinanceArchive().funding(Archive(), SYMBOL, date(2026, 1, 1), date(2026, 1, 31), NOW)
    assert error.value.fault is Fault.UNKNOWN_SYMBOL


def test_open_interest_of_long_ago_is_thinned_to_the_interval_asked_for() -> None:
    day = date(2025, 6, 2)
    midnight = datetime(2025, 6, 2, tzinfo=UTC)
    head = ["create_time", "symbol", "sum_open_interest", "sum_open_interest_value", "a", "b", "c", "d"]
    rows = [
        [f"{midnight + timedelta(minutes=5 * n):%Y-%m-%d %H:%M:%S}", "BTCUSDT", f"{n}.5000000000", "1", "1", "1", "1", "1"]
        for n in range(288)
    ]
    archive = Archive()
    archive.put("/data/futures/um/daily/metrics/BTCUSDT", f"BTCUSDT-metrics-{day}", [head, *rows])
    table = BinanceArchive(USD_M).open_interest(archive, SYMBOL, "4h", day, day, NOW)
    assert table["quantity"].to_list() == [n * 48 * 10**8 + 5 * 10**7 for n in range(6)]
    assert table["known_at"][1] == midnight + timedelta(hours=4, minutes=5)
