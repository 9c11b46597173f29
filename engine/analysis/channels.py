"""What the bars of one time frame say about each name: the slow channel (which way, how firmly, between which prices) and the fast
one (momentum, breakout, stretch, micro-trend).

snapshot.bars of an interval ──► adjusted to the newest price ──► names × bars ──► indicators ──► Channel
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from engine.analysis import indicators as ind
from engine.analysis.features import DAILY, today
from engine.analysis.grid import Grid, grid
from engine.analysis.indicators import Series
from engine.core.units import UNITS, Market, plain
from engine.store.snapshot import Snapshot

MOST_BARS = 160
"""Enough for every window to be full and every running average to have forgotten its start; windowed figures look at its end."""

STALE_BARS = 2
"""How many intervals a name's newest bar may lie behind before what is read from it is old."""

Figure = str | None
_PLACES = {"trend": 0, "rsi_14": 0, "band": 0, "breakout": 0, "micro_trend": 0, "volume_ratio": 1}
"""Decimals of a figure, 2 where it is not named: finer ones say nothing about a direction and cost tokens."""

_PRICED = ("high", "low", "close", "factor_ppm")
_DAY = timedelta(days=1)
_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}


@dataclass(frozen=True, slots=True)
class Channel:
    """One time frame: figures by symbol and name, the same names in the same order for each, and who is stale in it.

    Figures are decimal strings as a prompt shows them. Returns, ranges and distances are percentages; support and resistance prices
    on the grid; rsi 0 to 100; `band` where the close stands in its Bollinger band (0 lower, 100 upper); `breakout` 1 above every
    high of the twenty bars before, -1 below every low; `trend` 2 to -2, a point each for the close above its 20-bar mean and that
    mean above the 50-bar one, less the contrary; `micro_trend` closes up less closes down of the last five. A name without enough
    bars has None.
    """

    interval: str
    figures: Mapping[str, Mapping[str, Figure]]
    stale: frozenset[str]


def slow_channel(snapshot: Snapshot, interval: str) -> Channel:
    """Direction, strength, support and resistance, momentum."""
    bars = grid(snapshot, interval, most=MOST_BARS, columns=_PRICED)
    if not bars.symbols:
        return _none(snapshot, interval)
    high, low, close = _prices(snapshot, bars, interval)
    mean_20, mean_50 = (ind.sma(close[:, -window:], window)[:, -1:] for window in (20, 50))
    trend = np.sign(close[:, -1:] - mean_20) + np.nan_to_num(np.sign(mean_20 - mean_50))
    running = ind.averaged(high, low, close)
    numbers = {
        "trend": trend,
        "return_6": 100 * ind.change_over(close[:, -7:], 6),
        "return_30": 100 * ind.change_over(close[:, -31:], 30),
        "rsi_14": running.rsi_14,
        "macd_pct": 100 * running.macd.histogram / close,
        "atr_pct": 100 * running.atr_14 / close,
    }
    prices = {"support": ind.lowest(low[:, -20:], 20), "resistance": ind.highest(high[:, -20:], 20)}
    return _channel(snapshot, bars, interval, numbers, prices)


def fast_channel(snapshot: Snapshot, interval: str) -> Channel:
    """Momentum, breakout, overbought or oversold, micro-trend."""
    bars = grid(snapshot, interval, most=MOST_BARS, columns=(*_PRICED, "volume"))
    if not bars.symbols:
        return _none(snapshot, interval)
    high, low, close = _prices(snapshot, bars, interval)
    tail, last = close[:, -21:], close[:, -1:]
    bands = ind.bollinger(tail)
    width = bands.upper - bands.lower
    before_high, before_low = (
        ind.shifted(extreme)[:, -1:] for extreme in (ind.highest(high[:, -21:], 20), ind.lowest(low[:, -21:], 20))
    )
    breakout = np.where(np.isnan(before_high), np.nan, (last > before_high).astype(float) - (last < before_low).astype(float))
    steps = np.sign(tail - ind.shifted(tail))
    volume = bars.table["volume"][:, -21:]
    usual = ind.shifted(ind.sma(volume, 20))
    numbers = {
        **{f"return_{count}": 100 * ind.change_over(tail, count) for count in (1, 5, 20)},
        "rsi_14": ind.rsi(close, 14),
        "band": np.where(width > 0, 100 * (tail - bands.lower) / np.where(width > 0, width, 1.0), np.nan),
        "breakout": breakout,
        "micro_trend": 5 * ind.sma(steps, 5),
        "volume_ratio": np.where(usual > 0, volume / np.where(usual > 0, usual, 1.0), np.nan),
    }
    return _channel(snapshot, bars, interval, numbers, {})


def length_of(interval: str) -> timedelta:
    """How long a bar of an interval is ("3m", "4h", "1d"); raises ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,4})([mhdw])", interval)
    if found is None or not int(found[1]):
        raise ValueError(f"not an interval: {interval}")
    return timedelta(minutes=int(found[1]) * _MINUTES[found[2]])


def _prices(snapshot: Snapshot, bars: Grid, interval: str) -> tuple[Series, Series, Series]:
    """High, low and close on the basis of the newest bar; of daily bars on today's, where a share goes ex today."""
    table = bars.table
    scale = table["factor_ppm"] / table["factor_ppm"][:, -1:]
    if interval == DAILY:
        scale = scale * today(snapshot, bars.symbols, table["close"][:, -1])[:, None]
    high, low, close = (table[name] * scale for name in ("high", "low", "close"))
    return high, low, close


def _channel(snapshot: Snapshot, bars: Grid, interval: str, numbers: Mapping[str, Series], prices: Mapping[str, Series]) -> Channel:
    steps = {item.symbol: max(1, item.tick) for item in snapshot.instruments}
    scale = UNITS[snapshot.market].price
    told = {name: _written(values[:, -1].tolist(), _PLACES.get(name, 2)) for name, values in numbers.items()}
    for name, values in prices.items():
        told[name] = [
            plain(round(price / step) * step, scale) if price == price else None
            for price, step in zip(values[:, -1].tolist(), (steps[symbol] for symbol in bars.symbols), strict=True)
        ]
    empty = dict.fromkeys(told)
    figures: dict[str, Mapping[str, Figure]] = {item.symbol: empty for item in snapshot.instruments}
    for symbol, *row in zip(bars.symbols, *told.values(), strict=True):
        figures[symbol] = dict(zip(empty, row, strict=True))
    return Channel(interval, figures, _stale(snapshot, bars, interval))


def _written(values: list[float], places: int) -> list[Figure]:
    """A column as decimals, None where it has no value; nothing is shown as minus nothing."""
    form = f"%.{places}f"
    zero, below = form % 0.0, form % -0.0
    texts = [form % value if value == value else None for value in values]
    return [zero if text == below else text for text in texts]


def _stale(snapshot: Snapshot, bars: Grid, interval: str) -> frozenset[str]:
    """Names whose newest bar lies more than STALE_BARS intervals behind the newest of any name, or, where the market never
    closes, behind the snapshot; a name without bars is one of them. Whole days are the session rule's to watch (Seen.stale)."""
    without = frozenset(item.symbol for item in snapshot.instruments) - frozenset(bars.symbols)
    length = length_of(interval)
    if length >= _DAY and snapshot.market is not Market.CRYPTO:
        return without
    latest = np.datetime64(snapshot.as_of.replace(tzinfo=None)) if snapshot.market is Market.CRYPTO else bars.newest.max()
    old = latest - bars.newest > np.timedelta64(STALE_BARS * length)
    return without | {symbol for symbol, late in zip(bars.symbols, old.tolist(), strict=True) if late}


def _none(snapshot: Snapshot, interval: str) -> Channel:
    names = frozenset(item.symbol for item in snapshot.instruments)
    return Channel(interval, {name: {} for name in names}, names)
