"""Bars, dividends and instruments behind one gate: `store.as_of(t)` never shows what could not be known at t.

BarStore.load(directory) ──► as_of(t) ──► daily · minutes · dividends · instruments   (every row known_at <= t)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.store import sample
from engine.store.snapshot import BAR_SCHEMA

ZONE = "Asia/Shanghai"
DAILY = "1d"
MINUTES = "5m"
DIVIDEND_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": pl.Datetime("us", "UTC"),
        "record_date": pl.Date(),
        "ex_date": pl.Date(),
        "cash_per_10": pl.Int64(),
        "bonus_per_10": pl.Int64(),
        "transfer_per_10": pl.Int64(),
    }
)
INSTRUMENT_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": pl.Datetime("us", "UTC"),
        "board": pl.String(),
        "name": pl.String(),
        "industry": pl.String(),
        "list_date": pl.Date(),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class AsOf:
    """What could be known at `at`. Each method returns only rows with known_at <= `at`."""

    at: datetime
    _closes: tuple[tuple[datetime, date], ...]
    _daily: pl.DataFrame
    _minutes: pl.DataFrame
    _dividends: pl.DataFrame
    _instruments: pl.DataFrame

    def sessions(self) -> list[date]:
        """Days on which anything traded, that had closed by `at`, oldest first."""
        return [day for closed_at, day in self._closes if closed_at <= self.at]

    def daily(self, symbols: Sequence[str], days: int) -> pl.DataFrame:
        """Daily bars (BAR_SCHEMA) of the last `days` closed sessions; raw prices. A day without a sound bar has no row."""
        latest = self.sessions()[-days:] if days > 0 else []
        first = latest[0] if latest else date.max
        known = (pl.col("known_at") <= self.at) & (pl.col("trading_day") >= first)
        return self._daily.filter(known & pl.col("symbol").is_in(list(symbols)))

    def minutes(self, symbols: Sequence[str], day: date) -> pl.DataFrame:
        """5-minute bars (BAR_SCHEMA) of one session so far."""
        return self._minutes.filter(
            pl.col("trading_day") == day, pl.col("symbol").is_in(list(symbols)), pl.col("known_at") <= self.at
        )

    def dividends(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Distributions announced by `at` (DIVIDEND_SCHEMA), also those still to come."""
        return self._known(self._dividends).filter(pl.col("symbol").is_in(list(symbols)))

    def instruments(self) -> tuple[Instrument, ...]:
        """What was listed by `at`, sorted by symbol; names and ST marks are those of the list's own date."""
        return tuple(_instrument(*row) for row in self._known(self._instruments).drop("known_at").iter_rows())

    def _known(self, table: pl.DataFrame) -> pl.DataFrame:
        return table.filter(pl.col("known_at") <= self.at)


class BarStore:
    """Everything known of a market, ever. Nothing can be read from it but through `as_of`."""

    def __init__(self, *, daily: pl.DataFrame, minutes: pl.DataFrame, dividends: pl.DataFrame, instruments: pl.DataFrame) -> None:
        order = ["symbol", "interval", "known_at"]
        self._daily = daily.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA).sort(order)
        closes = self._daily.group_by("trading_day").agg(pl.col("known_at").min()).sort("known_at")
        self._closes = tuple((row[1], row[0]) for row in closes.iter_rows())
        self._minutes = minutes.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA).sort(order)
        self._dividends = dividends.select(list(DIVIDEND_SCHEMA)).cast(DIVIDEND_SCHEMA).sort(list(DIVIDEND_SCHEMA))
        self._instruments = instruments.select(list(INSTRUMENT_SCHEMA)).cast(INSTRUMENT_SCHEMA).sort("symbol")

    @classmethod
    def load(cls, directory: Path) -> BarStore:
        """The sample market of `directory`: rows whose raw prices are certain, and nothing else. Raises DataError."""
        daily = sample.daily(directory)
        sound = _daily_bars(daily.filter("raw_ok"))
        traded = daily["symbol"].unique()
        return cls(
            daily=sound,
            minutes=_minute_bars(sample.minutes(directory), sound),
            dividends=_announced(sample.dividends(directory)),
            instruments=_listed(sample.securities(directory).filter(pl.col("symbol").is_in(traded.to_list()))),
        )

    def as_of(self, at: datetime) -> AsOf:
        """The gate."""
        return AsOf(at.astimezone(UTC), self._closes, self._daily, self._minutes, self._dividends, self._instruments)


def beijing(day: pl.Expr, minute: pl.Expr | int) -> pl.Expr:
    """The UTC instant of `minute` after midnight in Beijing on `day`."""
    offset = pl.duration(minutes=minute)
    return (day.cast(pl.Datetime("us")) + offset).dt.replace_time_zone(ZONE).dt.convert_time_zone("UTC")


def _daily_bars(sound: pl.DataFrame) -> pl.DataFrame:
    day = pl.col("trading_day")
    return sound.with_columns(interval=pl.lit(DAILY), start=beijing(day, 9 * 60 + 30), known_at=beijing(day, 15 * 60))


def _minute_bars(table: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    """5-minute bars of days whose daily bar is sound, with that day's reference price and factor (both known at its open)."""
    day = pl.col("trading_day")
    base = daily.select("symbol", "trading_day", "pre_close", "factor_ppm")
    return table.join(base, on=["symbol", "trading_day"]).with_columns(
        interval=pl.lit(MINUTES), start=beijing(day, pl.col("minute") - 5), known_at=beijing(day, pl.col("minute"))
    )


def _announced(table: pl.DataFrame) -> pl.DataFrame:
    """Distributions that pay something; known when the day of the announcement is over, or of the ex-date where that is missing."""
    pays = (pl.col("cash_per_10") > 0) | (pl.col("bonus_per_10") > 0) | (pl.col("transfer_per_10") > 0)
    day = pl.coalesce("announce_date", "ex_date")
    return table.filter(pays & day.is_not_null()).with_columns(known_at=beijing(day, 24 * 60))


def _listed(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("industry").fill_null(""), known_at=beijing(pl.col("list_date"), 0))


def _instrument(symbol: str, board: str, name: str, industry: str, list_date: date) -> Instrument:
    return Instrument(
        symbol=symbol,
        market=Market.ASHARE,
        board=Board(board),
        name=name,
        industry=industry,
        list_date=list_date,
        special_treatment="ST" in name,
        delisting="退" in name,
    )
