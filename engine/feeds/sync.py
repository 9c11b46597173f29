"""Carry the store on to today: what has not been asked for yet is, symbol by symbol, and may be stopped at any instruction.

symbols ──► missing days of each (sync_state) ──► source ──► a batch ──► MarketStore.write_bars ──► noted as covered ──► next batch
A batch is noted only after its bars are durable, and writing a bar again is nothing: a killed sync, started again, ends in the same
bytes as one that was left alone. A symbol that fails is told of and left for the next sync; several failures in a row end this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from engine.core.units import Market
from engine.exchange import calendar
from engine.feeds.source import Fault, FeedError
from engine.store.market import SECURITIES, SECURITY_SCHEMA, MarketStore, Table, Written
from engine.store.market.sync_state import Covered, missing, widened

BATCH_SYMBOLS = 25
BATCH_ROWS = 250_000
"""A batch ends with whichever comes first, so that neither memory nor the work lost by a kill grows with the market."""
MAX_FAILURES_IN_A_ROW = 5
_SETTLED = frozenset({Fault.UNKNOWN_SYMBOL, Fault.EMPTY})
"""Answers that say there is nothing: the days are covered, the source has been asked."""

Answer = tuple[pl.DataFrame, str]
FetchBars = Callable[[str, str, date, date], Answer]
"""(symbol, interval, first, last) ──► BAR_SCHEMA of those trading days, and who gave them. Raises FeedError."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync is: `done` of `total` symbols, `symbol` the last one, and what became of the rows so far."""

    done: int
    total: int
    symbol: str
    written: Written
    failed: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did. `failed` names symbols that gave an error, with it; `stopped` says why it ended early ('' = it did not)."""

    symbols: int
    asked: int
    written: Written
    failed: tuple[tuple[str, str], ...]
    stopped: str


@dataclass(slots=True)
class _Run:
    """A sync under way: what was fetched and not yet written, and what became of the rest."""

    written: Written = field(default_factory=lambda: Written(0, 0, 0))
    failed: list[tuple[str, str]] = field(default_factory=list)
    in_a_row: int = 0
    asked: int = 0
    pending: list[Answer] = field(default_factory=list)
    covered: dict[str, Covered] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(table.height for table, _ in self.pending)


def sync_bars(
    store: MarketStore,
    fetch: FetchBars,
    symbols: Sequence[str],
    interval: str,
    *,
    first: date,
    last: date | None = None,
    now: datetime,
    observer: Callable[[Progress], None] = lambda progress: None,
) -> Synced:
    """Fetch and keep the bars of `symbols` from trading day `first` to `last`, no further than the last closed session.

    Raises DataError when the disk refuses; a source that fails is in the answer instead.
    """
    closed = last_closed(store.market, now)
    last = closed if last is None else min(last, closed)
    covered, run = store.covered(interval), _Run()
    wanted = sorted(set(symbols))
    stopped = ""
    for place, symbol in enumerate(wanted, 1):
        stretches = missing(covered.get(symbol), first, last)
        if stretches:
            _ask(run, fetch, symbol, interval, stretches, covered)
        if len(run.covered) >= BATCH_SYMBOLS or run.rows >= BATCH_ROWS or place == len(wanted):
            _flush(run, store, interval, now)
        observer(Progress(place, len(wanted), symbol, run.written, len(run.failed)))
        if run.in_a_row >= MAX_FAILURES_IN_A_ROW:
            stopped = f"{run.in_a_row} symbols in a row failed: {run.failed[-1][1]}"
            break
    _flush(run, store, interval, now)
    return Synced(len(wanted), run.asked, run.written, tuple(run.failed), stopped)


def last_closed(market: Market, now: datetime) -> date:
    """The last trading day whose bars are all known at `now`. Raises CalendarUnknown when the calendar ends before."""
    known = calendar(market)
    day = known.local_day(now)
    if known.is_session(day) and known.session(day).ends <= now:
        return day
    return known.previous_session(day)


def security_facts(listed: pl.DataFrame, *, market: Market) -> pl.DataFrame:
    """SECURITY_SCHEMA of a fetched list (SECURITY_TABLE): listings from their own day on, the words from when they came."""
    zone = calendar(market).zone.key
    midnight = pl.col("list_date").cast(pl.Datetime("us")).dt.replace_time_zone(zone, non_existent="null", ambiguous="earliest")
    told = listed.with_columns(effective=pl.col("known_at").dt.convert_time_zone(zone).dt.date(), listed=pl.lit(value=True))
    dated = told.filter(midnight.dt.convert_time_zone("UTC") < pl.col("known_at")).select(
        "symbol", "board", "list_date", "listed", "source", effective="list_date", known_at=midnight.dt.convert_time_zone("UTC")
    )
    rows = pl.concat([dated, told], how="diagonal")
    absent = [pl.lit(None, kind).alias(name) for name, kind in SECURITY_SCHEMA.items() if name not in rows.columns]
    return rows.with_columns(absent).select(list(SECURITY_SCHEMA)).cast(SECURITY_SCHEMA)


def sync_securities(store: MarketStore, listed: pl.DataFrame, source: str, now: datetime) -> Written:
    """Keep what a fetched list (SECURITY_TABLE) says anew. Raises DataError."""
    return store.write_facts(SECURITIES, security_facts(listed, market=store.market), source=source, now=now)


def sync_facts(
    store: MarketStore, table: Table, answers: Iterable[Callable[[], Answer]], now: datetime
) -> tuple[Written, tuple[str, ...]]:
    """Keep every answer of dated facts as it comes; returns what became of the rows, and the faults of those that failed."""
    written, faults = Written(0, 0, 0), list[str]()
    for answer in answers:
        try:
            rows, source = answer()
        except FeedError as error:
            faults.append(str(error))
            continue
        written += store.write_facts(table, rows, source=source, now=now)
    return written, tuple(faults)


def _ask(
    run: _Run,
    fetch: FetchBars,
    symbol: str,
    interval: str,
    stretches: Sequence[tuple[date, date]],
    covered: dict[str, Covered],
) -> None:
    for first, last in stretches:
        run.asked += 1
        try:
            run.pending.append(fetch(symbol, interval, first, last))
        except FeedError as error:
            if error.fault not in _SETTLED:
                run.failed.append((symbol, str(error)))
                run.in_a_row += 1
                return
        run.in_a_row = 0
        covered[symbol] = run.covered[symbol] = widened(covered.get(symbol), first, last)


def _flush(run: _Run, store: MarketStore, interval: str, now: datetime) -> None:
    """Make the batch durable, then note it. Bars of one source are written together: their quarantine names it."""
    by_source: dict[str, list[pl.DataFrame]] = {}
    for table, source in run.pending:
        by_source.setdefault(source, []).append(table)
    for source, tables in sorted(by_source.items()):
        run.written += store.write_bars(pl.concat(tables), interval, source=source, now=now)
    if run.covered:
        store.note_covered(interval, run.covered)
    run.pending.clear()
    run.covered.clear()
