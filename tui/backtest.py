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
from engine.config.live import RECORDED
from engine.core.decision import Decision
from engine.core.errors import ConfigError
from engine.core.strategy import StrategyProposed
from engine.cycle import Mandate
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
    models: tuple[Model, ...] = ()
    recorded: dict[str, tuple[Decision, ...]] | None = None
    if arguments.strategy and arguments.strategy not in BASELINES:
        mandate = _written(mandate, arguments.strategy, settings)
    else:
        models, recorded = _deciders(name, desk, settings)
    result = backtest(mandate, build_tape(desk, settings.home, None), models=models, recorded=recorded, gate=try_strategy)
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
    """The desk with what the command line changes of it, on a market that stands still: a live one is taken from the store."""
    first, last = _day(arguments.first, "--from"), _day(arguments.last, "--to")
    if first and last and first > last:
        raise ConfigError(f"--from {first} is after --to {last}")
    feed = desk.feed if desk.feed[0] in RECORDED else ("store",)
    if feed == ("sim",) and (first or last):
        raise ConfigError("--from, --to: an invented market is played whole; [desk.NAME.sim] says from when and how long")
    stretch = {name: getattr(desk.replay, name) for name in desk.replay.model_fields_set} | {"speed": 0}
    stretch |= {name: day for name, day in (("start", first), ("end", last)) if day is not None}
    changes: Json = {"feed": feed, "replay": ReplayConfig.model_validate(stretch)}
    if arguments.strategy in BASELINES:
        changes |= {"strategy": "baseline", "baseline": arguments.strategy}
    return desk.model_copy(update=changes)


def _day(text: str | None, option: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{option} {text}: a day is written 2020-02-04") from None


def _written(mandate: Mandate, wanted: str, settings: Settings) -> Mandate:
    """The mandate following one version of the rules that were written for it, accepted or not."""
    found: dict[str, str] = {}
    if (settings.home / "ledger.db").exists():
        with books(settings.home) as view:
            records = view.strategies(mandate.desk)
        found = {f"rules:{one.version}": one.text for one in records if isinstance(one, StrategyProposed)}
    if wanted not in found:
        there = [*BASELINES, *found] if len(found) < 10 else [*BASELINES, "rules:1", "…", f"rules:{len(found)}"]
        raise ConfigError(f"--strategy {wanted}: there are {', '.join(there)}")
    return replace(mandate, strategy="rules", pinned=found[wanted])


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
        terms = replace(
            mandate, strategy="baseline", pinned="", baseline=baseline, baseline_turnover_ppm=result.figures.turnover_ppm
        )
        other = backtest(terms, build_tape(desk, settings.home, None))
        record = {**result_record(other), "strategy": baseline}
        del record["curve"]
        found.append(record)
    return found


def _called(mandate: Mandate) -> str:
    return mandate.baseline if mandate.strategy == "baseline" else mandate.strategy
