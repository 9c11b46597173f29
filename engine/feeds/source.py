"""What an outside source of market data is: requests it makes, tables it returns, and the one error it may raise.

adapter.quotes_request(symbols) ──► Request ──fetch──► body ──► adapter.parse_quotes(body, known_at) ──► QUOTE_TABLE
Adapters only parse and normalise: integers in core units, symbols with their market, Beijing or UTC instants, `source` and
`known_at` on every row. Fetching, pacing and falling back belong to the ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

import polars as pl

from engine.core.errors import OutsideError

_INSTANT = pl.Datetime("us", "UTC")


class Kind(StrEnum):
    """A kind of data that a ladder of sources serves."""

    SECURITIES = "securities"
    QUOTES = "quotes"
    BARS = "bars"
    FUNDING = "funding"
    FUNDAMENTALS = "fundamentals"
    EX_RIGHTS = "ex_rights"


class Fault(StrEnum):
    """Why a source gave nothing that may be used; the ladder's answer to each stands in ladder.py."""

    NETWORK = "NETWORK"
    TIMEOUT = "TIMEOUT"
    BANNED = "BANNED"
    THROTTLED = "THROTTLED"
    SERVER = "SERVER"
    NOT_DATA = "NOT_DATA"
    EMPTY = "EMPTY"
    INCOMPLETE = "INCOMPLETE"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    UNIT = "UNIT"
    FUTURE = "FUTURE"
    STALE = "STALE"
    DISAGREES = "DISAGREES"


class FeedError(OutsideError):
    """A source failed or its body cannot be trusted as a whole; the only error an adapter raises.

    `retry_after_s` is what the server asked for, 0 where it asked for nothing.
    """

    def __init__(self, source: str, fault: Fault, detail: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{source}: {fault}: {detail}")
        self.source = source
        self.fault = fault
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Request:
    """One GET, or one POST where there is a `form`. `host` is looked up by the fetcher (a test server stands in for it);
    `weight` is what it takes from the bucket."""

    host: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "https"
    weight: int = 1
    form: tuple[tuple[str, str], ...] = ()


class Fetch(Protocol):
    """Gets one body whole, or raises FeedError. Paced, timed and capped; never retries what must not be retried."""

    def __call__(self, source: str, request: Request) -> bytes: ...


@runtime_checkable
class Timed(Protocol):
    """A Fetch that knows how long its answers take."""

    def seconds(self) -> float:
        """Seconds on a clock that never goes back."""
        ...


def passing(fetch: Fetch, now: datetime) -> Callable[[], datetime]:
    """When the newest answer of several requests arrived, the first of which leaves at `now`: rows of the last one may be younger.

    It stands still where a Fetch tells no time.
    """
    if not isinstance(fetch, Timed):
        return lambda: now
    clock, began = fetch, fetch.seconds()
    return lambda: now + timedelta(seconds=clock.seconds() - began)


QUOTE_TABLE = pl.Schema(
    {
        "symbol": pl.String(),
        "name": pl.String(),
        "trading_day": pl.Date(),
        "known_at": _INSTANT,
        "last": pl.Int64(),
        "pre_close": pl.Int64(),
        "open": pl.Int64(),
        "high": pl.Int64(),
        "low": pl.Int64(),
        "volume": pl.Int64(),
        "amount": pl.Int64(),
        "bid": pl.Int64(),
        "ask": pl.Int64(),
        "bid_size": pl.Int64(),
        "ask_size": pl.Int64(),
        "limit_up": pl.Int64(),
        "limit_down": pl.Int64(),
        "suspended": pl.Boolean(),
        "source": pl.String(),
        "industry": pl.String(),
        "turnover_ppm": pl.Int64(),
        "float_cap": pl.Int64(),
        "list_date": pl.Date(),
    }
)
"""One row a symbol, sorted by symbol: `core.market.Quote` in the same units (0 = the source had none), and what screening wants:
`industry` ('' unknown), `turnover_ppm` (换手率), `float_cap` in whole currency and `list_date`, null where unknown.
`known_at` is the source's own time of the row, never later than when the body arrived."""

SECURITY_TABLE = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": _INSTANT,
        "board": pl.String(),
        "name": pl.String(),
        "industry": pl.String(),
        "taxonomy": pl.String(),
        "list_date": pl.Date(),
        "special_treatment": pl.Boolean(),
        "delisting": pl.Boolean(),
        "source": pl.String(),
    }
)
"""The security master, one row a symbol and fact: `taxonomy` names whose industries these are ('em', 'csrc', '')."""

FUNDING_TABLE = pl.Schema(
    {"symbol": pl.String(), "known_at": _INSTANT, "rate_e8": pl.Int64(), "interval_hours": pl.Int64(), "mark": pl.Int64()}
)
"""Funding of perpetuals as paid at `known_at`; `rate_e8` is the rate × 1e8, `mark` in price units (0 unknown)."""

OPEN_INTEREST_TABLE = pl.Schema({"symbol": pl.String(), "known_at": _INSTANT, "quantity": pl.Int64(), "source": pl.String()})
"""Open interest in quantity units of the base asset."""

PREMIUM_TABLE = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": _INSTANT,
        "mark": pl.Int64(),
        "index": pl.Int64(),
        "rate_e8": pl.Int64(),
        "next_at": _INSTANT,
    }
)
"""The premium index of the moment: mark and index in price units (0 unknown), the rate × 1e8 that would be paid at `next_at` (null
where the source does not say)."""

FUNDAMENTAL_TABLE = pl.Schema(
    {"symbol": pl.String(), "known_at": _INSTANT, "report_date": pl.Date(), "item": pl.String(), "value": pl.Float64()}
)
"""Figures of statements, long form, keyed by when they were announced (`known_at` = end of NOTICE_DATE), never by report date."""

EX_RIGHT_TABLE = pl.Schema(
    {
        "symbol": pl.String(),
        "known_at": _INSTANT,
        "record_date": pl.Date(),
        "ex_date": pl.Date(),
        "cash_per_10": pl.Int64(),
        "bonus_per_10": pl.Int64(),
        "transfer_per_10": pl.Int64(),
    }
)
"""Distributions per ten shares in 1e-6 CNY and 1e-6 shares, as store.bars.DIVIDEND_SCHEMA."""


class QuoteSource(Protocol):
    """Quotes of some symbols, or of a whole market (`symbols` empty)."""

    @property
    def name(self) -> str: ...

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE. `now` is when the first request leaves; a row younger than its answer is a fault. Raises FeedError."""
        ...


class BarSource(Protocol):
    """Bars of one symbol."""

    @property
    def name(self) -> str: ...

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """store.snapshot.BAR_SCHEMA, closed bars only, raw prices (factor_ppm 1,000,000 where the source gives none).

        `interval` as the store spells it: 1m 3m 5m 15m 30m 1h 4h 8h 1d. `first` and `last` are trading days. Raises FeedError.
        """
        ...


class SecuritySource(Protocol):
    """The list of what is listed."""

    @property
    def name(self) -> str: ...

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE, whole. Raises FeedError."""
        ...


class FundingSource(Protocol):
    """Funding and open interest of perpetuals."""

    @property
    def name(self) -> str: ...

    def funding(self, fetch: Fetch, symbol: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """FUNDING_TABLE: what was paid on the UTC days `first` to `last`. Raises FeedError."""
        ...

    def open_interest(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """OPEN_INTEREST_TABLE at every `interval` of those days, as far back as the source remembers. Raises FeedError."""
        ...

    def marks(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """PREMIUM_TABLE of `symbols`. Raises FeedError, also when one is missing."""
        ...
