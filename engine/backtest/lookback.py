"""The past as a snapshot holds it, played again: what a strategy is tried on knows nothing that its cycle could not know.

snapshot (frozen, hashed, as_of) ──► its daily bars ──► turns and prints of each past session ──► a tape for the desk's own cycle
So a verdict of the gate can be computed again from the snapshot alone, on any machine and at any later time, whatever the market.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.units import Market
from engine.exchange import Calendar, calendar
from engine.feeds.distributions import distributions
from engine.feeds.prints import Day, bars_of, earlier, endless_prints, session_prints
from engine.feeds.tape import DividendEvent, QuoteEvent, SessionEvent, SessionKind, TapeEvent
from engine.feeds.turns import LAST_INSTANT, turns
from engine.store.bars import DIVIDEND_SCHEMA
from engine.store.snapshot import Snapshot, freeze

SOURCE = "lookback"
DAILY = "1d"
LARGE_DROP = 10
"""A reference price more than a tenth below the last close is taken for new shares, anything less for cash."""


class Lookback:
    """A Tape over the last `sessions` whole sessions of a snapshot, of `symbols` only. Raises DataError where it holds none."""

    source = SOURCE

    def __init__(self, snapshot: Snapshot, symbols: Sequence[str], sessions: int) -> None:
        self._market = snapshot.market
        self._calendar = calendar(snapshot.market)
        self._bars = snapshot.bars.filter((pl.col("interval") == DAILY) & pl.col("symbol").is_in(list(symbols)))
        self._days: dict[date, dict[str, Bar]] = {}
        for bar in bars_of(self._bars):
            self._days.setdefault(bar.trading_day, {})[bar.symbol] = bar
        self._order = sorted(self._days)
        self._sessions = self._order[-sessions:]
        if not self._sessions:
            raise DataError("the snapshot holds no whole session to try a strategy on")
        self._instruments = {item.symbol: item for item in snapshot.instruments if item.symbol in symbols}
        self._names = {symbol: item.name for symbol, item in self._instruments.items()}
        self._gone_ex = distributions(gone_ex(self._bars, self._calendar), self._sessions, self._begins)
        self._pending: deque[TapeEvent] = deque()
        self._next_session = 0
        self._made: tuple[date, list[TapeEvent]] = (date.min, [])

    @property
    def sessions(self) -> tuple[date, ...]:
        """The trading days this tape plays."""
        return tuple(self._sessions)

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return tuple(self._instruments[symbol] for symbol in sorted(self._instruments))

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None after the last close."""
        if self._pending:
            return self._pending[0].at
        return self._begins(self._sessions[self._next_session]) if self._next_session < len(self._sessions) else None

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
        """The market of `symbols` as it could be known at `as_of`, with up to `history_days` sessions of daily bars."""
        place = bisect_right(self._sessions, as_of, key=self._begins)
        if not place:
            raise DataError(f"nothing is known yet at {as_of}; the look-back begins on {self._sessions[0]}")
        day = self._sessions[place - 1]
        closed = self._order[: bisect_right(self._order, day) - 1][-history_days:]
        first = closed[0] if closed else date.max
        known = (pl.col("known_at") <= as_of) & (pl.col("trading_day") >= first) & pl.col("symbol").is_in(list(symbols))
        quotes = {symbol: quote for symbol in symbols if (quote := self._earlier(symbol, day)) is not None}
        for event in self._events(day):
            if isinstance(event, QuoteEvent) and event.at <= as_of:
                quotes[event.quote.symbol] = event.quote
        return freeze(
            as_of=as_of,
            market=self._market,
            trading_day=day,
            source=SOURCE,
            instruments=(self._instruments[symbol] for symbol in symbols),
            quotes=(quotes[symbol] for symbol in symbols if symbol in quotes),
            bars=self._bars.filter(known),
        )

    def _begins(self, day: date) -> datetime:
        return self._calendar.session(day).first_order.astimezone(UTC)

    def _events(self, day: date) -> list[TapeEvent]:
        if self._made[0] != day:
            self._made = day, sorted(self._day(day), key=_place)
        return self._made[1]

    def _day(self, day: date) -> Iterator[TapeEvent]:
        yield from turns(self._calendar, day)
        yield from self._gone_ex.get(day, ())
        session, bars = self._calendar.session(day), self._days[day]
        closes = {bar.symbol: bar.close for bar in self._before(day).values()}
        if self._market is not Market.CRYPTO:
            yield from session_prints(Day(session, bars, {}, closes, self._names, SOURCE))
            return
        # A day's orders die just before the next day begins, and only there its bar is known: it is met two instants earlier.
        last = session.closes.astimezone(UTC) - 2 * LAST_INSTANT
        met = {symbol: [replace(bar, known_at=last)] for symbol, bar in bars.items()}
        yield from endless_prints(day, self._begins(day), met, closes, self._names, SOURCE)

    def _before(self, day: date) -> dict[str, Bar]:
        """Each name's bar of the session before, where it has one."""
        place = bisect_right(self._order, day) - 1
        return self._days[self._order[place - 1]] if place > 0 else {}

    def _earlier(self, symbol: str, day: date) -> Quote | None:
        """The row of a name's newest session before `day`."""
        for other in reversed(self._order[: bisect_right(self._order, day) - 1]):
            if bar := self._days[other].get(symbol):
                return earlier(bar, self._names[symbol], SOURCE)
        return None


def gone_ex(daily: pl.DataFrame, days: Calendar) -> pl.DataFrame:
    """What went ex within daily bars (DIVIDEND_SCHEMA), read from the exchange's reference price against the last close.

    A snapshot does not say whether shares or cash were given. Small drops are booked as cash, large ones as shares, which keeps
    what a holding is worth but for the tax on cash. Over a gap in the bars nothing is read: it would hold a day's move as well.
    """
    rows: list[tuple[str, datetime, date, date, int, int, int]] = []
    before: dict[str, tuple[date, int]] = {}
    ordered = daily.sort("symbol", "trading_day").select("symbol", "trading_day", "start", "close", "pre_close")
    for symbol, day, start, close, reference in ordered.iter_rows():
        last_day, last = before.get(symbol, (date.min, 0))
        drop = last - reference
        if last and reference > 0 and drop > 0 and last_day == days.previous_session(day):
            cash, shares = (drop * 1_000, 0) if drop * LARGE_DROP <= last else (0, last * 10**7 // reference - 10**7)
            rows.append((symbol, start - timedelta(days=1), last_day, day, cash, 0, shares))
        before[symbol] = (day, close)
    return pl.DataFrame(rows, schema=DIVIDEND_SCHEMA, orient="row")


def _place(event: TapeEvent) -> tuple[datetime, int, str]:
    """Events of one instant: the day begins, shares go ex, prices follow, the day turns."""
    match event:
        case SessionEvent():
            return event.at, 0 if event.kind is SessionKind.PRE_OPEN else 3, ""
        case DividendEvent():
            return event.at, 1, event.symbol
        case QuoteEvent():
            return event.at, 2, event.quote.symbol
        case _:
            return event.at, 3, ""
