"""The ladder of quotes: whole tables only, prices that two vendors agree on, and a memory of the last row of each name.

rungs ──► complete? (90 %) ──► agrees with another vendor? ──► Served
  └── none ──► what is remembered, stale, with its age
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import polars as pl

from engine.feeds.crosscheck import Compared, compare, sample
from engine.feeds.remembered import ARRIVED, Remembered
from engine.feeds.rungs import NOBODY, Found, Rung, Rungs, RungState
from engine.feeds.served import LadderPolicy, Served
from engine.feeds.source import Fault, FeedError, Fetch, QuoteSource

CACHE = "cache"


class QuoteRungs:
    """Quotes from the first source that is whole and credible. Safe from any thread: one walk at a time."""

    def __init__(
        self,
        fetch: Fetch,
        rungs: Rungs[QuoteSource],
        policy: LadderPolicy,
        monotonic: Callable[[], float],
        remembered: Remembered,
        listed_rows: int,
    ) -> None:
        self._fetch = fetch
        self._quotes = rungs
        self._policy = policy
        self._monotonic = monotonic
        self._one_walk = threading.Lock()
        self._remembered = remembered
        self._absent: frozenset[str] = frozenset()
        self._absent_until = monotonic() + policy.absent_s
        self._accepted_rows = listed_rows
        self._checked: float | None = None
        self._turn = 0
        self._disputed: tuple[str, ...] = ()

    def quotes(self, symbols: Sequence[str], now: datetime, *, not_before: datetime | None = None) -> Served:
        """QUOTE_TABLE of `symbols`, of the whole market when empty.

        A source whose newest row is older than `not_before` is passed by.
        Raises FeedError when no source answers and nothing is remembered.
        """
        wanted = sorted(set(symbols))
        with self._one_walk:
            self._forget_absent()
            names = [name for name in wanted if name not in self._absent] or wanted
            seen: dict[str, pl.DataFrame | None] = {}
            moment = self._passing(now)

            def ask(rung: Rung[QuoteSource]) -> pl.DataFrame:
                try:
                    table = rung.source.quotes(self._fetch, names, moment())
                except FeedError as error:
                    if error.fault is Fault.INCOMPLETE:
                        seen[rung.name] = None
                    raise
                seen[rung.name] = table
                self._judge_quotes(rung.name, table, names, not_before)
                return table

            try:
                found = self._quotes.walk(ask, now)
            except FeedError as error:
                again = self._without_absent(names, seen, not_before, now)
                if again is None:
                    return self._recalled(wanted, now, error)
                found = again
            found, compared = self._cross_checked(found, ask, moment)
            self._accept(found.table, now, whole=not wanted)
            missing = tuple(sorted(set(wanted).difference(found.table["symbol"])))
            stale = compared is not None and compared.mostly_wrong
            disputed = tuple(found.table["symbol"]) if stale else self._disputed
            return Served(found.table, found.rung.name, now, 0.0, stale, found.switched, disputed, missing)

    def _passing(self, now: datetime) -> Callable[[], datetime]:
        """`now`, later by what the walk has taken: who is asked after others failed has younger rows, and none of the future."""
        began = self._monotonic()
        return lambda: now + timedelta(seconds=self._monotonic() - began)

    @property
    def walked(self) -> bool:
        """Whether anybody has asked it for anything yet."""
        return any(state.last_ok is not None or state.last_fault for state in self._quotes.states())

    def states(self) -> tuple[RungState, ...]:
        """Every rung in order."""
        return self._quotes.states()

    def _judge_quotes(self, source: str, table: pl.DataFrame, wanted: Sequence[str], not_before: datetime | None) -> None:
        """Raises FeedError INCOMPLETE or STALE."""
        expected = len(wanted) or self._accepted_rows
        if not self._policy.enough(table.height, expected) or not table.height:
            raise FeedError(source, Fault.INCOMPLETE, f"{table.height} of {expected} rows")
        newest = table["known_at"].max()
        if not_before is not None and isinstance(newest, datetime) and newest < not_before:
            raise FeedError(source, Fault.STALE, f"its newest row is of {newest:%H:%M:%S} UTC")

    def _without_absent(
        self, names: Sequence[str], seen: dict[str, pl.DataFrame | None], not_before: datetime | None, now: datetime
    ) -> Found[QuoteSource] | None:
        """The best table seen, when two sources or more lack names that none has: those are quoted nowhere, and are let go."""
        tables = {source: table for source, table in seen.items() if table is not None and table.height}
        if not names or not tables or len(seen) < 2:
            return None
        absent = frozenset(names).difference(*(table["symbol"] for table in tables.values()))
        for source, table in tables.items():
            try:
                self._judge_quotes(source, table, [name for name in names if name not in absent], not_before)
            except FeedError:
                continue
            self._absent |= absent
            rung = self._quotes.forgive(source, now)
            return Found(rung, table, self._quotes.switch(source, {}, now))
        return None

    def _forget_absent(self) -> None:
        """Names quoted nowhere are asked for again from time to time: a new listing begins like that."""
        now = self._monotonic()
        if now >= self._absent_until:
            self._absent = frozenset()
            self._absent_until = now + self._policy.absent_s

    def _accept(self, table: pl.DataFrame, now: datetime, *, whole: bool) -> None:
        self._remembered.accept(table, now)
        if whole:
            self._accepted_rows = table.height

    def _recalled(self, wanted: Sequence[str], now: datetime, error: FeedError) -> Served:
        """What is remembered of `wanted`, stale. Raises `error` when that is nothing."""
        kept = self._remembered.of(wanted)
        switched = self._quotes.switch(NOBODY if kept.is_empty() else CACHE, {self._quotes.serving: str(error)}, now)
        oldest = kept[ARRIVED].min()
        if not isinstance(oldest, datetime):
            raise error
        missing = tuple(sorted(set(wanted).difference(kept["symbol"])))
        age_s = max(0.0, (now - oldest).total_seconds())
        return Served(kept.drop(ARRIVED), CACHE, oldest, age_s, True, switched, missing=missing)

    def _cross_checked(
        self, found: Found[QuoteSource], ask: Callable[[Rung[QuoteSource]], pl.DataFrame], moment: Callable[[], datetime]
    ) -> tuple[Found[QuoteSource], Compared | None]:
        """`found`, or what another source serves in its place when a third one bears witness against it."""
        started = self._monotonic()
        if self._checked is not None and started - self._checked < self._policy.check_every_s:
            return found, None
        names = sample(found.table, self._policy.sample, self._turn)
        self._checked, self._turn = started, self._turn + 1
        sampled = found.table.filter(pl.col("symbol").is_in(names))
        now = moment()
        witnesses = self._witnesses(found.rung, sampled, moment)
        if not witnesses:
            return found, None
        compared = self._compare(sampled, witnesses[0][1])
        if not compared.mostly_wrong:
            # A dispute ends when the two agree again, not when other names are looked at.
            again = self._compare(found.table, witnesses[0][1])
            self._disputed = tuple(sorted({*self._disputed}.difference(again.names).union(again.disagree)))
            return found, compared
        self._checked = None
        return self._judged(found, sampled, witnesses, ask, now)

    def _witnesses(
        self, rung: Rung[QuoteSource], sampled: pl.DataFrame, moment: Callable[[], datetime]
    ) -> list[tuple[Rung[QuoteSource], pl.DataFrame]]:
        """Another vendor's rows of the sample and of what is disputed; a third's too when the two disagree as a whole."""
        names = sorted({*sampled["symbol"], *self._disputed})
        heard: list[tuple[Rung[QuoteSource], pl.DataFrame]] = []
        vendors = {rung.vendor}
        for other in self._quotes.others(rung) if sampled.height else ():
            if other.vendor in vendors:
                continue
            try:
                table = self._quotes.ask(other, lambda asked: asked.source.quotes(self._fetch, names, moment()), moment())
            except FeedError:
                continue
            heard.append((other, table))
            vendors.add(other.vendor)
            if len(heard) == 2 or not self._compare(sampled, table).mostly_wrong:
                break
        return heard

    def _judged(
        self,
        found: Found[QuoteSource],
        sampled: pl.DataFrame,
        witnesses: list[tuple[Rung[QuoteSource], pl.DataFrame]],
        ask: Callable[[Rung[QuoteSource]], pl.DataFrame],
        now: datetime,
    ) -> tuple[Found[QuoteSource], Compared | None]:
        """Two vendors contradict each other: the third decides who rests; without one nobody is believed, and `found` is stale."""
        (second, theirs), *more = witnesses
        compared = self._compare(sampled, theirs)
        if not more:
            return found, compared
        third = more[0][1]
        detail = f"{len(compared.disagree)} of {len(compared.names)} prices"
        if not self._compare(sampled, third).mostly_wrong:
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
