"""The edge of the A-share adapters: wrappers, encodings, dates and names, taken strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.core.units import Market
from engine.exchange import board_of, symbol_of
from engine.feeds.eastmoney import Eastmoney
from engine.feeds.fields import clean, day_number, day_of, end_of, gbk, in_batches, json_value, numbers, quoted_lines, unwrapped
from engine.feeds.quote_rows import named_rows
from engine.feeds.source import Fault, FeedError
from engine.feeds.tencent import Tencent

SYMBOLS = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "symbols"


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}',
        b' {"a":1}\n',
        b'cb({"a":1})',
        b'jQuery1124_17({"a":1});',
        b'$.x ({"a":1}) ;',
        b'kline_day={"a":1}',
        b'var x = {"a":1};',
    ],
)
def test_json_comes_bare_or_in_a_call_or_in_an_assignment(body: bytes) -> None:
    assert json_value("test", body) == {"a": 1}
    assert json.loads(unwrapped("test", body)) == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'cb({"a":1}',
        b'cb{"a":1})',
        b'1cb({"a":1})',
        b'{"a":1} {"b":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"[" * 5000,
    ],
)
def test_what_is_no_json_is_not_data(body: bytes) -> None:
    assert fault_of(lambda: json_value("test", body)) is Fault.NOT_DATA


def test_spaces_without_end_cost_no_time() -> None:
    assert fault_of(lambda: quoted_lines("test", 'v_a="1"' + " ;" * 200_000 + "x", "v_")) is Fault.NOT_DATA
    assert fault_of(lambda: json_value("test", b"cb(" + b") " * 200_000 + b"x")) is Fault.NOT_DATA


def test_gbk_is_read_whole_or_not_at_all() -> None:
    assert gbk("test", "平安银行".encode("gbk")) == "平安银行"
    assert fault_of(lambda: gbk("test", "平".encode("gbk")[:1])) is Fault.NOT_DATA


def test_dates_written_as_numbers() -> None:
    days = day_number(np.array([20260228.0, 20260229.0, 20240229.0, 19910403.0, 0.0, np.nan, 20261301.0, 20260100.0]))
    assert days.to_list() == [date(2026, 2, 28), None, date(2024, 2, 29), date(1991, 4, 3), None, None, None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-30 00:00:00", date(2026, 10, 30)),
        ("20261030", date(2026, 10, 30)),
        ("-", None),
        ("", None),
        (None, None),
        (20261030, None),
    ],
)
def test_dates_written_as_text(text: object, expected: date | None) -> None:
    assert day_of(text) == expected


def test_a_day_in_beijing_ends_at_four_in_the_afternoon_utc() -> None:
    assert end_of(date(2026, 12, 31)) == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)


def test_names_keep_what_a_name_has_and_lose_what_a_screen_must_not_get() -> None:
    names = pl.Series(["万  科Ａ", " 平安银行 ", "a\x1b[2J\u202eb", "x\ufe0f", None, "长" * 90])
    assert clean(names).to_list() == ["万  科Ａ", "平安银行", "a[2Jb", "x", "", "长" * 60]


def test_texts_become_numbers_only_where_they_are_plain_decimals() -> None:
    table = pl.DataFrame({"a": ["1.50", "-", "", None, "-2"]})
    assert numbers("test", table, ["a"])["a"].to_list() == [1.5, None, None, None, -2.0]


@pytest.mark.parametrize("odd", ["1e5", "nan", "inf", "+1", "0x1", "1,000", "１"])
def test_a_text_that_is_no_plain_decimal_refuses_the_column(odd: str) -> None:
    assert fault_of(lambda: numbers("test", pl.DataFrame({"a": ["1", odd]}), ["a"])) is Fault.NOT_DATA


def test_batches_are_in_order_and_each_symbol_is_asked_for_once() -> None:
    assert in_batches(["a", "b", "a", "c"], 2) == [["a", "b"], ["c"]]


def test_a_symbol_of_another_market_refuses_the_question_before_it_is_asked() -> None:
    asked: list[object] = []

    def fetch(source: str, request: object) -> bytes:
        asked.append(request)
        return b""

    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert fault_of(lambda: Eastmoney().quotes(fetch, ["600000.SH", "AAPL.US"], now)) is Fault.UNKNOWN_SYMBOL
    assert fault_of(lambda: Tencent().quotes(fetch, ["600000.SH", "AAPL.US"], now)) is Fault.UNKNOWN_SYMBOL
    assert not asked


def test_every_recorded_code_is_on_the_board_that_the_exchange_room_says() -> None:
    if not SYMBOLS.is_dir():
        pytest.skip("recorded symbol lists are not on this machine")
    codes = json.loads((SYMBOLS / "stock_codes_easyquotation_0.7.7.json").read_text(encoding="utf-8"))["stock"]
    rows = pl.DataFrame({"code": codes, "home": [None] * len(codes)}, schema={"code": pl.String(), "home": pl.String()}).unique()
    named = named_rows("test", rows)["symbol"].to_list()
    assert len(named) > 5_000
    for symbol in named:
        assert symbol_of(symbol[:6]) == symbol and board_of(symbol, Market.ASHARE)
