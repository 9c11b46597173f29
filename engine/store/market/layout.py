"""Where each table of a market lies under HOME/market, what its columns are, and which file a row belongs to.

HOME/market/MARKET/INTERVAL/PERIOD.bars          bars, BAR_SCHEMA without its `interval`; PERIOD is a month or, under an hour, a day
HOME/market/MARKET/TABLE/YEAR.rows               facts keyed by when they became known (TABLES below)
HOME/market/MARKET/quarantine/TABLE/PERIOD.rows  what was refused, and why
HOME/market/MARKET/sync/SOURCE/INTERVAL/SYMBOL   how far a sync came
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from engine.core.errors import DataError
from engine.core.units import Market
from engine.store.bars import DIVIDEND_SCHEMA
from engine.store.snapshot import BAR_SCHEMA

MARKET_DIRECTORY = "market"
QUARANTINE = "quarantine"
RAW = "raw"
"""The basis of prices as traded; another word (`split`, `split+dividend`) says how a vendor adjusted them."""
_INSTANT = pl.Datetime("us", "UTC")
INTERVAL_MINUTES: Mapping[str, int] = {
    **dict(zip(("1m", "3m", "5m", "15m", "30m"), (1, 3, 5, 15, 30), strict=True)),
    **dict(zip(("1h", "2h", "4h", "8h", "1d"), (60, 120, 240, 480, 1440), strict=True)),
}
"""The intervals that are kept, and how many minutes each spans (of a trading day: one session)."""
DAILY = "1d"
_BY_DAY = frozenset(interval for interval, minutes in INTERVAL_MINUTES.items() if minutes < 60)
SUFFIX_MARKET: Mapping[str, Market] = {
    **dict.fromkeys(("SH", "SZ", "BJ"), Market.ASHARE),
    "US": Market.US,
    "BINANCE": Market.CRYPTO,
}
STORED_BAR_SCHEMA = pl.Schema({name: kind for name, kind in BAR_SCHEMA.items() if name != "interval"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table of dated facts: `key` names what makes a row the same fact; a second value for one key is refused, never merged."""

    name: str
    schema: pl.Schema
    key: tuple[str, ...]


SECURITY_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": _INSTANT,
        "effective": pl.Date(),
        "board": pl.String(),
        "name": pl.String(),
        "industry": pl.String(),
        "taxonomy": pl.String(),
        "list_date": pl.Date(),
        "listed": pl.Boolean(),
        "special_treatment": pl.Boolean(),
        "delisting": pl.Boolean(),
        "tick": pl.Int64(),
        "step": pl.Int64(),
        "source": pl.String(),
    }
)
"""What was learnt of a security at `known_at`, in force from `effective`; null columns say nothing, the latest word on each counts.

`tick` is in price units, `step` in quantity units; `listed` false is a delisting.
"""
FUNDING_SCHEMA = pl.Schema(
    {"symbol": pl.String(), "known_at": _INSTANT, "rate_e8": pl.Int64(), "interval_hours": pl.Int64(), "mark": pl.Int64()}
)
OPEN_INTEREST_SCHEMA = pl.Schema({"symbol": pl.String(), "known_at": _INSTANT, "quantity": pl.Int64(), "source": pl.String()})
FUNDAMENTAL_SCHEMA = pl.Schema(
    {"symbol": pl.String(), "known_at": _INSTANT, "report_date": pl.Date(), "item": pl.String(), "value": pl.Float64()}
)
SECURITIES = Table("securities", SECURITY_SCHEMA, tuple(name for name in SECURITY_SCHEMA if name != "source"))
FUNDING = Table("funding", FUNDING_SCHEMA, ("symbol", "known_at"))
OPEN_INTEREST = Table("open_interest", OPEN_INTEREST_SCHEMA, ("symbol", "known_at", "source"))
FUNDAMENTALS = Table("fundamentals", FUNDAMENTAL_SCHEMA, ("symbol", "known_at", "report_date", "item"))
EX_RIGHTS = Table("ex_rights", DIVIDEND_SCHEMA, tuple(DIVIDEND_SCHEMA))
TABLES: Mapping[str, Table] = {table.name: table for table in (SECURITIES, FUNDING, OPEN_INTEREST, FUNDAMENTALS, EX_RIGHTS)}
QUARANTINE_SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "symbol": pl.String(),
        "known_at": _INSTANT,
        "reason": pl.String(),
        "detail": pl.String(),
        "source": pl.String(),
        "row": pl.String(),
    }
)
"""A refused row: `table` is an interval or the name of a table, `row` the row as it came, in JSON; `known_at` null if none."""


def market_of(symbol: str) -> Market:
    """The market that a symbol's suffix names. Raises DataError for another suffix."""
    try:
        return SUFFIX_MARKET[symbol.rpartition(".")[2]]
    except KeyError:
        raise DataError(f"{symbol}: a symbol ends in one of .{', .'.join(SUFFIX_MARKET)}") from None


def interval_directory(home: Path, market: Market, interval: str) -> Path:
    """Where the bars of an interval lie. Raises DataError for an interval that is not kept."""
    if interval not in INTERVAL_MINUTES:
        raise DataError(f"no bars of {interval}: the intervals are {', '.join(INTERVAL_MINUTES)}")
    return home / MARKET_DIRECTORY / market.value / interval


def period_expression(interval: str) -> pl.Expr:
    """The name of the file that a bar belongs to, from its trading day."""
    return pl.col("trading_day").dt.to_string("%Y-%m-%d" if interval in _BY_DAY else "%Y-%m")


def period_of(interval: str, day: date) -> str:
    """The name of the file that holds the bars of a trading day; names sort by time."""
    return day.isoformat() if interval in _BY_DAY else f"{day:%Y-%m}"


def bar_files(home: Path, market: Market, interval: str) -> dict[str, Path]:
    """Every kept file of an interval by its period, oldest first."""
    return {path.stem: path for path in sorted(interval_directory(home, market, interval).glob("[0-9]*.bars"))}


def bar_file(home: Path, market: Market, interval: str, period: str) -> Path:
    """The file of one period."""
    return interval_directory(home, market, interval) / f"{period}.bars"


def table_files(home: Path, market: Market, table: str) -> dict[str, Path]:
    """Every kept file of a table of facts by its year, oldest first."""
    return {path.stem: path for path in sorted((home / MARKET_DIRECTORY / market.value / table).glob("[0-9]*.rows"))}


def table_file(home: Path, market: Market, table: str, year: str) -> Path:
    """The file of one year."""
    return home / MARKET_DIRECTORY / market.value / table / f"{year}.rows"


def quarantine_files(home: Path, market: Market) -> list[Path]:
    """Every file of refused rows."""
    return sorted((home / MARKET_DIRECTORY / market.value / QUARANTINE).glob("*/*.rows"))


def quarantine_file(home: Path, market: Market, table: str, period: str) -> Path:
    """The file of the refused rows of one table and period (`undated` where a row had no date)."""
    return home / MARKET_DIRECTORY / market.value / QUARANTINE / table / f"{period}.rows"
