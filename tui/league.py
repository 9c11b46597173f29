"""`kanpan league`: a desk, its shadows and the market side by side, and how sure one may be that they differ."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from engine.core.errors import ConfigError
from engine.reports.league import League, league
from engine.reports.league_record import league_record
from engine.store import books
from tui.i18n import Words, load
from tui.table import table
from tui.verbs import desk_of, print_line

if TYPE_CHECKING:
    from tui.cli import Settings

Json = dict[str, Any]
NOTES = {
    "FEW_SESSIONS": "league.FEW_SESSIONS",
    "FEW_FORECASTS": "league.FEW_FORECASTS",
    "CYCLES_MISSING": "league.CYCLES_MISSING",
    "SNAPSHOTS_DIFFER": "league.SNAPSHOTS_DIFFER",
    "NO_CYCLES": "league.NO_CYCLES",
    "NO_COSTS": "league.NO_COSTS",
}


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the table, or one JSON document with every figure of it."""
    desk = desk_of(arguments, settings)
    if not (settings.home / "ledger.db").exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    with books(settings.home) as view:
        found = league(view, settings.home / "snapshots", desk)
    if settings.as_json:
        print_line(json.dumps(league_record(found), ensure_ascii=False, indent=2))
        return 0
    words = load(settings.language)
    sys.stdout.write(table(lines(found)))
    for row in league_record(found)["entrants"]:
        if row["confidence"]:
            print_line("")
            print_line(words.t("league.reliability", name=row["name"]))
            sys.stdout.write(table([_bin(one) for one in row["confidence"]["reliability"]]))
    print_line("")
    for line in remarks(found, words):
        print_line(line)
    return 0


def lines(found: League) -> list[Json]:
    """The table for people: percent a session and in all, `~` where there is too little to say."""
    rows = []
    for row in league_record(found)["entrants"]:
        confidence = row["confidence"] or {}
        rows.append(
            {
                "name": row["name"],
                "cycles": str(row["cycles"]) if row["kind"] != "market" else "",
                "sessions": str(row["sessions"]),
                "return": f"{row['return'] * 100:+.2f}%",
                "drawdown": f"{row['drawdown'] * 100:.2f}%",
                "Sharpe a year": _ratio(row["sharpe"]),
                "vs desk, bp/session": _difference(row["against_desk"]),
                "vs buy-and-hold, bp/session": _difference(row["against_hold"]),
                "hit rate": f"{confidence['hit_rate'] * 100:.0f}% of {confidence['forecasts']}" if confidence else "",
                "stated": f"{confidence['stated'] * 100:.0f}%" if confidence else "",
                "brier": f"{confidence['brier']:.3f}" if confidence else "",
                "fees": ", ".join(filter(None, (f"{row['fees']} {row['currency']}" if row["fees"] else "", row["fees_in_coin"]))),
                "models cost": " ".join(f"{amount} {currency}" for currency, amount in row["model_cost"].items()) or _free(row),
            }
        )
    return rows


def _difference(found: Json | None) -> str:
    if found is None:
        return ""
    if found["low_bp"] is None:
        return f"{found['mean_bp']:+.1f} [~]"
    return f"{found['mean_bp']:+.1f} [{found['low_bp']:+.1f}, {found['high_bp']:+.1f}]"


def _ratio(found: Json | None) -> str:
    if found is None:
        return ""
    if found["low"] is None:
        return f"{found['value']:+.2f} [~]"
    return f"{found['value']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"


def _free(row: Json) -> str:
    return "?" if row["calls_without_price"] else "0" if row["model_calls"] else ""


def _bin(one: Json) -> Json:
    return {
        "confidence": f"{one['from'] * 100:.0f}-{one['to'] * 100:.0f}%",
        "forecasts": str(one["forecasts"]),
        "stated": f"{one['stated'] * 100:.0f}%",
        "came true": f"{one['hit_rate'] * 100:.0f}% [{one['low'] * 100:.0f}, {one['high'] * 100:.0f}]",
    }


def remarks(found: League, words: Words) -> list[str]:
    """What a person must know before concluding anything."""
    said = [words.t("league.method", count=str(found.compared))]
    for row in found.entrants:
        said += [words.t(NOTES[code], name=row.name, figure=str(figure)) for code, figure in row.notes]
    return said
