"""Tencent's quotes and bars: recorded bodies in whole units, published limits against our own, and bodies that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.core.instrument import Instrument
from engine.core.units import Market
from engine.exchange import board_of, name_flags, price_limits
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Request
from engine.feeds.tencent import BATCH, PROXY_HOST, QUOTE_HOST, Tencent, raw_bars
from engine.store.snapshot import BAR_SCHEMA

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "tencent"
NOW = datetime(2026, 8, 7, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EVER = (date(2026, 1, 1), date(2026, 12, 31))
SOURCE = Tencent()


def recorded(name: str) -> bytes:
    """A recorded body in the encoding it came in: bars are UTF-8, lines were GBK and are kept as UTF-8."""
    if not RECORDED.is_dir():
        pytest.skip("recorded Tencent bodies are not on this machine")
    body = (RECORDED / name).read_bytes()
    return body if "kline" in name else body.decode("utf-8").encode("gb18030")


def line(key: str, **changes: str) -> str:
    """A sound line of 10.00 CNY: 1,000 lots for a million."""
    fields = [""] * 88
    values = {1: "样本", 2: key[2:], 3: "10.00", 4: "9.95", 5: "10.00", 6: "1000", 9: "9.99", 10: "7", 19: "10.01", 20: "8"}
    values |= {30: "20260807150003", 33: "10.20", 34: "9.90", 35: "10.00/1000/1000000", 37: "100", 38: "0.50"}
    values |= {44: "50.00", 45: "60.00", 47: "10.95", 48: "8.96"} | {int(name[1:]): value for name, value in changes.items()}
    for place, value in values.items():
        fields[place] = value
    return f'v_{key}="{"~".join(fields)}";\n'


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(FeedError) as caught:
        call()
    return caught.value.fault


def quote_fault(text: str, now: datetime = NOW) -> Fault:
    return fault_of(lambda: SOURCE.parse_quotes(text.encode("gb18030"), now))


def test_three_recorded_lines_in_whole_units() -> None:
    table = SOURCE.parse_quotes(recorded("qt_lines_202608.txt"), NOW)
    assert table.schema == QUOTE_TABLE
    lof, fund, moutai = table.rows(named=True)
    assert (moutai["symbol"], moutai["name"], moutai["trading_day"]) == ("600519.SH", "贵州茅台", date(2026, 8, 6))
    assert moutai["known_at"] == datetime(2026, 8, 6, 2, 43, 33, tzinfo=UTC)
    assert (moutai["last"], moutai["pre_close"], moutai["open"], moutai["high"], moutai["low"]) == (
        *(13_015_000, 13_064_500, 13_100_000, 13_144_000, 13_000_100),
    )
    assert (moutai["volume"], moutai["amount"]) == (1_113_100, 14_513_347_480_000)
    assert (moutai["bid"], moutai["bid_size"], moutai["ask"], moutai["ask_size"]) == (13_015_200, 100, 13_019_500, 300)
    assert (moutai["limit_up"], moutai["limit_down"], moutai["turnover_ppm"]) == (14_371_000, 11_758_100, 900)
    assert moutai["float_cap"] == 1_626_981_000_000
    assert (fund["symbol"], fund["last"], fund["volume"], fund["limit_up"]) == ("510300.SH", 47_510, 943_535_600, 51_800)
    assert (lof["symbol"], lof["last"], lof["volume"], lof["limit_down"]) == ("161725.SZ", 5_650, 118_916_700, 5_040)


def test_published_limits_are_the_ones_we_compute() -> None:
    for body in ("qt_lines_202608.txt", "qt_line_20260626_mock_tencent_raw.txt"):
        for row in SOURCE.parse_quotes(recorded(body), NOW).rows(named=True):
            flags = name_flags(row["name"])
            board = board_of(row["symbol"], Market.ASHARE)
            share = Instrument(row["symbol"], Market.ASHARE, board, flags.bare, special_treatment=flags.special_treatment)
            limits = price_limits(share, row["trading_day"], row["pre_close"], sessions_listed=None)
            assert limits is not None and (limits.up, limits.down) == (row["limit_up"], row["limit_down"])


def test_a_recorded_line_that_its_author_cut_has_all_that_matters() -> None:
    (row,) = SOURCE.parse_quotes(recorded("qt_line_20260626_mock_tencent_raw.txt"), NOW).rows(named=True)
    assert (row["name"], row["last"], row["pre_close"], row["limit_up"]) == ("XD贵州茅", 11_686_300, 11_840_800, 13_024_900)
    assert (row["volume"], row["amount"]) == (5_006_600, 59_220_140_540_000)


def test_a_recorded_index_line_with_its_middle_cut_out_is_refused() -> None:
    body = recorded("qt_index_line_20260707_elided.txt")
    assert fault_of(lambda: SOURCE.parse_quotes(body, NOW, asked=["000001.SH"])) is Fault.NOT_DATA


def test_recorded_hong_kong_lines_are_no_a_shares() -> None:
    assert fault_of(lambda: SOURCE.parse_quotes(recorded("hk_quote_lines_20180329.txt"), NOW)) is Fault.UNKNOWN_SYMBOL


def test_recorded_index_bars_equal_eastmoneys_of_the_same_days() -> None:
    rows = raw_bars(recorded("fqkline_sh000300_20260928_30.json"), "sh000300", "day")
    assert rows.select("ends", "close", "volume").row(0) == ("2026-09-28", 4340.76, 17_127_737_300)

    def fetch(source: str, request: Request) -> bytes:
        assert request.host == PROXY_HOST and dict(request.params)["param"].startswith("sh000300,day,2026-09-01,")
        return recorded("fqkline_sh000300_20260928_30.json")

    table = SOURCE.bars(fetch, "000300.SH", "1d", date(2026, 9, 1), date(2026, 10, 1), LATER)
    assert table.schema == BAR_SCHEMA
    assert table["close"].to_list() == [43_407_600, 43_452_100, 43_576_200]
    assert table["amount"].to_list() == [0, 0, 0] and table["pre_close"].to_list() == [0, 43_407_600, 43_452_100]


def test_a_recorded_body_behind_an_assignment() -> None:
    rows = raw_bars(recorded("hk_fqkline_20180409.txt"), "hk00001", "qfqday")
    assert rows.select("ends", "open", "close", "high", "low").row(0) == ("2018-04-09", 91.0, 91.85, 93.5, 91.0)


def test_unknown_symbols() -> None:
    assert quote_fault('v_pv_none_match="1";') is Fault.UNKNOWN_SYMBOL


def test_star_lines_in_shares_are_told_from_lines_in_lots_by_their_amount() -> None:
    lots, shares = line("sh688981"), line("sh688981", f6="100000", f35="10.00/100000/1000000")
    for text in (lots, shares):
        assert SOURCE.parse_quotes(text.encode("gb18030"), NOW)["volume"].to_list() == [100_000]


def test_the_float_is_never_the_larger_capitalisation() -> None:
    for one, two in (("50.00", "60.00"), ("60.00", "50.00")):
        assert SOURCE.parse_quotes(line("sh600000", f44=one, f45=two).encode("gb18030"), NOW)["float_cap"].to_list() == [
            5_000_000_000
        ]


def test_a_suspended_share_and_a_day_without_limits() -> None:
    text = line("sh600000", f5="0.00", f6="0", f33="0.00", f34="0.00", f35="9.95/0/0", f37="0", f47="-1", f48="0")
    (row,) = SOURCE.parse_quotes(text.encode("gb18030"), NOW).rows(named=True)
    assert (row["suspended"], row["last"], row["pre_close"], row["limit_up"], row["limit_down"]) == (True, 0, 99_500, 0, 0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (line("sh600000")[:-3], Fault.NOT_DATA),
        (line("sh600000")[:200], Fault.NOT_DATA),
        (line("sh600000", f2="600001"), Fault.NOT_DATA),
        (line("sh600000", f3="abc"), Fault.NOT_DATA),
        (line("sh600000", f3="nan"), Fault.NOT_DATA),
        (line("sh600000", f3="0.00"), Fault.NOT_DATA),
        (line("sh600000", f30=""), Fault.NOT_DATA),
        (line("sh600000", f30="20261399150003"), Fault.NOT_DATA),
        (line("sh600000", f6="100000"), Fault.UNIT),
        (line("sh600000", f30="20260808150003"), Fault.FUTURE),
        (line("sh600000") + line("sh600000", f3="10.01"), Fault.NOT_DATA),
        ("<html>blocked</html>", Fault.NOT_DATA),
    ],
)
def test_lines_that_are_refused(text: str, fault: Fault) -> None:
    assert quote_fault(text) is fault


def test_an_empty_body_and_bytes_that_are_no_gbk_are_not_data() -> None:
    assert fault_of(lambda: SOURCE.parse_quotes(b"\xff\xff\xff", NOW)) is Fault.NOT_DATA
    assert quote_fault("") is Fault.UNKNOWN_SYMBOL


def market(request: Request) -> bytes:
    """Answers a ranking page or the lines that were asked for."""
    if request.host == QUOTE_HOST:
        return "".join(line(key) for key in request.path.removeprefix("/q=").split(",")).encode("gb18030")
    offset = int(dict(request.params)["offset"])
    codes = [f"{prefix}{n:03d}" for prefix in ("sh600", "sh601", "sh603", "sz000", "sz002", "sz300") for n in range(700)]
    return json.dumps({"code": 0, "data": {"rank_list": [{"code": key} for key in codes[offset : offset + 200]]}}).encode()


def test_the_whole_market_is_the_ranking_list_and_then_its_quotes() -> None:
    asked: list[Request] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(request)
        return market(request)

    table = SOURCE.quotes(fetch, (), NOW)
    assert table.height == 4_200 and table["symbol"].is_sorted()
    assert all(request.path.count(",") < BATCH for request in asked)


def test_a_short_ranking_list_is_not_the_whole_market() -> None:
    def fetch(source: str, request: Request) -> bytes:
        return json.dumps({"data": {"rank_list": [{"code": "sh600000"}]}}).encode()

    assert fault_of(lambda: SOURCE.quotes(fetch, (), NOW)) is Fault.INCOMPLETE


def test_a_symbol_that_is_not_quoted_is_missing_and_the_others_are_there() -> None:
    def fetch(source: str, request: Request) -> bytes:
        known = [key for key in request.path.removeprefix("/q=").split(",") if key < "sh600070"]
        return "".join(map(line, known)).encode("gb18030") or b'v_pv_none_match="1";'

    table = SOURCE.quotes(fetch, [f"{600000 + n}.SH" for n in range(150)], NOW)
    assert table.height == 70
    assert fault_of(lambda: SOURCE.quotes(fetch, ["601000.SH"], NOW)) is Fault.UNKNOWN_SYMBOL


def day_bars(*rows: list[object]) -> bytes:
    return json.dumps({"code": 0, "msg": "", "data": {"sh600000": {"day": rows}}}).encode()


def test_long_histories_are_asked_for_in_spans_and_an_ex_day_has_no_reference_price() -> None:
    asked: list[str] = []

    def fetch(source: str, request: Request) -> bytes:
        asked.append(dict(request.params)["param"])
        if len(asked) < 3:
            return day_bars()
        return day_bars(
            ["2026-11-17", "10.00", "10.00", "10.00", "10.00", "1000.00", {}, "0.1", "100.00"],
            ["2026-11-18", "9.00", "9.00", "9.00", "9.00", "1000.00", {"nd": "2026", "FHcontent": "10派10元"}, "0.1", "90.00"],
        )

    table = SOURCE.bars(fetch, "600000.SH", "1d", date(2020, 1, 1), date(2026, 11, 20), LATER)
    assert [param.split(",")[2:4] for param in asked] == [
        ["2020-01-01", "2022-06-18"],
        ["2022-06-19", "2024-12-04"],
        ["2024-12-05", "2026-11-20"],
    ]
    assert table["amount"].to_list() == [10_000_000_000, 9_000_000_000]
    assert table["pre_close"].to_list() == [0, 0]


def test_minute_bars_end_when_they_say() -> None:
    rows = [["202611201000", "10.00", "10.10", "10.20", "9.90", "100.00", {}, "0.01"]]

    def fetch(source: str, request: Request) -> bytes:
        return json.dumps({"code": 0, "data": {"sh600000": {"m15": rows}}}).encode()

    bar = SOURCE.bars(fetch, "600000.SH", "15m", date(2026, 11, 20), date(2026, 11, 20), LATER).row(0, named=True)
    assert bar["start"] == datetime(2026, 11, 20, 1, 45, tzinfo=UTC) and bar["known_at"] == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert (bar["volume"], bar["amount"], bar["close"]) == (10_000, 0, 101_000)


def test_minute_bars_that_do_not_reach_back_are_incomplete() -> None:
    rows = [[f"20261120{10 + n // 60:02d}{n % 60:02d}", "10.00", "10.00", "10.00", "10.00", "1.00"] for n in range(320)]

    def fetch(source: str, request: Request) -> bytes:
        return json.dumps({"code": 0, "data": {"sh600000": {"m1": rows}}}).encode()

    assert SOURCE.bars(fetch, "600000.SH", "1m", date(2026, 11, 20), date(2026, 11, 20), LATER).height == 320
    assert fault_of(lambda: SOURCE.bars(fetch, "600000.SH", "1m", date(2026, 11, 2), date(2026, 11, 20), LATER)) is Fault.INCOMPLETE


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"code":1,"msg":"param error","data":[]}', Fault.UNKNOWN_SYMBOL),
        (b'{"code":0,"data":{"sh600001":{"day":[]}}}', Fault.UNKNOWN_SYMBOL),
        (day_bars(), Fault.EMPTY),
        (day_bars(["2026-11-18", 10, 10, 10, 10, 100]), Fault.NOT_DATA),
        (day_bars(["2026-11-18", "10", "10", "10"]), Fault.NOT_DATA),
        (day_bars(["2026-11-18", "10", "10", "10", "10", "100"])[:-4], Fault.NOT_DATA),
        (b"kline_day=", Fault.NOT_DATA),
    ],
)
def test_bodies_without_bars(body: bytes, fault: Fault) -> None:
    assert fault_of(lambda: SOURCE.bars(lambda source, request: body, "600000.SH", "1d", *EVER, LATER)) is fault
