"""Files as the usual vendors write them: their headers, encodings, units and clocks, and every row accounted for."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import DataError
from engine.core.instrument import Board
from engine.core.units import Market, to_units
from engine.store.importing import Plan, Stamp, VolumeUnit, full_symbol, import_file
from engine.store.importing.numbers import exact, nearest
from engine.store.importing.times import moments
from engine.store.market import MarketStore, Reason
from tests.store.market_worlds import NOW

ASHARE, CRYPTO, US = Market.ASHARE, Market.CRYPTO, Market.US
DAILY = {  # one day of 600519, as each vendor writes it: 1,685.01 … 1,694, 32,156 lots, 5.44 billion yuan
    "通达信.csv": "600519 贵州茅台 日线 不复权\n日期\t开盘\t最高\t最低\t收盘\t成交量\t成交额\n"
    "2024/01/03\t1681.11\t1695.22\t1676.33\t1694.00\t2022929\t3411400700.00\n#数据来源:通达信\n",
    "东方财富.csv": "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率\n"
    "2024-01-03,600519,1681.11,1694.0,1695.22,1676.33,20229.29,3411400700.0,1.12,0.53,8.99,0.16\n",
    "同花顺.csv": "时间,代码,开盘价,最高价,最低价,收盘价,总手,金额\n"
    "2024-01-03,SH600519,1681.11,1695.22,1676.33,1694.00,20229.29,3411400700\n",
    "聚宽.csv": "date,code,open,close,high,low,volume,money,paused,pre_close\n"
    "2024-01-03,600519.XSHG,1681.11,1694.0,1695.22,1676.33,2022929.0,3411400700.0,0.0,1685.01\n",
    "tushare.csv": "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount\n"
    "600519.SH,20240103,1681.11,1695.22,1676.33,1694.0,1685.01,8.99,0.5335,20229.29,3411400.7\n",
    "baostock.csv": "date,code,open,high,low,close,preclose,volume,amount,adjustflag,turn,tradestatus,pctChg,isST\n"
    "2024-01-03,sh.600519,1681.1100000000,1695.2200,1676.3300,1694.0000,1685.0100,2022929,3411400700.0000,3,0.161,1,0.53,0\n",
}


def written(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("name", DAILY)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_one_day_as_each_vendor_writes_it(tmp_path: Path, name: str, encoding: str) -> None:
    symbol = "600519" if name == "通达信.csv" else None
    path = written(tmp_path, name, DAILY[name], encoding)
    done = import_file(path, tmp_path, Plan(ASHARE, name, interval="1d", symbol=symbol), now=NOW)
    assert (done.table, done.rows, done.kept, done.refused) == ("1d", 1, 1, 0)
    known = MarketStore.open(tmp_path, ASHARE).as_of(NOW)
    (bar,) = known.bars(["600519.SH"], "1d", first=date(2024, 1, 1), last=date(2024, 1, 31)).to_dicts()
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (16_811_100, 16_952_200, 16_763_300, 16_940_000)
    assert (bar["volume"], bar["amount"]) == (2_022_929, 34_114_007_000_000)
    assert bar["pre_close"] == (16_850_100 if name in ("聚宽.csv", "tushare.csv", "baostock.csv") else 0)
    assert (bar["trading_day"], bar["known_at"]) == (date(2024, 1, 3), datetime(2024, 1, 3, 7, tzinfo=UTC))
    (item,) = known.instruments()
    assert (item.symbol, item.board, item.special_treatment) == ("600519.SH", Board.MAIN_SH, False)


def test_chinese_minute_bars_are_stamped_with_their_end(tmp_path: Path) -> None:
    text = "日期,时间,开盘,最高,最低,收盘,成交量,成交额\n" + "".join(
        f"2024/01/03,{clock},10.00,10.10,9.90,10.00,1000,10000\n" for clock in ("0935", "0940", "0945", "1130", "1305", "1500")
    )
    done = import_file(written(tmp_path, "SZ#000001.txt", text), tmp_path, Plan(ASHARE, "通达信"), now=NOW)
    assert (done.table, done.kept) == ("5m", 6)
    bars = MarketStore.open(tmp_path, ASHARE).as_of(NOW).minutes(["000001.SZ"], date(2024, 1, 3))
    assert bars["start"].to_list()[0] == datetime(2024, 1, 3, 1, 30, tzinfo=UTC)
    assert bars["known_at"].to_list()[-1] == datetime(2024, 1, 3, 7, tzinfo=UTC)


KLINE = (
    "{start},42283.58000000,42554.57000000,42261.02000000,42475.23000000,1271.68108000,{end},53957248.97378900,47134,682.57,2.9,0\n"
)


@pytest.mark.parametrize(("unit", "header"), [(1, False), (1_000, False), (1, True)])
def test_binance_files_with_and_without_a_header_in_milli_and_microseconds(tmp_path: Path, unit: int, header: bool) -> None:
    starts = [1_704_067_200_000 + number * 3_600_000 for number in range(3)]
    names = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
    rows = "".join(KLINE.format(start=start * unit, end=(start + 3_599_999) * unit) for start in starts)
    path = written(tmp_path, "BTCUSDT-1h-2024-01-01.csv", (names if header else "") + rows)
    done = import_file(path, tmp_path, Plan(CRYPTO, "binance", board=Board.PERP), now=NOW)
    assert (done.table, done.kept, done.refused) == ("1h", 3, 0)
    known = MarketStore.open(tmp_path, CRYPTO).as_of(NOW)
    bar = known.latest(["BTCUSDT.BINANCE"], "1h", 1).to_dicts()[0]
    assert (bar["close"], bar["volume"], bar["amount"]) == (4_247_523_000_000, 127_168_108_000, 5_395_724_897_378_900)
    assert bar["known_at"] == datetime(2024, 1, 1, 3, tzinfo=UTC)
    (item,) = known.instruments()
    assert (item.board, item.tick) == (Board.PERP, 10**6 * 1), "the step on which every price lies: 0.01"


def test_headers_that_nobody_uses_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "wann,auf,hoch,tief,zu,menge\n2024-01-03,1,2,0.5,1.2,10\n2024-01-04,1,2,0.5,1.2,10\n")
    names = {"date": "wann", "open": "auf", "high": "hoch", "low": "tief", "close": "zu", "volume": "menge"}
    plan = Plan(US, "mine", symbol="AAPL", interval="1d", columns=names)
    assert import_file(path, tmp_path, plan, now=NOW).kept == 2
    with pytest.raises(DataError, match="has no column nope"):
        import_file(path, tmp_path, Plan(US, "mine", symbol="AAPL", columns={**names, "close": "nope"}), now=NOW)


def test_every_bad_row_is_in_quarantine_with_what_it_said(tmp_path: Path) -> None:
    text = (
        "date,code,open,high,low,close,volume,amount,tradestatus\n"
        "2024-01-03,sh.600000,6.60,6.70,6.50,6.60,1000,6600,1\n"
        "2024-01-04,sh.600000,,,,6.60,0,0,0\n"
        "2024-01-05,sh.600000,6.6,--,6.5,6.6,1000,6600,1\n"
        "2024-01-08,sh.600000,6.6,6.70001,6.5,6.6,1000,6600,1\n"
        "2024-01-09,sh.600000,6.6,abc,6.5,6.6,1000,6600,1\n"
        "someday,sh.600000,6.6,6.7,6.5,6.6,1000,6600,1\n"
        "2024-01-10,nothing,6.6,6.7,6.5,6.6,1000,6600,1\n"
        "2024-01-11,sh.600000,6.6,6.7,6.5,6.6,10,6600,1\n"
        "2024-01-13,sh.600000,6.6,6.7,6.5,6.6,1000,6600,1\n"
    )
    path = written(tmp_path, "bad.csv", text)
    done = import_file(path, tmp_path, Plan(ASHARE, "bad.csv", interval="1d"), now=NOW)
    assert (done.rows, done.kept, done.refused) == (9, 1, 8)
    rows = MarketStore.open(tmp_path, ASHARE).quarantined()
    expected = [
        Reason.SUSPENDED,
        Reason.EMPTY,
        Reason.NUMBER,
        Reason.NUMBER,
        Reason.TIMES,
        Reason.SYMBOL,
        Reason.UNIT,
        Reason.OFF_CALENDAR,
    ]
    assert sorted(rows["reason"]) == sorted(reason.value for reason in expected)
    assert json.loads(rows.filter(pl.col("reason") == "SYMBOL")["row"].item())["symbol"] == "nothing"
    again = import_file(path, tmp_path, Plan(ASHARE, "bad.csv", interval="1d"), now=NOW)
    assert (again.kept, again.known, again.refused) == (0, 1, 8)
    assert MarketStore.open(tmp_path, ASHARE).quarantined().height == 8, "told once"


def test_prices_of_an_adjusted_series_are_rounded_and_marked_raw_ones_never(tmp_path: Path) -> None:
    rows = {"symbol": ["AAPL"] * 2, "date": [date(2024, 1, 3), date(2024, 1, 4)], "volume": [100, 100]}
    prices = {name: [151.57815551757812, 150.5] for name in ("open", "high", "low", "close")}
    pl.DataFrame({**rows, **prices}).write_parquet(tmp_path / "a.parquet")
    raw = import_file(tmp_path / "a.parquet", tmp_path / "raw", Plan(US, "a"), now=NOW)
    assert (raw.kept, raw.refused) == (1, 1)
    adjusted = import_file(tmp_path / "a.parquet", tmp_path / "adjusted", Plan(US, "a", basis="split+dividend"), now=NOW)
    assert (adjusted.kept, adjusted.refused) == (2, 0)
    known = MarketStore.open(tmp_path / "adjusted", US).as_of(NOW)
    assert known.basis(["AAPL.US"], "1d") == {"AAPL.US": "split+dividend"}
    assert known.daily(["AAPL.US"], 5)["close"].to_list() == [1_515_782, 1_505_000]


def test_lots_and_stamps_as_a_person_says(tmp_path: Path) -> None:
    text = "time,open,high,low,close,volume\n" + "".join(
        f"2024-01-03 {clock},10,10.1,9.9,10,10\n" for clock in ("09:30", "09:35", "09:40")
    )
    plan = Plan(ASHARE, "mine", symbol="000001.SZ", volume=VolumeUnit.LOTS, stamp=Stamp.START)
    import_file(written(tmp_path, "mine.csv", text), tmp_path, plan, now=NOW)
    bars = MarketStore.open(tmp_path, ASHARE).as_of(NOW).minutes(["000001.SZ"], date(2024, 1, 3))
    assert bars["volume"].to_list() == [1_000] * 3 and bars["start"][0] == datetime(2024, 1, 3, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.parquet", b"", "is not Parquet"),
        ("a.parquet", b"PAR1", "Parquet"),
        ("a.parquet", b"PAR1 and then the disk was full", "cut off"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\x00\x01\x02", "neither bars nor facts"),
        ("a.csv", b"hello\nworld\n", "neither bars nor facts"),
        ("a.csv", b"date,code,open\n2024-01-03,600000,1\n", "no column for high"),
        ("a.csv", b"code,open,high,low,close,volume\n600000,1,1,1,1,1\n", "no column of dates"),
        ("a.csv", b"date,open,high,low,close,volume\n2024-01-03,1,1,1,1,1\n", "neither a symbol column nor"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line_and_keeps_nothing(
    tmp_path: Path, name: str, data: bytes | None, says: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=says) as caught:
        import_file(tmp_path / name, tmp_path / "home", Plan(ASHARE, name), now=NOW)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "home" / "market").exists()


@pytest.mark.parametrize(
    ("text", "market", "symbol"),
    [
        ("600519", ASHARE, "600519.SH"),
        ("1", ASHARE, "000001.SZ"),
        ("sh.600519", ASHARE, "600519.SH"),
        ("sz000001", ASHARE, "000001.SZ"),
        ("SH#600519", ASHARE, "600519.SH"),
        ("600519.XSHG", ASHARE, "600519.SH"),
        ("000300.XSHG", ASHARE, "000300.SH"),
        ("430047.bj", ASHARE, "430047.BJ"),
        ("600519.US", ASHARE, None),
        ("茅台", ASHARE, None),
        ("999999", ASHARE, None),
        ("brk.b", US, "BRK.B.US"),
        ("AAPL.US", US, "AAPL.US"),
        ("BTC/USDT:USDT", CRYPTO, "BTCUSDT.BINANCE"),
        ("btc-usdt", CRYPTO, "BTCUSDT.BINANCE"),
        ("B", CRYPTO, None),
    ],
)
def test_spellings_of_a_symbol(text: str, market: Market, symbol: str | None) -> None:
    assert full_symbol(text, market) == symbol


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-03 09:35:00", "2024-01-03 09:35", "2024/01/03 09:35", "2024/1/3 9:35", "20240103 0935", "20240103093500000"),
        *("2024-01-03T09:35:00Z", "1704274500", "1704274500000", "1704274500000000"),
    ],
)
def test_times_in_every_writing(text: str) -> None:
    assert pl.DataFrame({"t": [text]}).select(moments("t")).item() == datetime.fromisoformat("2024-01-03T09:35")


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "12", "99999999999999999999"])
def test_what_is_no_time(text: str) -> None:
    assert pl.DataFrame({"t": [text]}).select(moments("t")).item() is None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False))
def test_numbers_are_those_of_the_core_or_nothing(value: object) -> None:
    text = f"{value:f}"
    try:
        expected = to_units(text, 10_000)
    except ValueError:
        expected = None
    assert pl.DataFrame({"n": [text]}).select(exact("n", 10_000)).item() == expected


@pytest.mark.parametrize(
    ("text", "units"), [("0.00005", 1), ("-0.00005", -1), ("0.00004", 0), ("1e-4", 1), ("1,234.5", 12_345_000)]
)
def test_computed_figures_are_rounded_half_away_from_zero(text: str, units: int) -> None:
    assert pl.DataFrame({"n": [text]}).select(nearest("n", 10_000)).item() == units


def test_a_list_of_securities_and_what_it_may_say_of_the_past(tmp_path: Path) -> None:
    text = "代码,名称,行业,上市日期,退市日期,name_2023_06\n"
    text += "600519,贵州茅台,白酒,2001-08-27,,贵州茅台\n600001,邯郸钢铁,钢铁,1998-01-22,2009-12-29,\n"
    plan = Plan(ASHARE, "list", as_of=date(2024, 1, 5), taxonomy="em")
    done = import_file(written(tmp_path, "list.csv", text), tmp_path, plan, now=NOW)
    assert (done.table, done.rows, done.kept) == ("securities", 2, 2)
    store = MarketStore.open(tmp_path, ASHARE)
    told = {year: store.as_of(datetime(year, 7, 2, tzinfo=UTC)).instruments() for year in (1999, 2005, 2010, 2023, 2024)}
    assert {year: [item.name for item in items] for year, items in told.items()} == {
        1999: ["600001"],
        2005: ["600001", "600519"],
        2010: ["600519"],
        2023: ["贵州茅台"],
        2024: ["贵州茅台"],
    }
    assert [items[0].industry for year, items in told.items() if year >= 2023] == ["", "白酒"]


def test_funding_open_interest_distributions_and_statements(tmp_path: Path) -> None:
    files = {
        "funding.csv": (
            CRYPTO,
            "symbol,fundingTime,fundingRate\nBTCUSDT,1704067200000,0.00010000\nBTCUSDT,1704096000000,3.87e-06\n",
        ),
        "oi.csv": (CRYPTO, "symbol,ts,open_interest\nBTCUSDT,2024-01-01 00:00:00,80485.615\n"),
        "分红.csv": (ASHARE, "代码,公告日期,股权登记日,除权除息日,派息\n600519,2024-06-10,2024-06-18,2024-06-19,308.76\n"),
        "eps.csv": (ASHARE, "code,notice_date,report_date,item,value\n600519,2024-04-27,2024-03-31,eps,19.16\n"),
    }
    for name, (market, text) in files.items():
        done = import_file(written(tmp_path, name, text), tmp_path, Plan(market, name), now=NOW)
        assert done.kept == done.rows and done.refused == 0, name
    crypto, shares = (MarketStore.open(tmp_path, market).as_of(NOW) for market in (CRYPTO, ASHARE))
    paid = crypto.funding(["BTCUSDT.BINANCE"])
    assert paid["rate_e8"].to_list() == [10_000, 387] and paid["interval_hours"].to_list() == [8, 8]
    assert crypto.open_interest(["BTCUSDT.BINANCE"])["quantity"].to_list() == [8_048_561_500_000]
    (going,) = shares.dividends(["600519.SH"]).to_dicts()
    assert (going["cash_per_10"], going["ex_date"]) == (308_760_000, date(2024, 6, 19))
    assert going["known_at"] == datetime(2024, 6, 10, 16, tzinfo=UTC), "when the day of the announcement is over"
    (figure,) = shares.fundamentals(["600519.SH"]).to_dicts()
    assert (figure["value"], figure["known_at"]) == (19.16, datetime(2024, 4, 27, 16, tzinfo=UTC))
