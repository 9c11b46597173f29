"""`kanpan strategies`: what a desk's models wrote as rules, how the gate ruled, and with --verify the gate run again."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from engine.reports.strategies import Verified, strategy_records, verify
from engine.store import books
from tui.past import recorded_mandate
from tui.table import document, table
from tui.verbs import desk_of, print_line

if TYPE_CHECKING:
    from tui.cli import Settings

_LINE = ("version", "state", "name", "sessions", "return", "max_drawdown", "sharpe", "hit_rate", "trades", "review_on", "failed")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """List the versions, oldest first; with --verify 1 where a verdict comes out otherwise than it was recorded."""
    desk = desk_of(arguments, settings)
    records: list[dict[str, Any]] = []
    verified: list[Verified] = []
    if (settings.home / "ledger.db").exists():
        with books(settings.home) as view:
            if any(book.desk == desk for book in view.desks()):
                records = strategy_records(view, desk)
                if arguments.verify:
                    verified = verify(view, settings.home / "snapshots", desk, recorded_mandate)
    again = {one.version: one.same for one in verified}
    for record in records if arguments.verify else ():
        record["verified"] = again[record["version"]]
    if settings.as_json:
        print_line(json.dumps(records, ensure_ascii=False, indent=2))
    elif not records:
        print_line(f"nothing yet: desk {desk} has no strategy in {settings.home}")
    else:
        sys.stdout.write(table([{name: _cell(record[name]) for name in _LINE} for record in records]))
        shown = next((record for record in records if record["state"] == "in force"), records[-1])
        sys.stdout.write("\n" + document(shown))
    for one in verified:
        if not one.same:
            sys.stderr.write(f"kanpan: version {one.version} is ruled otherwise now: {_differences(one)}\n")
    return 0 if all(again.values()) else 1


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _differences(one: Verified) -> str:
    names = [item.name for item in fields(one.recorded) if getattr(one.recorded, item.name) != getattr(one.again, item.name)]
    return ", ".join(f"{name} {getattr(one.recorded, name)} -> {getattr(one.again, name)}" for name in names)
