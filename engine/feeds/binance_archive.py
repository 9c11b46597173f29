"""Binance's bulk archive: whole months and days of candles, funding and open interest, each file checked against its checksum.

zip + .CHECKSUM ──► sha256 equal ──► the one CSV inside, with or without a header ──► microseconds or milliseconds ──► tables
Layout: data_apis §7. A month's file is taken once the month is a week past, single days for what is newer; files come a day late.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from engine.core.instrument import Board
from engine.feeds.binance import SPOT, USD_M, Venue
from engine.feeds.binance_futures import FUNDING_HOURS, SAMPLED_BEFORE, to_minute
from engine.feeds.candles import E8, candle, code_of, interval_ms, rising
from engine.feeds.exact import instant, midnight, table, units
from engine.feeds.source import FUNDING_TABLE, OPEN_INTEREST_TABLE, Fault, FeedError, Fetch, Request
from engine.store.snapshot import BAR_SCHEMA

HOST = "data.binance.vision"
MAX_CSV_BYTES = 256_000_000
"""A month of one-second candles unpacked; a file that claims more is not one of theirs."""
_ROOTS = {SPOT.name: "/data/spot", USD_M.name: "/data/futures/um"}
_MICROSECONDS_FROM = 10**14
_SETTLED = timedelta(days=7)
_KLINE_TIMES = (0, 6)


class BinanceArchive:
    """A BarSource of one venue, and for USD-M a FundingSource, over files that never change."""

    def __init__(self, venue: Venue = SPOT, *, host: str = HOST) -> None:
        self.venue = venue
        self.name = f"{venue.name}_archive"
        self.host = host

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA of the UTC days `first` to `last`. Raises FeedError, also when a file of the stretch is not there."""
        code = code_of(self.name, symbol)
        interval_ms(self.name, interval)
        rows: list[dict[str, Any]] = []
        for scope, label, begin, end in stretches(first, last, now):
            name = f"{code}-{interval}-{label}"
            found = parse_kline_file(self.name, self._csv(fetch, f"{scope}/klines/{code}/{interval}", name), symbol, interval)
            if not found or not begin <= found[0]["trading_day"] <= found[-1]["trading_day"] <= end:
                raise FeedError(self.name, Fault.NOT_DATA, f"{name}: not the candles of {begin} to {end}")
            rows += [row for row in found if first <= row["trading_day"] <= last and row["known_at"] <= now]
        if not rows:
            raise FeedError(self.name, Fault.EMPTY, f"{symbol} {interval}: no file from {first} to {last} yet")
        return table(self.name, rows, BAR_SCHEMA, ["symbol", "interval", "known_at"])

    def funding(self, fetch: Fetch, symbol: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """FUNDING_TABLE; only whole months that are past have a file. Raises FeedError."""
        code = self._perpetual(symbol)
        rows: list[dict[str, Any]] = []
        for scope, label, _, _ in stretches(first, last, now):
            if scope == "monthly":
                name = f"{code}-fundingRate-{label}"
                rows += parse_funding_file(self.name, self._csv(fetch, f"monthly/fundingRate/{code}", name), symbol)
        paid = [row for row in rows if first <= row["known_at"].date() <= last and row["known_at"] <= now]
        if not paid:
            raise FeedError(self.name, Fault.EMPTY, f"{symbol}: no month of funding from {first} to {last} yet")
        return table(self.name, paid, FUNDING_TABLE, ["symbol", "known_at"])

    def open_interest(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """OPEN_INTEREST_TABLE, every sample on the grid of `interval`; the only long history there is. Raises FeedError."""
        code = self._perpetual(symbol)
        step = timedelta(milliseconds=interval_ms(self.name, interval))
        rows: list[dict[str, Any]] = []
        for day in _days(first, min(last, (now - timedelta(days=1)).date())):
            name = f"{code}-metrics-{day}"
            rows += parse_metrics_file(self.name, self._csv(fetch, f"daily/metrics/{code}", name), symbol, day, step)
        seen = [row for row in rows if row["known_at"] <= now]
        if not seen:
            raise FeedError(self.name, Fault.EMPTY, f"{symbol}: no file of metrics from {first} to {last} yet")
        return table(self.name, seen, OPEN_INTEREST_TABLE, ["symbol", "known_at"])

    def _perpetual(self, symbol: str) -> str:
        if self.venue.board is not Board.PERP:
            raise FeedError(self.name, Fault.UNKNOWN_SYMBOL, f"{symbol}: spot has neither funding nor open interest")
        return code_of(self.name, symbol)

    def _csv(self, fetch: Fetch, folder: str, name: str) -> list[list[str]]:
        path = f"{_ROOTS[self.venue.name]}/{folder}/{name}.zip"
        body = fetch(self.name, Request(self.host, path))
        checksum = fetch(self.name, Request(self.host, f"{path}.CHECKSUM"))
        return unpacked(self.name, name, body, checksum)


def stretches(first: date, last: date, now: datetime) -> Iterator[tuple[str, str, date, date]]:
    """(monthly or daily, label, first day, last day) of each file that covers `first` to `last` as far as files exist by `now`."""
    newest = (now.astimezone(UTC) - timedelta(days=1)).date()
    day = first
    while day <= min(last, newest):
        begin = day.replace(day=1)
        following = (begin + timedelta(days=32)).replace(day=1)
        if midnight(following) + _SETTLED <= now:
            yield "monthly", f"{begin:%Y-%m}", begin, following - timedelta(days=1)
            day = following
        else:
            yield "daily", f"{day}", day, day
            day += timedelta(days=1)


def unpacked(source: str, name: str, body: bytes, checksum: bytes) -> list[list[str]]:
    """The rows of the one CSV in a zip whose sha256 stands in `checksum` ("HEX  NAME.zip"). Raises FeedError."""
    said = checksum.decode("ascii", "replace").split()
    if said != [hashlib.sha256(body).hexdigest(), f"{name}.zip"]:
        raise FeedError(source, Fault.INCOMPLETE, f"{name}.zip is not what its checksum says")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            if [item.filename for item in entries] != [f"{name}.csv"] or entries[0].file_size > MAX_CSV_BYTES:
                raise FeedError(source, Fault.NOT_DATA, f"{name}.zip does not hold {name}.csv alone")
            with archive.open(entries[0]) as file:
                text = file.read(MAX_CSV_BYTES + 1)
        if len(text) != entries[0].file_size:
            raise FeedError(source, Fault.INCOMPLETE, f"{name}.csv is cut short")
        return list(csv.reader(io.StringIO(text.decode("ascii")), strict=True))
    except (zipfile.BadZipFile, zlib.error, csv.Error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise FeedError(source, Fault.NOT_DATA, f"{name}.zip cannot be unpacked: {error}") from None


def parse_kline_file(source: str, rows: Sequence[list[str]], symbol: str, interval: str) -> list[dict[str, Any]]:
    """Rows of BAR_SCHEMA; spot files are in microseconds from 2025 on, the others in milliseconds. Raises FeedError."""
    made = [candle(source, _kline(source, cells), symbol, interval) for cells in _data(rows)]
    rising(source, made)
    return made


def parse_funding_file(source: str, rows: Sequence[list[str]], symbol: str) -> list[dict[str, Any]]:
    """Rows of FUNDING_TABLE: calc_time, funding_interval_hours, last_funding_rate; no mark is in the file. Raises FeedError."""
    made: list[dict[str, Any]] = []
    for cells in _data(rows):
        if len(cells) != 3:
            raise FeedError(source, Fault.NOT_DATA, f"a payment of {len(cells)} fields, not 3")
        at = to_minute(instant(source, _whole(source, cells[0]), "calc_time"))
        hours, rate = _whole(source, cells[1]), units(source, cells[2], E8, "last_funding_rate")
        if hours not in FUNDING_HOURS or abs(rate) > E8 // 10 or (made and made[-1]["known_at"] >= at):
            raise FeedError(source, Fault.NOT_DATA, f"{symbol}: a payment at {at:%Y-%m-%d %H:%M} that cannot be")
        made.append({"symbol": symbol, "known_at": at, "rate_e8": rate, "interval_hours": hours, "mark": 0})
    return made


def parse_metrics_file(source: str, rows: Sequence[list[str]], symbol: str, day: date, step: timedelta) -> list[dict[str, Any]]:
    """Rows of OPEN_INTEREST_TABLE on the grid of `step`: create_time (UTC), symbol, sum_open_interest, … Raises FeedError."""
    made: dict[datetime, dict[str, Any]] = {}
    for cells in _data(rows):
        if len(cells) != 8 or cells[1] != symbol.rpartition(".")[0]:
            raise FeedError(source, Fault.NOT_DATA, f"metrics of {day}: a row that is not of {symbol}")
        try:
            at = datetime.strptime(cells[0], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            raise FeedError(source, Fault.NOT_DATA, f"metrics of {day}: {cells[0][:20]!r} is no time") from None
        quantity = units(source, cells[2], E8, "sum_open_interest")
        # A day's file runs from 00:05 to the next midnight in some years and from 00:00 in others.
        if at in made or quantity < 0 or not midnight(day) <= at <= midnight(day) + timedelta(days=1):
            raise FeedError(source, Fault.NOT_DATA, f"{symbol}: a sample at {at:%Y-%m-%d %H:%M} that cannot be")
        made[at] = {"symbol": symbol, "known_at": at + SAMPLED_BEFORE, "quantity": quantity, "source": source}
    return [row for at, row in sorted(made.items()) if (at - midnight(day)) % step == timedelta(0)]


def _data(rows: Sequence[list[str]]) -> Sequence[list[str]]:
    """Rows without the header that some years have."""
    return rows[1:] if rows and rows[0] and not rows[0][0][:1].isdigit() else rows


def _kline(source: str, cells: list[str]) -> list[object]:
    """A line as the REST row it is, times in milliseconds: the close of a microsecond file ends in 999999."""
    if len(cells) != 12:
        raise FeedError(source, Fault.NOT_DATA, f"a candle of {len(cells)} fields, not 12")
    made: list[object] = list(cells)
    for place in _KLINE_TIMES:
        stamp = _whole(source, cells[place])
        made[place] = stamp // 1_000 if stamp >= _MICROSECONDS_FROM else stamp
    return made


def _whole(source: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise FeedError(source, Fault.NOT_DATA, f"{text[:20]!r} is no whole number")
    return int(text)


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
