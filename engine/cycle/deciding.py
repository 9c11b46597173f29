"""Who decides a cycle: the engine itself, a rule without a model, or a panel of models put to one prompt.

trigger, mandate.strategy ──► decide ──► Made: one batch of decisions and the items that were refused
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.account import Account
from engine.core.decision import Decision
from engine.core.journal import ItemRejected
from engine.core.past import Past
from engine.cycle.asking import ask
from engine.cycle.benchmarks import benchmark
from engine.cycle.mandate import Equipment, Mandate
from engine.cycle.steps import OWN_TRIGGERS, Seen, offered_in, own_decisions, prompt_context
from engine.llm import render
from engine.store.snapshot import Snapshot
from engine.strategies import agree


class Abstained(Exception):
    """No model answered; the cycle ends without a decision."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was decided, and what was refused before it could become a decision."""

    decisions: tuple[Decision, ...]
    rejected: tuple[ItemRejected, ...] = ()


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
    prompt = render(mandate.prompt_id, prompt_context(mandate, snapshot, seen, account))
    opinions, rejected, failures = ask(mandate, equipment, cycle_id, prompt, offered_in(snapshot, seen))
    if not opinions:
        raise Abstained("; ".join(failures) or "no model")
    return Made(agree(opinions), rejected)
