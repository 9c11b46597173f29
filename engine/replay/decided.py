"""The decisions of a past cycle, made again from its snapshot and the recorded replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.core.account import Account
from engine.core.errors import ConfigError
from engine.core.journal import DecisionsMade
from engine.cycle import Mandate, strategist
from engine.cycle.asking import Heard, heard_in
from engine.cycle.benchmarks import benchmark
from engine.cycle.deciding import conclude, questions, showing
from engine.cycle.fusing import Shown
from engine.cycle.reusing import Basis, basis_then, newest, why_moved
from engine.cycle.steps import OWN_TRIGGERS, Seen, own_decisions
from engine.llm import PromptTemplate
from engine.replay.past import Past
from engine.replay.sources import Sources
from engine.store.snapshot import Snapshot


def decided(
    past: Past, sources: Sources, filled_at: Sequence[datetime], mandate: Mandate, snapshot: Snapshot, seen: Seen
) -> DecisionsMade:
    """The batch again; `filled_at` are the desk's fills so far. Prompts and strategies are held against the record on the way."""
    assert past.before is not None
    name, desk, account = past.claimed.cycle_id, past.claimed.desk, past.before.book.account
    if past.claimed.trigger in OWN_TRIGGERS:
        own = own_decisions(past.claimed.trigger, mandate, snapshot, account, past.before.past)
        return DecisionsMade(name, desk, own, ())
    if mandate.strategy == "baseline":
        return DecisionsMade(name, desk, benchmark(mandate, name, snapshot, seen, account), ())
    first = past.asked.get(0)
    mandate = replace(mandate, language=first.prompt_id.rpartition(".")[2]) if first is not None else mandate
    if past.decided is not None and past.decided.reused:
        return _standing(past.decided, sources, filled_at, mandate, snapshot, seen)
    shown = showing(mandate, snapshot, seen, account)
    _same_prompts(past, sources, mandate, snapshot, seen, account, shown)
    count = len({call.prompt_id for call in past.asked.values()})
    replies = heard_in(list(past.asked.values()), list(past.replied.values()), count, sources.reply)
    if mandate.strategy == "rules":
        return _by_rules(past, mandate, snapshot, seen, replies)
    made = conclude(mandate, snapshot, seen, account, replies, shown)
    if past.decided is not None and not past.decided.checked:
        made = made.unchecked()
    return DecisionsMade(name, desk, made.decisions, made.rejected, made.checked)


def _by_rules(past: Past, mandate: Mandate, snapshot: Snapshot, seen: Seen, replies: Sequence[Heard]) -> DecisionsMade:
    """What the strategy in force said; what was written and ruled in this cycle is held against its replies."""
    name, before = past.claimed.cycle_id, past.before
    assert before is not None
    written = strategist.again(mandate, name, snapshot.trading_day, seen.candidates, replies, past.written)
    past.same_records("strategies", past.written, written)
    decisions = strategist.followed(mandate, snapshot, seen, before.book.account, before.past)
    return DecisionsMade(name, past.claimed.desk, decisions, ())


def _standing(
    made: DecisionsMade, sources: Sources, filled_at: Sequence[datetime], mandate: Mandate, snapshot: Snapshot, seen: Seen
) -> DecisionsMade:
    """A reused batch: that of the cycle it names, if nothing had moved by the journal and both snapshots; else an empty one."""
    source = sources.books.decisions(made.reused)
    then = basis_then(sources.books, sources.snapshots, made.reused)
    if source is None or then is None:
        return made  # what it stands on was let go (retention), and its own cycle says so
    names, stale = frozenset(seen.candidates), frozenset(seen.candidates) & frozenset(seen.stale)
    now = Basis(snapshot.as_of, mandate.config_hash, then.asked, then.models, names, stale, seen.prices)
    if why_moved(then, now, mandate.reuse, newest(filled_at, snapshot.as_of)):
        return DecisionsMade(made.cycle_id, made.desk, (), ())
    return DecisionsMade(made.cycle_id, made.desk, source.decisions, (), source.checked, source.cycle_id)


def _same_prompts(
    past: Past, sources: Sources, mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, shown: Shown
) -> None:
    """The prompts again, from the versions then in force, as far as kept; a repair's text begins with its prompt's. A version
    that is gone is noted: it changes no decision."""
    versions = {call.prompt_id: call.prompt_version for call in past.asked.values()}

    def template(template_id: str, language: str) -> PromptTemplate:
        return sources.version_of(template_id, language, versions.get(f"{template_id}.{language}", ""))

    try:
        prompts = questions(mandate, snapshot, seen, account, template, shown) if versions else ()
    except ConfigError as gone:
        past.notes.append(f"prompts not compared: {gone}")
        return
    asked = {prompt.id: prompt.text for prompt in prompts}
    for call in past.asked.values():
        recorded = sources.books.blob(call.prompt_hash)
        computed = asked.get(call.prompt_id, "")
        if recorded is not None and not (computed and recorded.startswith(computed)):
            past.same("prompt", recorded, computed)
