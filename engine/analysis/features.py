"""What the bars of a snapshot say about each share: a row of plain figures, None where its history is too short.

snapshot.bars (raw, with factors) ──► adjusted to today's price ──► shares × sessions ──► indicators ──► Features by symbol
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from engine.analysis import indicators as ind
from engine.analysis.grid import grid
from engine.analysis.indicators import Series
from engine.core.units import UNITS, Units
from engine.store.snapshot import Snapshot
from engine.store.stretches import cells, greatest, spans

DAILY = "1d"


class Features(NamedTuple):
    """Figures from whole sessions up to the snapshot, never from the session under way; for decisions, not for money.

    Returns and volatility are percentages (volatility a year's); averages, bands, highs and lows are prices in currency on today's
    basis (before an ex-date they are scaled to it); RSI is 0 to 100; `volume_ratio` is the last volume over the mean of the five
    before; `breakout_20` is 1 when the last close is above every high of the twenty sessions before it, -1 when below every low.
    `last_amount` is the turnover of the last session in currency, `last_volume` its quantity, `sessions` how many bars there are.
    """

    sessions: int
    last_amount: float | None = None
    last_volume: float | None = None
    return_1: float | None = None
    return_5: float | None = None
    return_20: float | None = None
    sma_5: float | None = None
    sma_20: float | None = None
    sma_60: float | None = None
    ema_12: float | None = None
    ema_26: float | None = None
    macd: float | None = None
    macd_signal: float | None = None
    macd_histogram: float | None = None
    rsi_14: float | None = None
    atr_14: float | None = None
    bollinger_upper: float | None = None
    bollinger_middle: float | None = None
    bollinger_lower: float | None = None
    volatility_20: float | None = None
    volume_ratio: float | None = None
    high_20: float | None = None
    low_20: float | None = None
    breakout_20: float | None = None


def features(snapshot: Snapshot, symbols: Collection[str] | None = None) -> dict[str, Features]:
    """Figures for every instrument of the snapshot, or for those of `symbols` that it holds, by symbol."""
    asked = None if symbols is None else set(symbols)
    table = grid(snapshot, DAILY, asked)
    found = {item.symbol: Features(0) for item in snapshot.instruments if asked is None or item.symbol in asked}
    if table.symbols:
        figures = _figures(snapshot, table.symbols, table.table)
        columns = [_plain(figures[name]) for name in FEATURE_NAMES[1:]]
        rows = map(Features._make, zip(table.lengths, *columns, strict=True))
        found |= zip(table.symbols, rows, strict=True)
    return found


def last_session(snapshot: Snapshot, name: str) -> dict[str, float]:
    """`last_amount` or `last_volume` of every name with a daily bar, without looking at anything before that bar."""
    daily = spans(snapshot.stretches, DAILY)
    last = {column: cells(snapshot.bars, column)[daily.ends - 1].astype(np.float64) for column in ("close", "volume", "amount")}
    figures = _of_session(last, UNITS[snapshot.market])[name]
    return dict(zip(daily.symbols, figures.tolist(), strict=True))


def _plain(values: Series) -> list[float | None]:
    """A column as Python numbers, None where it has no value."""
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    plain: list[float | None] = cells.tolist()
    return plain


def _of_session(columns: Mapping[str, Series], units: Units) -> dict[str, Series]:
    """Turnover in currency and volume of each session."""
    amount, close, volume = columns["amount"], columns["close"], columns["volume"]
    # Many US and crypto files tell no amount: the close times the volume is near enough to rank by.
    turnover = np.where(amount > 0, amount / units.money, close / units.price * volume / units.quantity)
    return {"last_amount": turnover, "last_volume": volume / units.quantity}


def _figures(snapshot: Snapshot, symbols: list[str], table: dict[str, Series]) -> dict[str, Series]:
    """Each figure's last value by name. Windowed figures look at the end of the history only, running averages at all of it."""
    units = UNITS[snapshot.market]
    scale = table["factor_ppm"] / table["factor_ppm"][:, -1:]
    price = scale * today(snapshot, symbols, table["close"][:, -1])[:, None] / units.price
    high, low, close = (table[name] * price for name in ("high", "low", "close"))
    volume = table["volume"] / scale
    running = ind.averaged(high, low, close)
    month = close[:, -21:]
    bands = ind.bollinger(close[:, -20:])
    high_20, low_20 = ind.highest(high[:, -21:], 20), ind.lowest(low[:, -21:], 20)
    above, below = month > ind.shifted(high_20), month < ind.shifted(low_20)
    breakout = np.where(np.isnan(ind.shifted(high_20)), np.nan, above.astype(float) - below.astype(float))
    series = {
        **_of_session({name: table[name][:, -1:] for name in ("close", "volume", "amount")}, units),
        **{f"return_{days}": 100 * ind.change_over(month, days) for days in (1, 5, 20)},
        **{f"sma_{window}": ind.sma(close[:, -window:], window) for window in (5, 20, 60)},
        "ema_12": running.ema_12,
        "ema_26": running.ema_26,
        "macd": running.macd.line,
        "macd_signal": running.macd.signal,
        "macd_histogram": running.macd.histogram,
        "rsi_14": running.rsi_14,
        "atr_14": running.atr_14,
        "bollinger_upper": bands.upper,
        "bollinger_middle": bands.middle,
        "bollinger_lower": bands.lower,
        "volatility_20": 100 * ind.volatility(month, 20),
        "volume_ratio": volume[:, -6:] / ind.shifted(ind.sma(volume[:, -6:], 5)),
        "high_20": high_20,
        "low_20": low_20,
        "breakout_20": breakout,
    }
    return {name: values[:, -1] for name, values in series.items()}


def today(snapshot: Snapshot, symbols: list[str], last_close: Series) -> Series:
    """What a price of the last bar is worth on today's basis: reference price / close where a share goes ex today, else 1.

    Only for a share with a bar of the session just before: over a gap the ratio would hold a day's move as well.
    """
    daily = spans(snapshot.stretches, DAILY)
    latest = greatest(daily, cells(snapshot.bars, "trading_day"))
    newest = latest.max().item()
    current = {symbol for symbol, day in zip(daily.symbols, latest.tolist(), strict=True) if day == newest}
    reference = {quote.symbol: quote.pre_close for quote in snapshot.quotes if snapshot.trading_day == quote.trading_day != newest}
    today = np.array([reference.get(symbol, 0) if symbol in current else 0 for symbol in symbols], dtype=np.float64)
    return np.where(today > 0, today, last_close) / last_close


FEATURE_NAMES: tuple[str, ...] = Features._fields
"""Every figure, in the order of the dataclass."""
