"""The guard: every decision meets every rule, and what is left becomes an order that the exchange would take.

decisions ──► exits first, then entries by confidence ──► RULES top to bottom ──► shape (price, lots, T+1) ──► verdicts + proposals
                                     ▲────────── view after each order of the batch (cash, exposure) ◄──────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.core.decision import Decision, Intent, Verdict, VerdictResult
from engine.core.errors import KanpanError
from engine.core.order import Side
from engine.exchange import FeeSchedule
from engine.risk.policy import Policy
from engine.risk.rules import RULES
from engine.risk.shape import Proposal, shape
from engine.risk.view import Finding, Rule, View, Wish, fraction

UNEVALUABLE = (KeyError, ValueError, ArithmeticError, TypeError, KanpanError)
"""What a rule raises when it lacks what it needs; anything else is a fault of ours and fails the whole cycle."""
SHAPE = Rule("shape", "order", False, lambda view, policy, wish: None)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What risk made of a batch."""

    verdicts: tuple[Verdict, ...]
    proposals: tuple[Proposal, ...]


def judge(
    view: View, policy: Policy, decisions: Iterable[Decision], schedule: FeeSchedule, rules: Sequence[Rule] = RULES
) -> Ruling:
    """Rule on every decision. Pure: the same view, policy and decisions give the same ruling.

    `rules` is the whole table, but where a report asks what a rule was worth by leaving it out.

    Sells come before buys, buys by confidence and then by symbol. A rule that cannot be evaluated denies. Cash from sells of the
    batch is not spent in the batch: until they fill it is not there.
    """
    verdicts: list[Verdict] = []
    proposals: list[Proposal] = []
    view = replace(view, fees=schedule, policy_problem=policy.problem())
    for wish in _ranked(view, decisions):
        if wish.decision.intent is Intent.HOLD:
            verdicts.append(_allow(wish, "HOLD"))
            continue
        findings, allowed = _through_rules(view, policy, wish, rules)
        verdicts += [finding.verdict(rule, step) for rule, finding, step in findings]
        if allowed is None:
            continue
        try:
            shaped = shape(view, policy, allowed, schedule)
        except UNEVALUABLE as error:
            shaped = _unevaluable(allowed, error)
        if isinstance(shaped, Finding):
            verdicts.append(shaped.verdict(SHAPE, allowed))
            continue
        if not findings:
            verdicts.append(_allow(allowed, "ALLOWED"))
        if shaped is None:
            continue
        proposals.append(shaped)
        units = view.instruments[shaped.instrument].units
        amount = units.notional(shaped.limit_price, shaped.quantity) if shaped.side is Side.BUY else 0
        view = view.committed(shaped.instrument, amount, shaped.reserved)
    return Ruling(tuple(verdicts), tuple(proposals))


def _ranked(view: View, decisions: Iterable[Decision]) -> list[Wish]:
    wishes = [_wish(view, decision) for decision in decisions]
    return sorted(wishes, key=lambda wish: (wish.entry, -wish.decision.confidence_ppm, wish.symbol))


def _wish(view: View, decision: Decision) -> Wish:
    """Where the intent says the weight should go: HOLD stays, EXIT goes to nothing, whatever number came with them."""
    try:
        current = view.weight(decision.instrument)
    except (KeyError, ValueError):
        current = 0  # the rules deny it by name
    match decision.intent:
        case Intent.HOLD:
            target = current
        case Intent.EXIT:
            target = 0
        case Intent.REDUCE:
            target = min(current, decision.target_weight_ppm)
        case _:
            target = max(current, decision.target_weight_ppm)
    return Wish(decision, current, target)


def _through_rules(
    view: View, policy: Policy, wish: Wish, rules: Sequence[Rule]
) -> tuple[list[tuple[Rule, Finding, Wish]], Wish | None]:
    """Every finding with the wish it met, and the wish that is left; None where it was denied."""
    findings: list[tuple[Rule, Finding, Wish]] = []
    entry = wish.entry  # a clamp makes an entry smaller and never an exit
    for rule in rules:
        if rule.entries_only and not entry:
            continue
        try:
            finding = rule.check(view, policy, wish)
        except UNEVALUABLE as error:
            finding = _unevaluable(wish, error)
        if finding is None:
            continue
        findings.append((rule, finding, wish))
        if finding.result is not VerdictResult.CLAMP:
            return findings, None
        wish = Wish(wish.decision, wish.current_ppm, finding.allowed_ppm)
    return findings, wish


def _unevaluable(wish: Wish, error: Exception) -> Finding:
    return Finding("RULE_UNEVALUABLE", type(error).__name__, "evaluable", wish.current_ppm, VerdictResult.DENY)


def _allow(wish: Wish, code: str) -> Verdict:
    weight = fraction(wish.target_ppm)
    return Verdict(wish.symbol, "all", "order", VerdictResult.ALLOW, code, weight, weight, weight, weight)
