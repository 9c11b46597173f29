"""The tape: market events in the order in which they could be known, whatever the feed behind them.

tape.next_at() ──► clock waits ──► tape.advance(to) ──► quotes, session turns, distributions, funding, marks ──► engine
                                   tape.snapshot(as_of) ──► the frozen picture a cycle decides on
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import polars as pl

from engine.core.instrument import Instrument
from engine.core.market import Bar, Funding, Quote
from engine.store.snapshot import Snapshot


class SessionKind(StrEnum):
    """The turns of a trading day (盘前, 开盘, 午休, 下午开盘, 收盘)."""

    PRE_OPEN = "pre_open"
    OPEN = "open"
    LUNCH = "lunch"
    AFTERNOON = "afternoon"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class QuoteEvent:
    """A new row of the tape; `bar` is the bar that became known with it, if one did.

    `arrived` is when a live row reached us, later than the source's own time of it; None where a tape is played again.
    """

    quote: Quote
    bar: Bar | None = None
    arrived: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it could be known."""
        return self.arrived or self.quote.known_at


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A trading day reached one of its turns at `at`."""

    day: date
    kind: SessionKind
    at: datetime


@dataclass(frozen=True, slots=True)
class DividendEvent:
    """A distribution goes ex at the open of `ex_date`; holders at the close of `record_date` receive it.

    Per ten shares, as announced (10送2转3派1.45元): `cash_per_10` in money units before tax, `bonus_per_10` (送股) and
    `transfer_per_10` (转增) in 1e-6 shares. Exact integers: per share is these over ten.
    """

    symbol: str
    ex_date: date
    record_date: date
    cash_per_10: int
    bonus_per_10: int
    transfer_per_10: int
    at: datetime


@dataclass(frozen=True, slots=True)
class FundingEvent:
    """A perpetual's funding was settled; a mark of 0 is unknown, and the last price stands for it.

    `arrived` is when a live settlement reached us; None where a tape is played again.
    """

    funding: Funding
    arrived: datetime | None = None

    @property
    def at(self) -> datetime:
        """When it could be known."""
        return self.arrived or self.funding.known_at


@dataclass(frozen=True, slots=True)
class MarkEvent:
    """The exchange's mark price of a perpetual, price units, known at `at`; without any the last price is the mark."""

    symbol: str
    mark: int
    at: datetime


TapeEvent = QuoteEvent | SessionEvent | DividendEvent | FundingEvent | MarkEvent


class Tape(Protocol):
    """A source of market events; `source` names it on the screen and in the ledger."""

    source: str

    def instruments(self) -> tuple[Instrument, ...]:
        """What this tape can quote, sorted by symbol."""
        ...

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None when the tape has ended. Never goes back."""
        ...

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, oldest first."""
        ...

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """The market of `symbols` as it could be known at `as_of`, with up to `history_days` sessions of bars; raises DataError."""
        ...


Told = Callable[[str, tuple[tuple[str, str], ...]], None]
"""Somebody who writes down what happened to a feed: a code and its parameters."""


class Served(Protocol):
    """What a ladder answers: a table, who told it, whether it is not to be traded on, and which rows another vendor contradicts."""

    @property
    def table(self) -> pl.DataFrame: ...

    @property
    def source(self) -> str: ...

    @property
    def stale(self) -> bool: ...

    @property
    def disputed(self) -> tuple[str, ...]: ...


class BarLadder(Protocol):
    """Sources of bars in order, as far as a tape needs them (ladder.py)."""

    def bars(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        """BAR_SCHEMA of one name from trading day `first` to `last`, from the first source that answers. Raises FeedError."""
        ...


class QuoteLadder(BarLadder, Protocol):
    """Sources of quotes and bars in order, as far as a live tape needs them (ladder.py)."""

    def quotes(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """QUOTE_TABLE from the first source that answers with a row newer than `not_before`, or what was remembered, then `stale`.

        All of the market where `symbols` is empty. Raises FeedError.
        """
        ...

    def market(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """As `quotes`, of a whole market whose names are known: from whoever tells most of them a request. Raises FeedError."""
        ...

    def remembered(self, symbols: Sequence[str]) -> pl.DataFrame:
        """The last row of each name that was ever accepted, with when it arrived (remembered.REMEMBERED); nobody is asked."""
        ...
