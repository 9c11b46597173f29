"""The stored tape: any market kept in the market store, at any intervals, played again in the order in which it could be known.

store.as_of ──► turns of each session · prints of the finest interval ──► advance
            ──► daily bars · the newest bars of each interval asked for ──► snapshot
Nothing here knows a price before its time: a snapshot is made of the events up to its instant and of the store's as-of view.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Board, Instrument
from engine.core.market import Bar
from engine.core.units import Market
from engine.exchange import Contract, calendar
from engine.feeds.distributions import distributions
from engine.feeds.fundings import funding_events, last_fundings
from engine.feeds.prints import Day, bars_of, by_symbol, earlier, endless_prints, session_prints
from engine.feeds.tape import DividendEvent, FundingEvent, QuoteEvent, SessionEvent, SessionKind, TapeEvent
from engine.feeds.turns import turns
from engine.store.market import INTERVAL_MINUTES, MarketAsOf, MarketStore
from engine.store.market.resample import resampled
from engine.store.snapshot import Snapshot, freeze

SOURCE = "store"
DAILY = "1d"
_ONE_DAY = timedelta(days=1)


class StoredTape:
    """A Tape over the sessions of a store from `start` to `end`, both included; `bars` are intervals and how many of each.

    With `contracts` (by symbol) it plays these perpetuals and what funding they paid, and nothing else of the store.
    """

    source = SOURCE

    def __init__(
        self,
        store: MarketStore,
        *,
        start: date | None = None,
        end: date | None = None,
        bars: Sequence[tuple[str, int]] = (),
        contracts: Mapping[str, Contract] | None = None,
    ) -> None:
        """Raises DataError when the store has no session between the two, no such perpetual, or does not know an interval."""
        unknown = [interval for interval, _ in bars if interval not in INTERVAL_MINUTES]
        if unknown:
            raise DataError(f"no bars of {unknown[0]}: the intervals are {', '.join(INTERVAL_MINUTES)}")
        self._store = store
        self._market = store.market
        self._calendar = calendar(store.market)
        self._bars = tuple((interval, count) for interval, count in bars if interval != DAILY)
        self._finest = min((name for name, _ in self._bars), key=INTERVAL_MINUTES.__getitem__, default="")
        self._coarsest = max((name for name, _ in self._bars), key=INTERVAL_MINUTES.__getitem__, default="")
        horizon = datetime.combine(end or self._calendar_end(), time(), UTC) + 2 * _ONE_DAY
        world = store.as_of(horizon)
        known = [day for day in world.sessions() if end is None or day <= end]
        self._sessions = tuple(day for day in known if start is None or day >= start)
        if not self._sessions:
            there = f"it has {known[0]} to {known[-1]}" if known else "it is empty: see `kanpan data import` and `kanpan data sync`"
            raise DataError(f"store: no {store.market} session between {start} and {end}; {there}")
        self._instruments = _listed(store, self._begins(self._sessions[0]), horizon)
        if contracts is not None:
            self._instruments = _perpetuals(store, contracts, horizon, self._instruments)
        self._margined = contracts is not None
        if not self._instruments:
            raise DataError(f"store: no {store.market} security is known by {self._sessions[-1]}")
        self._names = {symbol: item.name for symbol, item in self._instruments.items()}
        self._gone_ex = distributions(world.dividends(list(self._names)), self._sessions, self._begins)
        self._pending: deque[TapeEvent] = deque()
        self._next_session = 0
        self._made: dict[date, list[TapeEvent]] = {}

    def _calendar_end(self) -> date:
        return date(2100, 1, 1) if self._market is Market.CRYPTO else self._calendar.last

    @property
    def sessions(self) -> tuple[date, ...]:
        """The trading days this tape plays."""
        return self._sessions

    def instruments(self) -> tuple[Instrument, ...]:
        """What the tape can quote, sorted by symbol."""
        return tuple(self._instruments.values())

    def next_at(self) -> datetime | None:
        """When the next event becomes known; None after the last close."""
        if self._pending:
            return self._pending[0].at
        if self._next_session < len(self._sessions):
            return self._begins(self._sessions[self._next_session])
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

        Bars: the last `history_days` closed sessions, and the newest ones of every other interval of the tape. A name that gave no
        quote today keeps its newest bar, whose day tells its age. Raises DataError before the first event and for a symbol the
        tape does not know.
        """
        unknown = [symbol for symbol in symbols if symbol not in self._names]
        if unknown:
            raise DataError(f"store: the {self._market} market has no {unknown[0]}")
        place = bisect_right(self._sessions, as_of, key=self._begins)
        if not place:
            raise DataError(f"store: nothing is known yet at {as_of}; the tape begins on {self._sessions[0]}")
        day = self._sessions[place - 1]
        known = self._store.as_of(as_of)
        bars = [self._daily(known, symbols, history_days), *(known.latest(symbols, name, count) for name, count in self._bars)]
        quotes = {bar.symbol: earlier(bar, self._names[bar.symbol], self.source) for bar in self._last_bars(known, symbols)}
        for event in self._events(day):
            if event.at > as_of:
                break
            if isinstance(event, QuoteEvent):
                quotes[event.quote.symbol] = event.quote
        return freeze(
            as_of=as_of,
            market=self._market,
            trading_day=day,
            source=self.source,
            instruments=(self._instruments[symbol] for symbol in symbols),
            quotes=(quotes[symbol] for symbol in symbols if symbol in quotes),
            bars=pl.concat(bars),
            fundings=last_fundings(known.funding(symbols), symbols, self.source) if self._margined else (),
        )

    # -- one day ----------------------------------------------------------------------------------------------------------

    def _begins(self, day: date) -> datetime:
        return self._calendar.session(day).first_order.astimezone(UTC)

    def _events(self, day: date) -> list[TapeEvent]:
        """All events of one session in order; the two latest sessions are kept, as snapshots ask for them again."""
        made = self._made.get(day)
        if made is None:
            made = sorted(self._day(day), key=_order)
            self._made = {**dict(list(self._made.items())[-1:]), day: made}
        return made

    def _day(self, day: date) -> Iterator[TapeEvent]:
        yield from turns(self._calendar, day)
        yield from self._gone_ex.get(day, ())
        begins = self._begins(day)
        ended = (self._calendar.session(day).ends + _ONE_DAY).astimezone(UTC)
        world, before = self._store.as_of(ended), self._store.as_of(begins)
        symbols = list(self._names)
        closes = {bar.symbol: bar.close for bar in self._last_bars(before, symbols)}
        if self._market is Market.CRYPTO:
            table = world.bars(symbols, self._finest or DAILY, first=day - _ONE_DAY, last=day)
            of_today = table.filter(pl.col("known_at") >= begins, pl.col("known_at") < begins + _ONE_DAY)
            yield from endless_prints(day, begins, by_symbol(of_today), closes, self._names, self.source)
            if self._margined:
                yield from funding_events(world.funding(symbols), self.source, begins, begins + _ONE_DAY)
            return
        daily = {bar.symbol: bar for bar in bars_of(world.bars(symbols, DAILY, first=day, last=day))}
        parts = by_symbol(world.bars(symbols, self._finest, first=day, last=day)) if self._finest else {}
        yield from session_prints(Day(self._calendar.session(day), daily, parts, closes, self._names, self.source))

    def _last_bars(self, known: MarketAsOf, symbols: Sequence[str]) -> Iterator[Bar]:
        """The newest bar of each name that was known, daily ones first: the finer one comes last and wins."""
        for interval in dict.fromkeys((DAILY, self._finest or DAILY)):
            yield from bars_of(known.latest(symbols, interval, 1))

    def _daily(self, known: MarketAsOf, symbols: Sequence[str], history_days: int) -> pl.DataFrame:
        """Daily bars; where a market that never closes keeps none, whole days made of its longest interval."""
        daily = known.daily(symbols, history_days)
        if not daily.is_empty() or not self._coarsest or self._market is not Market.CRYPTO:
            return daily
        a_day = INTERVAL_MINUTES[DAILY] // INTERVAL_MINUTES[self._coarsest]
        return resampled(known.latest(symbols, self._coarsest, history_days * a_day), self._coarsest, DAILY, self._market).whole


def _listed(store: MarketStore, begins: datetime, ends: datetime) -> dict[str, Instrument]:
    """What there is to trade from `begins` to `ends`, by symbol: names and marks as they were known at the beginning.

    A desk without terms for perpetuals trades one as the pair it follows, long only and paid in full.
    """
    early = {item.symbol: item for item in store.as_of(begins).instruments()}
    late = {item.symbol: item for item in store.as_of(ends).instruments()}
    found: dict[str, Instrument] = {}
    for symbol in sorted({*early, *late}):
        item = early.get(symbol) or replace(late[symbol], special_treatment=False, delisting=False)
        latest = late.get(symbol, item)
        board = Board.SPOT if item.board is Board.PERP else item.board
        found[symbol] = replace(item, board=board, tick=latest.tick, step=latest.step)
    return found


def _perpetuals(
    store: MarketStore, contracts: Mapping[str, Contract], horizon: datetime, listed: Mapping[str, Instrument]
) -> dict[str, Instrument]:
    """The perpetuals among what is listed, with the steps that their contracts give. Raises DataError for another kind of pair."""
    kept = {item.symbol for item in store.as_of(horizon).instruments() if item.board is Board.PERP}
    spot = sorted(set(contracts) & set(listed) - kept)
    if spot:
        raise DataError(f"store: {spot[0]} is kept as a spot pair; import a perpetual's bars with --board perp")
    found = {}
    for symbol in sorted(kept & set(contracts)):
        given, item = contracts[symbol], listed[symbol]
        found[symbol] = replace(item, board=Board.PERP, tick=given.tick or item.tick, step=given.step or item.step)
    return found


def _order(event: TapeEvent) -> tuple[datetime, int, str]:
    """Events of one instant: the day begins, shares go ex, prices follow, funding is settled, the day turns."""
    match event:
        case SessionEvent(kind=SessionKind.PRE_OPEN):
            return event.at, 0, ""
        case DividendEvent(symbol=symbol):
            return event.at, 1, symbol
        case QuoteEvent(quote=quote):
            return event.at, 2, quote.symbol
        case FundingEvent(funding=funding):
            return event.at, 3, funding.symbol
        case _:
            return event.at, 4, ""
