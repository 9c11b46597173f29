"""The official lists of the three exchanges, in the shapes that their pages use; no recorded body of any of them exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from engine.feeds.exchanges import Bse, Sse, Szse, parse_bse, parse_sse, parse_szse
from engine.feeds.source import SECURITY_TABLE, Fault, FeedError, Request

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


def shanghai(*codes: str, total: int | None = None) -> bytes:
    rows = [
        {"A_STOCK_CODE": code, "B_STOCK_CODE": "-", "SEC_NAME_CN": "样本", "LIST_DATE": "19991110", "CSRC_CODE_DESC": "金融业"}
        for code in codes
    ]
    return json.dumps({"result": rows, "pageHelp": {"total": len(rows) if total is None else total}}).encode()


def shenzhen(*codes: str, pages: int = 1, total: int | None = None) -> bytes:
    rows = [
        {
            "bk": "主板",
            "agdm": code,
            "agjc": f"<a href='/x?c={code}'><u>*ST样本</u></a>",
            "agssrq": "1991-04-03",
            "sshymc": "J 金融业",
        }
        for code in codes
    ]
    about = {"pagecount": pages, "recordcount": len(rows) if total is None else total}
    return json.dumps([{"metadata": {"tabkey": "tab2"}, "data": []}, {"metadata": about, "data": rows}]).encode()


def beijing(*codes: str, pages: int = 1, total: int | None = None) -> bytes:
    rows = [{"xxzqdm": code, "xxzqjc": "样本退", "xxzgb": 1, "xxhyzl": "制造业", "fxssrq": "20211115"} for code in codes]
    about = {"content": rows, "totalPages": pages, "totalElements": len(rows) if total is None else total}
    return b"null(" + json.dumps([about]).encode() + b")"


def test_shanghai_is_one_answer_a_board() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        return shanghai("600000") if dict(request.params)["STOCK_TYPE"] == "1" else shanghai("688981", "-", total=2)

    table = Sse().securities(fetch, NOW)
    assert table.schema == SECURITY_TABLE
    assert table.select("symbol", "board", "name", "industry", "taxonomy", "list_date").rows() == [
        ("600000.SH", "main_sh", "样本", "金融业", "csrc", date(1999, 11, 10)),
        ("688981.SH", "star", "样本", "金融业", "csrc", date(1999, 11, 10)),
    ]
    assert table["known_at"].unique().to_list() == [NOW] and table["source"].unique().to_list() == ["sse"]
    assert all(request.headers["Referer"].startswith("https://www.sse.com.cn/") for request in asked)


def test_shenzhen_comes_page_by_page_with_its_names_in_tags() -> None:
    def fetch(source: str, request: Request) -> bytes:
        page = int(dict(request.params)["PAGENO"])
        return shenzhen(*(f"{n:06d}" for n in range(page * 20, page * 20 + 20)), pages=3, total=60)

    table = Szse().securities(fetch, NOW)
    assert table.height == 60
    assert table.row(0, named=True)["name"] == "*ST样本" and table["special_treatment"].all()
    assert table["industry"].unique().to_list() == ["金融业"]


def test_beijing_is_asked_by_a_form_and_counts_pages_from_0() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        page = int(dict(request.form)["page"])
        return beijing(*(f"{920000 + page * 20 + n}" for n in range(20)), pages=2, total=40)

    table = Bse().securities(fetch, NOW)
    assert (table.height, len(asked)) == (40, 2)
    assert table["board"].unique().to_list() == ["bse"] and table["delisting"].all()
    assert table["list_date"].unique().to_list() == [date(2021, 11, 15)]


def test_a_code_that_lost_its_zeros_gets_them_back() -> None:
    body = shenzhen("1").replace(b'"agdm": "1"', b'"agdm": 1')
    assert [row.code for row in parse_szse(body).rows] == ["000001"]


def test_a_list_with_holes_is_incomplete() -> None:
    assert fault_of(lambda: Szse().securities(lambda source, request: shenzhen("000001", total=60), NOW)) is Fault.INCOMPLETE
    assert fault_of(lambda: Sse().securities(lambda source, request: shanghai("600000", total=1700), NOW)) is Fault.INCOMPLETE


def test_a_list_of_nothing_is_empty() -> None:
    assert fault_of(lambda: Sse().securities(lambda source, request: shanghai(), NOW)) is Fault.EMPTY


def test_one_code_with_two_names_is_refused() -> None:
    twice = beijing("920000", "920000").replace(b"20211115", b"20211116", 1)
    assert fault_of(lambda: Bse().securities(lambda source, request: twice, NOW)) is Fault.NOT_DATA


@pytest.mark.parametrize(
    "body", [b"", b"<html>403</html>", b"[]", b"{}", b"null", b'[{"data":3}]', b"null([{}])", b'{"result":[3]}']
)
@pytest.mark.parametrize("parse", [parse_sse, parse_szse, parse_bse])
def test_what_is_no_list_is_not_data(parse: Callable[[bytes], object], body: bytes) -> None:
    assert fault_of(lambda: parse(body)) is Fault.NOT_DATA
