"""`kanpan backtest`: a desk's strategy over history with the desk's own cycle, rules and fees; no model outside is ever asked."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from engine.backtest import Result, backtest, result_record, try_strategy
from engine.building import build_tape, mandate_of
from engine.config import DeskConfig, ReplayConfig
from engine.core.decision import Decision
from engine.core.errors import ConfigError
from engine.cycle import Mandate
from engine.feeds.tape import Tape
from engine.llm import Model, OfflineModel
from engine.store import books
from engine.strategies import BASELINES
from tui.table import document, table
from tui.verbs import desk_of, print_line

if TYPE_CHECKING:
    from tui.cli import Settings

Json = dict[str, Any]
_COMPARED = ("strategy", "return", "max_drawdown", "sharpe", "hit_rate", "trades", "turnover", "costs")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what came of it; 1 where a cycle failed, for then the figures are not the strategy's."""
    name = desk_of(arguments, settings)
    desk = _desk(settings.config.desk[name], arguments)
    mandate = mandate_of(name, desk, settings.language)
    models, recorded = _deciders(name, desk, settings)
    result = backtest(mandate, _tape(desk, settings), models=models, recorded=recorded, gate=try_strategy)
    record = {**result_record(result), "strategy": _called(mandate)}
    others = _beside(mandate, desk, settings, result) if arguments.against else []
    if settings.as_json:
        print_line(json.dumps({**record, "against": others} if arguments.against else record, ensure_ascii=False, indent=2))
    else:
        sys.stdout.write(document({key: value for key, value in record.items() if key != "curve"}))
        if others:
            rows = [{key: one[key] for key in _COMPARED} for one in [record, *others]]
            sys.stdout.write("\n" + table(rows))
    return 1 if result.failed else 0


def _desk(desk: DeskConfig, arguments: argparse.Namespace) -> DeskConfig:
    """The desk with what the command line changes of it."""
    first, last = _day(arguments.first, "--from") or desk.replay.start, _day(arguments.last, "--to") or desk.replay.end
    if first > last:
        raise ConfigError(f"--from {first} is after --to {last}")
    changes: Json = {"replay": ReplayConfig(start=first, end=last, speed=0)}
    if arguments.strategy:
        if arguments.strategy not in BASELINES:
            raise ConfigError(f"--strategy {arguments.strategy}: there are {', '.join(BASELINES)}")
        changes |= {"strategy": "baseline", "baseline": arguments.strategy}
    return desk.model_copy(update=changes)


def _day(text: str | None, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{option} {text}: a day is written 2020-02-04") from None


def _tape(desk: DeskConfig, settings: Settings) -> Tape:
    if desk.feed[0] != "replay":
        raise ConfigError(f'feed {desk.feed[0]}: a backtest needs a history; set feed = ["replay"] for the sample market')
    return build_tape(desk, settings.home, None)


def _deciders(name: str, desk: DeskConfig, settings: Settings) -> tuple[tuple[Model, ...], dict[str, tuple[Decision, ...]] | None]:
    """Who decides: nobody for a baseline, `offline` where the desk asks nobody else, otherwise what the ledger recorded."""
    if desk.strategy == "baseline":
        return (), None
    if all(settings.config.model_named(model).provider == "offline" for model in desk.models):
        return tuple(OfflineModel(name=model) for model in desk.models), None
    recorded: dict[str, tuple[Decision, ...]] = {}
    if (settings.home / "ledger.db").exists():
        with books(settings.home) as view:
            for cycle in view.cycles(name, limit=10_000):
                made = view.decisions(cycle.cycle_id)
                if made is not None:
                    recorded[cycle.cycle_id] = made.decisions
    if not recorded:
        raise ConfigError(
            f"desk {name} asks models, and a backtest asks none: run the desk first (its recorded decisions are then used), "
            "or name a baseline with --strategy"
        )
    return (), recorded


def _beside(mandate: Mandate, desk: DeskConfig, settings: Settings, result: Result) -> list[Json]:
    """The four baselines over the same sessions; the one by lot trades as much as the desk did."""
    found = []
    for baseline in BASELINES:
        terms = replace(mandate, strategy="baseline", baseline=baseline, baseline_turnover_ppm=result.figures.turnover_ppm)
        other = backtest(terms, _tape(desk, settings))
        record = {**result_record(other), "strategy": baseline}
        del record["curve"]
        found.append(record)
    return found


def _called(mandate: Mandate) -> str:
    return mandate.baseline if mandate.strategy == "baseline" else mandate.strategy
