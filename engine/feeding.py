"""What a desk reads its market from beside the embedded sample: the store of its state directory, or live sources behind a ladder.

[desk.X] feed, bars, replay, live and [feeds] ──► stored_tape: MarketStore · live_tape: Fetcher, Ladder, MarketStore
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from engine.analysis import screen_quotes
from engine.config import Config, DeskConfig
from engine.core.clock import Clock, WallClock
from engine.core.errors import ConfigError, DataError
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange import board_of, calendar, name_flags
from engine.feeds.attention import MOST_BARS_NAMES, Screen
from engine.feeds.binance import Binance
from engine.feeds.budget import FILE, Spent
from engine.feeds.closed_bars import Fetched
from engine.feeds.fetch import Fetcher
from engine.feeds.ladder import Ladder
from engine.feeds.lineup import build_ladder, lineup
from engine.feeds.live import LiveTape
from engine.feeds.looking import Pace
from engine.feeds.master import KeptList
from engine.feeds.perpetuals import Perpetuals
from engine.feeds.rungs import SourceSwitched
from engine.feeds.source import FeedError
from engine.feeds.standins import VARIABLE, stand_ins
from engine.feeds.stored import StoredTape
from engine.feeds.tape import Told
from engine.feeds.turns import begun
from engine.store.market import MarketStore, Table
from engine.store.sample import sample_dir

LISTS = "lists"
"""Where the last accepted list of each market is kept."""
POLL_NAMED_S, POLL_WHOLE_S = 3.0, 30.0
"""How often a live desk looks where nobody said: at names, and at those that matter of a whole market."""
WHOLE_S = 180.0
"""How often it looks at all of a whole market, some ninety requests in twenty seconds: no row is ever too old to trade on."""
SPARE = 5
"""Bars are fetched of so many names beyond those that a desk would look at now, or of a fifth more: rankings move."""
OF_THE_DAY = ("amount", "volume", "change", "turnover_rate")
"""Figures that the quotes of a market are ranked by without any history."""


@dataclass(frozen=True, slots=True)
class World:
    """What a live tape is built with: the whole configuration, where things lie, the environment and the clock."""

    config: Config
    home: Path
    environ: Mapping[str, str]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Started:
    """Where a desk's books stand as its tape is built: the last instant they know, what they hold; and who is told of the feed."""

    since: datetime | None
    held: Sequence[str]
    told: Told


def stored_tape(desk: DeskConfig, home: Path, resume: date | None) -> StoredTape:
    """The market store of `home` from where the desk left off; whole where no stretch was named. Raises KanpanError."""
    named = desk.replay.model_fields_set
    start = desk.replay.start if "start" in named else None
    end = desk.replay.end if "end" in named else None
    begin = resume if start is None else max(start, resume or start)
    contracts = desk.perps.terms(desk.universe.symbols).contracts if desk.perps is not None else None
    return StoredTape(MarketStore.open(home, desk.market), start=begin, end=end, bars=desk.intervals, contracts=contracts)


def live_fetcher(world: World, told: Told) -> Fetcher:
    """The one fetcher of all live desks, to be closed at the end: two desks at one host share its pace, its bans and its budget.

    `told` hears of the budgets. Raises ConfigError.
    """
    clock = _going(world.clock)
    return Fetcher(
        world.config.feeds.settings(world.environ),
        resolve=stand_ins(world.environ.get(VARIABLE, "")),
        monotonic=clock.monotonic,
        sleep=_sleeping(clock),
        spent=Spent(world.home / FILE, clock.now),
        told=told,
    )


def live_tape(name: str, desk: DeskConfig, world: World, fetcher: Fetcher, started: Started) -> LiveTape:
    """The live tape of a desk, not started yet. Raises KanpanError.

    The list of names is asked for here, so that a desk knows what it may trade before it begins; what it holds is always on it.
    """
    clock = _going(world.clock)

    def switched(fact: SourceSwitched) -> None:
        params = (
            ("kind", f"{fact.kind} {fact.what}".rstrip()),
            ("before", fact.before),
            ("after", fact.after),
            ("reason", fact.reason[:160]),
        )
        started.told("FEED_SWITCHED", params)

    lists = world.home / LISTS
    ladder = build_ladder(
        desk.market,
        desk.feed,
        fetcher,
        lists=lists,
        sample=sample_dir(),
        remember=lists / desk.market / f"quotes-{name}.parquet",
        observer=switched,
        monotonic=clock.monotonic,
    )
    store = MarketStore.open(world.home, desk.market)
    now = clock.now()
    known = {item.symbol: item for item in store.as_of(now).instruments()} | _contracts(desk, fetcher)
    listed = _perpetuals(desk, _instruments(desk, ladder, KeptList(lists / desk.market), known, started.held, now))
    pace = Pace(
        poll_s=desk.live.poll_s or (POLL_NAMED_S if desk.universe.symbols else POLL_WHOLE_S),
        idle_s=desk.live.idle_s,
        bars=(("1d", desk.history_days), *(item for item in desk.intervals if item[0] != "1d")),
        whole_s=min(WHOLE_S, desk.live.max_age_s or WHOLE_S),
    )

    def history(at: datetime, symbols: Sequence[str], days: int) -> pl.DataFrame:
        known = store.as_of(at)
        return pl.concat(
            [known.daily(symbols, days), *(known.latest(symbols, *item) for item in desk.intervals if item[0] != "1d")]
        )

    def keep(fetched: Sequence[Fetched], at: datetime) -> None:
        # A full disk is for the ledger to halt on; what was not kept is fetched again the next time.
        with contextlib.suppress(DataError):
            for source, bars in itertools.groupby(sorted(fetched, key=_told_by), _told_by):
                store.write_bars(pl.concat([one.bars for one in bars]), "1d", source=source, now=at)

    def keep_facts(table: Table, rows: pl.DataFrame, source: str) -> None:
        with contextlib.suppress(DataError):
            store.write_facts(table, rows, source=source, now=clock.now())

    rungs = lineup(desk.market, desk.feed)
    names = [item.symbol for item in listed]
    return LiveTape(
        name,
        desk.market,
        listed,
        ladder,
        history,
        clock,
        pace,
        told=started.told,
        screen=_screening(desk, listed, clock),
        keep=keep,
        best=(rungs.quotes[0].name, rungs.market[0].name),
        held=started.held,
        perpetuals=Perpetuals(ladder, names, keep_facts, started.told) if desk.perps is not None else None,
        since=started.since,
    )


def _told_by(one: Fetched) -> str:
    return one.source


def _screening(desk: DeskConfig, listed: Sequence[Instrument], clock: Clock) -> Screen:
    """What a desk would look at in a whole market, from the quotes alone; by turnover where its figure needs a history."""
    terms, days = desk.universe, calendar(desk.market)
    known = pl.DataFrame(
        [(item.symbol, item.industry, item.list_date) for item in listed],
        schema={"symbol": pl.String(), "known_industry": pl.String(), "known_since": pl.Date()},
        orient="row",
    )
    by = terms.by if terms.by in OF_THE_DAY else "amount"

    def screen(table: pl.DataFrame) -> tuple[str, ...]:
        told = table.join(known, on="symbol", how="left", maintain_order="left").with_columns(
            industry=pl.when(pl.col("industry") == "").then("known_industry").otherwise("industry"),
            list_date=pl.coalesce("list_date", "known_since"),
        )
        return screen_quotes(
            told,
            market=desk.market,
            day=begun(days, clock.now()),
            top=min(MOST_BARS_NAMES, terms.top + max(SPARE, terms.top // 5)),
            by=by,
            order=terms.order if by == terms.by else "largest",
            filters=terms.filters(desk.market),
        )

    return screen


def _going(clock: Clock) -> WallClock:
    if not isinstance(clock, WallClock):
        raise ConfigError("a live feed needs a clock that goes")
    return clock


def _sleeping(clock: WallClock) -> Callable[[float], None]:
    """How the fetcher waits for its turn: on the same clock as everything else of the desk."""
    never = threading.Event()

    def sleep(seconds: float) -> None:
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            # A clock knows no less than a microsecond: a wait of half of one would be none, for ever.
            clock.wait_until(clock.now() + timedelta(microseconds=math.ceil(left * 1e6)), never)

    return sleep


def _contracts(desk: DeskConfig, fetcher: Fetcher) -> dict[str, Instrument]:
    """Ticks and steps of crypto pairs as their exchange tells them today; nothing where it does not answer."""
    for rung in lineup(desk.market, desk.feed).quotes:
        if isinstance(rung.source, Binance):
            with contextlib.suppress(FeedError):
                return {item.symbol: item for item in rung.source.instruments(fetcher)}
    return {}


def _instruments(
    desk: DeskConfig, ladder: Ladder, kept: KeptList, known: Mapping[str, Instrument], held: Sequence[str], now: datetime
) -> tuple[Instrument, ...]:
    """What a live desk may trade: the names it was given, each as well as it is known, or the whole list of its market.

    What it still holds is among them, whatever was taken off either.
    """
    if not desk.universe.symbols:
        listed = {item.symbol: item for item in _from_list(_list_of(desk.market, ladder, kept, now), desk.market, known)}
        gone = {symbol: _named(symbol, "", desk.market, known.get(symbol)) for symbol in held if symbol not in listed}
        return tuple((gone | listed).values())
    wanted = sorted({*desk.universe.symbols, *held})
    try:
        quoted = ladder.quotes(wanted, now).table
        names = dict(zip(quoted["symbol"], quoted["name"], strict=True))
    except FeedError:
        names = {}  # nobody answers now: the desk begins with what it knows, and waits
    return tuple(_named(symbol, names.get(symbol, ""), desk.market, known.get(symbol)) for symbol in wanted)


def _perpetuals(desk: DeskConfig, listed: tuple[Instrument, ...]) -> tuple[Instrument, ...]:
    """As they are, or as the perpetuals that a desk on margin trades, with the ticks and steps that its own contracts give."""
    if desk.perps is None:
        return listed
    given = desk.perps.terms([item.symbol for item in listed]).contracts
    return tuple(
        replace(item, board=Board.PERP, tick=given[item.symbol].tick or item.tick, step=given[item.symbol].step or item.step)
        for item in listed
    )


def _list_of(market: Market, ladder: Ladder, kept: KeptList, now: datetime) -> pl.DataFrame:
    """SECURITY_TABLE: the list accepted since the last session began, else a new one; sixty pages are turned once a day."""
    days, accepted = calendar(market), kept.accepted_at()
    if accepted is not None and begun(days, accepted) == begun(days, now):
        with contextlib.suppress(FeedError):
            return kept.read()
    return ladder.securities(now).table


def _named(symbol: str, name: str, market: Market, known: Instrument | None) -> Instrument:
    flags = name_flags(name)
    board = known.board if known is not None else board_of(symbol, market)
    return Instrument(
        symbol=symbol,
        market=market,
        board=Board.SPOT if board is Board.PERP else board,
        name=name or (known.name if known is not None else symbol.rpartition(".")[0]),
        industry=known.industry if known is not None else "",
        tick=known.tick if known is not None else 100,
        step=known.step if known is not None else (1_000_000 if market is Market.US else 1),
        list_date=known.list_date if known is not None else None,
        special_treatment=flags.special_treatment if name else known is not None and known.special_treatment,
        delisting=flags.delisting if name else known is not None and known.delisting,
    )


def _from_list(table: pl.DataFrame, market: Market, known: Mapping[str, Instrument]) -> list[Instrument]:
    found = []
    for row in table.sort("symbol").iter_rows(named=True):
        stored = known.get(row["symbol"])
        found.append(
            Instrument(
                symbol=row["symbol"],
                market=market,
                board=Board.SPOT if row["board"] == Board.PERP.value else Board(row["board"]),
                name=row["name"],
                industry=row["industry"] or (stored.industry if stored is not None else ""),
                tick=stored.tick if stored is not None else 100,
                step=stored.step if stored is not None else (1_000_000 if market is Market.US else 1),
                list_date=row["list_date"],
                special_treatment=bool(row["special_treatment"]),
                delisting=bool(row["delisting"]),
            )
        )
    return found
