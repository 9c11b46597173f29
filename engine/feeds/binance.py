"""Binance's public market data, spot and USD-M: candles at any interval, day tickers, and what is listed with its ticks and steps.

GET klines ──► closed candles only ──► holes asked for again ──► BAR_SCHEMA
GET ticker/24hr ──► QUOTE_TABLE          GET exchangeInfo ──► instruments, SECURITY_TABLE
Endpoints and limits: data_apis §7. Prices, quantities and amounts in 1e-8; a trading day is a UTC day.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.exchange import Contract, contract_from
from engine.feeds.candles import CODE, E8, INTERVAL_MS, SUFFIX, answer, check_amount, code_of, interval_ms, parse_klines
from engine.feeds.exact import EPOCH, entry, instant, known, midnight, milliseconds, record, records, table, total, units
from engine.feeds.source import QUOTE_TABLE, SECURITY_TABLE, Fault, FeedError, Fetch, Request
from engine.store.snapshot import BAR_SCHEMA

_ONE_MS = timedelta(milliseconds=1)
_MAX_PAGES = 2_000


@dataclass(frozen=True, slots=True)
class Venue:
    """One of Binance's markets: where it answers, the rows a page may hold, and what its calls weigh."""

    name: str
    host: str
    root: str
    board: Board
    page: int
    klines_weight: int
    ticker_weight: int


SPOT = Venue("binance", "data-api.binance.vision", "/api/v3", Board.SPOT, 1_000, 2, 80)
USD_M = Venue("binance_um", "fapi.binance.com", "/fapi/v1", Board.PERP, 1_500, 10, 40)


class Binance:
    """A QuoteSource, BarSource and SecuritySource over one venue; only pairs against `quote` are listed."""

    def __init__(self, venue: Venue = SPOT, *, host: str = "", quote: str = "USDT") -> None:
        self.venue = venue
        self.name = venue.name
        self.host = host or venue.host
        self.quote = quote

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA of the UTC days `first` to `last`, as far as their candles have closed by `now`. Raises FeedError."""
        step = interval_ms(self.name, interval)
        code = code_of(self.name, symbol)
        since = milliseconds(midnight(first))
        until = min(milliseconds(midnight(last)) + INTERVAL_MS["1d"], milliseconds(now))
        rows: list[dict[str, Any]] = []
        start = since
        for _ in range(_MAX_PAGES):
            if start >= until:
                break
            page = self._klines(fetch, code, interval, start, until - 1, now)
            if not page:
                break
            rows += page
            start = milliseconds(page[-1]["start"]) + step
        closed = [row for row in rows if row["known_at"] <= now]
        if not closed:
            raise FeedError(self.name, Fault.EMPTY, f"{symbol} has no closed {interval} candle from {first} to {last}")
        for begin, end in _holes(closed, since, step):
            if self._klines(fetch, code, interval, begin, end - 1, now):
                raise FeedError(self.name, Fault.INCOMPLETE, f"{symbol} {interval}: candles left out at {EPOCH + begin * _ONE_MS}")
        return table(self.name, closed, BAR_SCHEMA, ["symbol", "interval", "known_at"])

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of rolling 24 hours; `symbols` empty for the whole venue. Raises FeedError, also when one is missing."""
        codes = [code_of(self.name, symbol) for symbol in symbols]
        params = (("symbol", codes[0]),) if len(codes) == 1 else self._batch(codes)
        weight = 2 if params else self.venue.ticker_weight
        body = fetch(self.name, Request(self.host, f"{self.venue.root}/ticker/24hr", params, weight=weight))
        found = parse_tickers(self.name, body, now, quote=self.quote if not symbols else "")
        if not symbols:
            return found
        chosen = found.filter(pl.col("symbol").is_in(list(symbols)))
        if chosen.height < len(set(symbols)):
            missing = sorted(set(symbols) - set(chosen["symbol"]))
            raise FeedError(self.name, Fault.INCOMPLETE, f"no ticker of {', '.join(missing[:5])}")
        return chosen

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of what trades now; the listing day of perpetuals is their onboarding. Raises FeedError."""
        rows = [_security(self.name, self.venue.board, info, now) for info in self._listed(fetch)]
        return table(self.name, rows, SECURITY_TABLE, ["symbol"])

    def contracts(self, fetch: Fetch) -> tuple[Contract, ...]:
        """The exchange's filters of what trades now, sorted by symbol. Raises FeedError."""
        return tuple(sorted((self._contract(info) for info in self._listed(fetch)), key=lambda item: item.symbol))

    def instruments(self, fetch: Fetch) -> tuple[Instrument, ...]:
        """What trades now, with tick and step, sorted by symbol. Raises FeedError."""
        return tuple(contract.instrument(self.venue.board) for contract in self.contracts(fetch))

    def _batch(self, codes: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Only spot takes a list of symbols; USD-M answers one or all."""
        if not codes or self.venue.board is not Board.SPOT or len(codes) > 100:
            return ()
        return (("symbols", json.dumps(list(codes), separators=(",", ":"))),)

    def _klines(self, fetch: Fetch, code: str, interval: str, since: int, until: int, now: datetime) -> list[dict[str, Any]]:
        params = (
            ("symbol", code),
            ("interval", interval),
            ("startTime", str(since)),
            ("endTime", str(until)),
            ("limit", str(self.venue.page)),
        )
        request = Request(self.host, f"{self.venue.root}/klines", params, weight=self.venue.klines_weight)
        rows = parse_klines(self.name, fetch(self.name, request), code + SUFFIX, interval, now)
        if rows and not since <= milliseconds(rows[0]["start"]) <= milliseconds(rows[-1]["start"]) <= until:
            raise FeedError(self.name, Fault.NOT_DATA, f"{code} {interval}: candles outside of what was asked")
        return rows

    def _listed(self, fetch: Fetch) -> list[Mapping[str, Any]]:
        body = fetch(self.name, Request(self.host, f"{self.venue.root}/exchangeInfo", weight=20))
        return list(parse_listing(self.name, body, self.quote))

    def _contract(self, info: Mapping[str, Any]) -> Contract:
        try:
            contract = contract_from(info)
        except RuleUnknown as error:
            raise FeedError(self.name, Fault.NOT_DATA, str(error)) from None
        if contract.tick <= 0 or contract.step <= 0:
            raise FeedError(self.name, Fault.NOT_DATA, f"{contract.symbol}: a tick or a step of nothing")
        return contract


def parse_tickers(source: str, body: bytes, now: datetime, *, quote: str = "") -> pl.DataFrame:
    """QUOTE_TABLE of one ticker or a list of them; codes that are no plain pair against `quote` are not ours. Raises FeedError."""
    value = answer(source, body)
    rows = [value] if isinstance(value, Mapping) else records(source, value, "tickers")
    made = []
    for row in rows:
        ticker = record(source, row, "a ticker")
        code = entry(source, ticker, "symbol")
        if isinstance(code, str) and CODE.fullmatch(code) and code.endswith(quote):
            made.append(_ticker(source, ticker, code + SUFFIX, now))
    if not made:
        raise FeedError(source, Fault.EMPTY, "no ticker at all")
    return table(source, made, QUOTE_TABLE, ["symbol"])


def _ticker(source: str, row: Mapping[str, Any], symbol: str, now: datetime) -> dict[str, Any]:
    price = {
        name: units(source, entry(source, row, name), E8, name) for name in ("lastPrice", "openPrice", "highPrice", "lowPrice")
    }
    last, opened, high, low = price.values()
    if min(price.values()) < 0 or (last and not 0 < low <= min(last, opened) <= max(last, opened) <= high):
        raise FeedError(source, Fault.NOT_DATA, f"{symbol}: prices that no day has")
    volume = total(source, entry(source, row, "volume"), E8, "volume")
    amount = total(source, entry(source, row, "quoteVolume"), E8, "quoteVolume")
    check_amount(source, symbol, volume, amount, low, high)
    at = known(source, instant(source, entry(source, row, "closeTime"), "closeTime"), now, symbol)
    book = {name: units(source, row.get(field, "0"), E8, field) for name, field in _BOOK.items()}
    return {
        "symbol": symbol,
        "name": symbol.removesuffix(SUFFIX),
        "trading_day": at.date(),
        "known_at": at,
        "last": last,
        "pre_close": opened,
        "open": opened,
        "high": high,
        "low": low,
        "volume": volume,
        "amount": amount,
        **book,
        "limit_up": 0,
        "limit_down": 0,
        "suspended": False,
        "source": source,
        "industry": "",
        "turnover_ppm": None,
        "float_cap": None,
        "list_date": None,
    }


_BOOK = {"bid": "bidPrice", "ask": "askPrice", "bid_size": "bidQty", "ask_size": "askQty"}


def parse_listing(source: str, body: bytes, quote: str) -> Iterator[Mapping[str, Any]]:
    """Entries of exchangeInfo that trade now against `quote`: spot pairs, and of USD-M the perpetuals. Raises FeedError."""
    info = record(source, answer(source, body), "exchangeInfo")
    found = 0
    for item in records(source, entry(source, info, "symbols"), "symbols"):
        row = record(source, item, "a symbol")
        perpetual = row.get("contractType", "PERPETUAL") == "PERPETUAL"
        traded = entry(source, row, "status") == "TRADING" and entry(source, row, "quoteAsset") == quote
        if traded and perpetual and CODE.fullmatch(str(entry(source, row, "symbol"))):
            found += 1
            yield row
    if not found:
        raise FeedError(source, Fault.EMPTY, f"nothing trades against {quote}")


def _security(source: str, board: Board, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    onboard = row.get("onboardDate")
    return {
        "symbol": f"{row['symbol']}{SUFFIX}",
        "known_at": now,
        "board": board.value,
        "name": str(row["symbol"]),
        "industry": "",
        "taxonomy": "",
        "list_date": instant(source, onboard, "onboardDate").date() if onboard is not None else None,
        "special_treatment": False,
        "delisting": False,
        "source": source,
    }


def _holes(rows: Sequence[Mapping[str, Any]], since: int, step: int) -> Iterator[tuple[int, int]]:
    """Stretches without a candle, from the first that was asked for, as [begin, end) in milliseconds."""
    expected = -(-since // step) * step
    for row in rows:
        start = milliseconds(row["start"])
        if start > expected:
            yield expected, start
        expected = start + step
