"""Binance's candles and error bodies, as REST and the bulk archive share them: one kline of twelve fields to one row of BAR_SCHEMA.

Prices, quantities and amounts in 1e-8; a trading day is a UTC day. Crypto has no reference price: a candle's own open stands for
`pre_close`, so that the same candle is the same row whatever range it was fetched in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.core.units import UNITS, Market
from engine.feeds.exact import MOST, instant, known, loaded, records, total, units
from engine.feeds.source import Fault, FeedError

SUFFIX = ".BINANCE"
CODE = re.compile(r"[A-Z0-9]{2,30}")
"""A plain pair; delivery contracts (`BTCUSDT_260327`) are none."""
INTERVAL_MS: Mapping[str, int] = {
    **{f"{minutes}m": minutes * 60_000 for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * 3_600_000 for hours in (1, 2, 4, 6, 8, 12)},
    "1d": 86_400_000,
}
"""Candles by name, in milliseconds; Binance spells them as the store does."""

E8 = UNITS[Market.CRYPTO].price
_COLUMNS = 12
_ONE_MS = timedelta(milliseconds=1)
_BANNED, _UNKNOWN = -1003, -1121


def interval_ms(source: str, interval: str) -> int:
    """Length of a candle. Raises FeedError(UNKNOWN_SYMBOL) for an interval Binance does not have."""
    try:
        return INTERVAL_MS[interval]
    except KeyError:
        raise FeedError(source, Fault.UNKNOWN_SYMBOL, f"no interval {interval}; there are {', '.join(INTERVAL_MS)}") from None


def code_of(source: str, symbol: str) -> str:
    """`BTCUSDT` of `BTCUSDT.BINANCE`. Raises FeedError(UNKNOWN_SYMBOL)."""
    code = symbol.removesuffix(SUFFIX)
    if code == symbol or not CODE.fullmatch(code):
        raise FeedError(source, Fault.UNKNOWN_SYMBOL, f"{symbol} is not of Binance")
    return code


def answer(source: str, body: bytes) -> object:
    """The JSON of a body that is no error of Binance's (`{"code": -1121, "msg": …}`). Raises FeedError."""
    value = loaded(source, body)
    if isinstance(value, Mapping) and isinstance(value.get("code"), int) and "msg" in value:
        faults = {_UNKNOWN: Fault.UNKNOWN_SYMBOL, _BANNED: Fault.THROTTLED}
        raise FeedError(source, faults.get(value["code"], Fault.SERVER), f"{value['code']} {str(value['msg'])[:80]}")
    return value


def parse_klines(source: str, body: bytes, symbol: str, interval: str, now: datetime) -> list[dict[str, Any]]:
    """Rows of BAR_SCHEMA in rising order, the open candle among them. Raises FeedError for anything that is not whole candles."""
    rows = [candle(source, row, symbol, interval) for row in records(source, answer(source, body), "klines")]
    rising(source, rows)
    if rows:
        known(source, rows[-1]["start"], now, f"a candle of {symbol}")
    return rows


def rising(source: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises FeedError(NOT_DATA) unless each candle begins after the one before it."""
    for before, after in itertools.pairwise(rows):
        if before["start"] >= after["start"]:
            raise FeedError(source, Fault.NOT_DATA, f"candles out of order at {after['start']:%Y-%m-%d %H:%M}")


def candle(source: str, row: object, symbol: str, interval: str) -> dict[str, Any]:
    """One kline, times in milliseconds, as a row of BAR_SCHEMA. Raises FeedError."""
    cells = records(source, row, "a candle")
    step = INTERVAL_MS[interval]
    if len(cells) != _COLUMNS:
        raise FeedError(source, Fault.NOT_DATA, f"a candle of {len(cells)} fields, not {_COLUMNS}")
    start = instant(source, cells[0], "open time")
    if cells[0] % step or cells[6] != cells[0] + step - 1:
        raise FeedError(source, Fault.NOT_DATA, f"{symbol}: {cells[0]} to {cells[6]} is no {interval} candle")
    opened, high, low, close = (units(source, cells[place], E8, "price") for place in (1, 2, 3, 4))
    volume, amount = total(source, cells[5], E8, "volume"), total(source, cells[7], E8, "quote volume")
    if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
        raise FeedError(source, Fault.NOT_DATA, f"{symbol} {start:%Y-%m-%d %H:%M}: prices that no candle has")
    check_amount(source, symbol, volume, amount, low, high)
    return {
        "symbol": symbol,
        "interval": interval,
        "trading_day": start.date(),
        "start": start,
        "known_at": start + step * _ONE_MS,
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": volume,
        "amount": amount,
        "pre_close": opened,
        "factor_ppm": 1_000_000,
    }


def check_amount(source: str, symbol: str, volume: int, amount: int, low: int, high: int) -> None:
    """The mean price paid lies between low and high, give or take 0.1 %. Raises FeedError(UNIT)."""
    if volume < 0 or amount < 0:
        raise FeedError(source, Fault.NOT_DATA, f"{symbol}: a negative volume")
    if not volume or max(volume, amount) >= MOST:
        return
    # One unit either way for the rounding of the amount itself.
    if not low * volume * 999 <= (amount + 1) * E8 * 1_000 or not (amount - 1) * E8 * 1_000 <= high * volume * 1_001:
        raise FeedError(source, Fault.UNIT, f"{symbol}: amount / volume lies outside of low and high")
