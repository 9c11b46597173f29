"""`kanpan data sync WHAT`: from the sources into the store, with a bar on the terminal; started again, it goes on where it was.

ladder of sources ──► engine.feeds.sync ──► store; Ctrl-C, a kill or a lost network cost at most the batch under way
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.core.text import safe_text
from engine.core.units import Market
from engine.feeds.binance_futures import BinanceUsdM
from engine.feeds.budget import FILE, Spent
from engine.feeds.eastmoney import Eastmoney
from engine.feeds.fetch import Fetcher
from engine.feeds.ladder import Ladder
from engine.feeds.lineup import build_ladder
from engine.feeds.standins import VARIABLE, stand_ins
from engine.feeds.sync import Answer, Progress, Synced, sync_bars, sync_facts, sync_securities
from engine.store.connect import prepare_home
from engine.store.importing import full_symbol
from engine.store.market import EX_RIGHTS, FUNDAMENTALS, FUNDING, OPEN_INTEREST, MarketStore, Table, Written
from engine.store.sample import sample_dir
from tui.data import day_of, show
from tui.data_arguments import SYNCED

if TYPE_CHECKING:
    from tui.cli import Settings

LISTS = "lists"
FEEDS = {Market.ASHARE: ("eastmoney", "tencent", "sina"), Market.US: ("yahoo",), Market.CRYPTO: ("binance",)}
SUFFIXES = {**dict.fromkeys(("SH", "SZ", "BJ"), Market.ASHARE), "US": Market.US, "BINANCE": Market.CRYPTO}
"""What a symbol ends in says its market; one without a suffix says none."""
DAILY_HISTORY, MINUTE_HISTORY = timedelta(days=400), timedelta(days=30)
CONTEXT = timedelta(days=15)
"""Days asked for before the first: a source tells the reference price of a day by the close before it. No holiday is longer."""
FAILED = 3
_OPEN_INTEREST_STEP = "1h"


def sync(arguments: argparse.Namespace, settings: Settings) -> int:
    """Fetch and keep what is missing; exit 3 when a source failed for any of it. Raises KanpanError in one line."""
    what = arguments.what[0] if arguments.what else "bars"
    if what not in SYNCED or len(arguments.what) > 1:
        raise ConfigError(f"data sync: one of {', '.join(SYNCED)}, not {' '.join(arguments.what)}")
    market = _market(arguments)
    feed = tuple(arguments.feed.split(",")) if arguments.feed else FEEDS[market]
    prepare_home(settings.home)
    store = MarketStore.open(settings.home, market)
    now = SystemClock().now()
    store.tidy()
    resolve = stand_ins(settings.environ.get(VARIABLE, ""))
    spent = Spent(settings.home / FILE, SystemClock().now)
    with contextlib.closing(Fetcher(settings.config.feeds.settings(settings.environ), resolve=resolve, spent=spent)) as fetcher:
        ladder = build_ladder(market, feed, fetcher, lists=settings.home / LISTS, sample=sample_dir())
        if what == "bars":
            return _bars(arguments, settings, store, ladder, now)
        if what == "securities":
            served = ladder.securities(now)
            return _told(settings, what, sync_securities(store, served.table, served.source, now), ())
        table, answers = _facts(what, arguments, store, fetcher, now)
        written, faults = sync_facts(store, table, answers, now)
        return _told(settings, what, written, faults)


def _market(arguments: argparse.Namespace) -> Market:
    """The market that was named, else the one that every symbol names by its suffix. Raises ConfigError."""
    if arguments.market:
        return Market(arguments.market)
    names = [text.strip().upper() for text in (arguments.symbols or "").split(",") if text.strip()]
    said = {SUFFIXES.get(name.rpartition(".")[2]) if "." in name else None for name in names}
    if len(said - {None}) > 1:
        raise ConfigError("data sync: symbols of one market at a time")
    market = said.pop() if len(said) == 1 else None
    if market is None:
        raise ConfigError("data sync: say which market with --market ashare, us or crypto, or with symbols such as 600519.SH")
    return market


def _symbols(arguments: argparse.Namespace, store: MarketStore, now: datetime) -> list[str]:
    if not arguments.symbols:
        listed = [item.symbol for item in store.as_of(now).instruments()]
        if not listed:
            raise ConfigError("data sync: the store knows no names yet: --symbols A,B, or `kanpan data sync securities` first")
        return listed
    named = {text: full_symbol(text, store.market) for text in arguments.symbols.split(",") if text.strip()}
    unknown = [text for text, symbol in named.items() if symbol is None]
    if unknown or not named:
        raise ConfigError(f"--symbols: {', '.join(unknown) or 'nothing'} is no symbol of {store.market}")
    return [symbol for symbol in named.values() if symbol is not None]


def _bars(arguments: argparse.Namespace, settings: Settings, store: MarketStore, ladder: Ladder, now: datetime) -> int:
    interval = arguments.interval or "1d"
    symbols = _symbols(arguments, store, now)
    back = DAILY_HISTORY if interval == "1d" else MINUTE_HISTORY
    first = day_of(arguments.first, "--from") if arguments.first else (now - back).date()

    last = day_of(arguments.last, "--to") if arguments.last else None

    def fetch(symbol: str, interval: str, first: date, last: date) -> Answer:
        earlier = first - CONTEXT if interval == "1d" and store.market is not Market.CRYPTO else first
        served = ladder.bars(symbol, interval, earlier, last, now)
        return served.table.filter(pl.col("trading_day") >= first), served.source

    with _progress(settings, f"{store.market} {interval}", len(symbols)) as observer:
        done = sync_bars(store, fetch, symbols, interval, first=first, last=last, now=now, observer=observer)
    return _told(settings, f"bars {interval}", done.written, _faults(done), done.stopped)


def _faults(done: Synced) -> tuple[str, ...]:
    return tuple(f"{symbol}: {error}" for symbol, error in done.failed)


def _facts(
    what: str, arguments: argparse.Namespace, store: MarketStore, fetcher: Fetcher, now: datetime
) -> tuple[Table, list[Callable[[], Answer]]]:
    """Which table, and one question a symbol or report. Raises ConfigError where the market has no such facts."""
    first = day_of(arguments.first, "--from") if arguments.first else (now - DAILY_HISTORY).date()
    today = min(day_of(arguments.last, "--to"), now.date()) if arguments.last else now.date()
    if what in ("funding", "open-interest"):
        if store.market is not Market.CRYPTO:
            raise ConfigError(f"data sync {what}: only crypto has that")
        source, symbols = BinanceUsdM(), _symbols(arguments, store, now)
        if what == "funding":
            return FUNDING, [_ask(source.name, source.funding, fetcher, symbol, first, today, now) for symbol in symbols]
        recent = max(first, today - MINUTE_HISTORY)
        return OPEN_INTEREST, [
            _ask(source.name, source.open_interest, fetcher, symbol, _OPEN_INTEREST_STEP, recent, today, now) for symbol in symbols
        ]
    if store.market is not Market.ASHARE:
        raise ConfigError(f"data sync {what}: only A-shares have a source for that")
    vendor = Eastmoney()
    if what == "ex-rights":
        return EX_RIGHTS, [_ask(vendor.name, vendor.ex_rights, fetcher, first)]
    return FUNDAMENTALS, [_ask(vendor.name, vendor.fundamentals, fetcher, quarter) for quarter in _quarters(first, today)]


def _ask(source: str, question: Callable[..., pl.DataFrame], *arguments: object) -> Callable[[], Answer]:
    return lambda: (question(*arguments), source)


def _quarters(first: date, last: date) -> list[date]:
    """The ends of the quarters that ended between two days."""
    ends = [
        date(year, month, day) for year in range(first.year, last.year + 1) for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))
    ]
    return [day for day in ends if first <= day <= last]


@contextlib.contextmanager
def _progress(settings: Settings, title: str, total: int) -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error where a person looks at it; nothing on it otherwise."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with ProgressBar(*columns, console=console, disable=settings.as_json or not console.is_terminal) as bar:
        task = bar.add_task(title, total=total, told="")

        def observe(progress: Progress) -> None:
            written = progress.written
            told = f"{progress.symbol} kept {written.kept:,} refused {written.refused:,} failed {progress.failed}"
            bar.update(task, completed=progress.done, told=safe_text(told, one_line=True))

        yield observe


def _told(settings: Settings, what: str, written: Written, faults: Sequence[str], stopped: str = "") -> int:
    row = {"what": what, "kept": written.kept, "known": written.known, "refused": written.refused, "failed": len(faults)}
    if settings.as_json:
        show(settings, [{**row, "faults": list(faults), "stopped": stopped}], (), "")
    else:
        show(settings, [row], tuple(row), "")
    for line in [*faults[:20], *([stopped] if stopped else [])]:
        sys.stderr.write(safe_text(f"kanpan: {line}", one_line=True) + "\n")
    return FAILED if faults else 0
