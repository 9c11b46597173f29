"""Who decides a cycle: the engine itself, a rule without a model, or models put to one prompt or several.

mandate, snapshot, account ──questions──► prompts ──► (models) ──► replies ──conclude──► Made
The two are pure: the live cycle, a replay, a rerun and whoever runs beside them ask and conclude with the same functions. Who calls
both hands each the same `showing`, which is costly; either computes it where it is not given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.account import Account
from engine.core.decision import Decision
from engine.core.errors import ConfigError
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected, Record
from engine.core.past import Past
from engine.core.units import PPM
from engine.cycle import strategist
from engine.cycle.affording import afford
from engine.cycle.asking import Heard, ask
from engine.cycle.benchmarks import benchmark
from engine.cycle.fusing import FAST, SLOW, Shown, channel_questions, conclude_fusion, shown_in
from engine.cycle.mandate import Equipment, Mandate
from engine.cycle.reusing import Basis, answered_before, basis_now, basis_then, newest, routed, urgency, why_moved
from engine.cycle.steps import OWN_TRIGGERS, Seen, instruments_in, offered_in, own_decisions, prompt_context
from engine.llm import (
    CHANNEL_ID,
    OUTRIGHT,
    SCHEMA_ID,
    Judged,
    Parsed,
    Prompt,
    Range,
    TemplateOf,
    builtin,
    check_evidence,
    figures_of,
    parse_views,
    parse_within,
    render,
)
from engine.llm.rule_form import parse_strategy
from engine.llm.rule_schema import RULES_ID
from engine.store.snapshot import Snapshot
from engine.strategies import Opinion, agree

READERS: Mapping[str, Callable[[str, Mapping[str, Instrument], Range], Judged]] = {
    SCHEMA_ID: parse_within,
    CHANNEL_ID: lambda text, offered, weights: parse_views(text, offered),
    RULES_ID: lambda text, offered, weights: parse_strategy(text, offered),
}
"""What reads a reply, by the form its prompt asked for."""


class Abstained(Exception):
    """No model answered; the cycle ends without a decision."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was decided, and what was refused before it could become a decision; `checked` where evidence was."""

    decisions: tuple[Decision, ...]
    rejected: tuple[ItemRejected, ...] = ()
    checked: bool = False
    reused: str = ""
    """The cycle whose answer stands here again, '' where it is this one's own."""
    records: tuple[Record, ...] = ()
    """What else must be in the journal before the batch is."""

    def unchecked(self) -> Made:
        """The same batch as it was made before evidence was checked."""
        return Made(tuple(replace(one, unverified=()) for one in self.decisions), self.rejected)


def questions(
    mandate: Mandate,
    snapshot: Snapshot,
    seen: Seen,
    account: Account,
    template: TemplateOf = builtin,
    shown: Shown | None = None,
) -> tuple[Prompt, ...]:
    """What the desk's strategy asks of each model of its panel, all at the same time; nothing where it needs no model."""
    shown = shown or showing(mandate, snapshot, seen, account)
    match mandate.strategy:
        case "panel":
            (context,) = shown.contexts
            return (render(mandate.prompt_id, context, template(mandate.prompt_id, mandate.language)),)
        case "fusion":
            return channel_questions(mandate, shown, template)
        case "rules":
            return (strategist.question(mandate, snapshot, seen, account, template),)
        case _:
            return ()


def showing(mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account) -> Shown:
    """What `questions` and `conclude` of one cycle share; empty where the strategy has nothing of the kind."""
    match mandate.strategy:
        case "panel":
            return Shown((prompt_context(mandate, snapshot, seen, account),))
        case "fusion":
            return shown_in(mandate, snapshot, seen, account)
        case _:
            return Shown()


def templates_of(mandate: Mandate) -> tuple[str, ...]:
    """The templates that the desk's strategy asks with, by id."""
    return {"panel": (mandate.prompt_id,), "fusion": (SLOW, FAST), "rules": (strategist.RULES_PROMPT,)}.get(mandate.strategy, ())


def conclude(
    mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, replies: Sequence[Heard], shown: Shown | None = None
) -> Made:
    """The batch that follows from what was heard; raises Abstained where models were asked and not one spoke."""
    _somebody(replies)
    shown = shown or showing(mandate, snapshot, seen, account)
    match mandate.strategy:
        case "panel":
            return _agreed(mandate, snapshot, seen, replies, shown)
        case "fusion":
            return Made(*conclude_fusion(mandate, snapshot, seen, account, replies, shown), checked=True)
        case "rules":
            raise ConfigError(f"desk.{mandate.desk}.strategy: what a model writes decides nothing before the gate has tried it")
        case other:
            raise ConfigError(f"desk.{mandate.desk}.strategy: {other} asks no model")


def decide(
    mandate: Mandate,
    equipment: Equipment,
    cycle_id: str,
    trigger: str,
    snapshot: Snapshot,
    seen: Seen,
    account: Account,
    past: Past,
) -> Made:
    """The batch of one cycle. Raises Abstained where a panel was asked and nobody answered."""
    if trigger in OWN_TRIGGERS:
        return Made(own_decisions(trigger, mandate, snapshot, account, past))
    if equipment.recorded is not None:
        return Made(equipment.recorded.get(cycle_id, ()))
    if mandate.strategy == "baseline":
        return Made(benchmark(mandate, cycle_id, snapshot, seen, account))
    if mandate.strategy == "rules":
        return _by_rules(mandate, equipment, cycle_id, snapshot, seen, account, past)
    shown = showing(mandate, snapshot, seen, account)
    asked = questions(mandate, snapshot, seen, account, equipment.template, shown)
    read = reader(offered_in(snapshot, seen), weights_of(mandate))
    chosen = routed(mandate.route, urgency(mandate.route, snapshot, seen, account), equipment.models)
    panel = afford(mandate, replace(equipment, models=chosen), cycle_id, snapshot.as_of, asked)
    if trigger == "schedule" and mandate.reuse.ttl_s:
        now = basis_now(mandate.config_hash, snapshot, seen, asked, [model.name for model in panel])
        standing = _standing(mandate, equipment, cycle_id, now)
        if standing is not None:
            return standing
    replies = ask(equipment, mandate.desk, cycle_id, panel, asked, read, deadline_s=mandate.deadline_s)
    if not replies and panel:
        raise Abstained("no model")
    return conclude(mandate, snapshot, seen, account, replies, shown)


def _standing(mandate: Mandate, equipment: Equipment, cycle_id: str, now: Basis) -> Made | None:
    """The newest answer again, where nothing has moved since it was given."""
    with equipment.ledger.reader() as books:
        before = answered_before(books, mandate.desk, cycle_id)
        then = basis_then(books, equipment.snapshots, before.cycle_id) if before is not None else None
        filled = newest((fill.at for fill in books.fills(mandate.desk, limit=1)), now.as_of)
    if before is None or then is None or why_moved(then, now, mandate.reuse, filled):
        return None
    return Made(before.decisions, checked=before.checked, reused=before.cycle_id)


def _by_rules(
    mandate: Mandate, equipment: Equipment, cycle_id: str, snapshot: Snapshot, seen: Seen, account: Account, past: Past
) -> Made:
    """What the strategy in force says; where there is none, models are asked for one and the gate tries what they write."""
    written: list[strategist.Written] = []
    if strategist.asks_now(mandate, past, snapshot.trading_day):
        asked = questions(mandate, snapshot, seen, account, equipment.template)
        read = reader(offered_in(snapshot, seen))
        panel = afford(mandate, equipment, cycle_id, snapshot.as_of, asked)
        replies = ask(equipment, mandate.desk, cycle_id, panel, asked, read, deadline_s=mandate.deadline_s)
        if not replies and panel:
            raise Abstained("no model")
        _somebody(replies)
        proposed = strategist.proposals(mandate, cycle_id, past.proposals, seen.candidates, replies)
        written = strategist.try_each(mandate, equipment, snapshot, proposed)
        for record in written:
            past = past.after(record)
    return Made(strategist.followed(mandate, snapshot, seen, account, past), records=tuple(written))


def _somebody(replies: Sequence[Heard]) -> None:
    if replies and not any(reply.spoke for reply in replies):
        raise Abstained("; ".join(dict.fromkeys(f"{reply.model}: {reply.outcome}" for reply in replies)))


def reader(offered: Mapping[str, Instrument], weights: Range = OUTRIGHT) -> Callable[[str, str], Judged]:
    """What says, of a prompt's form and a reply's text, what the reply comes to."""
    return lambda form, text: READERS[form](text, offered, weights)


def weights_of(mandate: Mandate) -> Range:
    """Which weights a model may name: what the desk's leverage carries, below zero only where it may be short."""
    terms = mandate.perps
    if terms is None:
        return OUTRIGHT
    most = terms.leverage * PPM
    return Range(most, most if terms.shorts else 0, margined=True)


def _agreed(mandate: Mandate, snapshot: Snapshot, seen: Seen, replies: Sequence[Heard], shown: Shown) -> Made:
    offered, listed = offered_in(snapshot, seen), instruments_in(snapshot)
    (context,) = shown.contexts
    figures = figures_of(context)
    opinions: list[Opinion] = []
    rejected: list[ItemRejected] = []
    for reply in replies:
        if not reply.spoke:
            continue
        parsed = reply.judged if isinstance(reply.judged, Parsed) else parse_within(reply.text, offered, weights_of(mandate))
        rejected += parsed.rejected
        checked = [
            replace(one, unverified=check_evidence(one, figures, price_scale=listed[one.instrument].units.price).unborne)
            for one in parsed.decisions
        ]
        if parsed.usable:
            opinions.append(Opinion(reply.model, tuple(checked)))
    return Made(agree(opinions), tuple(rejected), checked=True)
