"""Broken A-share bodies: nothing but FeedError comes out of an adapter, and no part of a body passes for the whole.

Every recorded body where it is at hand, and bodies of our own in the same shapes, cut, flipped, repeated, shuffled and retyped.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import plain, to_units
from engine.feeds import eastmoney_bars, eastmoney_stock, exchanges, sina, tencent
from engine.feeds.eastmoney import Eastmoney
from engine.feeds.eastmoney_fundamentals import ex_right_table, fundamental_table, parse_report
from engine.feeds.eastmoney_lists import board_table, parse_page, security_table
from engine.feeds.fields import fen, integers, price, rows_of
from engine.feeds.regular_rows import regular_rows
from engine.feeds.served import LadderPolicy
from engine.feeds.source import QUOTE_TABLE, FeedError, Request
from engine.store.snapshot import BAR_SCHEMA

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EVER = (date(1990, 1, 1), date(2026, 12, 31))
FUZZ = settings(max_examples=30, deadline=None, derandomize=True, database=None)
Parser = Callable[[bytes], object]


def clist(count: int) -> bytes:
    rows = [
        {"f2": 10.0, "f5": 1000, "f6": 1e6, "f8": 0.5, "f12": f"{600000 + n}", "f13": 1, "f14": "样本", "f15": 10.2, "f16": 9.9}
        | {"f17": 10.0, "f18": 9.95, "f21": 5e9, "f26": 20000104, "f100": "银行", "f124": 1783409697 + n}
        for n in range(count)
    ]
    return json.dumps({"rc": 0, "data": {"total": count, "diff": rows}}, ensure_ascii=False, separators=(",", ":")).encode()


def tencent_lines(count: int) -> bytes:
    lines = []
    for n in range(count):
        fields = [""] * 60
        values = {1: "样本", 2: f"{600000 + n}", 3: "10.00", 4: "9.95", 5: "10.00", 6: "1000", 30: "20260807150003", 33: "10.20"}
        values |= {34: "9.90", 35: "10.00/1000/1000000", 37: "100", 38: "0.50", 47: "10.95", 48: "8.96"}
        for place, value in values.items():
            fields[place] = value
        lines.append(f'v_sh{600000 + n}="{"~".join(fields)}";\n')
    return "".join(lines).encode("gb18030")


def sina_lines(count: int) -> bytes:
    text = "样本,10.000,9.950,10.000,10.200,9.900,9.990,10.010,100000,1000000.000" + ",700,9.990" * 10 + ",2026-08-07,15:00:03,00"
    return "".join(f'var hq_str_sh{600000 + n}="{text}";\n' for n in range(count)).encode("gb18030")


def recorded(folder: str, name: str) -> bytes:
    """A recorded body, or an empty one where there are none: then only our own are broken."""
    path = SHARED / folder / name
    body = path.read_bytes() if path.is_file() else b""
    return body.decode().encode("gb18030") if folder == "sina" or name.startswith("qt_") else body


def em(name: str) -> bytes:
    return recorded("eastmoney", name)


def tx(name: str) -> bytes:
    return recorded("tencent", name)


KLINES = json.dumps(
    {
        "rc": 0,
        "data": {
            "code": "600000",
            "klines": [f"2026-11-{day:02d},10,10.1,10.2,9.9,100,100500,3,1,0.1,0.5" for day in range(2, 19)],
        },
    }
).encode()
DAYS = [[f"2026-11-{day:02d}", "10.00", "10.00", "10.00", "10.00", "1000.00", {}, "0.1", "100.00"] for day in range(2, 19)]
FQKLINE = json.dumps({"code": 0, "data": {"sh600000": {"day": DAYS}}}).encode()
SINA_BARS = json.dumps(
    [{"day": f"2026-11-{day:02d}", "open": "10", "high": "10", "low": "10", "close": "10", "volume": "100"} for day in range(2, 19)]
).encode()
REPORT_ROW = {"SECURITY_CODE": "600519", "PRETAX_BONUS_RMB": 27.6, "EX_DIVIDEND_DATE": "2026-06-26", "NOTICE_DATE": "2026-06-19"}
REPORT_ROW |= {"REPORTDATE": "2026-09-30", "BASIC_EPS": 51.5, "ASSIGN_PROGRESS": "实施分配"}
REPORT = json.dumps({"success": True, "code": 0, "result": {"pages": 1, "count": 3, "data": [REPORT_ROW] * 3}}).encode()
SHANGHAI = json.dumps({"result": [{"A_STOCK_CODE": "600000", "SEC_NAME_CN": "样本", "LIST_DATE": "19991110"}]}).encode()
SHENZHEN = json.dumps(
    [{"metadata": {"pagecount": 1, "recordcount": 1}, "data": [{"agdm": "000001", "agjc": "<a>样本</a>"}]}]
).encode()
BEIJING = b'null([{"content":[{"xxzqdm":"920000","xxzqjc":"x"}],"totalPages":1,"totalElements":1}])'


def em_bars(body: bytes, symbol: str = "600000.SH") -> pl.DataFrame:
    return eastmoney_bars.parse(body, symbol, "1d", *EVER, NOW)


def tencent_bars(body: bytes, symbol: str = "600000.SH") -> pl.DataFrame:
    return tencent.Tencent().bars(lambda source, request: body, symbol, "1d", date(2026, 1, 1), date(2026, 12, 31), NOW)


def sina_bars(body: bytes) -> pl.DataFrame:
    return sina.Sina().bars(lambda source, request: body, "600000.SH", "1d", *EVER, NOW)


def page_tables(body: bytes) -> object:
    rows = parse_page(body).rows
    return security_table(rows, NOW)


def report_tables(body: bytes) -> object:
    rows = parse_report(body).rows
    return ex_right_table(rows), fundamental_table(rows)


def quotes_of(source: Any) -> Parser:
    return lambda body: source.parse_quotes(body, NOW)


PARSERS: dict[str, tuple[Parser, bytes]] = {
    "eastmoney quotes": (quotes_of(Eastmoney()), clist(30)),
    "eastmoney recorded page": (quotes_of(Eastmoney()), em("clist_20260708_trimmed.json")),
    "eastmoney recorded jsonp": (quotes_of(Eastmoney()), em("clist_jsonp_20240808_truncated.txt")),
    "eastmoney securities": (page_tables, clist(30)),
    "eastmoney boards": (
        lambda body: board_table(parse_page(body).rows),
        em("clist_boards_20260707_trimmed.json"),
    ),
    "eastmoney rc 102": (quotes_of(Eastmoney()), em("error_rc102.json")),
    "eastmoney bars": (em_bars, KLINES),
    "eastmoney recorded bars": (lambda body: em_bars(body, "601872.SH"), em("kline_601872_2024-12.json")),
    "eastmoney recorded short bars": (lambda body: em_bars(body, "600519.SH"), em("kline_600519_202603.json")),
    "eastmoney recorded index": (lambda body: em_bars(body, "000300.SH"), em("kline_000300_20260928_30.json")),
    "eastmoney recorded us": (lambda body: em_bars(body, "APP.SH"), em("kline_us_105.APP_weekly_truncated.txt")),
    "eastmoney stock": (lambda body: eastmoney_stock.parse(body, NOW), em("stock_get_601238_fltt2.json")),
    "eastmoney scaled": (
        lambda body: eastmoney_stock.parse_scaled(body, NOW),
        em("stock_get_600123_scaled.json"),
    ),
    "eastmoney datacenter": (report_tables, REPORT),
    "tencent quotes": (quotes_of(tencent.Tencent()), tencent_lines(8)),
    "tencent recorded lines": (quotes_of(tencent.Tencent()), tx("qt_lines_202608.txt")),
    "tencent recorded cut line": (quotes_of(tencent.Tencent()), tx("qt_line_20260626_mock_tencent_raw.txt")),
    "tencent recorded index line": (quotes_of(tencent.Tencent()), tx("qt_index_line_20260707_elided.txt")),
    "tencent recorded hk lines": (quotes_of(tencent.Tencent()), tx("hk_quote_lines_20180329.txt")),
    "tencent bars": (tencent_bars, FQKLINE),
    "tencent recorded bars": (
        lambda body: tencent_bars(body, "000300.SH"),
        tx("fqkline_sh000300_20260928_30.json"),
    ),
    "tencent recorded hk bars": (
        lambda body: tencent.raw_bars(body, "hk00001", "qfqday"),
        tx("hk_fqkline_20180409.txt"),
    ),
    "tencent ranking": (tencent.parse_rank, b'{"code":0,"data":{"rank_list":[{"code":"sh600000"},{"code":"sz000001"}]}}'),
    "sina quotes": (quotes_of(sina.Sina()), sina_lines(8)),
    "sina recorded line": (quotes_of(sina.Sina()), recorded("sina", "hq_line_20190312_sz162411.txt")),
    "sina bars": (sina_bars, SINA_BARS),
    "sina list": (sina.parse_list, b'[{"symbol":"sh600000"},{"symbol":"sz000001"}]'),
    "shanghai": (exchanges.parse_sse, SHANGHAI),
    "shenzhen": (exchanges.parse_szse, SHENZHEN),
    "beijing": (exchanges.parse_bse, BEIJING),
}


def outcome(parse: Parser, body: bytes) -> object:
    """What came of it: a result, or None for a FeedError. Anything else fails the test."""
    try:
        return parse(body)
    except FeedError:
        return None


def check(result: object) -> None:
    """Whatever was accepted is whole in itself."""
    if not isinstance(result, pl.DataFrame):
        return
    if result.schema == QUOTE_TABLE:
        needed = result.drop("turnover_ppm", "float_cap", "list_date")
        assert not sum(needed.null_count().row(0))
        assert result["symbol"].is_sorted() and result["symbol"].is_unique().all()
        assert result.select((pl.col("known_at") <= NOW).all()).item()
        priced, silent = result.filter(pl.col("last") > 0), result.filter(pl.col("last") == 0)
        assert priced.select(((pl.col("low") <= pl.col("last")) & (pl.col("last") <= pl.col("high"))).all()).item()
        assert priced.select((pl.min_horizontal("low", "open", "pre_close", "volume", "amount") > 0).all()).item()
        assert silent.select((pl.max_horizontal("open", "high", "low", "volume", "amount", "bid", "ask") == 0).all()).item()
    if result.schema == BAR_SCHEMA:
        assert not sum(result.null_count().row(0))
        assert result["known_at"].is_sorted() and result["known_at"].is_unique().all()
        assert result.select(((pl.col("low") > 0) & (pl.col("known_at") <= NOW) & (pl.col("volume") >= 0)).all()).item()


@st.composite
def bruises(draw: st.DrawFn, body: bytes) -> bytes:
    """`body` with one to three of the ways in which bytes go wrong."""
    for _ in range(draw(st.integers(1, 3))):
        size = len(body)
        first, last = sorted((draw(st.integers(0, size)), draw(st.integers(0, size))))
        where = draw(st.integers(0, size))
        kind = draw(st.sampled_from(("cut", "drop", "flip", "repeat", "swap", "insert")))
        if kind == "cut":
            body = body[:where]
        elif kind == "drop":
            body = body[:first] + body[min(last, first + 40) :]
        elif kind == "flip":
            body = body[:where] + bytes([draw(st.integers(0, 255))]) + body[where + 1 :]
        elif kind == "repeat":
            body = body[:last] + body[first:last] + body[last:]
        elif kind == "swap":
            body = body[:first] + body[last:] + body[first:last]
        else:
            body = body[:where] + draw(st.sampled_from(JUNK)) + body[where:]
    return body


JUNK = (
    b"NaN",
    b"Infinity",
    b"null",
    b"-",
    b'"-"',
    b"1e999",
    b"\x00",
    b"\xff",
    b"}",
    b"]",
    b"{",
    b",",
    b'"',
    b"~",
    b";",
    b"\xe4\xb8",
)
JUNK += (
    "１".encode(),
    "１".encode("gb18030"),
    b"[" * 500,
    b"<html>",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"\xe2\x80\xae",
    b" ",
    b"\n",
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(("-", "0", "1e9", "10.00", "2026-11-31", "<b>")),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@st.composite
def retyped(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with a few of its leaves or branches replaced by something of another kind."""
    places = list(_places(value))
    for place in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)) if places else []:
        box, key = place
        box[key] = draw(VALUES)
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, Any]] = []
    for key, inner in list(items):
        found.append((value, key))
        found.extend(_places(inner))
    return found


@pytest.mark.parametrize("name", PARSERS)
@FUZZ
@given(data=st.data())
def test_bruised_bytes_give_a_feed_error_or_a_sound_result(name: str, data: st.DataObject) -> None:
    parse, body = PARSERS[name]
    check(outcome(parse, data.draw(bruises(body))))


@pytest.mark.parametrize("name", [name for name, (_, body) in PARSERS.items() if body[:1] in (b"{", b"[")])
@FUZZ
@given(data=st.data())
def test_retyped_values_give_a_feed_error_or_a_sound_result(name: str, data: st.DataObject) -> None:
    parse, body = PARSERS[name]
    changed = data.draw(retyped(json.loads(body.decode())))
    check(outcome(parse, json.dumps(changed, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize("name", PARSERS)
@FUZZ
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_body_cut_anywhere_is_never_taken_for_the_whole(name: str, share: float) -> None:
    parse, body = PARSERS[name]
    whole, part = outcome(parse, body), body[: int(len(body) * share)]
    result = outcome(parse, part)
    if result is None:
        return
    if isinstance(result, pl.DataFrame) and isinstance(whole, pl.DataFrame):
        lines = b'="' in body
        assert lines or result.equals(whole), "a cut JSON body was accepted"
        assert result.height <= whole.height
    else:
        assert result == whole


@FUZZ
@given(lost=st.integers(1, 40), share=st.floats(0, 1))
@pytest.mark.parametrize("source", [tencent.Tencent(), sina.Sina()], ids=lambda source: source.name)
def test_lines_lost_from_an_answer_are_missed_by_whoever_asked(source: Any, lost: int, share: float) -> None:
    asked = [f"{600000 + n}.SH" for n in range(40)]
    lines = (tencent_lines(40) if source.name == "tencent" else sina_lines(40)).splitlines(keepends=True)
    first = int(share * (40 - lost))
    body = b"".join(lines[:first] + lines[first + lost :])

    def fetch(name: str, request: Request) -> bytes:
        return body

    result = outcome(lambda _: source.quotes(fetch, asked, NOW), body)
    given = 0 if result is None else len(set(asked) & set(result["symbol"]))  # type: ignore[index]
    assert given == 40 - lost
    assert LadderPolicy().enough(given, 40) == (lost <= 4)


@FUZZ
@given(seed=st.integers(0, 2**32), repeat=st.integers(0, 29))
def test_the_order_of_rows_and_identical_repetitions_change_nothing(seed: int, repeat: int) -> None:
    body = json.loads(clist(30))
    whole = Eastmoney().parse_quotes(clist(30), NOW)
    rows = body["data"]["diff"]
    rows.append(dict(rows[repeat]))
    random.Random(seed).shuffle(rows)
    body["data"]["total"] = len(rows)
    assert Eastmoney().parse_quotes(json.dumps(body).encode(), NOW).equals(whole)


SCHEMA = {"f2": pl.Float64(), "f12": pl.String(), "f14": pl.String(), "f99": pl.Float64()}
ROW = st.fixed_dictionaries(
    {"f2": st.one_of(st.just("-"), st.integers(0, 10**7).map(lambda cents: cents / 100), st.none(), st.text(max_size=3))},
    optional={"f12": st.from_regex(r"[0-9]{6}", fullmatch=True), "f14": st.text(max_size=5), "f5": st.integers()},
)


@FUZZ
@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_the_quick_way_to_read_rows_agrees_with_the_certain_one(rows: list[dict[str, Any]]) -> None:
    body = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    quick = regular_rows(body, SCHEMA)
    if quick is None:
        return
    certain = rows_of("test", json.dumps(rows, ensure_ascii=True, indent=1).encode(), SCHEMA)
    assert quick.equals(certain)


@FUZZ
@given(units=st.integers(0, 10**11), cents=st.integers(0, 10**15))
def test_decimals_become_whole_units_exactly(units: int, cents: int) -> None:
    table = pl.DataFrame({"price": [plain(units, 10_000)], "amount": [plain(cents, 100)]}).cast(pl.Float64)
    assert integers(price(table["price"].to_numpy())).to_list() == [to_units(plain(units, 10_000), 10_000)]
    assert integers(fen(table["amount"].to_numpy())).to_list() == [cents]
