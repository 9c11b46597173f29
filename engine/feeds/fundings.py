"""Funding settlements of kept perpetuals: as events of a tape, and the last one that could be known of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from engine.core.market import Funding
from engine.feeds.tape import FundingEvent


def funding_events(paid: pl.DataFrame, source: str, first: datetime, before: datetime) -> list[FundingEvent]:
    """The settlements of `paid` (FUNDING_SCHEMA) from `first` to before `before`, in order of time and symbol.

    A settlement is known when it is made. Where the rows tell no mark it is 0, and the last price stands for it.
    """
    due = paid.filter(pl.col("known_at") >= first, pl.col("known_at") < before)
    return [FundingEvent(item) for item in _read(due.sort("known_at", "symbol"), source)]


def last_fundings(paid: pl.DataFrame, symbols: Sequence[str], source: str) -> list[Funding]:
    """The newest settlement of each symbol among rows that could be known."""
    newest = paid.filter(pl.col("symbol").is_in(list(symbols))).sort("symbol", "known_at").unique("symbol", keep="last")
    return _read(newest.sort("symbol"), source)


def _read(rows: pl.DataFrame, source: str) -> list[Funding]:
    found = []
    for row in rows.iter_rows(named=True):
        at = row["known_at"].astimezone(UTC)
        found.append(Funding(row["symbol"], at, row["rate_e8"], row["mark"], row["interval_hours"], at, source))
    return found
