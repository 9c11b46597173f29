"""The commands of the guard: `report --risk` says what each rule was worth, `flatten` leaves what may be left."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.building import build_tape
from engine.commands import Command, leave
from engine.core.clock import SystemClock
from engine.core.errors import AlreadyRunning, ConfigError, KanpanError
from engine.core.ids import content_hash
from engine.cycle import Desk
from engine.reports.record import cycle_record
from engine.reports.worth import what_risk_was_worth, worth_record
from engine.store import Books, books
from tui.building import build_engine
from tui.past import recorded_mandate
from tui.table import document, table
from tui.verbs import desk_of, print_line

if TYPE_CHECKING:
    from tui.cli import Settings

ANSWER_WITHIN_S = 15.0
POLL_S = 0.05
Json = dict[str, Any]


def run(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry one of the two out; returns its exit code."""
    desk = desk_of(arguments, settings)
    if not (settings.home / "ledger.db").exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    return _flatten(desk, settings) if command == "flatten" else _report(desk, arguments, settings)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text} is not a day: say 2020-03-02") from None


def _report(desk: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """What each rule blocked or cut, and what that was worth; exit code 1 when the simulation and the ledger disagree."""
    if not arguments.risk:
        raise ConfigError("say which report: --risk")
    configured = settings.config.desk[desk]
    if configured.is_live:
        raise ConfigError(f"desk.{desk}.feed: what a live desk read is not kept as a tape, so no rule can be left out of it again")
    with books(settings.home) as view:
        worth = what_risk_was_worth(
            view,
            desk,
            recorded_mandate,
            lambda: build_tape(configured, settings.home, None),
            _day(arguments.first),
            _day(arguments.last),
        )
    record = worth_record(worth, configured.market)
    if settings.as_json:
        print_line(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        rows = record.pop("rules")
        sys.stdout.write(document(record))
        if rows:
            sys.stdout.write("\n" + table(rows))
    return 0 if worth.adds_up else 1


def _flatten(desk: str, settings: Settings) -> int:
    """Sell what may be sold; what may not is listed with its reason. Through the running engine where there is one."""
    with books(settings.home) as view:
        before = _latest(view, desk)
    clock = SystemClock()
    engine = build_engine(settings, speed=0.0, cycles=0, only=desk)
    try:
        engine.start(Desk.flatten_next)
    except AlreadyRunning:
        name = content_hash(f"flatten|{desk}|{clock.now().isoformat()}".encode())[:12]
        leave(settings.home, Command(name, "flatten", desk, "", "command line"))
    else:
        try:
            engine.wait(timeout_s=ANSWER_WITHIN_S)
        finally:
            engine.stop(3.0)
        if engine.failed:
            raise KanpanError(engine.failed)
    give_up = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < give_up:
        with books(settings.home) as view:
            name = _latest(view, desk)
            record = cycle_record(view, name, texts=False) if name != before else None
        if record is not None and record["state"] in {"COMPLETED", "SKIPPED", "FAILED", "AMBIGUOUS"}:
            return _told(record, as_json=settings.as_json)
        time.sleep(POLL_S)
    raise KanpanError(f"desk {desk} did not flatten within {ANSWER_WITHIN_S:.0f} s; nothing is known to have been sold")


def _latest(view: Books, desk: str) -> str:
    return next((cycle.cycle_id for cycle in view.cycles(desk, limit=1_000) if cycle.trigger == "flatten"), "")


def _told(record: Json, *, as_json: bool) -> int:
    sold = {order["instrument"]: Decimal(order["quantity"]) - Decimal(order["filled"]) for order in record["orders"]}
    reasons = {verdict["instrument"]: verdict["code"] for verdict in record["verdicts"]}
    kept: list[Json] = []
    for position in record["account"]["positions"]:
        symbol = position["instrument"]
        left = Decimal(position["quantity"]) - sold.get(symbol, Decimal(0))
        if left:
            reason = "SHAPE_T1" if symbol in sold else reasons.get(symbol, "UNKNOWN")
            kept.append({"instrument": symbol, "quantity": f"{left:f}", "reason": reason})
    if as_json:
        answer = {"cycle_id": record["cycle_id"], "state": record["state"], "sold": record["orders"], "kept": kept}
        print_line(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        print_line(f"flatten {record['cycle_id']}: {record['state']} {record['reason']}".rstrip())
        sys.stdout.write(("\nsold\n" + table(record["orders"])) if record["orders"] else "\nnothing sold\n")
        sys.stdout.write(("\nnot sold\n" + table(kept)) if kept else "")
    return 0 if record["state"] == "COMPLETED" and not kept else 1
