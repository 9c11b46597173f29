"""The official lists of the Shanghai, Shenzhen and Beijing exchanges: what is listed, when the vendors do not answer; data_apis §3.

SSE commonQuery · SZSE ShowReport, page by page · BSE nqxxCnzq (a POST) ──► rows ──► SECURITY_TABLE, industries by the CSRC
No recorded body exists for these: the shapes are those of the library sources, unverified against a live response.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from engine.core.errors import RuleUnknown
from engine.core.text import safe_text
from engine.core.units import Market
from engine.exchange.boards import board_of, name_flags, symbol_of
from engine.feeds.fields import day_of, json_object, json_value, not_data, objects
from engine.feeds.source import SECURITY_TABLE, Fault, FeedError, Fetch, Request

TAXONOMY = "csrc"
SSE_HOST, SZSE_HOST, BSE_HOST = "query.sse.com.cn", "www.szse.cn", "www.bse.cn"
_AGENT = "Mozilla/5.0 (kanpan)"
_SSE_HEADERS = {"User-Agent": _AGENT, "Referer": "https://www.sse.com.cn/assortment/stock/list/share/"}
"""Without this Referer the exchange refuses or answers nothing."""
_SZSE_HEADERS = {"User-Agent": _AGENT, "Referer": "https://www.szse.cn/market/product/stock/list/index.html"}
_BSE_HEADERS = {"User-Agent": _AGENT, "Referer": "https://www.bse.cn/nq/listedcompany.html"}
SSE_MAIN, SSE_STAR = "1", "8"
MAX_PAGES = 400
_TAG = re.compile(r"<[^<>]{0,300}>")
_CODE = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Listing:
    """One row of an official list."""

    code: str
    name: str
    industry: str
    list_date: date | None


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of an official list: `pages` and `total` as the exchange says."""

    rows: Sequence[Listing]
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class Sse:
    """The Shanghai list, main board and STAR: a SecuritySource."""

    name: str = "sse"

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of Shanghai's A-shares. Raises FeedError."""
        pages = [parse_sse(fetch(self.name, sse_request(kind))) for kind in (SSE_MAIN, SSE_STAR)]
        return _table(self.name, pages, sum(page.total for page in pages), now)


@dataclass(frozen=True, slots=True)
class Szse:
    """The Shenzhen list, twenty rows a page: a SecuritySource."""

    name: str = "szse"

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of Shenzhen's A-shares (some 145 requests). Raises FeedError."""
        pages = [parse_szse(fetch(self.name, szse_request(1)))]
        for number in range(2, min(pages[0].pages, MAX_PAGES) + 1):
            pages.append(parse_szse(fetch(self.name, szse_request(number))))
        return _table(self.name, pages, pages[0].total, now)


@dataclass(frozen=True, slots=True)
class Bse:
    """The Beijing list, twenty rows a page: a SecuritySource."""

    name: str = "bse"

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of Beijing's shares (some 18 requests). Raises FeedError."""
        pages = [parse_bse(fetch(self.name, bse_request(0)))]
        for number in range(1, min(pages[0].pages, MAX_PAGES)):
            pages.append(parse_bse(fetch(self.name, bse_request(number))))
        return _table(self.name, pages, pages[0].total, now)


def sse_request(kind: str) -> Request:
    """The request for every share of one board: SSE_MAIN or SSE_STAR."""
    what = (("STOCK_TYPE", kind), ("REG_PROVINCE", ""), ("CSRC_CODE", ""), ("STOCK_CODE", ""))
    query = (("sqlId", "COMMON_SSE_CP_GPJCTPZ_GPLB_GP_L"), ("COMPANY_STATUS", "2,4,5,7,8"), ("type", "inParams"))
    paging = {"cacheSize": "1", "beginPage": "1", "pageSize": "10000", "pageNo": "1", "endPage": "1"}
    help_ = tuple((f"pageHelp.{name}", value) for name, value in paging.items())
    return Request(SSE_HOST, "/sseQuery/commonQuery.do", (*what, *query, ("isPagination", "true"), *help_), _SSE_HEADERS)


def szse_request(page: int) -> Request:
    """The request for one page of Shenzhen's A-shares."""
    params = (("SHOWTYPE", "JSON"), ("CATALOGID", "1110"), ("TABKEY", "tab1"), ("PAGENO", str(page)))
    return Request(SZSE_HOST, "/api/report/ShowReport/data", params, _SZSE_HEADERS)


def bse_request(page: int) -> Request:
    """The request for one page of Beijing's shares, counted from 0."""
    order = (("xxzqdm", ""), ("sortfield", "xxzqdm"), ("sorttype", "asc"))
    form = (("page", str(page)), ("typejb", "T"), ("xxfcbj[]", "2"), *order)
    return Request(BSE_HOST, "/nqxxController/nqxxCnzq.do", headers=_BSE_HEADERS, form=form)


def parse_sse(body: bytes) -> ListPage:
    """A Shanghai answer, which is whole. Raises FeedError(NOT_DATA)."""
    answer = json_object("sse", body)
    rows = objects("sse", answer.get("result"), "result")
    about = answer.get("pageHelp")
    total = about.get("total") if isinstance(about, dict) else None
    listed = [row for row in rows if _text(row, "A_STOCK_CODE") not in ("", "-")]
    found = [
        Listing(
            code=_code("sse", row, "A_STOCK_CODE"),
            name=_text(row, "SEC_NAME_CN") or _text(row, "COMPANY_ABBR"),
            industry=_text(row, "CSRC_CODE_DESC"),
            list_date=day_of(row.get("LIST_DATE")),
        )
        for row in listed
    ]
    return ListPage(found, 1, total - (len(rows) - len(listed)) if type(total) is int else len(found))


def parse_szse(body: bytes) -> ListPage:
    """A page of Shenzhen's list: of its tabs the one that has rows. Raises FeedError(NOT_DATA)."""
    tabs = objects("szse", json_value("szse", body), "the tabs")
    tab = next((tab for tab in tabs if tab.get("data")), None)
    about = tab.get("metadata") if tab else None
    if tab is None or not isinstance(about, dict):
        raise not_data("szse", "no tab with rows")
    pages, total = about.get("pagecount"), about.get("recordcount")
    if type(pages) is not int or type(total) is not int:
        raise not_data("szse", "a page that does not say how many there are")
    found = [
        Listing(
            code=_code("szse", row, "agdm"),
            name=_text(row, "agjc"),
            industry=_text(row, "sshymc").partition(" ")[2] or _text(row, "sshymc"),
            list_date=day_of(row.get("agssrq")),
        )
        for row in objects("szse", tab.get("data"), "data")
    ]
    return ListPage(found, pages, total)


def parse_bse(body: bytes) -> ListPage:
    """A page of Beijing's list, `null([{…}])`. Raises FeedError(NOT_DATA)."""
    answer = objects("bse", json_value("bse", body), "the answer")
    if len(answer) != 1:
        raise not_data("bse", f"an answer of {len(answer)} parts")
    pages, total = answer[0].get("totalPages"), answer[0].get("totalElements")
    if type(pages) is not int or type(total) is not int:
        raise not_data("bse", "a page that does not say how many there are")
    found = [
        Listing(
            code=_code("bse", row, "xxzqdm"),
            name=_text(row, "xxzqjc"),
            industry=_text(row, "xxhyzl"),
            list_date=day_of(str(row.get("fxssrq"))),
        )
        for row in objects("bse", answer[0].get("content"), "content")
    ]
    return ListPage(found, pages, total)


def _table(source: str, pages: Sequence[ListPage], total: int, now: datetime) -> pl.DataFrame:
    """SECURITY_TABLE of all pages. Raises FeedError: EMPTY, INCOMPLETE below 90 % of `total`, NOT_DATA for one code named twice."""
    rows = list(dict.fromkeys(row for page in pages for row in page.rows))
    if not rows:
        raise FeedError(source, Fault.EMPTY, "a list of nothing")
    if len(rows) * 10 < total * 9:
        raise FeedError(source, Fault.INCOMPLETE, f"{len(rows)} of {total} rows")
    found = [(symbol, row) for row in rows if (symbol := _symbol(row.code)) is not None]
    if len({symbol for symbol, _ in found}) < len(found):
        raise not_data(source, "one code listed twice with different facts")
    flags = [name_flags(row.name) for _, row in found]
    table = pl.DataFrame(
        {
            "symbol": [symbol for symbol, _ in found],
            "known_at": [now] * len(found),
            "board": [board_of(symbol, Market.ASHARE).value for symbol, _ in found],
            "name": [row.name for _, row in found],
            "industry": [row.industry for _, row in found],
            "taxonomy": [TAXONOMY] * len(found),
            "list_date": [row.list_date for _, row in found],
            "special_treatment": [flag.special_treatment for flag in flags],
            "delisting": [flag.delisting for flag in flags],
            "source": [source] * len(found),
        },
        schema=SECURITY_TABLE,
    )
    if table.is_empty():
        raise not_data(source, "no code that a board owns")
    return table.sort("symbol")


def _symbol(code: str) -> str | None:
    """The symbol of a code; None for one that no board owns."""
    try:
        return symbol_of(code)
    except RuleUnknown:
        return None


def _code(source: str, row: Mapping[str, Any], name: str) -> str:
    """A code of six digits; a number has lost its leading zeros. Raises FeedError(NOT_DATA)."""
    code = _text(row, name).zfill(6)
    if not _CODE.fullmatch(code):
        raise not_data(source, f"{name} is {code[:20]!r}")
    return code


def _text(row: Mapping[str, Any], name: str) -> str:
    """A field as plain text: tags and entities undone, safe for any screen; '' where it is missing."""
    value = row.get(name)
    if value is None or isinstance(value, (dict, list, bool)):
        return ""
    return safe_text(html.unescape(_TAG.sub("", str(value)[:1_000])), limit=60, one_line=True).strip()
