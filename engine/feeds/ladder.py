"""The ladder: each kind of data from the first source that answers whole and credibly; else what was remembered, marked stale.

quotes(symbols) ──► rung by rung ──► complete? (90 %) ──► agrees with another vendor? ──► Served
                         └── none ──► the cache, stale, with its age

| fault of a source | the ladder |
|---|---|
| any but these below | next rung; this one rests `rest.first_s`, doubling each time it fails again |
| BANNED THROTTLED | next rung; rests `rest.ban_s`, or what the server asked for |
| UNKNOWN_SYMBOL | next rung; this one is well |

Whoever rested is tried first again, and so the ladder climbs back by itself. Every change of source is a SourceSwitched.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from engine.core.errors import DataError
from engine.core.units import PPM
from engine.feeds.breaker import Rest
from engine.feeds.crosscheck import Compared, compare, sample
from engine.feeds.rungs import NOBODY, Found, Rung, Rungs, RungState, SourceSwitched
from engine.feeds.source import QUOTE_TABLE, BarSource, Fault, FeedError, Fetch, Kind, QuoteSource, SecuritySource

CACHE = "cache"
_ARRIVED = "arrived_at"
_CACHED = pl.Schema({**QUOTE_TABLE, _ARRIVED: pl.Datetime("us", "UTC")})


@dataclass(frozen=True, slots=True)
class LadderPolicy:
    """When a table is believed. Fractions in ppm, times in seconds.

    `complete_ppm` of the expected rows must be there; every `check_every_s` the prices of `sample` names are compared with another
    vendor's, `tolerance_ppm` apart at most, rows no more than `apart_s` apart in time. One fault rests a source of quotes;
    `bar_rest` is milder, because a bar request is about one name.
    """

    complete_ppm: int = 900_000
    check_every_s: float = 60.0
    sample: int = 8
    tolerance_ppm: int = 20_000
    apart_s: float = 300.0
    rest: Rest = field(default_factory=lambda: Rest(failures=1, first_s=30.0, most_s=600.0))
    bar_rest: Rest = field(default_factory=lambda: Rest(failures=3, first_s=30.0, most_s=600.0))


@dataclass(frozen=True, slots=True)
class Served:
    """A table and where it came from. `at` is when it arrived (the oldest row's arrival where it is remembered), `age_s` its age.

    `stale` bars it from opening positions: it was remembered, or two vendors contradict each other as a whole. `disputed` names
    rows whose price another vendor contradicts, `missing` names that were asked for and are not in the table.
    """

    table: pl.DataFrame
    source: str
    at: datetime
    age_s: float
    stale: bool
    switched: SourceSwitched | None = None
    disputed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Ladder:
    """Sources in order for each kind. Safe from any thread: one walk at a time for each kind, `states` never waits for one.

    `observer` hears each switch in the thread that walked; it must not ask the ladder anything but `states`. `listed_rows` is how
    many names the last accepted list had, `keep` takes each list that is accepted (master.py).
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        quotes: Sequence[Rung[QuoteSource]] = (),
        bars: Sequence[Rung[BarSource]] = (),
        securities: Sequence[Rung[SecuritySource]] = (),
        listed_rows: int = 0,
        keep: Callable[[pl.DataFrame, str, datetime], None] = lambda table, source, at: None,
        observer: Callable[[SourceSwitched], None] = lambda switched: None,
        policy: LadderPolicy | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._policy = policy or LadderPolicy()
        self._monotonic = monotonic
        rest, bar_rest = self._policy.rest, self._policy.bar_rest
        self._quotes = Rungs(Kind.QUOTES, quotes, rest, monotonic, observer)
        self._bars = Rungs(Kind.BARS, bars, bar_rest, monotonic, observer)
        self._securities = Rungs(Kind.SECURITIES, securities, rest, monotonic, observer)
        self._turns = {kind: threading.Lock() for kind in (Kind.QUOTES, Kind.BARS, Kind.SECURITIES)}
        self._remembered = pl.DataFrame(schema=_CACHED)
        self._absent: frozenset[str] = frozenset()
        self._accepted_rows = 0
        self._listed_rows = listed_rows
        self._keep = keep
        self._checked: float | None = None
        self._turn = 0
        self._disputed: tuple[str, ...] = ()

    def quotes(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """QUOTE_TABLE of `symbols`, of the whole market when empty.

        A source whose newest row is older than `not_before` is passed by.
        Raises FeedError when no source answers and nothing is remembered.
        """
        wanted = sorted(set(symbols))
        with self._turns[Kind.QUOTES]:
            seen: dict[str, pl.DataFrame] = {}

            def ask(rung: Rung[QuoteSource]) -> pl.DataFrame:
                table = rung.source.quotes(self._fetch, wanted, now)
                seen[rung.name] = table
                self._judge_quotes(rung.name, table, wanted, not_before)
                return table

            try:
                found = self._quotes.walk(ask, now)
            except FeedError as error:
                again = self._without_absent(wanted, seen, not_before, now)
                if again is None:
                    return self._recalled(wanted, now, error)
                found = again
            found, compared = self._cross_checked(found, wanted, ask, now)
            self._accept(found.table, now, whole=not wanted)
            missing = tuple(sorted(set(wanted).difference(found.table["symbol"])))
            stale = compared is not None and compared.mostly_wrong
            disputed = tuple(found.table["symbol"]) if stale else self._disputed
            return Served(found.table, found.rung.name, now, 0.0, stale, found.switched, disputed, missing)

    def bars(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        """BAR_SCHEMA of one name; never remembered here, the store is its memory. Raises FeedError when no source answers."""
        with self._turns[Kind.BARS]:
            found = self._bars.walk(lambda rung: rung.source.bars(self._fetch, symbol, interval, first, last, now), now)
        return Served(found.table, found.rung.name, now, 0.0, stale=False, switched=found.switched)

    def securities(self, now: datetime) -> Served:
        """SECURITY_TABLE, whole; stale when it comes from a seed or a cache. Raises FeedError when no rung answers."""

        def ask(rung: Rung[SecuritySource]) -> pl.DataFrame:
            table = rung.source.securities(self._fetch, now)
            if not self._enough(table.height, self._listed_rows):
                raise FeedError(rung.name, Fault.INCOMPLETE, f"{table.height} names where {self._listed_rows} were accepted before")
            return table

        with self._turns[Kind.SECURITIES]:
            found = self._securities.walk(ask, now)
            if not found.rung.memory:
                self._listed_rows = found.table.height
                # A full disk is for the ledger to halt on; a list that was not kept is fetched again the next time.
                with contextlib.suppress(DataError):
                    self._keep(found.table, found.rung.name, now)
        newest = found.table["known_at"].max()
        at = newest if found.rung.memory and isinstance(newest, datetime) else now
        return Served(found.table, found.rung.name, at, max(0.0, (now - at).total_seconds()), found.rung.memory, found.switched)

    def states(self) -> tuple[RungState, ...]:
        """Every rung of every kind."""
        return self._quotes.states() + self._bars.states() + self._securities.states()

    def _enough(self, rows: int, expected: int) -> bool:
        return rows * PPM >= expected * self._policy.complete_ppm

    def _judge_quotes(self, source: str, table: pl.DataFrame, wanted: Sequence[str], not_before: datetime | None) -> None:
        """Raises FeedError INCOMPLETE or STALE."""
        expected = len(set(wanted) - self._absent) if wanted else self._accepted_rows
        if not self._enough(table.height, expected) or (not table.height and wanted):
            raise FeedError(source, Fault.INCOMPLETE, f"{table.height} of {expected} rows")
        newest = table["known_at"].max()
        if not_before is not None and isinstance(newest, datetime) and newest < not_before:
            raise FeedError(source, Fault.STALE, f"its newest row is of {newest:%H:%M:%S} UTC")

    def _without_absent(
        self, wanted: Sequence[str], seen: dict[str, pl.DataFrame], not_before: datetime | None, now: datetime
    ) -> Found[QuoteSource] | None:
        """The best table seen, when what it lacks is quoted nowhere: two sources or more answered without those names."""
        answers = [table["symbol"] for table in seen.values() if table.height]
        if not wanted or len(answers) < 2:
            return None
        self._absent = frozenset(wanted).difference(*answers)
        for name, table in seen.items():
            try:
                self._judge_quotes(name, table, wanted, not_before)
            except FeedError:
                continue
            rung = self._quotes.forgive(name, now)
            return Found(rung, table, self._quotes.switch(name, {}, now))
        return None

    def _accept(self, table: pl.DataFrame, now: datetime, *, whole: bool) -> None:
        fresh = table.with_columns(pl.lit(now).cast(pl.Datetime("us", "UTC")).alias(_ARRIVED)).cast(_CACHED)
        self._remembered = pl.concat([fresh, self._remembered.join(fresh, on="symbol", how="anti")]).sort("symbol")
        self._absent = self._absent.difference(table["symbol"])
        if whole:
            self._accepted_rows = table.height

    def _recalled(self, wanted: Sequence[str], now: datetime, error: FeedError) -> Served:
        """What is remembered of `wanted`, stale. Raises `error` when that is nothing."""
        kept = self._remembered.filter(pl.col("symbol").is_in(list(wanted))) if wanted else self._remembered
        switched = self._quotes.switch(NOBODY if kept.is_empty() else CACHE, {self._quotes.serving: str(error)}, now)
        oldest = kept[_ARRIVED].min()
        if not isinstance(oldest, datetime):
            raise error
        missing = tuple(sorted(set(wanted).difference(kept["symbol"])))
        age_s = max(0.0, (now - oldest).total_seconds())
        return Served(kept.drop(_ARRIVED), CACHE, oldest, age_s, True, switched, missing=missing)

    def _cross_checked(
        self, found: Found[QuoteSource], wanted: Sequence[str], ask: Callable[[Rung[QuoteSource]], pl.DataFrame], now: datetime
    ) -> tuple[Found[QuoteSource], Compared | None]:
        """`found`, or what another source serves in its place when a third one bears witness against it."""
        started = self._monotonic()
        if self._checked is not None and started - self._checked < self._policy.check_every_s:
            return found, None
        names = sample(found.table, self._policy.sample, self._turn)
        witnesses = self._witnesses(found, names, now)
        self._checked, self._turn = started, self._turn + 1
        if not witnesses:
            return found, None
        compared = self._compare(found.table, witnesses[0][1])
        if not compared.mostly_wrong:
            self._disputed = compared.disagree
            return found, compared
        self._checked = None
        return self._judged(found, compared, witnesses, ask, now)

    def _witnesses(
        self, found: Found[QuoteSource], names: list[str], now: datetime
    ) -> list[tuple[Rung[QuoteSource], pl.DataFrame]]:
        """One other vendor's rows of `names`, and a third's when the two disagree as a whole."""
        heard: list[tuple[Rung[QuoteSource], pl.DataFrame]] = []
        vendors = {found.rung.vendor}
        for rung in self._quotes.others(found.rung) if names else ():
            if rung.vendor in vendors:
                continue
            try:
                table = self._quotes.ask(rung, lambda other: other.source.quotes(self._fetch, names, now), now)
            except FeedError:
                continue
            heard.append((rung, table))
            vendors.add(rung.vendor)
            if len(heard) == 2 or not self._compare(found.table, table).mostly_wrong:
                break
        return heard

    def _judged(
        self,
        found: Found[QuoteSource],
        compared: Compared,
        witnesses: list[tuple[Rung[QuoteSource], pl.DataFrame]],
        ask: Callable[[Rung[QuoteSource]], pl.DataFrame],
        now: datetime,
    ) -> tuple[Found[QuoteSource], Compared | None]:
        """Two vendors contradict each other: the third decides who rests; without one nobody is believed, and `found` is stale."""
        if len(witnesses) < 2:
            return found, compared
        (second, theirs), (_, third) = witnesses
        detail = f"{len(compared.disagree)} of {compared.compared} prices"
        if not self._compare(found.table, third).mostly_wrong:
            self._quotes.blame(second, FeedError(second.name, Fault.DISAGREES, f"{detail} differ from {found.rung.name}"), now)
            return found, None
        if self._compare(theirs, third).mostly_wrong:
            return found, compared
        error = FeedError(found.rung.name, Fault.DISAGREES, f"{detail} differ from two other sources")
        self._quotes.blame(found.rung, error, now)
        try:
            table = self._quotes.ask(second, ask, now)
        except FeedError:
            return found, compared
        return Found(second, table, self._quotes.switch(second.name, {found.rung.name: str(error)}, now)), None

    def _compare(self, ours: pl.DataFrame, theirs: pl.DataFrame) -> Compared:
        return compare(ours, theirs, tolerance_ppm=self._policy.tolerance_ppm, apart_s=self._policy.apart_s)
