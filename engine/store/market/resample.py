"""Longer bars made of shorter ones, exactly: first open, highest high, lowest low, last close, sums; only from complete groups.

1m ──► 3m · 5m · 15m · 30m · 1h · 4h · 1d. A group with a hole gives no bar: a high that was missed cannot be told from one that was
not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from engine.core.errors import CalendarUnknown, DataError
from engine.core.units import Market
from engine.exchange import calendar
from engine.store.market.layout import INTERVAL_MINUTES
from engine.store.snapshot import BAR_SCHEMA


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Bars of complete groups (BAR_SCHEMA), and the groups that had a hole: symbol, begins, known_at, count."""

    whole: pl.DataFrame
    holes: pl.DataFrame

    @property
    def incomplete(self) -> int:
        """How many groups gave no bar."""
        return self.holes.height


def resampled(bars: pl.DataFrame, interval: str, longer: str, market: Market) -> Groups:
    """`bars` of `interval` (BAR_SCHEMA, by symbol and time) as bars of `longer`.

    Groups are counted from the open of each trading period (UTC midnight for crypto, 09:30 and 13:00 for A-shares). Raises
    DataError where one interval does not divide the other.
    """
    short, long = INTERVAL_MINUTES[interval], INTERVAL_MINUTES.get(longer, 0)
    if long <= short or long % short:
        raise DataError(f"bars of {longer} cannot be made of bars of {interval}")
    if market is not Market.CRYPTO and long > 60:
        raise DataError(f"bars of {longer} cannot be made of {interval} where the market closes: only up to 1h")
    table = _periods(bars, market)
    placed = bars.join(table, on="trading_day", how="left").filter(pl.col("start").is_between("opens", "closes", closed="left"))
    offset = (pl.col("start") - pl.col("opens")).dt.total_minutes() // long * long
    group = placed.with_columns(begins=pl.col("opens") + pl.duration(minutes=offset)).sort("symbol", "start")
    spans = group.group_by("symbol", "trading_day", "begins", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("start").min(),
        pl.col("known_at").max(),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        pl.col("amount").sum(),
        pl.col("pre_close").first(),
        pl.col("factor_ppm").first(),
        ((pl.col("volume") > 0) & (pl.col("amount") == 0)).any().alias("amount_unknown"),
    )
    complete = (
        (pl.col("count") == long // short)
        & (pl.col("start") == pl.col("begins"))
        & (pl.col("known_at") - pl.col("start") == timedelta(minutes=long))
    )
    whole, holes = spans.filter(complete), spans.filter(~complete)
    known = whole.with_columns(interval=pl.lit(longer), amount=pl.when("amount_unknown").then(0).otherwise("amount").cast(pl.Int64))
    return Groups(known.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA), holes.select("symbol", "begins", "known_at", "count"))


def _periods(bars: pl.DataFrame, market: Market) -> pl.DataFrame:
    """The stretches without a break of each trading day: trading_day, opens, closes."""
    instant = BAR_SCHEMA["start"]
    rows = [(day, opens, closes) for day in bars["trading_day"].unique().sort() for opens, closes in _stretches(market, day)]
    return pl.DataFrame(rows, schema={"trading_day": pl.Date(), "opens": instant, "closes": instant}, orient="row")


def _stretches(market: Market, day: date) -> list[tuple[object, object]]:
    try:
        session = calendar(market).session(day)
    except (CalendarUnknown, ValueError):
        return []
    if session.lunch is None:
        return [(session.opens, session.closes)]
    return [(session.opens, session.lunch[0]), (session.lunch[1], session.closes)]
