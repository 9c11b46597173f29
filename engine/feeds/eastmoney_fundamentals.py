"""Eastmoney's datacenter: distributions and quarterly figures, each known from the end of the day it was announced; data_apis §2.

report?pageNumber=n ──► {"result":{"pages":p,"count":c,"data":[…]},"success":true} ──► EX_RIGHT_TABLE · FUNDAMENTAL_TABLE
No recorded body exists for these: the shape is that of the library sources, unverified against a live response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from engine.core.errors import RuleUnknown
from engine.core.units import PPM, to_units
from engine.exchange.boards import symbol_of
from engine.feeds.fields import day_of, end_of, json_object, not_data, objects
from engine.feeds.source import EX_RIGHT_TABLE, FUNDAMENTAL_TABLE, Fault, FeedError, Fetch, Request

SOURCE = "eastmoney"
HOST = "datacenter-web.eastmoney.com"
_PATH = "/api/data/v1/get"
_HEADERS = {"User-Agent": "Mozilla/5.0 (kanpan)", "Referer": "https://data.eastmoney.com/"}
PAGE_ROWS = 500
MAX_PAGES = 100
_NO_ROWS = 9201
_DONE = "实施分配"
"""ASSIGN_PROGRESS of a distribution whose dates are fixed; the others are plans."""
ITEMS = {
    "BASIC_EPS": "basic_eps",
    "TOTAL_OPERATE_INCOME": "revenue",
    "PARENT_NETPROFIT": "net_profit",
    "WEIGHTAVG_ROE": "roe_weighted_pct",
    "YSTZ": "revenue_yoy_pct",
    "SJLTZ": "net_profit_yoy_pct",
    "BPS": "book_value_per_share",
    "MGJYXJJE": "operating_cash_per_share",
    "XSMLL": "gross_margin_pct",
}
"""Columns of RPT_LICO_FN_CPD and the items of FUNDAMENTAL_TABLE: CNY, CNY per share, percent."""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of a report: `pages` and `count` as the source says."""

    pages: int
    count: int
    rows: list[Mapping[str, Any]]


def ex_rights(fetch: Fetch, since: date) -> pl.DataFrame:
    """EX_RIGHT_TABLE of the distributions that go ex on `since` or later. Raises FeedError."""
    rows = _report(fetch, "RPT_SHAREBONUS_DET", f"(EX_DIVIDEND_DATE>='{since}')", "EX_DIVIDEND_DATE,SECURITY_CODE")
    return ex_right_table(rows)


def fundamentals(fetch: Fetch, report_date: date) -> pl.DataFrame:
    """FUNDAMENTAL_TABLE of the reports for the quarter that ended on `report_date`. Raises FeedError."""
    return fundamental_table(_report(fetch, "RPT_LICO_FN_CPD", f"(REPORTDATE='{report_date}')", "NOTICE_DATE,SECURITY_CODE"))


def request(report: str, which: str, order: str, page: int) -> Request:
    """The request for one page of a report."""
    directions = ",".join("1" for _ in order.split(","))
    paging = (("pageNumber", str(page)), ("pageSize", str(PAGE_ROWS)), ("sortColumns", order), ("sortTypes", directions))
    what = (("reportName", report), ("columns", "ALL"), ("filter", which))
    return Request(HOST, _PATH, (*what, *paging, ("source", "WEB"), ("client", "WEB")), _HEADERS)


def parse_report(body: bytes) -> ReportPage:
    """One page. Raises FeedError: EMPTY (code 9201), SERVER for another refusal, NOT_DATA."""
    answer = json_object(SOURCE, body)
    result = answer.get("result")
    if answer.get("success") is not True:
        fault = Fault.EMPTY if answer.get("code") == _NO_ROWS else Fault.SERVER
        raise FeedError(SOURCE, fault, f"datacenter refused with code {str(answer.get('code'))[:20]}")
    if not isinstance(result, dict):
        raise not_data(SOURCE, "a report without a result")
    pages, count = result.get("pages"), result.get("count")
    if type(pages) is not int or type(count) is not int or pages < 1 or count < 0:
        raise not_data(SOURCE, "a report that does not say how long it is")
    return ReportPage(pages, count, objects(SOURCE, result.get("data"), "the report"))


def ex_right_table(rows: list[Mapping[str, Any]]) -> pl.DataFrame:
    """EX_RIGHT_TABLE of rows of RPT_SHAREBONUS_DET that are carried out and pay something.

    Known at the end of NOTICE_DATE; without one at the beginning of the ex-date, when nobody can overlook it. A plan's own date is
    not used: a plan does not fix the ex-date. Raises FeedError(NOT_DATA).
    """
    found = []
    for row in rows:
        symbol, ex_date = _symbol(row), day_of(row.get("EX_DIVIDEND_DATE"))
        if symbol is None or ex_date is None or row.get("ASSIGN_PROGRESS") not in (_DONE, None):
            continue
        parts = {
            "cash_per_10": _per_ten(row, "PRETAX_BONUS_RMB"),
            "bonus_per_10": _per_ten(row, "BONUS_RATIO"),
            "transfer_per_10": _per_ten(row, "IT_RATIO"),
        }
        if not any(parts.values()):
            continue
        noticed = day_of(row.get("NOTICE_DATE"))
        known = end_of(noticed) if noticed else end_of(date.fromordinal(ex_date.toordinal() - 1))
        found.append(
            {"symbol": symbol, "known_at": known, "record_date": day_of(row.get("EQUITY_RECORD_DATE")), "ex_date": ex_date, **parts}
        )
    return pl.DataFrame(found, schema=EX_RIGHT_TABLE).unique(maintain_order=True).sort("symbol", "ex_date", "known_at")


def fundamental_table(rows: list[Mapping[str, Any]]) -> pl.DataFrame:
    """FUNDAMENTAL_TABLE of rows of RPT_LICO_FN_CPD that say when they were announced, known at the end of that day."""
    found: list[tuple[str, datetime, date, str, float]] = []
    for row in rows:
        symbol, noticed, ended = _symbol(row), day_of(row.get("NOTICE_DATE")), day_of(row.get("REPORTDATE"))
        if symbol is None or noticed is None or ended is None:
            continue
        for column, item in ITEMS.items():
            value = row.get(column)
            if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
                raise not_data(SOURCE, f"{column} of {symbol} is {str(value)[:20]!r}")
            if value is not None and abs(value) < 1e18:
                found.append((symbol, end_of(noticed), ended, item, float(value)))
    return (
        pl.DataFrame(found, schema=FUNDAMENTAL_TABLE, orient="row").unique(maintain_order=True).sort("symbol", "item", "known_at")
    )


def _report(fetch: Fetch, report: str, which: str, order: str) -> list[Mapping[str, Any]]:
    """Every page of a report. Raises FeedError(INCOMPLETE) when fewer than nine tenths of its rows came."""
    opening = parse_report(fetch(SOURCE, request(report, which, order, 1)))
    rows = list(opening.rows)
    for number in range(2, min(opening.pages, MAX_PAGES) + 1):
        rows.extend(parse_report(fetch(SOURCE, request(report, which, order, number))).rows)
    if len(rows) * 10 < opening.count * 9:
        raise FeedError(SOURCE, Fault.INCOMPLETE, f"{len(rows)} of {opening.count} rows of {report}")
    return rows


def _symbol(row: Mapping[str, Any]) -> str | None:
    """The symbol of a row; None for a code that no board owns."""
    code = row.get("SECURITY_CODE")
    if not isinstance(code, str):
        raise not_data(SOURCE, "a row without SECURITY_CODE")
    try:
        return symbol_of(code)
    except RuleUnknown:
        return None


def _per_ten(row: Mapping[str, Any], column: str) -> int:
    """CNY or shares per ten shares in 1e-6; 0 where there is none."""
    value = row.get(column)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise not_data(SOURCE, f"{column} is {str(value)[:20]!r}")
    try:
        # A JSON number came as the nearest double, whose shortest form is the decimal that was sent.
        number = Decimal(str(value))
        units = to_units(round(number, 6), PPM)
    except (InvalidOperation, ValueError):
        raise not_data(SOURCE, f"{column} is {str(value)[:20]!r}") from None
    if not 0 <= units <= 10_000 * PPM:
        raise not_data(SOURCE, f"{column} of {value} for ten shares")
    return units
