"""What a desk reads its market from beside the embedded sample: the store of its state directory, or live sources behind a ladder.

[desk.X] feed, bars, replay, live and [feeds] ──► stored_tape: MarketStore · live_tape: Fetcher, Ladder, MarketStore
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from engine.config import Config, DeskConfig
from engine.core.clock import Clock, WallClock
from engine.core.errors import ConfigError
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange import board_of, name_flags
from engine.feeds.binance import Binance
from engine.feeds.fetch import Fetcher
from engine.feeds.ladder import Ladder
from engine.feeds.lineup import build_ladder, lineup
from engine.feeds.live import LiveTape, Pace
from engine.feeds.rungs import SourceSwitched
from engine.feeds.source import FeedError
from engine.feeds.standins import VARIABLE, stand_ins
from engine.feeds.stored import StoredTape
from engine.feeds.tape import Told
from engine.store.market import MarketStore
from engine.store.sample import sample_dir

LISTS = "lists"
"""Where the last accepted list of each market is kept."""
POLL_NAMED_S, POLL_WHOLE_S = 3.0, 30.0
"""How often a live desk looks where nobody said: at names, and at a whole market, which is some sixty pages."""


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


def live_fetcher(world: World) -> Fetcher:
    """The one fetcher of all live desks, to be closed at the end: two desks at one host share its pace and its bans.

    Raises ConfigError.
    """
    clock = _going(world.clock)
    return Fetcher(
        world.config.feeds.settings(world.environ),
        resolve=stand_ins(world.environ.get(VARIABLE, "")),
        monotonic=clock.monotonic,
        sleep=_sleeping(clock),
    )


def live_tape(name: str, desk: DeskConfig, world: World, fetcher: Fetcher, started: Started) -> LiveTape:
    """The live tape of a desk, not started yet. Raises KanpanError.

    The list of names is asked for here, so that a desk knows what it may trade before it begins; what it holds is always on it.
    """
    clock = _going(world.clock)

    def switched(fact: SourceSwitched) -> None:
        params = (("kind", fact.kind.value), ("before", fact.before), ("after", fact.after), ("reason", fact.reason[:160]))
        started.told("FEED_SWITCHED", params)

    lists = world.home / LISTS
    ladder = build_ladder(
        desk.market, desk.feed, fetcher, lists=lists, sample=sample_dir(), observer=switched, monotonic=clock.monotonic
    )
    store = MarketStore.open(world.home, desk.market)
    now = clock.now()
    known = {item.symbol: item for item in store.as_of(now).instruments()} | _contracts(desk, fetcher)
    listed = _instruments(desk, ladder, known, started.held, now)
    pace = Pace(
        poll_s=desk.live.poll_s or (POLL_NAMED_S if desk.universe.symbols else POLL_WHOLE_S),
        idle_s=desk.live.idle_s,
        bars=(("1d", desk.history_days), *(item for item in desk.intervals if item[0] != "1d")),
    )

    def history(at: datetime, symbols: Sequence[str], days: int) -> pl.DataFrame:
        known = store.as_of(at)
        return pl.concat(
            [known.daily(symbols, days), *(known.latest(symbols, *item) for item in desk.intervals if item[0] != "1d")]
        )

    return LiveTape(
        name,
        desk.market,
        listed,
        ladder,
        history,
        clock,
        pace,
        told=started.told,
        best=lineup(desk.market, desk.feed).quotes[0].name,
        since=started.since,
    )


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
            clock.wait_until(clock.now() + timedelta(seconds=left), never)

    return sleep


def _contracts(desk: DeskConfig, fetcher: Fetcher) -> dict[str, Instrument]:
    """Ticks and steps of crypto pairs as their exchange tells them today; nothing where it does not answer."""
    for rung in lineup(desk.market, desk.feed).quotes:
        if isinstance(rung.source, Binance):
            with contextlib.suppress(FeedError):
                return {item.symbol: item for item in rung.source.instruments(fetcher)}
    return {}


def _instruments(
    desk: DeskConfig, ladder: Ladder, known: Mapping[str, Instrument], held: Sequence[str], now: datetime
) -> tuple[Instrument, ...]:
    """What a live desk may trade: the names it was given, each as well as it is known, or the whole list of its market.

    What it still holds is among them, whatever was taken off either.
    """
    if not desk.universe.symbols:
        listed = {item.symbol: item for item in _from_list(ladder.securities(now).table, desk.market, known)}
        gone = {symbol: _named(symbol, "", desk.market, known.get(symbol)) for symbol in held if symbol not in listed}
        return tuple((gone | listed).values())
    wanted = sorted({*desk.universe.symbols, *held})
    try:
        quoted = ladder.quotes(wanted, now).table
        names = dict(zip(quoted["symbol"], quoted["name"], strict=True))
    except FeedError:
        names = {}  # nobody answers now: the desk begins with what it knows, and waits
    return tuple(_named(symbol, names.get(symbol, ""), desk.market, known.get(symbol)) for symbol in wanted)


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
