"""Sina's quotes and bars: the recorded line in whole units, and bodies that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.feeds.sina import QUOTE_HOST, Sina
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Request

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "sina"
NOW = datetime(2026, 8, 7, 9, 0, tzinfo=UTC)
SOURCE = Sina()


def line(key: str, **changes: str) -> str:
    """A sound line of 10.00 CNY: 100,000 shares for a million."""
    fields = ["样本", "10.000", "9.950", "10.000", "10.200", "9.900", "9.990", "10.010", "100000", "1000000.000"]
    fields += ["700", "9.990", *["0"] * 8, "800", "10.010", *["0"] * 8, "2026-08-07", "15:00:03", "00"]
    for name, value in changes.items():
        fields[int(name[1:])] = value
    return f'var hq_str_{key}="{",".join(fields)}";\n'


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


def quote_fault(text: str) -> Fault:
    return fault_of(lambda: SOURCE.parse_quotes(text.encode("gb18030"), NOW))


def test_the_recorded_line_in_whole_units() -> None:
    if not RECORDED.is_dir():
        pytest.skip("recorded Sina bodies are not on this machine")
    body = (RECORDED / "hq_line_20190312_sz162411.txt").read_text(encoding="utf-8").encode("gb18030")
    table = SOURCE.parse_quotes(body, datetime(2019, 3, 12, 8, 0, tzinfo=UTC))
    assert table.schema == QUOTE_TABLE
    (row,) = table.rows(named=True)
    assert (row["symbol"], row["name"], row["trading_day"]) == ("162411.SZ", "华宝油气", date(2019, 3, 12))
    assert row["known_at"] == datetime(2019, 3, 12, 7, 0, 3, tzinfo=UTC)
    assert (row["last"], row["open"], row["pre_close"], row["high"], row["low"]) == (4_910, 4_890, 4_880, 4_920, 4_880)
    assert (row["volume"], row["amount"]) == (133_819_867, 656_231_472_800)
    assert (row["bid"], row["bid_size"], row["ask"], row["ask_size"]) == (4_900, 2_422_992, 4_910, 5_386_166)
    assert (row["suspended"], row["limit_up"]) == (False, 0)


def test_an_empty_line_is_an_unknown_symbol_and_the_others_still_count() -> None:
    body = (line("sh600000") + 'var hq_str_sh600001="";\n').encode("gb18030")
    table = SOURCE.quotes(lambda source, request: body, ["600000.SH", "600001.SH"], NOW)
    assert table["symbol"].to_list() == ["600000.SH"]
    assert quote_fault('var hq_str_sh600001="";') is Fault.UNKNOWN_SYMBOL


def test_a_suspended_share_by_its_status() -> None:
    zero = {"f1": "0.000", "f3": "0.000", "f4": "0.000", "f5": "0.000", "f8": "0", "f9": "0.000", "f32": "03"}
    (row,) = SOURCE.parse_quotes(line("sh600000", **zero).encode("gb18030"), NOW).rows(named=True)
    assert (row["suspended"], row["last"], row["pre_close"]) == (True, 0, 99_500)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (line("sh600000")[:-3], Fault.NOT_DATA),
        (line("sh600000")[:90], Fault.NOT_DATA),
        ('var hq_str_sh600000="样本,10.0,9.9";', Fault.NOT_DATA),
        (line("sh600000", f3="ten"), Fault.NOT_DATA),
        (line("sh600000", f3="0.000"), Fault.NOT_DATA),
        (line("sh600000", f30="2026-08-32"), Fault.NOT_DATA),
        (line("sh600000", f8="1000"), Fault.UNIT),
        (line("sh600000", f30="2026-08-08"), Fault.FUTURE),
        (line("sh600000") + line("sh600000", f3="10.010"), Fault.NOT_DATA),
        ("<html>456</html>", Fault.NOT_DATA),
    ],
)
def test_lines_that_are_refused(text: str, fault: Fault) -> None:
    assert quote_fault(text) is fault


def test_a_ranking_takes_the_symbols_from_the_list_and_the_figures_from_the_lines() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        if request.host == QUOTE_HOST:
            return "".join(line(key) for key in request.path.removeprefix("/list=").split(",")).encode("gb18030")
        page = int(dict(request.params)["page"])
        return json.dumps([{"symbol": f"sh{600000 + page * 80 + n}", "trade": "1"} for n in range(80)]).encode()

    table = SOURCE.ranking(fetch, "amount", 100, NOW)
    assert table.height == 100 and len(asked) == 3
    assert dict(asked[0].params)["sort"] == "amount" and "Referer" in asked[2].headers


def bars(*rows: dict[str, object]) -> bytes:
    return json.dumps(list(rows)).encode()


def bar(day: str, **changes: object) -> dict[str, object]:
    return {"day": day, "open": "10.000", "high": "10.200", "low": "9.900", "close": "10.100", "volume": "100000"} | changes


def test_daily_bars_without_an_amount() -> None:
    body = bars(bar("2026-08-05"), bar("2026-08-06"), bar("2026-08-07"))
    table = SOURCE.bars(lambda source, request: body, "600000.SH", "1d", date(2026, 8, 6), date(2026, 8, 7), NOW)
    assert table.select("close", "volume", "amount", "pre_close").rows() == [(101_000, 100_000, 0, 101_000)] * 2


def test_the_minute_bar_under_way_is_left_out() -> None:
    body = bars(bar("2026-08-07 14:55:00"), bar("2026-08-07 15:00:00"))
    inside = datetime(2026, 8, 7, 6, 58, tzinfo=UTC)
    table = SOURCE.bars(lambda source, request: body, "600000.SH", "5m", date(2026, 8, 7), date(2026, 8, 7), inside)
    assert table["known_at"].to_list() == [datetime(2026, 8, 7, 6, 55, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"null", Fault.EMPTY),
        (b"[]", Fault.EMPTY),
        (bars(bar("2026-08-06", high="9.0")), Fault.NOT_DATA),
        (bars(bar("2026-08-06", high=10.2)), Fault.NOT_DATA),
        (bars(bar("2026-08-09")), Fault.FUTURE),
        (bars(bar("2026-08-06"))[:-3], Fault.NOT_DATA),
        (b'{"__ERROR":"busy"}', Fault.NOT_DATA),
    ],
)
def test_bodies_without_bars(body: bytes, fault: Fault) -> None:
    days = (date(2026, 8, 1), date(2026, 8, 7))
    assert fault_of(lambda: SOURCE.bars(lambda source, request: body, "600000.SH", "1d", *days, NOW)) is fault
