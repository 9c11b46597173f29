"""The past as a snapshot holds it, played again: what a strategy is tried on knows nothing that its cycle could not know.

snapshot (frozen, hashed, as_of) ──► its daily bars as a store ──► the replay tape over the last sessions
So a verdict of the gate can be computed again from the snapshot alone, on any machine and at any later time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl

from engine.core.errors import DataError
from engine.core.units import Market
from engine.feeds.replay import ReplayTape
from engine.store.bars import DIVIDEND_SCHEMA, INSTRUMENT_SCHEMA, BarStore
from engine.store.snapshot import Snapshot

DAILY = "1d"
LARGE_DROP = 10
"""A reference price more than a tenth below the last close is taken for new shares, anything less for cash."""
_EVER = datetime(1990, 1, 1, tzinfo=UTC)


def lookback(snapshot: Snapshot, symbols: tuple[str, ...], sessions: int) -> ReplayTape:
    """A tape of the last `sessions` whole sessions of the snapshot, of `symbols` only. Raises DataError where it holds none."""
    if snapshot.market is not Market.ASHARE:
        raise DataError(f"market {snapshot.market}: its past cannot be played again from a snapshot yet")
    daily = snapshot.bars.filter((pl.col("interval") == DAILY) & pl.col("symbol").is_in(list(symbols)))
    days: list[date] = sorted(set(daily["trading_day"].to_list()))[-sessions:]
    if not days:
        raise DataError("the snapshot holds no whole session to try a strategy on")
    listed = [item for item in snapshot.instruments if item.symbol in symbols]
    instruments = pl.DataFrame(
        {
            "symbol": [item.symbol for item in listed],
            "known_at": [_EVER for _ in listed],
            "board": [item.board.value for item in listed],
            "name": [item.name for item in listed],
            "industry": [item.industry for item in listed],
            "list_date": [item.list_date for item in listed],
        },
        schema=INSTRUMENT_SCHEMA,
    )
    store = BarStore(daily=daily, minutes=daily.clear(), dividends=distributions(daily), instruments=instruments)
    return ReplayTape(store, start=days[0], end=days[-1])


def distributions(daily: pl.DataFrame) -> pl.DataFrame:
    """What went ex within daily bars (DIVIDEND_SCHEMA), read from the exchange's reference price against the last close.

    A snapshot does not say whether shares or cash were given. Small drops are booked as cash, large ones as shares, which keeps
    what a holding is worth but for the tax on cash.
    """
    rows: list[tuple[str, datetime, date, date, int, int, int]] = []
    before: dict[str, tuple[date, int]] = {}
    ordered = daily.sort("symbol", "trading_day").select("symbol", "trading_day", "start", "close", "pre_close")
    for symbol, day, start, close, reference in ordered.iter_rows():
        last_day, last = before.get(symbol, (date.min, 0))
        drop = last - reference
        if last and reference > 0 and drop > 0:
            cash, shares = (drop * 1_000, 0) if drop * LARGE_DROP <= last else (0, last * 10**7 // reference - 10**7)
            rows.append((symbol, start, last_day, day, cash, 0, shares))
        before[symbol] = (day, close)
    return pl.DataFrame(rows, schema=DIVIDEND_SCHEMA, orient="row")
