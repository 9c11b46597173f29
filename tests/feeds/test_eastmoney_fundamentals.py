"""Distributions and quarterly figures, in the shape of Eastmoney's datacenter; no recorded body of it exists."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.feeds.eastmoney import Eastmoney
from engine.feeds.eastmoney_fundamentals import ex_right_table, fundamental_table, parse_report
from engine.feeds.source import EX_RIGHT_TABLE, FUNDAMENTAL_TABLE, Fault, FeedError, Request


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


def bonus(code: str = "600519", **changes: Any) -> dict[str, Any]:
    row = {"SECURITY_CODE": code, "PRETAX_BONUS_RMB": 276.24, "BONUS_RATIO": None, "IT_RATIO": None, "ASSIGN_PROGRESS": "实施分配"}
    row |= {"EQUITY_RECORD_DATE": "2026-06-25 00:00:00", "EX_DIVIDEND_DATE": "2026-06-26 00:00:00"}
    return row | {"NOTICE_DATE": "2026-06-19 00:00:00", "PLAN_NOTICE_DATE": "2026-04-03 00:00:00"} | changes


def figures(code: str = "600519", **changes: Any) -> dict[str, Any]:
    row = {"SECURITY_CODE": code, "REPORTDATE": "2026-09-30 00:00:00", "NOTICE_DATE": "2026-10-29 00:00:00", "BASIC_EPS": 51.5}
    return row | {"PARENT_NETPROFIT": 6.46e10, "WEIGHTAVG_ROE": None} | changes


def report(rows: list[dict[str, Any]], pages: int = 1, count: int | None = None) -> bytes:
    result = {"pages": pages, "count": len(rows) if count is None else count, "data": rows}
    return json.dumps({"version": "x", "result": result, "success": True, "message": "ok", "code": 0}).encode()


def test_a_distribution_is_known_when_the_day_of_its_announcement_is_over() -> None:
    table = ex_right_table([bonus()])
    assert table.schema == EX_RIGHT_TABLE
    assert table.row(0, named=True) == {
        "symbol": "600519.SH",
        "known_at": datetime(2026, 6, 19, 16, 0, tzinfo=UTC),
        "record_date": date(2026, 6, 25),
        "ex_date": date(2026, 6, 26),
        "cash_per_10": 276_240_000,
        "bonus_per_10": 0,
        "transfer_per_10": 0,
    }


def test_without_an_announcement_it_is_known_when_the_ex_date_begins() -> None:
    assert ex_right_table([bonus(NOTICE_DATE=None)])["known_at"].to_list() == [datetime(2026, 6, 25, 16, 0, tzinfo=UTC)]


def test_bonus_shares_and_transfers_are_counted_for_ten_shares() -> None:
    (row,) = ex_right_table([bonus(PRETAX_BONUS_RMB=1.45, BONUS_RATIO=2, IT_RATIO=3.5)]).rows(named=True)
    assert (row["cash_per_10"], row["bonus_per_10"], row["transfer_per_10"]) == (1_450_000, 2_000_000, 3_500_000)


@pytest.mark.parametrize(
    "changes",
    [{"ASSIGN_PROGRESS": "董事会决议通过"}, {"EX_DIVIDEND_DATE": None}, {"PRETAX_BONUS_RMB": None}, {"SECURITY_CODE": "799999"}],
)
def test_plans_and_rows_that_pay_nothing_are_left_out(changes: dict[str, Any]) -> None:
    assert ex_right_table([bonus(**changes)]).is_empty()


@pytest.mark.parametrize("value", [-1, 1e30, "ten", True, [1]])
def test_a_figure_that_is_none_is_refused(value: object) -> None:
    assert fault_of(lambda: ex_right_table([bonus(PRETAX_BONUS_RMB=value)])) is Fault.NOT_DATA


def test_quarterly_figures_are_known_by_their_announcement_never_by_the_quarter() -> None:
    table = fundamental_table([figures(), figures("000001", NOTICE_DATE=None)])
    assert table.schema == FUNDAMENTAL_TABLE
    assert table.rows() == [
        ("600519.SH", datetime(2026, 10, 29, 16, 0, tzinfo=UTC), date(2026, 9, 30), "basic_eps", 51.5),
        ("600519.SH", datetime(2026, 10, 29, 16, 0, tzinfo=UTC), date(2026, 9, 30), "net_profit", 6.46e10),
    ]


@pytest.mark.parametrize("changes", [{"BASIC_EPS": "51.5"}, {"BASIC_EPS": True}, {"SECURITY_CODE": 600519}])
def test_a_row_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    assert fault_of(lambda: fundamental_table([figures(**changes)])) is Fault.NOT_DATA


def test_a_report_is_read_page_by_page_and_counted() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        number = int(dict(request.params)["pageNumber"])
        return report([figures(f"{600000 + number * 2 + n}") for n in range(2)], pages=3, count=6)

    assert Eastmoney().fundamentals(fetch, date(2026, 9, 30)).height == 12
    params = dict(asked[0].params)
    assert (len(asked), params["reportName"], params["filter"]) == (3, "RPT_LICO_FN_CPD", "(REPORTDATE='2026-09-30')")


def test_a_report_that_lost_rows_is_incomplete() -> None:
    body = report([bonus()], count=5)
    assert fault_of(lambda: Eastmoney().ex_rights(lambda source, request: body, date(2026, 1, 1))) is Fault.INCOMPLETE


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"result":null,"success":false,"code":9201}', Fault.EMPTY),
        (b'{"result":null,"success":false,"code":9501}', Fault.SERVER),
        (b'{"result":null,"success":true,"code":0}', Fault.NOT_DATA),
        (b'{"result":{"pages":1,"count":1,"data":[1]},"success":true}', Fault.NOT_DATA),
        (b'{"result":{"pages":"1","count":1,"data":[]},"success":true}', Fault.NOT_DATA),
        (b"<html></html>", Fault.NOT_DATA),
    ],
)
def test_answers_without_a_report(body: bytes, fault: Fault) -> None:
    assert fault_of(lambda: parse_report(body)) is fault
