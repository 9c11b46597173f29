"""Distributions as events of a tape: on the session on which a share goes ex, before its first print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import polars as pl

from engine.core.errors import DataError
from engine.feeds.tape import DividendEvent

MILLIONTHS_PER_UNIT = 100
"""Dividends are kept in 1e-6 CNY, money units are 1e-4 CNY."""


def distributions(
    announced: pl.DataFrame, sessions: Sequence[date], begins: Callable[[date], datetime]
) -> dict[date, list[DividendEvent]]:
    """Those that go ex on one of `sessions`, by session, several of one share on one day summed (a final and a special dividend).

    `announced` has DIVIDEND_SCHEMA, `begins` is when a session does. Raises DataError for cash finer than 1e-4 CNY per ten shares.
    """
    by_day: dict[date, list[DividendEvent]] = {}
    due = announced.filter(pl.col("ex_date").is_in(list(sessions)), pl.col("known_at").is_not_null())
    amounts = ("cash_per_10", "bonus_per_10", "transfer_per_10")
    summed = due.group_by("symbol", "ex_date").agg(pl.col("record_date").max(), *(pl.col(name).sum() for name in amounts))
    for row in summed.sort("ex_date", "symbol").iter_rows(named=True):
        cash, finer = divmod(row["cash_per_10"], MILLIONTHS_PER_UNIT)
        if finer:
            raise DataError(f"the dividend of {row['symbol']} on {row['ex_date']} is finer than 1e-4 CNY per ten shares")
        event = DividendEvent(
            symbol=row["symbol"],
            ex_date=row["ex_date"],
            record_date=row["record_date"],
            cash_per_10=cash,
            bonus_per_10=row["bonus_per_10"],
            transfer_per_10=row["transfer_per_10"],
            at=begins(row["ex_date"]),
        )
        by_day.setdefault(event.ex_date, []).append(event)
    return by_day
