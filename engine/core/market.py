"""The market as rows: a bar over an interval, a quote at an instant, a funding settlement, each with when it could be known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close over one interval; raw (unadjusted) prices in price units.

    `volume` is in quantity units, `amount` in money units, `pre_close` is the exchange's reference price of the day (ex-rights
    adjusted), `known_at` the first instant at which anyone could know the whole bar (aware datetime).
    `factor_ppm` is the cumulative backward adjustment factor × 1e6: adjusted price = price × factor_ppm / 1e6.
    """

    symbol: str
    interval: str
    trading_day: date
    start: datetime
    known_at: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    amount: int
    pre_close: int
    factor_ppm: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """One row of the tape at `known_at`; prices in price units, zero where the source had none (no book, no print yet).

    `auction` marks a print made by a call auction (集合竞价), at which every auction order trades at the one price `last`.
    `turnover_ppm` is the share of the floating shares that changed hands today (换手率), 0 where the source does not say.
    """

    symbol: str
    name: str
    trading_day: date
    known_at: datetime
    last: int
    pre_close: int
    open: int
    high: int
    low: int
    volume: int
    amount: int
    source: str
    bid: int = 0
    ask: int = 0
    bid_size: int = 0
    ask_size: int = 0
    limit_up: int = 0
    limit_down: int = 0
    print_volume: int = 0
    suspended: bool = False
    auction: bool = False
    turnover_ppm: int = 0

    @property
    def change_ppm(self) -> int:
        """Change against the reference price in ppm, rounded toward zero; 0 where there is no print."""
        if not self.last or not self.pre_close:
            return 0
        return int((self.last - self.pre_close) * 1_000_000 / self.pre_close)


@dataclass(frozen=True, slots=True)
class Funding:
    """A funding settlement of a perpetual at `at`: `rate_e8` in 1e-8 for the `hours` behind it, `mark` in price units.

    Longs pay shorts while the rate is positive. `known_at` is the first instant at which anyone could know the rate.
    """

    symbol: str
    at: datetime
    rate_e8: int
    mark: int
    hours: int
    known_at: datetime
    source: str
