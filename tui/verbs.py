"""The commands that read the ledger or leave a word for a running engine; each prints a table, or one JSON document with --json."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.commands import Command, effects, leave
from engine.config.shadow import MARK
from engine.core.clock import SystemClock
from engine.core.errors import AlreadyRunning, ConfigError, KanpanError, OutsideError
from engine.core.ids import content_hash
from engine.core.journal import Record
from engine.core.person import CommandDone, CommandQueued
from engine.halting import halt_file, lift
from engine.reports import (
    account_record,
    alert_record,
    cycle_line,
    cycle_record,
    fill_record,
    order_record,
    position_records,
)
from engine.reports.record import cost_told, units_of
from engine.store import Books, Ledger, books
from engine.store.connect import prepare_home
from tui.fees import with_fees_told
from tui.table import document, table

if TYPE_CHECKING:
    from engine.exchange import Contract
    from tui.cli import Settings

ANSWER_WITHIN_S = 5.0
POLL_S = 0.02
Json = dict[str, Any]


def run(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry one command out; returns its exit code, raises KanpanError with one plain line."""
    match command:
        case "init":
            from tui.presets import write_preset

            print_line(str(write_preset(settings.home, settings.config_path, arguments.preset)))
            return 0
        case "doctor":
            from tui import feeds_check
            from tui.doctor import doctor

            return doctor(settings, feeds_check.asked(settings) if arguments.feeds else feeds_check.named(settings))
        case "cycle":
            return _cycle(arguments, settings)
        case "show":
            return _show(arguments, settings)
        case "report" | "flatten":
            from tui import guard

            return guard.run(command, arguments, settings)
        case "strategies":
            from tui import strategies

            return strategies.run(arguments, settings)
        case "backtest":
            from tui import backtest

            return backtest.run(arguments, settings)
        case "correct":
            from tui import correct

            return correct.run(arguments, settings)
        case "league":
            from tui import league

            return league.run(arguments, settings)
        case "data":
            from tui import data

            return data.run(arguments, settings)
        case "prompts":
            from tui import prompts_cmd

            return prompts_cmd.run(arguments, settings)
        case "replay" | "rerun" | "why":
            from tui import past

            return past.run(command, arguments, settings)
        case "export" | "import" | "backup":
            from tui import moving

            return moving.run(command, arguments, settings)
        case "approve" | "refuse" | "amend":
            arguments.order = (arguments.order_id, getattr(arguments, "quantity", ""))
            return _tell(command, arguments, settings)
        case "halt" | "resume" | "pause":
            return _tell(command, arguments, settings)
        case "alerts" if arguments.test:
            from tui.trial import try_channels

            return try_channels(settings)
        case _:
            return _list(command, arguments, settings)


def print_line(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")


def desk_of(arguments: argparse.Namespace, settings: Settings) -> str:
    wanted: str = getattr(arguments, "desk_name", None) or next(iter(settings.config.desk), "")
    if wanted not in settings.config.desk:
        raise ConfigError(
            f"no desk {wanted or '(none)'} in the configuration; there are: {', '.join(sorted(settings.config.desk))}"
        )
    return wanted


def book_of(arguments: argparse.Namespace, settings: Settings) -> str:
    """The book to be read: a desk's, one of its shadows' (`demo~other`), or that of a desk which only the ledger remembers."""
    wanted: str = getattr(arguments, "desk_name", None) or ""
    name = wanted.partition(MARK)[0]
    if MARK in wanted and name in settings.config.desk and wanted in settings.config.desk[name].family(name):
        return wanted
    if wanted and wanted not in settings.config.desk and (settings.home / "ledger.db").exists():
        with books(settings.home) as view:
            if _opened(view, wanted):
                return wanted
    return desk_of(arguments, settings)


def _opened(view: Books, desk: str) -> bool:
    return any(book.desk == desk for book in view.desks())


# -- reading ------------------------------------------------------------------------------------------------------------------


def _list(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    desk, limit = book_of(arguments, settings), arguments.limit
    readers: dict[str, Callable[[Books], Any]] = {
        "cycles": lambda view: [
            {**cycle_line(item), "model_cost": cost_told(view.model_calls(item.cycle_id))}
            for item in view.cycles(desk, limit=limit)
        ],
        "orders": lambda view: [order_record(view, item, units_of(view, desk)) for item in view.orders(desk, limit=limit)],
        "fills": lambda view: [fill_record(item, units_of(view, desk)) for item in view.fills(desk, limit=limit)],
        "positions": lambda view: position_records(view, desk, contracts_of(settings, desk)),
        "account": lambda view: account_record(view, desk, contracts_of(settings, desk)),
        "alerts": lambda view: [alert_record(item) for item in view.alerts(desk, limit=limit)],
    }
    found: Any = [] if command != "account" else {}
    if (settings.home / "ledger.db").exists():
        with books(settings.home) as view:
            if _opened(view, desk):
                found = readers[command](view)
    if settings.as_json:
        print_line(json.dumps(found, ensure_ascii=False, indent=2))
    elif not found:
        print_line(f"nothing yet: desk {desk} has no {command} in {settings.home}")
    elif isinstance(found, dict):
        positions = found.pop("positions")
        sys.stdout.write(document(found) + table(positions))
    else:
        sys.stdout.write(table(with_fees_told(found)))
    return 0


def contracts_of(settings: Settings, desk: str) -> Mapping[str, Contract]:
    """The contracts a desk of perpetuals trades by, as it is configured now; none for any other."""
    terms = settings.config.desk.get(desk.partition(MARK)[0])
    return terms.perps.terms(terms.universe.symbols).contracts if terms is not None and terms.perps is not None else {}


def _show(arguments: argparse.Namespace, settings: Settings) -> int:
    if not (settings.home / "ledger.db").exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    with books(settings.home) as view:
        name = find_cycle(view, arguments.cycle_id)
        record = cycle_record(view, name, texts=True, contracts=contracts_of(settings, name.partition(":")[0]))
    if record is None:
        raise ConfigError(f"no cycle {arguments.cycle_id}; `kanpan cycles` lists them")
    print_cycle(record, as_json=settings.as_json)
    return 0


def find_cycle(view: Books, wanted: str) -> str:
    """A cycle by id, by a part that only one of the last cycles has, or `last`."""
    recent = [item.cycle_id for item in view.cycles(limit=10_000)]
    if wanted == "last":
        return recent[0] if recent else wanted
    matches = [name for name in recent if wanted in name]
    if len(matches) > 1 and wanted not in matches:
        raise ConfigError(f"{wanted} means several cycles: {', '.join(matches[:4])} …")
    return matches[0] if len(matches) == 1 else wanted


def print_cycle(record: Json, *, as_json: bool) -> None:
    """A cycle record as JSON, or as a page that reads from top to bottom."""
    if as_json:
        print_line(json.dumps(record, ensure_ascii=False, indent=2))
        return
    head = {key: value for key, value in record.items() if isinstance(value, str)}
    write = sys.stdout.write
    write(document(head))
    if record["snapshot"]:
        write("\nsnapshot\n" + document({**record["snapshot"], "candidates": " ".join(record["candidates"])}))
    for model in record["models"]:
        texts = {name: model.pop(name, "") for name in ("prompt", "reply")}
        write("\nmodel\n" + document(model))
        for name, text in texts.items():
            if text:
                write(f"\n--- {name} ---\n{text}\n")
    for part in ("decisions", "rejected", "verdicts", "orders", "steps"):
        if record[part]:
            write(f"\n{part}\n" + table(with_fees_told(record[part])))
    account = dict(record["account"])
    positions = account.pop("positions")
    write("\naccount\n" + document(account) + (table(positions) if positions else ""))


# -- acting -------------------------------------------------------------------------------------------------------------------


def _cycle(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run the desk's next cycle now, to the point where its orders have filled or expired."""
    from engine.cycle import Desk
    from tui.building import build_engine
    from tui.headless import Signals

    desk = desk_of(arguments, settings)
    before = _last_cycle(settings, desk)
    signals = Signals()
    signals.install(hangup=True)
    engine = build_engine(settings, speed=0.0, cycles=1, only=desk)
    none_left = threading.Event()

    def now(worker: Desk) -> None:
        if worker.run_next() is None:
            none_left.set()

    at_once = settings.config.desk[desk].schedule == "manual" or settings.config.desk[desk].is_live
    engine.start(now if at_once else None)
    try:
        while not signals.asked.is_set() and not none_left.is_set() and not engine.wait(timeout_s=0.05):
            pass
    finally:
        engine.stop(3.0)
    if engine.failed:
        raise KanpanError(engine.failed)
    if signals.asked.is_set():
        return signals.exit_code
    name = _last_cycle(settings, desk)
    if name == before:
        if settings.config.desk[desk].is_live:
            raise KanpanError(f"desk {desk} can run no cycle now: its market is closed")
        raise KanpanError(f"desk {desk} has no cycle left to run: the replay has ended; start again with another --home")
    with books(settings.home) as view:
        record = cycle_record(view, name, texts=False, contracts=contracts_of(settings, desk))
    if record is None:
        raise KanpanError(f"cycle {name} is not in the ledger")
    print_cycle(record, as_json=settings.as_json)
    if record["state"] == "ABSTAINED":
        raise OutsideError(f"no model answered: {record['reason']}")
    return 0 if record["state"] in {"COMPLETED", "SKIPPED"} else 1


def _last_cycle(settings: Settings, desk: str) -> str:
    if not (settings.home / "ledger.db").exists():
        return ""
    with books(settings.home) as view:
        latest = view.cycles(desk, limit=1)
    return latest[0].cycle_id if latest else ""


def _tell(verb: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry a word out for the desk that is named; without a name a halt and a resume are for every desk."""
    named = desk_of(arguments, settings)
    every = verb in {"halt", "resume"} and not arguments.desk_name
    desks = list(settings.config.desk) if every else [named]
    argument: str = getattr(arguments, "reason", "") or " ".join(getattr(arguments, "order", ()))
    if verb == "halt":
        prepare_home(settings.home)  # the file before anything else: it works even when the engine hangs
        halt_file(settings.home, "" if every else named).touch(mode=0o600)
    answers = [{"command": verb, "desk": desk, "outcome": _said(verb, desk, argument, settings)} for desk in desks]
    if settings.as_json:
        print_line(json.dumps(answers if len(answers) > 1 else answers[0]))
    else:
        for answer in answers:
            print_line(f"{verb} {answer['desk']}: {answer['outcome']}")
    return 0 if all(answer["outcome"] == "done" for answer in answers) else 1


def _said(verb: str, desk: str, argument: str, settings: Settings) -> str:
    """Leave a command for the engine that holds the directory, or write it into the ledger where none does; its outcome."""
    clock = SystemClock()
    name = content_hash(f"{verb}|{desk}|{clock.now().isoformat()}".encode())[:12]
    command = Command(name, verb, desk, argument, "command line")
    try:
        ledger = Ledger.open(settings.home, clock=clock)
    except AlreadyRunning:
        leave(settings.home, command)
        return _answer(settings, name)
    else:
        try:
            records, outcome = effects(command, ())
            queued = CommandQueued(name, verb, desk, argument, command.by)
            whole: list[Record] = [queued, *records, CommandDone(name, outcome)]
            ledger.write(whole, key=f"command/{name}")
            if verb == "resume":
                lift(settings.home, desk, settings.config.desk)
        finally:
            ledger.close()
    return outcome


def _answer(settings: Settings, command_id: str) -> str:
    """What the running engine says; a halt stands in any case, by its file."""
    give_up = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < give_up:
        with books(settings.home) as view:
            outcome = view.command_outcome(command_id)
        if outcome:
            return outcome
        time.sleep(POLL_S)
    return "NO_ANSWER"
