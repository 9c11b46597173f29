"""Adjustment factors that go on where the kept ones ended, whatever a source counts from.

factor(t) = factor(t-1) × close(t-1) / reference price(t): the exchange's own word on what a distribution took from the price.
A source that gives none says 1 on every row, one that does counts from the first row of its answer; both would tear the adjusted
series where two answers meet. Each step is rounded to the ppm by itself: how the days were cut into answers changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from engine.core.errors import CalendarUnknown
from engine.core.units import Market, div_half_up
from engine.exchange import calendar
from engine.store.snapshot import BAR_SCHEMA

_EVENT = ("symbol", "trading_day", "pre_close", "factor_ppm", "own_before", "before_close", "before_day", "base")


def continued(bars: pl.DataFrame, previous: pl.DataFrame, market: Market) -> pl.DataFrame:
    """Daily `bars` (BAR_SCHEMA, raw prices) by symbol and time, with factors that follow those of `previous`.

    `previous` has the bar before of each symbol (symbol, close, factor_ppm, trading_day), or none where nothing is kept. Where a
    source's own factor changes it is believed; where it does not, and the reference price of the very next session differs from the
    close, that difference is the factor. After a hole of sessions a reference price proves nothing, and the factor stands.
    """
    last = previous.select("symbol", last_close="close", last_factor="factor_ppm", last_day="trading_day")
    told = bars.sort("symbol", "start").join(last, on="symbol", how="left", maintain_order="left")
    goes_on = (pl.col("symbol") == pl.col("symbol").shift(1)).fill_null(value=False)
    told = told.with_columns(
        goes_on=goes_on,
        own_before=pl.when(goes_on).then(pl.col("factor_ppm").shift(1)),
        before_close=pl.when(goes_on).then(pl.col("close").shift(1)).otherwise("last_close"),
        before_day=pl.when(goes_on).then(pl.col("trading_day").shift(1)).otherwise("last_day"),
        base=pl.coalesce("last_factor", "factor_ppm"),
    )
    told = told.with_columns(base=pl.when(~pl.col("goes_on")).then("base").forward_fill())
    own_moved = pl.col("own_before").is_not_null() & (pl.col("factor_ppm") != pl.col("own_before"))
    reference_moved = (pl.col("pre_close") > 0) & (pl.col("pre_close") != pl.col("before_close"))
    told = told.with_columns(event=(own_moved | reference_moved).fill_null(value=False)).with_row_index("place")
    events = told.filter("event")
    steps = pl.DataFrame(
        {"place": events["place"], "stepped": pl.Series(list(_steps(events.select(_EVENT), market)), dtype=pl.Int64)}
    )
    whole = told.join(steps, on="place", how="left", maintain_order="left")
    begins = pl.when(~pl.col("goes_on")).then("base")
    factor = pl.coalesce("stepped", begins).forward_fill()
    return whole.with_columns(factor_ppm=factor).select(list(BAR_SCHEMA))


def _steps(events: pl.DataFrame, market: Market) -> Iterator[int]:
    """The factor after each event, by symbol and time."""
    current, of = 0, ""
    for symbol, day, reference, own, own_before, before_close, before_day, base in events.iter_rows():
        if symbol != of:
            current, of = base, symbol
        if own_before is not None and own != own_before:
            current = div_half_up(current * own, own_before)
        elif _next_session(before_day, day, market):
            current = div_half_up(current * before_close, reference)
        yield current


def _next_session(before: date, day: date, market: Market) -> bool:
    try:
        return calendar(market).next_session(before) == day
    except CalendarUnknown:
        return False
