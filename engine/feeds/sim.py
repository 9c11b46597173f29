"""The sim tape: a simulated A-share market of any size and seed, played as the real ones are; nothing on it is real.

SimMarket(seed) ──► each session: 09:15 reference prices · 09:25 opening print · 48 five-minute bars · 15:00 closing print
For demonstrations and load. Its source is `sim`, and every name begins with 模拟 (simulated). Limits are published with each quote;
a share sealed at its upper limit has no ask, one suspended says so before the open and is then silent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Instrument
from engine.core.market import Bar, Quote
from engine.core.units import PPM, Market
from engine.feeds.sim_listing import TICK, Whole
from engine.feeds.sim_market import BARS, Session, SimMarket
from engine.feeds.tape import QuoteEvent, SessionEvent, SessionKind, TapeEvent
from engine.store.bars import DAILY, MINUTES, ZONE
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

SOURCE = "sim"
HISTORY = 250
"""Sessions before the first one played, for averages."""

_BEIJING = ZoneInfo(ZONE)
_FIVE_MINUTES = timedelta(minutes=5)
_PRE_OPEN, _AUCTION, _OPEN, _LUNCH, _AFTERNOON, _CLOSE = (time(9, 15), time(9, 25), time(9, 30), time(11, 30), time(13), time(15))
_TURNS = {
    _PRE_OPEN: SessionKind.PRE_OPEN,
    _OPEN: SessionKind.OPEN,
    _LUNCH: SessionKind.LUNCH,
    _AFTERNOON: SessionKind.AFTERNOON,
    _CLOSE: SessionKind.CLOSE,
}
_BAR_ENDS = tuple(time(*divmod(minute, 60)) for minute in (*range(575, 691, 5), *range(785, 901, 5)))
_MOMENTS = tuple(sorted({*_TURNS, _AUCTION, *_BAR_ENDS}))
"""The instants of a session at which something becomes known, in Beijing time."""
_STAGES = (_PRE_OPEN, _AUCTION, *_BAR_ENDS)
"""The instants at which quotes move: stage 0 before the open, 1 after the opening auction, 2 to 49 after each bar."""


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """One session with its running totals after every stage, rows as instruments."""

    place: int
    day: date
    session: Session
    high: Whole
    low: Whole
    volume: Whole
    amount: Whole


class SimTape:
    """A Tape over `sessions` simulated sessions from `start`. `begin` skips those before it (the market is the same).

    Raises DataError for an impossible size, CalendarUnknown beyond the years whose holidays are known.
    """

    source = SOURCE

    def __init__(
        self, *, seed: int, size: int, start: date, sessions: int, begin: date | None = None, history: int = HISTORY
    ) -> None:
        self._market = SimMarket(seed=seed, size=size, start=start, sessions=sessions, history=history)
        self._instruments = self._market.names.instruments
        self._rows = {item.symbol: row for row, item in enumerate(self._instruments)}
        self._first = next(
            (place for place, day in enumerate(self._market.days) if place >= history and (begin is None or day >= begin)),
            len(self._market.days),
        )
        if self._first == len(self._market.days):
            raise DataError(f"sim: no session from {begin}; the simulated market ends on {self._market.days[-1]}")
        self._place, self._moment = self._first, 0
        self._kept: dict[int, _Day] = {}

    @property
    def sessions(self) -> tuple[date, ...]:
        """The trading days this tape plays."""
        return self._market.days[self._first :]

    def instruments(self) -> tuple[Instrument, ...]:
        """All names that are listed by the last session, sorted by symbol; one listed later is silent until then."""
        return self._instruments

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None after the last close."""
        if self._place == len(self._market.days):
            return None
        return _at(self._market.days[self._place], _MOMENTS[self._moment])

    def advance(self, to: datetime) -> list[TapeEvent]:
        """Every event not yet given with known_at <= `to`, oldest first."""
        given: list[TapeEvent] = []
        while (following := self.next_at()) is not None and following <= to:
            given += self._events(self._day(self._place), _MOMENTS[self._moment])
            self._moment = (self._moment + 1) % len(_MOMENTS)
            self._place += self._moment == 0
        return given

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        """The market of `symbols` at `as_of`, the same however far the tape has run.

        Daily bars of the last `history_days` closed sessions and the 5-minute bars of the session so far. A name that is not listed
        yet is not in it. Raises DataError before the first event and for a symbol the tape does not know.
        """
        unknown = [symbol for symbol in symbols if symbol not in self._rows]
        if unknown:
            raise DataError(f"sim: the simulated market has no {unknown[0]}")
        local = as_of.astimezone(_BEIJING)
        played = [place for place, day in enumerate(self._market.days) if place >= self._first and _at(day, _PRE_OPEN) <= as_of]
        if not played:
            raise DataError(f"sim: nothing is known yet at {as_of}; the tape begins on {self._market.days[self._first]}")
        today = self._day(played[-1])
        stage = len(_STAGES) if local.date() > today.day else bisect_right(_STAGES, local.time())
        listed_at = self._market.names.listed_at
        rows = np.array(sorted(row for row in {self._rows[s] for s in symbols} if listed_at[row] <= today.place), dtype=np.int64)
        closed = today.place + (stage == len(_STAGES))
        frames = [self._daily(rows, max(0, closed - history_days), closed), self._minutes(today, rows, max(0, stage - 2))]
        return freeze(
            as_of=as_of,
            market=Market.ASHARE,
            trading_day=today.day,
            source=self.source,
            instruments=(self._instruments[row] for row in rows.tolist()),
            quotes=self._quotes(today, stage - 1, rows, closing=stage == len(_STAGES)),
            bars=pl.concat(frames),
        )

    def _day(self, place: int) -> _Day:
        """A session with its path; the two latest are kept, as snapshots ask for them again."""
        kept = self._kept.get(place)
        if kept is None:
            kept = _totals(place, self._market.days[place], self._market.session(place))
            self._kept = {**dict(list(self._kept.items())[-1:]), place: kept}
        return kept

    def _events(self, today: _Day, moment: time) -> Iterator[TapeEvent]:
        at = _at(today.day, moment)
        turn = _TURNS.get(moment)
        if turn is SessionKind.PRE_OPEN:
            yield SessionEvent(today.day, turn, at)
        if moment in _STAGES:
            stage = _STAGES.index(moment)
            listed = today.session.trades | (today.session.suspended & (stage == 0))
            rows = np.flatnonzero(listed)
            bars = self._bar_of(today, rows, stage - 2) if stage > 1 else iter([None] * len(rows))
            yield from (QuoteEvent(q, b) for q, b in zip(self._quotes(today, stage, rows, closing=False), bars, strict=True))
            if moment == _CLOSE:
                daily = self._bar_of_day(today, rows)
                closing = self._quotes(today, stage, rows, closing=True)
                yield from (QuoteEvent(quote, bar) for quote, bar in zip(closing, daily, strict=True))
        if turn is not None and turn is not SessionKind.PRE_OPEN:
            yield SessionEvent(today.day, turn, at)

    def _quotes(self, today: _Day, stage: int, rows: Whole, *, closing: bool) -> Iterator[Quote]:
        """Quotes of `rows` after a stage, by symbol; `closing` is the print of the closing auction."""
        session, at, said = today.session, _at(today.day, _STAGES[stage]), _at(today.day, _PRE_OPEN)
        last = session.steps[rows, max(0, stage - 1)]
        trades = session.trades[rows]
        last = np.where(trades & (stage > 0), last, session.reference[rows])
        up, down = session.limit_up[rows], session.limit_down[rows]
        extra = session.closing[rows] if closing else np.zeros_like(last)
        printed = session.closing[rows] if closing else session.auction[rows] * (stage == 1)
        depth = np.maximum(self._market.names.volume[rows] // 500 // 100, 1) * 100
        book = trades & (stage > 0)
        ask, bid = np.where(last == up, 0, last + TICK) * book, np.where(last == down, 0, np.maximum(last - TICK, TICK)) * book
        bid = np.where(book & (last == up), up, bid)
        ask = np.where(book & (last == down) & (down > 0), down, ask)
        columns: tuple[Whole, ...] = (
            *(last, session.reference[rows], np.where(book, session.steps[rows, 0], 0)),
            *(today.high[rows, stage], today.low[rows, stage], today.volume[rows, stage] + extra),
            *(today.amount[rows, stage] + extra * last, bid, ask, depth * (bid > 0), depth * (ask > 0), up, down, printed),
            (today.volume[rows, stage] + extra) * PPM // self._market.names.floating[rows],
        )
        suspended = session.suspended[rows].tolist()
        auction = closing or stage == 1
        for place, (row, *figures) in enumerate(zip(rows.tolist(), *(column.tolist() for column in columns), strict=True)):
            instrument = self._instruments[row]
            last_, reference, opened, high, low, volume, amount, bid_, ask_, bid_size, ask_size, up_, down_, print_, turnover = (
                figures
            )
            yield Quote(
                instrument.symbol,
                instrument.name,
                today.day,
                said if suspended[place] else at,
                last_,
                reference,
                opened,
                high,
                low,
                volume,
                amount,
                SOURCE,
                bid_,
                ask_,
                bid_size,
                ask_size,
                up_,
                down_,
                print_,
                suspended[place],
                auction and not suspended[place],
                turnover,
            )

    def _daily(self, rows: Whole, first: int, after: int) -> pl.DataFrame:
        """BAR_SCHEMA of sessions `first` to before `after`, by symbol and day; a day on which a name did not trade has no row."""
        market = self._market
        where = market.trades[rows, first:after]
        days = market.days[first:after]
        which, when = np.nonzero(where)
        grids = {"open": market.open, "high": market.high, "low": market.low, "close": market.close}
        grids |= {"volume": market.volume, "amount": market.amount, "pre_close": market.reference}
        times = {
            "trading_day": pl.Series(days, dtype=pl.Date),
            "start": pl.Series([_at(day, _OPEN) for day in days], dtype=BAR_SCHEMA["start"]),
            "known_at": pl.Series([_at(day, _CLOSE) for day in days], dtype=BAR_SCHEMA["known_at"]),
        }
        return self._frame(rows[which], DAILY, {n: g[rows, first:after][where] for n, g in grids.items()}, times, when)

    def _bar_of(self, today: _Day, rows: Whole, place: int) -> Iterator[Bar]:
        """The 5-minute bar at a place of the session, of names that trade in it."""
        session = today.session
        opened, close = session.steps[rows, place], session.steps[rows, place + 1]
        high, low, volume = session.high[rows, place], session.low[rows, place], session.volume[rows, place]
        amount = (opened + close + high + low) // 4 * volume
        end = _at(today.day, _BAR_ENDS[place])
        figures = (opened, high, low, close, volume, amount, session.reference[rows])
        return self._bars(rows, MINUTES, today.day, end - _FIVE_MINUTES, end, figures)

    def _bar_of_day(self, today: _Day, rows: Whole) -> Iterator[Bar]:
        """The daily bar of names that trade in a session."""
        market, place = self._market, today.place
        grids = (market.open, market.high, market.low, market.close, market.volume, market.amount, market.reference)
        figures = tuple(grid[rows, place] for grid in grids)
        return self._bars(rows, DAILY, today.day, _at(today.day, _OPEN), _at(today.day, _CLOSE), figures)

    def _bars(
        self, rows: Whole, interval: str, day: date, start: datetime, known_at: datetime, figures: tuple[Whole, ...]
    ) -> Iterator[Bar]:
        for row, *cells in zip(rows.tolist(), *(column.tolist() for column in figures), strict=True):
            yield Bar(self._instruments[row].symbol, interval, day, start, known_at, *cells)

    def _minutes(self, today: _Day, rows: Whole, count: int) -> pl.DataFrame:
        """BAR_SCHEMA of the session's first `count` 5-minute bars."""
        session = today.session
        count = min(count, BARS)
        traded = rows[session.trades[rows]] if count else rows[:0]
        ends = [_at(today.day, clock) for clock in _BAR_ENDS[:count]]
        steps, volume = session.steps[traded], session.volume[traded][:, :count]
        opened, close = steps[:, :count], steps[:, 1 : count + 1]
        high, low = session.high[traded][:, :count], session.low[traded][:, :count]
        grids = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
        grids |= {"amount": (opened + close + high + low) // 4 * volume}
        grids |= {"pre_close": np.broadcast_to(session.reference[traded][:, None], close.shape)}
        times = {
            "trading_day": pl.Series([today.day] * len(ends), dtype=pl.Date),
            "start": pl.Series([end - _FIVE_MINUTES for end in ends], dtype=BAR_SCHEMA["start"]),
            "known_at": pl.Series(ends, dtype=BAR_SCHEMA["known_at"]),
        }
        which = np.repeat(traded, len(ends))
        when = np.tile(np.arange(len(ends), dtype=np.int64), len(traded))
        return self._frame(which, MINUTES, {name: np.ascontiguousarray(grid).ravel() for name, grid in grids.items()}, times, when)

    def _frame(
        self, which: Whole, interval: str, figures: Mapping[str, Whole], times: Mapping[str, pl.Series], when: Whole
    ) -> pl.DataFrame:
        symbols = pl.Series([item.symbol for item in self._instruments], dtype=pl.String).gather(pl.Series(which))
        place = pl.Series(when)
        columns: dict[str, Any] = {
            "symbol": symbols,
            **{name: column.gather(place) for name, column in times.items()},
            **{name: pl.Series(values, dtype=pl.Int64) for name, values in figures.items()},
        }
        frame = pl.DataFrame(columns).with_columns(interval=pl.lit(interval), factor_ppm=pl.lit(1_000_000, dtype=pl.Int64))
        return frame.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA)


def _totals(place: int, day: date, session: Session) -> _Day:
    """Running high, low, volume and turnover after each stage; a name that does not trade has none."""
    opened = session.steps[:, :1]
    trades = session.trades[:, None]
    none = np.zeros_like(opened)
    first = session.auction[:, None]
    high = np.maximum.accumulate(np.concatenate([opened, session.high], axis=1), axis=1) * trades
    low = np.minimum.accumulate(np.concatenate([opened, session.low], axis=1), axis=1) * trades
    volume = np.concatenate([first, session.volume], axis=1).cumsum(axis=1)
    amount = np.concatenate([first * opened, session.amount], axis=1).cumsum(axis=1)
    high, low, volume, amount = (np.concatenate([none, column], axis=1) for column in (high, low, volume, amount))
    return _Day(place, day, session, high, low, volume, amount)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, _BEIJING).astimezone(UTC)
