"""Eastmoney's lists and quotes: what real bodies say in whole units, and which bodies are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.feeds.eastmoney import LIST_HOSTS, SHARES, Eastmoney, secid
from engine.feeds.eastmoney_lists import board_table, parse_page, security_table
from engine.feeds.source import QUOTE_TABLE, SECURITY_TABLE, Fault, FeedError, Request

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "eastmoney"
NOW = datetime(2026, 7, 7, 8, 0, tzinfo=UTC)
"""16:00 in Beijing on the day of the recorded quotes."""
SOURCE = Eastmoney()


def recorded(name: str) -> bytes:
    if not RECORDED.is_dir():
        pytest.skip("recorded Eastmoney bodies are not on this machine")
    return (RECORDED / name).read_bytes()


def row(code: str, **changes: Any) -> dict[str, Any]:
    """A sound row of 10.00 CNY: 1,000 lots for a million."""
    sound = {"f2": 10.0, "f5": 1000, "f6": 1000000.0, "f8": 0.5, "f12": code, "f13": int(code[0] == "6"), "f14": "样本"}
    sound |= {"f15": 10.2, "f16": 9.9, "f17": 10.0, "f18": 9.95, "f21": 5e9, "f26": 20000104, "f100": "银行", "f124": 1783409697}
    return sound | changes


def page(rows: Sequence[dict[str, Any]], total: int | None = None) -> bytes:
    return json.dumps({"rc": 0, "data": {"total": total if total is not None else len(rows), "diff": rows}}).encode()


def fault_of(parse: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        parse()
    return caught.value.fault


def test_the_recorded_page_in_whole_units() -> None:
    body = recorded("clist_20260708_trimmed.json")
    assert parse_page(body).total == 5535
    table = SOURCE.parse_quotes(body, NOW)
    assert table.schema == QUOTE_TABLE
    bank, vanke, dead = table.rows(named=True)
    assert (bank["symbol"], bank["name"], bank["trading_day"]) == ("000001.SZ", "平安银行", date(2026, 7, 7))
    assert bank["known_at"] == datetime(2026, 7, 7, 7, 34, 57, tzinfo=UTC)
    assert (bank["last"], bank["pre_close"], bank["open"], bank["high"], bank["low"]) == (
        104_700,
        105_000,
        104_600,
        105_100,
        103_500,
    )
    assert (bank["volume"], bank["amount"]) == (80_522_100, 8_404_657_780_500)
    assert (bank["turnover_ppm"], bank["suspended"], bank["bid"], bank["limit_up"]) == (4_100, False, 0, 0)
    assert (vanke["symbol"], vanke["name"], vanke["last"]) == ("000002.SZ", "万  科Ａ", 29_900)
    assert (dead["symbol"], dead["last"], dead["volume"], dead["pre_close"], dead["suspended"]) == ("000003.SZ", 0, 0, 27_100, True)


def test_a_recorded_jsonp_body_that_was_cut_is_refused_and_mended_it_parses() -> None:
    cut = recorded("clist_jsonp_20240808_truncated.txt")
    now = datetime(2024, 8, 8, 10, 0, tzinfo=UTC)
    assert fault_of(lambda: SOURCE.parse_quotes(cut, now)) is Fault.NOT_DATA
    mended = cut.strip().rstrip(b",") + b',"f124":1723100697}]}});'
    (share,) = SOURCE.parse_quotes(mended, now).rows(named=True)
    assert (share["symbol"], share["name"], share["last"], share["pre_close"]) == ("600107.SH", "美尔雅", 36_900, 33_500)
    assert (share["volume"], share["amount"], share["turnover_ppm"]) == (8_958_500, 327_114_490_000, 24_900)
    assert share["float_cap"] == 1_328_400_000


def test_industry_boards() -> None:
    boards = board_table(parse_page(recorded("clist_boards_20260707_trimmed.json")).rows)
    assert boards.row(0) == ("BK1348", "贵金属", 28_215_500, 29_300)
    assert boards.row(2) == ("BK0733", "银行", 21_968_600, -15_000)


def test_rc_102_is_an_unknown_symbol() -> None:
    assert fault_of(lambda: SOURCE.parse_quotes(recorded("error_rc102.json"), NOW)) is Fault.UNKNOWN_SYMBOL


def test_diff_as_an_object_keyed_by_number_is_the_same_page() -> None:
    rows = [row("600000"), row("000001")]
    keyed = json.dumps({"rc": 0, "data": {"total": 2, "diff": {str(n): item for n, item in enumerate(rows)}}}, indent=1).encode()
    assert SOURCE.parse_quotes(keyed, NOW).equals(SOURCE.parse_quotes(page(rows), NOW))


def test_a_code_is_on_its_own_exchange_and_an_index_is_no_share() -> None:
    rows = [
        row("600519", f13=1),
        row("920527", f13=0),
        row("000001", f13=0),
        row("000001", f13=1, f2=3990.24),
        row("799999", f13=0),
    ]
    assert SOURCE.parse_quotes(page(rows), NOW)["symbol"].to_list() == ["000001.SZ", "600519.SH", "920527.BJ"]
    index = SOURCE.parse_quotes(
        page([row("000001", f2=3990.24, f15=4028.51, f16=3971.71, f17=4019.49, f13=1)]), NOW, asked=["000001.SH"]
    )
    assert index.select("symbol", "last").row(0) == ("000001.SH", 39_902_400)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"f5": 100_000}, Fault.UNIT),
        ({"f6": 10_000.0}, Fault.UNIT),
        ({"f2": 0.0}, Fault.NOT_DATA),
        ({"f2": "-"}, Fault.NOT_DATA),
        ({"f2": "10.0"}, Fault.NOT_DATA),
        ({"f2": 10.00005}, Fault.NOT_DATA),
        ({"f2": -10.0}, Fault.NOT_DATA),
        ({"f15": 9.0}, Fault.NOT_DATA),
        ({"f18": "-"}, Fault.NOT_DATA),
        ({"f124": "-"}, Fault.NOT_DATA),
        ({"f2": 1e300}, Fault.NOT_DATA),
        ({"f124": 1783500000}, Fault.FUTURE),
        ({"f12": "12"}, Fault.UNKNOWN_SYMBOL),
    ],
)
def test_a_body_of_one_row_stands_and_falls_with_it(changes: dict[str, Any], fault: Fault) -> None:
    assert fault_of(lambda: SOURCE.parse_quotes(page([row("600000", **changes)]), NOW)) is fault


def test_one_bad_row_in_a_hundred_has_no_price_and_two_refuse_the_body() -> None:
    rows = [row(f"{600000 + n}") for n in range(100)]
    rows[7] = row("600007", f2=0.0)
    table = SOURCE.parse_quotes(page(rows), NOW)
    bad = table.row(7, named=True)
    assert (table.height, bad["last"], bad["volume"], bad["pre_close"], bad["suspended"]) == (100, 0, 0, 99_500, False)
    rows[8] = row("600008", f6=10_000.0)
    assert fault_of(lambda: SOURCE.parse_quotes(page(rows), NOW)) in (Fault.UNIT, Fault.NOT_DATA)


def test_before_the_open_a_silent_row_is_not_called_suspended() -> None:
    silent = dict.fromkeys(("f2", "f5", "f6", "f15", "f16", "f17"), "-")
    early = datetime(2026, 7, 8, 1, 20, tzinfo=UTC)
    assert SOURCE.parse_quotes(page([row("600000", **silent)]), early)["suspended"].to_list() == [False]
    assert SOURCE.parse_quotes(page([row("600000", **silent)]), NOW)["suspended"].to_list() == [True]


def test_what_would_trade_in_the_opening_call_is_no_price_yet() -> None:
    indicated = row("600000", f17="-", f15="-", f16="-", f5=300, f6="-")
    early = datetime(2026, 7, 8, 1, 20, tzinfo=UTC)
    assert SOURCE.parse_quotes(page([indicated]), early).select("last", "volume", "suspended").row(0) == (0, 0, False)
    assert fault_of(lambda: SOURCE.parse_quotes(page([indicated]), NOW)) is Fault.NOT_DATA


def test_a_first_day_far_from_its_average_is_no_unit_error() -> None:
    wild = row("688001", f2=60.0, f17=20.0, f15=61.0, f16=19.0, f18=10.0, f5=1000, f6=3_500_000.0)
    assert SOURCE.parse_quotes(page([wild]), NOW)["last"].to_list() == [600_000]


def test_identical_rows_count_once_and_different_ones_refuse_the_body() -> None:
    twice = [row("600000"), row("600001"), row("600000")]
    assert SOURCE.parse_quotes(page(twice), NOW).height == 2
    twice[2] = row("600000", f2=10.01)
    assert fault_of(lambda: SOURCE.parse_quotes(page(twice), NOW)) is Fault.NOT_DATA


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"rc":0,"data":{"total":1,"diff":[{"f2":10.0,"f12":"6000',
        b'{"rc":0,"data":{"total":1,"diff":[{"f2":NaN,"f12":"600000"}]}}',
        b'{"rc":0,"data":{"total":0,"diff":[{"f2":1.0,"f12":"600000"}]}}',
        b'{"rc":0,"data":{"total":1,"diff":3}}',
        b'{"rc":0,"data":[]}',
        b"[]",
        b"\xff\xfe{}",
    ],
)
def test_what_is_no_page_is_not_data(body: bytes) -> None:
    assert fault_of(lambda: parse_page(body)) is Fault.NOT_DATA


@pytest.mark.parametrize("body", [b'{"rc":0,"data":null}', b'{"rc":1,"data":{}}', b'{"rc":0,"data":{"total":0,"diff":[]}}'])
def test_a_page_of_nothing_is_empty(body: bytes) -> None:
    assert fault_of(lambda: parse_page(body)) is Fault.EMPTY


class Market:
    """A list of shares that answers like clist: at most a hundred rows a page, and moves meanwhile."""

    def __init__(self, shares: int, *, moved: int = 0) -> None:
        self.rows = [row(f"{600000 + n}", f6=1e6 - n) for n in range(shares)]
        self.moved = moved
        self.asked: list[Request] = []

    def __call__(self, source: str, request: Request) -> bytes:
        self.asked.append(request)
        params = dict(request.params)
        if "secids" in params:
            codes = [name.split(".")[1] for name in params["secids"].split(",")]
            known = [item for item in self.rows if item["f12"] in codes]
            return page(known) if known else b'{"rc":102,"data":null}'
        number = int(params["pn"])
        first = (number - 1) * 100 - (self.moved if number > 1 else 0)
        return page(self.rows[first : first + 100], total=len(self.rows))


def test_a_crawl_takes_its_page_size_from_the_first_page() -> None:
    market = Market(350)
    table = SOURCE.quotes(market, (), NOW)
    assert table.height == 350 and len(market.asked) == 4
    params = dict(market.asked[2].params)
    assert (params["pn"], params["fid"], params["po"], params["fs"]) == ("3", "f12", "0", SHARES)
    assert market.asked[0].host == LIST_HOSTS[0]


def test_a_list_that_moves_while_it_is_crawled_gives_each_share_once() -> None:
    table = SOURCE.quotes(Market(350, moved=10), (), NOW)
    assert table["symbol"].is_unique().all() and table.height == 350


def test_a_crawl_with_too_many_holes_is_incomplete() -> None:
    opening = Market(100).rows

    def fetch(source: str, request: Request) -> bytes:
        return page(opening if dict(request.params)["pn"] == "1" else opening[:60], total=1000)

    assert fault_of(lambda: SOURCE.quotes(fetch, (), NOW)) is Fault.INCOMPLETE


def test_many_symbols_go_in_batches_of_a_hundred() -> None:
    market = Market(250)
    asked = [f"{600000 + n}.SH" for n in range(250)]
    table = SOURCE.quotes(market, asked, NOW)
    assert table["symbol"].to_list() == asked
    assert [dict(request.params)["secids"].count(",") + 1 for request in market.asked] == [100, 100, 50]


def test_a_symbol_that_is_not_quoted_is_missing_and_the_others_are_there() -> None:
    asked = [f"{600000 + n}.SH" for n in range(150)]
    assert SOURCE.quotes(Market(60), asked, NOW)["symbol"].to_list() == asked[:60]
    assert SOURCE.quotes(Market(120), asked, NOW)["symbol"].to_list() == asked[:120]
    assert fault_of(lambda: SOURCE.quotes(Market(120), ["601999.SH"], NOW)) is Fault.UNKNOWN_SYMBOL


def test_the_ranking_is_the_top_of_a_descending_page() -> None:
    market = Market(350)
    table = SOURCE.ranking(market, "amount", 150, NOW)
    assert table.height == 150 and len(market.asked) == 2
    assert dict(market.asked[0].params)["fid"] == "f6" and dict(market.asked[0].params)["po"] == "1"


def test_the_security_list_knows_boards_industries_and_marks() -> None:
    rows = [row("600000"), row("300001", f13=0, f14="*ST样本"), row("920527", f13=0, f14="样本退", f26="-", f100="-")]
    table = security_table(parse_page(page(rows)).rows, NOW)
    assert table.schema == SECURITY_TABLE
    growth, main, beijing = table.rows(named=True)
    assert (growth["symbol"], growth["board"], growth["special_treatment"]) == ("300001.SZ", "chinext", True)
    assert (main["board"], main["industry"], main["taxonomy"], main["list_date"]) == ("main_sh", "银行", "em", date(2000, 1, 4))
    assert (beijing["symbol"], beijing["delisting"], beijing["industry"], beijing["list_date"]) == ("920527.BJ", True, "", None)
    assert table["known_at"].unique().to_list() == [NOW]


def test_names_from_outside_are_made_safe() -> None:
    table = SOURCE.parse_quotes(page([row("600000", f14="\x1b[31m红\u202e")]), NOW)
    assert table["name"].to_list() == ["[31m红"]


@pytest.mark.parametrize(("symbol", "expected"), [("600000.SH", "1.600000"), ("000001.SZ", "0.000001"), ("920527.BJ", "0.920527")])
def test_secids(symbol: str, expected: str) -> None:
    assert secid(symbol) == expected


def test_a_symbol_of_another_market_is_unknown() -> None:
    assert fault_of(lambda: secid("AAPL.US")) is Fault.UNKNOWN_SYMBOL


def test_every_cent_is_exact() -> None:
    cents = list(range(1, 200_001, 101))
    codes = [f"{front}{n:03d}" for front in (600, 601) for n in range(1000)]
    rows = [
        row(code, f2=cent / 100, f17=cent / 100, f15=cent / 100, f16=cent / 100, f6=cent * 1000.0)
        for code, cent in zip(codes, cents, strict=False)
    ]
    table = SOURCE.parse_quotes(page(rows), NOW)
    assert table["last"].to_list() == [cent * 100 for cent in cents]
