"""Eastmoney's klines: recorded bars in whole units, closed bars only, and bodies that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.feeds.eastmoney import BAR_HOST, Eastmoney
from engine.feeds.eastmoney_bars import parse, raw_bars, request
from engine.feeds.source import Fault, FeedError, Request
from engine.store.snapshot import BAR_SCHEMA

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "eastmoney"
LATER = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EVER = (date(1990, 1, 1), date(2026, 12, 31))


def recorded(name: str) -> bytes:
    if not RECORDED.is_dir():
        pytest.skip("recorded Eastmoney bodies are not on this machine")
    return (RECORDED / name).read_bytes()


def klines(*lines: str, code: str = "600000", total: int = 0) -> bytes:
    return json.dumps({"rc": 0, "data": {"code": code, "market": 1, "dktotal": total or len(lines), "klines": lines}}).encode()


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


def daily(body: bytes, now: datetime = LATER) -> Fault:
    return fault_of(lambda: parse(body, "600000.SH", "1d", *EVER, now))


def test_recorded_daily_bars_of_a_share() -> None:
    table = parse(recorded("kline_601872_2024-12.json"), "601872.SH", "1d", *EVER, LATER)
    assert table.schema == BAR_SCHEMA and table.height == 10
    first = table.row(0, named=True)
    assert (first["open"], first["close"], first["high"], first["low"]) == (61_100, 61_800, 62_800, 61_000)
    assert (first["volume"], first["amount"], first["pre_close"]) == (84_274_300, 5_428_294_950_000, 60_800)
    assert first["start"] == datetime(2024, 12, 18, 1, 30, tzinfo=UTC)
    assert first["known_at"] == datetime(2024, 12, 18, 7, 0, tzinfo=UTC)
    assert table["pre_close"].to_list()[1:] == table["close"].to_list()[:-1]


def test_recorded_daily_bars_with_the_reference_price_of_an_ordinary_day() -> None:
    table = parse(recorded("kline_600519_202603.json"), "600519.SH", "1d", *EVER, LATER)
    assert table.select("trading_day", "close", "pre_close", "volume").rows() == [
        (date(2026, 3, 17), 14_850_000, 14_601_800, 4_945_400),
        (date(2026, 3, 18), 14_688_000, 14_850_000, 3_555_100),
    ]


def test_recorded_bars_of_an_index_whose_amount_is_not_its_price() -> None:
    table = parse(recorded("kline_000300_20260928_30.json"), "000300.SH", "1d", *EVER, LATER)
    assert table["close"].to_list() == [43_407_600, 43_452_100, 43_576_200]
    assert table["amount"].to_list()[0] == 4_286_204_711_979_000
    assert table["pre_close"].to_list() == [0, 43_407_600, 43_452_100]


def test_an_amount_that_no_double_holds_in_money_units_is_exact() -> None:
    body = klines("2026-11-18,4400,4400,4400,4400,300000000,1234567890123.45", code="000001")
    assert parse(body, "000001.SH", "1d", *EVER, LATER)["amount"].to_list() == [12_345_678_901_234_500]


def test_a_recorded_us_body_that_was_cut_is_refused_and_mended_its_rows_read() -> None:
    cut = recorded("kline_us_105.APP_weekly_truncated.txt")
    assert fault_of(lambda: raw_bars(cut, "APP")) is Fault.NOT_DATA
    mended = b'{"rc":0,' + cut[cut.index(b'"data"') :].strip().removesuffix("…".encode()) + b"]}}"
    rows = raw_bars(mended, "APP")
    assert rows.select("ends", "open", "close", "high", "low").row(0) == ("2021-04-16", 70.0, 61.0, 71.51, 58.65)


def test_the_bar_under_way_is_left_out() -> None:
    body = klines("2026-11-19,10,10.1,10.2,9.9,100,100500,3,1,0.1,0.5", "2026-11-20,10.1,10.2,10.3,10,50,51000,3,1,0.1,0.5")
    inside = datetime(2026, 11, 20, 6, 59, tzinfo=UTC)
    assert parse(body, "600000.SH", "1d", *EVER, inside)["trading_day"].to_list() == [date(2026, 11, 19)]
    assert parse(body, "600000.SH", "1d", *EVER, datetime(2026, 11, 20, 7, 0, tzinfo=UTC)).height == 2
    minutes = klines("2026-11-20 10:30,10,10.1,10.2,9.9,100,100500", "2026-11-20 11:30,10,10.1,10.2,9.9,100,100500")
    closed = parse(minutes, "600000.SH", "1h", *EVER, datetime(2026, 11, 20, 2, 31, tzinfo=UTC)).row(0, named=True)
    assert closed["start"] == datetime(2026, 11, 20, 1, 30, tzinfo=UTC) and closed["known_at"] == datetime(
        2026, 11, 20, 2, 30, tzinfo=UTC
    )
    assert (closed["interval"], closed["pre_close"]) == ("1h", 0)


def test_only_the_days_asked_for() -> None:
    body = recorded("kline_601872_2024-12.json")
    table = parse(body, "601872.SH", "1d", date(2024, 12, 23), date(2024, 12, 25), LATER)
    assert table["trading_day"].to_list() == [date(2024, 12, 23), date(2024, 12, 24), date(2024, 12, 25)]
    assert table["pre_close"].to_list()[0] == 59_700


def test_reordered_bars_are_sorted_and_an_identical_one_counts_once() -> None:
    lines = ["2026-11-18,10,10,10,10,100,100000", "2026-11-17,10,10,10,10,100,100000"]
    table = parse(klines(*lines, lines[0]), "600000.SH", "1d", *EVER, LATER)
    assert table["trading_day"].to_list() == [date(2026, 11, 17), date(2026, 11, 18)]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-18,10,10.1,10.2,10.05,100,100000",
        "2026-11-18,10,10.1,10.0,9.9,100,100000",
        "2026-11-18,0,10.1,10.2,0,100,100000",
        "2026-11-18,10,10.1,10.2,9.9,-100,100000",
        "2026-11-18,10,10.1,10.2,,100,100000",
        "2026-11-18,10,10.1,10.2,nan,100,100000",
        "2026-11-18,10,10.1,10.2,9.9,1e3,100000",
        "2026-11-18 10:30,10,10.1,10.2,9.9,100,100000",
        "2026-02-30,10,10.1,10.2,9.9,100,100000",
        "2026-11-18,10,10.1",
        "2026-11-18,10.00005,10.1,10.2,9.9,100,100000",
    ],
)
def test_a_bar_that_contradicts_itself_refuses_the_body(line: str) -> None:
    assert daily(klines(line)) is Fault.NOT_DATA


def test_two_bars_of_one_day_that_differ_refuse_the_body() -> None:
    assert daily(klines("2026-11-18,10,10,10,10,100,100000", "2026-11-18,10,10,10,10,101,101000")) is Fault.NOT_DATA


def test_shares_given_as_lots_are_a_unit_fault() -> None:
    assert daily(klines("2026-11-18,10,10,10,10,10000,100000")) is Fault.UNIT


def test_a_bar_of_tomorrow_is_from_the_future() -> None:
    assert daily(klines("2026-11-21,10,10,10,10,100,100000")) is Fault.FUTURE


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"rc":102,"data":null}', Fault.UNKNOWN_SYMBOL),
        (b'{"rc":0,"data":null}', Fault.EMPTY),
        (klines(), Fault.EMPTY),
        (klines("2026-11-18,10,10,10,10,100,100000", code="600001"), Fault.UNKNOWN_SYMBOL),
        (klines("2026-11-18,10,10,10,10,100,100000")[:-9], Fault.NOT_DATA),
        (b"<html>busy</html>", Fault.NOT_DATA),
    ],
)
def test_bodies_without_bars(body: bytes, fault: Fault) -> None:
    assert daily(body) is fault


def test_a_share_that_was_suspended_all_the_while_has_bars_but_none_of_these_days() -> None:
    table = parse(klines(total=5000), "600000.SH", "1d", *EVER, LATER)
    assert table.is_empty() and table.schema == BAR_SCHEMA


def test_the_request_asks_for_raw_prices() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        return klines("2026-11-18,10,10,10,10,100,100000")

    table = Eastmoney().bars(fetch, "600000.SH", "1d", date(2026, 11, 1), date(2026, 11, 20), LATER)
    params = dict(asked[0].params)
    assert table.height == 1 and asked[0].host == BAR_HOST
    assert (params["secid"], params["klt"], params["fqt"], params["beg"], params["end"]) == (
        "1.600000",
        "101",
        "0",
        "20261101",
        "20261120",
    )


def test_an_interval_that_it_does_not_serve() -> None:
    assert fault_of(lambda: request(BAR_HOST, {}, "1.600000", "3m", *EVER)) is Fault.EMPTY
