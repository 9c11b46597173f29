"""The replay tape: a past market played again in the order in which it could be known, with no path invented between its prints.

store ──► each session: 09:15 reference prices · 09:25 opening print · 5-minute bars where there are any · 15:00 closing print

A share with daily bars only is silent between its opening and its closing print. A share whose prices of a day are not certain
(data/README.md) gives no quote on that day. Nothing here knows a price before its time: a snapshot is made of the events up to its
instant and of the store's as-of view.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.units import Market
from engine.feeds.distributions import distributions
from engine.feeds.tape import DividendEvent, QuoteEvent, SessionEvent, SessionKind, TapeEvent
from engine.store.bars import ZONE, BarStore
from engine.store.snapshot import Snapshot, freeze

SOURCE = "replay"
FIRST_DAY = date(2020, 1, 2)
"""Two months of sound bars lie before it, for averages; older forward-adjusted rows of the sample are not exact."""
LAST_DAY = date(2020, 6, 16)

PRE_OPEN = time(9, 15)
AUCTION = time(9, 25)
TURNS = (
    (time(9, 30), SessionKind.OPEN),
    (time(11, 30), SessionKind.LUNCH),
    (time(13, 0), SessionKind.AFTERNOON),
    (time(15, 0), SessionKind.CLOSE),
)
_BEIJING = ZoneInfo(ZONE)
# Events of one instant: the day begins, shares go ex, prices follow, the closing print comes after the last bar, the day turns.
_BEGINS, _GOES_EX, _PRINTS, _CLOSES, _TURNS = range(5)


@dataclass(frozen=True, slots=True)
class _Timed:
    """An event with its place among those of the same instant."""

    rank: int
    event: TapeEvent

    @property
    def order(self) -> tuple[datetime, int, str]:
        return (self.event.at, self.rank, _symbol(self.event))


class ReplayTape:
    """A Tape over the sessions of `store` from `start` to `end`, both included. Raises DataError when there are none."""

    source = SOURCE

    def __init__(self, store: BarStore, *, start: date = FIRST_DAY, end: date = LAST_DAY) -> None:
        self._store = store
        world = store.as_of(_at(end, TURNS[-1][0]))
        self._sessions = tuple(day for day in world.sessions() if start <= day <= end)
        if not self._sessions:
            raise DataError(f"replay: the sample market has no session between {start} and {end}")
        self._instruments = world.instruments()
        self._names = {item.symbol: item.name for item in self._instruments}
        symbols = list(self._names)
        self._days = _by_day(world.daily(symbols, len(world.sessions())))
        self._order = sorted(self._days)
        self._gone_ex = distributions(world.dividends(symbols), self._sessions, lambda day: _at(day, PRE_OPEN))
        self._pending: deque[TapeEvent] = deque()
        self._next_session = 0
        self._made: dict[date, list[TapeEvent]] = {}

    @property
    def sessions(self) -> tuple[date, ...]:
        """The trading days this tape plays."""
        return self._sessions

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return self._instruments

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None after the last close."""
        if self._pending:
            return self._pending[0].at
        if self._next_session < len(self._sessions):
            return _at(self._sessions[self._next_session], PRE_OPEN)
        return None

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, oldest first."""
        given: list[TapeEvent] = []
        while (following := self.next_at()) is not None and following <= to:
            if not self._pending:
                self._pending.extend(self._events(self._sessions[self._next_session]))
                self._next_session += 1
            given.append(self._pending.popleft())
        return given

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """The market of `symbols` at `as_of`, the same however far the tape has run.

        Quotes: those of the session under way or last closed; a name without one keeps its last earlier close, whose `trading_day`
        tells its age. Bars: the last `history_days` closed sessions, and the 5-minute bars of the session so far. Raises DataError
        before the first event and for a symbol the tape does not know.
        """
        unknown = [symbol for symbol in symbols if symbol not in self._names]
        if unknown:
            raise DataError(f"replay: the sample market has no {unknown[0]}")
        day = next((day for day in reversed(self._sessions) if _at(day, PRE_OPEN) <= as_of), None)
        if day is None:
            raise DataError(f"replay: nothing is known yet at {as_of}; the tape begins on {self._sessions[0]}")
        quotes = {symbol: quote for symbol in symbols if (quote := self._earlier(symbol, day)) is not None}
        for event in self._events(day):
            if isinstance(event, QuoteEvent) and event.at <= as_of:
                quotes[event.quote.symbol] = event.quote
        known = self._store.as_of(as_of)
        return freeze(
            as_of=as_of,
            market=Market.ASHARE,
            trading_day=day,
            source=self.source,
            instruments=(item for item in self._instruments if item.symbol in symbols),
            quotes=(quotes[symbol] for symbol in symbols if symbol in quotes),
            bars=pl.concat([known.daily(symbols, history_days), known.minutes(symbols, day)]),
        )

    def _events(self, day: date) -> list[TapeEvent]:
        """All events of one session in order; the two latest sessions are kept, as snapshots ask for them again."""
        made = self._made.get(day)
        if made is None:
            made = [timed.event for timed in sorted(self._day(day), key=lambda timed: timed.order)]
            self._made = {**dict(list(self._made.items())[-1:]), day: made}
        return made

    def _day(self, day: date) -> Iterator[_Timed]:
        yield _Timed(_BEGINS, SessionEvent(day, SessionKind.PRE_OPEN, _at(day, PRE_OPEN)))
        for clock, kind in TURNS:
            yield _Timed(_TURNS, SessionEvent(day, kind, _at(day, clock)))
        for distribution in self._gone_ex.get(day, ()):
            yield _Timed(_GOES_EX, distribution)
        bars = self._days.get(day, {})
        minutes = _by_symbol(self._store.as_of(_at(day, TURNS[-1][0])).minutes(list(bars), day))
        for symbol, bar in bars.items():
            before = self._quote(bar, self._last_close(symbol, day) or bar.pre_close)
            yield _Timed(_PRINTS, QuoteEvent(before))
            opened = replace(
                before,
                known_at=_at(day, AUCTION),
                last=bar.open,
                open=bar.open,
                high=bar.open,
                low=bar.open,
                auction=True,
            )
            yield _Timed(_PRINTS, QuoteEvent(opened))
            yield from _intraday(opened, minutes.get(symbol, ()))
            yield _Timed(_CLOSES, QuoteEvent(_closed(opened, bar), bar))

    def _quote(self, bar: Bar, last: int) -> Quote:
        """What is known before the open: yesterday's close and today's reference price. Limits are left to the exchange room."""
        return Quote(
            symbol=bar.symbol,
            name=self._names[bar.symbol],
            trading_day=bar.trading_day,
            known_at=_at(bar.trading_day, PRE_OPEN),
            last=last,
            pre_close=bar.pre_close,
            open=0,
            high=0,
            low=0,
            volume=0,
            amount=0,
            source=self.source,
        )

    def _earlier(self, symbol: str, day: date) -> Quote | None:
        """The closing quote of the newest session before `day` in which `symbol` has a sound bar."""
        for other in reversed(self._order[: bisect_left(self._order, day)]):
            if bar := self._days[other].get(symbol):
                return _closed(replace(self._quote(bar, bar.pre_close), open=bar.open), bar)
        return None

    def _last_close(self, symbol: str, day: date) -> int:
        """The close of the session before `day`; 0 where it is not certain."""
        place = bisect_left(self._order, day)
        bar = self._days[self._order[place - 1]].get(symbol) if place else None
        return bar.close if bar else 0


def _intraday(opened: Quote, bars: Sequence[Bar]) -> Iterator[_Timed]:
    """The quote after each bar of the day, running totals from the opening print on."""
    quote = replace(opened, auction=False)
    for bar in bars:
        quote = replace(
            quote,
            known_at=bar.known_at,
            last=bar.close,
            high=max(quote.high, bar.high),
            low=min(quote.low, bar.low),
            volume=quote.volume + bar.volume,
            amount=quote.amount + bar.amount,
        )
        yield _Timed(_PRINTS, QuoteEvent(quote, bar))


def _closed(opened: Quote, bar: Bar) -> Quote:
    return replace(
        opened,
        known_at=bar.known_at,
        last=bar.close,
        high=bar.high,
        low=bar.low,
        volume=bar.volume,
        amount=bar.amount,
        auction=True,
    )


def _by_day(daily: pl.DataFrame) -> dict[date, dict[str, Bar]]:
    days: dict[date, dict[str, Bar]] = {}
    for bar in _bars(daily):
        days.setdefault(bar.trading_day, {})[bar.symbol] = bar
    return days


def _by_symbol(minutes: pl.DataFrame) -> dict[str, list[Bar]]:
    found: dict[str, list[Bar]] = {}
    for bar in _bars(minutes):
        found.setdefault(bar.symbol, []).append(bar)
    return found


def _bars(table: pl.DataFrame) -> Iterator[Bar]:
    for row in table.sort("known_at", "symbol").iter_rows(named=True):
        yield Bar(**{**row, "start": row["start"].astimezone(UTC), "known_at": row["known_at"].astimezone(UTC)})


def _symbol(event: TapeEvent) -> str:
    match event:
        case QuoteEvent(quote=quote):
            return quote.symbol
        case DividendEvent(symbol=symbol):
            return symbol
        case _:
            return ""


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, _BEIJING).astimezone(UTC)
