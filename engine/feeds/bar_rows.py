"""Rows of a kline body made into BAR_SCHEMA, or refused: ordered, each once, closed, with prices and units that agree.

numbers in CNY and shares ──► days and instants ──► future? ──► duplicates · order · units ──► closed bars from first to last
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from engine.core.errors import RuleUnknown
from engine.core.units import Market
from engine.exchange.boards import board_of
from engine.feeds.fields import BEIJING, FEN, beijing_day, fen, figures, integers, not_data, on_grid, price
from engine.feeds.quote_rows import MOST_BAD, TOLERANCE
from engine.feeds.source import Fault, FeedError
from engine.store.snapshot import BAR_SCHEMA

MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60}
"""Length of an intraday bar; the sources stamp it with its end in Beijing."""
DAILY = "1d"
RAW_BARS = pl.Schema(
    {"ends": pl.String()}
    | {name: pl.Float64() for name in ("open", "high", "low", "close", "volume", "amount", "change")}
    | {"gone_ex": pl.Boolean()}
)
"""What an adapter hands over: `ends` as `YYYY-MM-DD` or `YYYY-MM-DD HH:MM`, prices and amount in CNY, volume in shares; `amount`
null where the source has none, `change` against the day's reference price, null where it has none; `gone_ex` on a day whose
reference price is not the close before it."""
_PRICES = ("open", "high", "low", "close")
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OPENS_MINUTE, _CLOSES_MINUTE = 9 * 60 + 30, 15 * 60


def bar_table(source: str, rows: pl.DataFrame, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
    """BAR_SCHEMA of `symbol` from rows of RAW_BARS: trading days `first` to `last`, nothing known after `now`, raw prices.

    `pre_close` of a day is its close less its change, else the close of the row before it (not on a day it goes ex), else 0; of a
    minute always 0: the day's reference price is in the daily bar. Raises FeedError: NOT_DATA, UNIT, FUTURE.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=BAR_SCHEMA)
    timed = _timed(source, rows.cast(RAW_BARS), interval)
    newest = timed["trading_day"].max()
    if isinstance(newest, date) and newest > beijing_day(now):
        raise FeedError(source, Fault.FUTURE, f"a bar of {newest.isoformat()}")
    whole = timed.with_columns(
        *(integers(price(figures(timed, name))).alias(name) for name in (*_PRICES, "change")),
        integers(on_grid(figures(timed, "volume"), 1)).alias("volume"),
        (integers(fen(figures(timed.with_columns(pl.col("amount").fill_null(0.0)), "amount"))) * FEN).alias("amount"),
    )
    silent = (pl.col("volume") == 0) & (pl.max_horizontal(_PRICES) == 0)
    sound = _once(source, whole.filter(~silent.fill_null(False)))
    _check(source, sound, symbol)
    before = pl.when(~pl.col("gone_ex").fill_null(False)).then(pl.col("close").shift(1))
    reference = pl.coalesce(pl.col("close") - pl.col("change"), before, 0).clip(0)
    return (
        sound.with_columns(
            symbol=pl.lit(symbol),
            interval=pl.lit(interval),
            pre_close=reference if interval == DAILY else pl.lit(0),
            factor_ppm=pl.lit(1_000_000),
        )
        .filter(pl.col("trading_day").is_between(first, last), pl.col("known_at") <= now)
        .select(list(BAR_SCHEMA))
        .cast(BAR_SCHEMA)
    )


def _timed(source: str, rows: pl.DataFrame, interval: str) -> pl.DataFrame:
    """With trading_day, start and known_at. Raises FeedError(NOT_DATA) when a row's time is not one of this interval."""
    daily = interval == DAILY
    pattern, shape = ("%Y-%m-%d", _DAY) if daily else ("%Y-%m-%d %H:%M", f"{_DAY} [0-9]{{2}}:[0-9]{{2}}")
    written = rows["ends"].str.contains(f"^{shape}$").fill_null(False)
    ends = rows["ends"].str.to_datetime(pattern, strict=False, time_unit="us")
    if not written.all() or ends.null_count() or not ends.dt.year().is_between(1990, 2200).all():
        raise not_data(source, f"rows without the time of a {interval} bar")
    midnight = pl.col("until").dt.truncate("1d")
    opens, closes = midnight + pl.duration(minutes=_OPENS_MINUTE), midnight + pl.duration(minutes=_CLOSES_MINUTE)
    begins = opens if daily else pl.col("until") - pl.duration(minutes=MINUTES[interval])
    return rows.with_columns(until=ends).with_columns(
        trading_day=pl.col("until").dt.date(),
        start=_utc(begins),
        known_at=_utc(closes if daily else pl.col("until")),
    )


def _utc(local: pl.Expr) -> pl.Expr:
    """Beijing wall time as an instant; it has had no change of clock since the exchanges opened but for 1991's, out of hours."""
    return local.dt.replace_time_zone(str(BEIJING), ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _once(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Sorted by time, identical repetitions dropped. Raises FeedError(NOT_DATA) for two bars of one time."""
    kept = rows.unique(maintain_order=True).sort("known_at") if rows["known_at"].n_unique() < rows.height else rows.sort("known_at")
    if kept["known_at"].n_unique() < kept.height:
        raise not_data(source, "two different bars of one time")
    return kept


def _check(source: str, rows: pl.DataFrame, symbol: str) -> None:
    """Raises FeedError(NOT_DATA) for a missing figure or prices out of order, UNIT when amount / shares is not the price."""
    needed = rows.select(*_PRICES, "volume", "amount", "start", "known_at")
    highest, lowest = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    ordered = (pl.col("low") > 0) & (pl.col("low") <= lowest) & (pl.col("high") >= highest)
    counted = (pl.col("volume") >= 0) & (pl.col("amount") >= 0)
    if any(needed.null_count().row(0)) or not rows.select((ordered & counted).all()).item():
        raise not_data(source, f"bars of {symbol} that contradict themselves")
    if not _tradable(symbol):
        return
    average = pl.col("amount") / pl.col("volume")
    near = (average / pl.col("close") - 1).abs() < TOLERANCE
    inside = (average >= pl.col("low") * 0.99) & (average <= pl.col("high") * 1.01)
    measured = rows.filter((pl.col("volume") > 0) & (pl.col("amount") > 0))
    off = measured.filter(~(near | inside)).height
    if off * MOST_BAD > measured.height:
        raise FeedError(source, Fault.UNIT, f"{off} of {measured.height} bars of {symbol}: amount / shares is not the price")


def _tradable(symbol: str) -> bool:
    """Whether it is a share or fund, not an index whose amount has nothing to do with its level."""
    try:
        board_of(symbol, Market.ASHARE)
    except RuleUnknown:
        return False
    return True
