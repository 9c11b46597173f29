"""The commands about the past: `replay` proves a cycle, `rerun` asks another model, `why` tells the chain behind a position."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.config.shadow import MARK
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError, KanpanError, OutsideError
from engine.core.text import safe_text
from engine.core.units import PPM, from_units, plain
from engine.cycle import Mandate
from engine.replay import Replay
from engine.reports.protection import protection_told
from engine.reports.record import order_record, units_of
from engine.reports.verdicts import seen_and_limit
from engine.rerun import rerun_inputs
from engine.store import Books, ModelCall, books
from tui.fees import with_fees_told
from tui.i18n import load
from tui.naming import meant, nearest
from tui.table import document, table
from tui.verbs import book_of, find_cycle, print_line

if TYPE_CHECKING:
    from tui.cli import Settings

Json = dict[str, Any]
SHOWN_DIFFERENCE = 400


def run(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry one of the three out; exit code 1 when a replay differs."""
    if not (settings.home / "ledger.db").exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    match command:
        case "replay":
            return _replay(arguments, settings)
        case "rerun":
            return _rerun(arguments, settings)
        case _:
            return _why(arguments, settings)


def recorded_mandate(desk: str, text: str) -> Mandate:
    """The mandate a desk had, from the configuration the ledger recorded. Raises KanpanError for one of another version."""
    try:
        return mandate_of(desk, DeskConfig.model_validate_json(text), "en")
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise KanpanError(f"desk {desk}: this version does not understand the configuration of then ({key})") from None


# -- replay -------------------------------------------------------------------------------------------------------------------


def _replay(arguments: argparse.Namespace, settings: Settings) -> int:
    if bool(arguments.cycle_id) == bool(arguments.every):
        raise ConfigError("name one CYCLE or say --all")
    from engine.llm import PromptLibrary

    library = PromptLibrary(settings.home / "prompts")
    with books(settings.home) as view:
        name = find_cycle(view, arguments.cycle_id) if arguments.cycle_id else ""
        history = view.cycle(name) if name else None
        if name and history is None:
            raise ConfigError(f"no cycle {name}; `kanpan cycles` lists them")
        desk = history.cycle.desk if history is not None else book_of(arguments, settings)
        results = list(Replay(view, settings.home / "snapshots", desk, recorded_mandate, library.of_version).run(name))
    differing = [result for result in results if result.differences]
    computed = [result for result in results if not result.skipped]
    if settings.as_json:
        print_line(json.dumps([asdict(result) for result in results], ensure_ascii=False, indent=2))
    else:
        for result in differing:
            print_line(f"{result.cycle_id}: differs")
            for one in result.differences:
                print_line(f"  {one.part}")
                print_line(f"    recorded  {_cut(one.recorded, one.computed)}")
                print_line(f"    computed  {_cut(one.computed, one.recorded)}")
        for reason, count in Counter(result.skipped for result in results if result.skipped).items():
            print_line(f"{count} not computed: {reason}")
        for note, count in Counter(note for result in results for note in result.notes).items():
            print_line(f"{count} with {note}")
        print_line(
            f"{len(computed)} cycles replayed, {len(differing)} differ, {len(results) - len(computed)} had nothing to compute"
        )
    return 1 if differing else 0


def _cut(text: str, other: str) -> str:
    """`text` around the first place where it leaves `other`."""
    at = next((n for n, (left, right) in enumerate(zip(text, other, strict=False)) if left != right), min(len(text), len(other)))
    start = max(0, at - 60)
    shown = safe_text(text[start : start + SHOWN_DIFFERENCE], one_line=True)
    return ("…" if start else "") + shown


# -- rerun --------------------------------------------------------------------------------------------------------------------


def _rerun(arguments: argparse.Namespace, settings: Settings) -> int:
    from engine.building import build_named_model
    from engine.cycle.asking import heard
    from engine.cycle.deciding import Abstained, conclude, questions, reader, showing, weights_of
    from engine.llm import Deaf, PromptLibrary, ask_side_by_side
    from engine.risk import judge

    with books(settings.home) as view:
        name = find_cycle(view, arguments.cycle_id)
        inputs = rerun_inputs(view, settings.home / "snapshots", name, recorded_mandate)
    mandate = inputs.mandate
    if arguments.prompt or mandate.strategy == "baseline":
        mandate = replace(mandate, prompt_id=arguments.prompt or mandate.prompt_id, strategy="panel")
    mandate = replace(mandate, language=settings.language)
    wanted = [arguments.model] if arguments.model else _models_of(mandate.desk, settings)
    closers: list[Any] = []
    try:
        models = [build_named_model(model, settings.config, settings.environ, SystemClock(), closers) for model in wanted]
        basis = (mandate, inputs.snapshot, inputs.seen, inputs.standing.account)
        shown = showing(*basis)
        asked = questions(*basis, PromptLibrary(settings.home / "prompts").template, shown)
        read = reader(inputs.offered, weights_of(mandate))
        answers = ask_side_by_side(models, asked, read, deadline_s=mandate.deadline_s, listener=Deaf(), cancelled=threading.Event())
    finally:
        for closer in closers:
            closer.close()
    try:
        decisions = conclude(*basis, [heard(number, one) for number, row in enumerate(answers) for one in row], shown).decisions
    except Abstained as reason:
        raise OutsideError(str(reason)) from None
    ruling = judge(inputs.view(mandate), mandate.policy, decisions, mandate.fees)
    units = inputs.units
    record: Json = {
        "cycle_id": name,
        "traded": False,
        "models": [
            {
                "model": answer.model.name,
                "prompt_id": prompt.id,
                "outcome": answer.outcome,
                "latency_ms": sum(call.reply.latency_ms for call in answer.calls),
                "reply": safe_text(answer.calls[-1].reply.text),
            }
            for prompt, row in zip(asked, answers, strict=True)
            for answer in row
        ],
        "decisions": [
            {
                "instrument": item.instrument,
                "intent": item.intent.value,
                "target_weight": f"{from_units(item.target_weight_ppm, PPM):f}",
                "reasoning": safe_text(item.reasoning),
            }
            for item in decisions
        ],
        "verdicts": [
            {"instrument": one.instrument, "rule": one.rule, "result": one.result.value, "before": one.before, "after": one.after}
            for one in ruling.verdicts
        ],
        "proposals": [
            {
                "instrument": one.instrument,
                "side": one.side.value,
                "quantity": plain(one.quantity, units.quantity, places=0),
                "limit_price": plain(one.limit_price, units.price),
            }
            for one in ruling.proposals
        ],
    }
    if settings.as_json:
        print_line(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        print_line(f"the snapshot of {name}, asked again; nothing was traded")
        for part in ("models", "decisions", "verdicts", "proposals"):
            sys.stdout.write(f"\n{part}\n" + (table(record[part]) or "none\n"))
    return 0


def _models_of(desk: str, settings: Settings) -> list[str]:
    """Whom a desk or a shadow asks by the configuration of today. Raises ConfigError for one that is not there any more."""
    name = desk.partition(MARK)[0]
    family = settings.config.desk[name].family(name) if name in settings.config.desk else {}
    if desk not in family:
        raise ConfigError(f"desk {desk} is in the configuration no more; say --model M")
    return list(family[desk].models)


# -- why ----------------------------------------------------------------------------------------------------------------------


def _why(arguments: argparse.Namespace, settings: Settings) -> int:
    desk = book_of(arguments, settings)
    with books(settings.home) as view:
        if not any(book.desk == desk for book in view.desks()):
            raise ConfigError(f"desk {desk} has not run yet in {settings.home}")
        symbol = _symbol(view, desk, arguments.symbol)
        chain = list(_chain(view, desk, symbol, arguments.limit))
        account, units = view.account(desk), units_of(view, desk)
        position, perp = account.positions.get(symbol), account.perps.get(symbol)
    standing = position.quantity if position else perp.quantity if perp else 0
    held = plain(standing, units.quantity, places=0)
    if settings.as_json:
        print_line(json.dumps({"symbol": symbol, "held": held, "chain": chain}, ensure_ascii=False, indent=2))
        return 0
    words = load(settings.language)
    print_line(f"{symbol}: {held} held by desk {desk}")
    for link in chain:
        head = {key: value for key, value in link.items() if isinstance(value, str)}
        sys.stdout.write("\n" + document(head))
        if link["verdicts"]:
            told = {one["rule"]: f"{one['result']} {one['code']}: {words.because(one.items())}" for one in link["verdicts"]}
            sys.stdout.write("verdicts\n" + document(told))
        if link["orders"]:
            sys.stdout.write("orders\n" + table(with_fees_told(link["orders"])))
    return 0


def _symbol(view: Books, desk: str, typed: str) -> str:
    """The instrument that a person means. Raises KanpanError, naming the nearest, where the desk never decided on such a one."""
    known = set(view.account(desk).positions)
    for cycle in view.cycles(desk, limit=10_000):
        made = view.decisions(cycle.cycle_id)
        known |= {item.instrument for item in made.decisions} if made else set()
        if typed in known:
            return typed
    if found := meant(typed, known):
        return found
    near = nearest(typed, known)
    asked = f"; did you mean {' or '.join(near)}?" if near else f"; it knows {', '.join(sorted(known)[:8])}" if known else ""
    raise KanpanError(f"desk {desk} has never decided anything about {safe_text(typed, limit=40, one_line=True)}{asked}")


def _answered(call: ModelCall) -> str:
    return f"{call.asked.model} ({call.replied.outcome if call.replied else 'no reply'})"


def _chain(view: Books, desk: str, symbol: str, limit: int) -> list[Json]:
    """The newest cycles that said something about a name, newest first: what was said, by whom, and what came of it."""
    links: list[Json] = []
    units = units_of(view, desk)
    for cycle in view.cycles(desk, limit=10_000):
        made = view.decisions(cycle.cycle_id)
        decision = next((item for item in made.decisions if item.instrument == symbol), None) if made else None
        if decision is None:
            continue
        ruled = view.verdicts(cycle.cycle_id)
        snapshot = view.snapshot_of(cycle.cycle_id)
        calls = view.model_calls(cycle.cycle_id)
        links.append(
            {
                "cycle": cycle.cycle_id,
                "as_of": snapshot.as_of.isoformat() if snapshot else "",
                "snapshot": snapshot.hash if snapshot else "",
                "models": ", ".join(
                    f"{call.asked.model} ({call.replied.outcome if call.replied else 'no reply'})" for call in calls
                ),
                "intent": decision.intent.value,
                "target_weight": f"{from_units(decision.target_weight_ppm, PPM):f}",
                "confidence": f"{from_units(decision.confidence_ppm, PPM):f}",
                "reasoning": safe_text(protection_told(decision, units), one_line=True),
                "evidence": ", ".join(decision.sources),
                "unverified": safe_text(", ".join(decision.unverified), one_line=True),
                "verdicts": [
                    {"rule": one.rule, "result": one.result.value, "code": one.code}
                    | dict(zip(("observed", "limit"), seen_and_limit(one, units), strict=True))
                    for one in (ruled.verdicts if ruled else ())
                    if one.instrument == symbol
                ],
                "orders": [
                    order_record(view, item, units) for item in view.orders_of(cycle.cycle_id) if item.order.instrument == symbol
                ],
            }
        )
        if len(links) >= limit:
            break
    return links
