"""The bar before: what was kept last of each symbol, from before the first bar of a write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from engine.store.market.layout import bar_files, period_of
from engine.store.market.shelf import Shelf
from engine.store.snapshot import BAR_SCHEMA

NEAR = timedelta(days=20)
"""Longer than any holiday: nearly every symbol has its bar before within this."""
_ALWAYS = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
_SCHEMA = pl.Schema({name: BAR_SCHEMA[name] for name in ("symbol", "close", "factor_ppm", "trading_day")})


def bars_before(shelf: Shelf, bars: pl.DataFrame, interval: str) -> pl.DataFrame:
    """symbol, close, factor_ppm, trading_day of the newest kept bar of each symbol before its first one in `bars`.

    Looks near first and then back, file by file, for those that were silent for longer. Raises DataError for a damaged file.
    """
    firsts = bars.drop_nulls(["symbol", "trading_day"]).group_by("symbol").agg(pl.col("trading_day").min().alias("begins"))
    if firsts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    low, high = firsts.select(pl.col("begins").min(), pl.col("begins").max().alias("latest")).row(0)
    found = [_last(shelf, firsts, interval, low - NEAR if low > date.min + NEAR else low, high)]
    silent = set(firsts["symbol"]) - set(found[0]["symbol"])
    for period, path in reversed(bar_files(shelf.home, shelf.market, interval).items()):
        if not silent:
            break
        if period > period_of(interval, low):
            continue
        said = shelf.contents(path)
        there = silent.intersection(said.symbols)
        if there:
            asked = firsts.filter(pl.col("symbol").is_in(list(there)))
            found.append(_last(shelf, asked, interval, said.days[0][0], said.days[-1][0]))
            silent -= set(found[-1]["symbol"])
    return pl.concat(found)


def _last(shelf: Shelf, firsts: pl.DataFrame, interval: str, first: date, last: date) -> pl.DataFrame:
    kept = shelf.bars(firsts["symbol"].to_list(), interval, first=first, last=last, at=_ALWAYS)
    earlier = kept.select(list(_SCHEMA)).join(firsts, on="symbol").filter(pl.col("trading_day") < pl.col("begins"))
    return earlier.sort("symbol", "trading_day").unique("symbol", keep="last", maintain_order=True).select(list(_SCHEMA))
