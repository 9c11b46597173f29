"""`kanpan data`: what is kept of the markets (`list`, `check`), files into it (`import`), and the sources (`sync`)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.core.text import safe_text
from engine.core.units import Market
from engine.exchange.calendar import calendar, calendar_text, kept_file
from engine.exchange.calendar_sync import with_szse
from engine.feeds.szse import MONTH_LIST, month_pages
from engine.store.connect import prepare_home
from tui.arguments import place_of
from tui.table import table

if TYPE_CHECKING:
    from tui.cli import Settings

MONTHS_AHEAD = 13
_Row = Mapping[str, Any]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry `kanpan data ACTION` out; returns the exit code of the contract, raises KanpanError in one line."""
    match arguments.action:
        case "list":
            return _list(arguments, settings)
        case "check":
            return _check(arguments, settings)
        case "import":
            return _import(arguments, settings)
        case _ if arguments.what == ["calendars"]:
            return sync_calendars(settings)
        case _:
            from tui.data_sync import sync

            return sync(arguments, settings)


def sync_calendars(settings: Settings, *, address: str = MONTH_LIST) -> int:
    """Ask the exchange for the months after the last known day and keep what it says; raises KanpanError in one line."""
    known = calendar(Market.ASHARE)
    year, month = known.last.year, known.last.month
    first = (year, month) if known.last < SystemClock().now().date() else (year + month // 12, month % 12 + 1)
    count = first[0] * 12 + first[1] - 1
    months = [((count + ahead) // 12, (count + ahead) % 12 + 1) for ahead in range(MONTHS_AHEAD)]
    longer = with_szse(known.data, month_pages(months, address=address))
    if longer.last > known.last:
        file = kept_file(settings.home / "calendars", Market.ASHARE)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(calendar_text(longer), encoding="utf-8")
        temporary.replace(file)
    answer = {"market": "ashare", "known_before": known.last.isoformat(), "known_to": longer.last.isoformat()}
    if settings.as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
    elif longer.last > known.last:
        sys.stdout.write(f"the A-share calendar is now known to {longer.last}\n")
    else:
        sys.stdout.write(f"nothing new: the exchange has not published beyond {known.last} yet\n")
    return 0


def markets(arguments: argparse.Namespace) -> list[Market]:
    """The markets that a command is about: the one named, else all."""
    return [Market(arguments.market)] if arguments.market else list(Market)


def day_of(text: str, option: str) -> date:
    """A date of the command line. Raises ConfigError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: {text} is no date such as 2026-01-31") from None


def show(settings: Settings, rows: Iterable[_Row], columns: tuple[str, ...], empty: str) -> None:
    """Rows as one JSON document, or as a table for a person."""
    found = list(rows)
    if settings.as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(table([{name: row[name] for name in columns} for row in found]) or empty + "\n")


def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    from engine.store.market import MarketStore

    lines = [asdict(line) for market in markets(arguments) for line in MarketStore.open(settings.home, market).inventory()]
    rows = [{**line, "market": line["market"].value} for line in lines]
    columns = ("market", "name", "symbols", "rows", "first", "last", "adjusted")
    show(settings, rows, columns, "nothing is kept yet: see `kanpan data import --help` and `kanpan data sync --help`")
    return 0


def _check(arguments: argparse.Namespace, settings: Settings) -> int:
    """Exit 1 when anything but a refusal is found: refused rows are already kept from every decision."""
    from engine.store.market import Fault, check_market

    flaws = [(market, flaw) for market in markets(arguments) for flaw in check_market(settings.home, market)]
    rows = [{**asdict(flaw), "market": market.value, "fault": flaw.fault.value} for market, flaw in flaws]
    if settings.as_json:
        show(settings, rows, (), "")
    else:
        told = [
            f"{row['market']} {row['table']} {row['fault']} {row['symbol'] or '*'} ({row['count']}): {row['detail']}"
            for row in rows
        ]
        sys.stdout.write("".join(safe_text(line, one_line=True) + "\n" for line in told) or "no flaw found\n")
    return 1 if any(flaw.fault is not Fault.QUARANTINED for _, flaw in flaws) else 0


def _import(arguments: argparse.Namespace, settings: Settings) -> int:
    from engine.core.instrument import Board
    from engine.store.importing import Plan, Stamp, VolumeUnit, import_file

    if not arguments.what:
        raise ConfigError("data import: which file?")
    if not arguments.market:
        raise ConfigError("data import: say which market with --market ashare, us or crypto")
    prepare_home(settings.home)
    rows = []
    for name in arguments.what:
        path = place_of(name)
        plan = Plan(
            market=Market(arguments.market),
            source=arguments.source or path.name,
            interval=arguments.interval,
            symbol=arguments.symbol,
            columns=_mapping(arguments.map),
            stamp=Stamp(arguments.stamp) if arguments.stamp else None,
            volume=VolumeUnit(arguments.volume) if arguments.volume else None,
            amount_factor=arguments.amount_factor,
            basis=arguments.basis,
            board=Board(arguments.board) if arguments.board else None,
            resample=tuple(arguments.resample),
            as_of=day_of(arguments.as_of, "--as-of") if arguments.as_of else None,
            taxonomy=arguments.taxonomy,
        )
        done = import_file(path, settings.home, plan, now=SystemClock().now())
        rows.append({"file": path.name, **_counts(done.table, done.rows, done.kept, done.known, done.refused)})
        for made, written in done.made:
            total = written.kept + written.known + written.refused
            rows.append({"file": path.name, **_counts(made, total, written.kept, written.known, written.refused)})
    show(settings, rows, ("file", "table", "rows", "kept", "known", "refused"), "")
    return 0


def _counts(where: str, rows: int, kept: int, known: int, refused: int) -> dict[str, object]:
    return {"table": where, "rows": rows, "kept": kept, "known": known, "refused": refused}


def _mapping(pairs: list[str]) -> dict[str, str]:
    named = {}
    for pair in pairs:
        field, equals, header = pair.partition("=")
        if not equals or not field or not header:
            raise ConfigError(f"--map {pair}: write FIELD=HEADER, such as close=收盘价")
        named[field] = header
    return named
