"""What could be known of a kept market at an instant: the only way to its data for a decision.

MarketStore.as_of(t) ──► bars · latest · daily · minutes · sessions · instruments · dividends · funding ·
                            open_interest · fundamentals
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from engine.core.instrument import Instrument
from engine.core.units import Market
from engine.exchange import calendar
from engine.store.market.layout import EX_RIGHTS, FUNDAMENTALS, FUNDING, INTERVAL_MINUTES, OPEN_INTEREST, SECURITIES, Table
from engine.store.market.securities import instruments
from engine.store.market.shelf import Shelf
from engine.store.snapshot import BAR_SCHEMA

_SESSION_MINUTES = {Market.ASHARE: 240, Market.US: 390, Market.CRYPTO: 1440}


@dataclass(frozen=True, slots=True, eq=False)
class MarketAsOf:
    """What could be known of one market at `at`. Each method returns only rows with known_at <= `at`."""

    at: datetime
    market: Market
    _shelf: Shelf

    def sessions(self) -> list[date]:
        """Days on which anything traded, that had closed by `at`, oldest first."""
        days = sorted({day for interval in self._shelf.intervals() for day in self._days(interval)})
        return days[: _closed(days, self.at, self.market)]

    def bars(self, symbols: Sequence[str], interval: str, *, first: date, last: date) -> pl.DataFrame:
        """Bars (BAR_SCHEMA) of the trading days `first` to `last`, by symbol and time; prices as kept (see `basis`)."""
        return self._shelf.bars(symbols, interval, first=first, last=last, at=self.at)

    def latest(self, symbols: Sequence[str], interval: str, count: int) -> pl.DataFrame:
        """The newest `count` bars of each symbol, from no more sessions than that many bars need and one; by symbol and time."""
        if count <= 0:
            return pl.DataFrame(schema=BAR_SCHEMA)
        a_session = max(1, _SESSION_MINUTES[self.market] // INTERVAL_MINUTES[interval])
        days = self._days(interval, newest=-(-count // a_session) + 1)
        if not days:
            return pl.DataFrame(schema=BAR_SCHEMA)
        found = self.bars(symbols, interval, first=days[0], last=days[-1])
        return found.filter(pl.int_range(pl.len()).over("symbol") >= pl.len().over("symbol") - count)

    def daily(self, symbols: Sequence[str], days: int) -> pl.DataFrame:
        """Daily bars (BAR_SCHEMA) of the last `days` closed sessions. A day without a sound bar has no row."""
        latest = self.sessions()[-days:] if days > 0 else []
        if not latest:
            return pl.DataFrame(schema=BAR_SCHEMA)
        return self.bars(symbols, "1d", first=latest[0], last=date.max)

    def minutes(self, symbols: Sequence[str], day: date) -> pl.DataFrame:
        """5-minute bars (BAR_SCHEMA) of one session so far."""
        return self.bars(symbols, "5m", first=day, last=day)

    def basis(self, symbols: Sequence[str], interval: str) -> dict[str, str]:
        """How the kept prices of each symbol are to be read: `raw`, or the vendor's adjustment. Unknown symbols are left out."""
        return self._shelf.basis(symbols, interval, self.at)

    def instruments(self) -> tuple[Instrument, ...]:
        """What was listed by `at`, by symbol, with the name, marks and industry known then."""
        return instruments(self._facts(SECURITIES), self.market, self.at)

    def dividends(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Distributions announced by `at` (bars.DIVIDEND_SCHEMA), also those still to come."""
        return self._of(EX_RIGHTS, symbols)

    def funding(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Funding paid by `at` (layout.FUNDING_SCHEMA)."""
        return self._of(FUNDING, symbols)

    def open_interest(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Open interest published by `at` (layout.OPEN_INTEREST_SCHEMA)."""
        return self._of(OPEN_INTEREST, symbols)

    def fundamentals(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Figures of statements announced by `at` (layout.FUNDAMENTAL_SCHEMA)."""
        return self._of(FUNDAMENTALS, symbols)

    def _of(self, table: Table, symbols: Sequence[str]) -> pl.DataFrame:
        return self._facts(table).filter(pl.col("symbol").is_in(list(symbols)))

    def _facts(self, table: Table) -> pl.DataFrame:
        return self._shelf.facts(table).filter(pl.col("known_at") <= self.at)

    def _days(self, interval: str, newest: int | None = None) -> list[date]:
        """Trading days with a bar of `interval` known by `at`, oldest first; only the `newest` of them where asked."""
        return self._shelf.days(interval, self.at, newest)


def _closed(days: Sequence[date], at: datetime, market: Market) -> int:
    """How many of `days` (sorted) had closed by `at`."""
    known = calendar(market)
    edge = bisect_right(days, known.local_day(at) - timedelta(days=1))
    while edge < len(days) and known.session(days[edge]).closes <= at:
        edge += 1
    return edge
