"""The guard: every decision meets every rule, and what is left becomes an order that the exchange would take.

decisions ──► exits first, then entries by confidence ──► RULES top to bottom ──► shape (price, lots, T+1) ──► verdicts + proposals
                                     ▲────────── view after each order of the batch (cash, exposure) ◄──────────┘
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.core.decision import Decision, Intent, Verdict, VerdictResult
from engine.core.errors import KanpanError
from engine.exchange import FeeSchedule
from engine.risk.margined import shape_margined
from engine.risk.policy import Policy
from engine.risk.rules import RULES
from engine.risk.shape import Proposal, shape
from engine.risk.two_way import wish_either_way
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
    view = replace(view, fees=schedule, policy_problem=policy.problem(1 if view.perps is None else view.perps.leverage))
    asked = [rule for rule in rules if not rule.perps or view.perps is not None]
    table = {True: asked, False: [rule for rule in asked if not rule.entries_only]}
    shaping = shape if view.perps is None else shape_margined
    for wish in _ranked(view, decisions):
        if wish.decision.intent is Intent.HOLD:
            verdicts.append(_allow(wish, "HOLD"))
            continue
        findings, allowed = _through_rules(view, policy, wish, table[wish.entry])
        for rule, finding, step in findings:
            verdicts.append(finding.verdict(rule, step))
        if allowed is None:
            continue
        try:
            shaped = shaping(view, policy, allowed, schedule)
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
        view = view.committed(shaped.instrument, shaped.exposure, shaped.reserved, allowed.way)
    return Ruling(tuple(verdicts), tuple(proposals))


def _ranked(view: View, decisions: Iterable[Decision]) -> list[Wish]:
    """Exits before entries, then by confidence and symbol."""
    ways: tuple[list[Wish], list[Wish]] = ([], [])
    wished = _wish if view.perps is None else wish_either_way
    for decision in decisions:
        wish = wished(view, decision)
        ways[wish.entry].append(wish)
    for way in ways:
        way.sort(key=_rank)
    return ways[False] + ways[True]


def _rank(wish: Wish) -> tuple[int, str]:
    return -wish.decision.confidence_ppm, wish.decision.instrument


def _wish(view: View, decision: Decision) -> Wish:
    """Where the intent says the weight should go: HOLD stays, EXIT goes to nothing, whatever number came with them."""
    symbol, current = decision.instrument, 0
    if symbol in view.account.positions or symbol in view.planned:
        with contextlib.suppress(KeyError, ValueError):  # a name without a price: the rules deny it by name
            current = view.weight(symbol)
    intent = decision.intent
    if intent is Intent.HOLD:
        target = current
    elif intent is Intent.EXIT:
        target = 0
    elif intent is Intent.REDUCE:
        target = min(current, decision.target_weight_ppm)
    else:
        target = max(current, decision.target_weight_ppm)
    return Wish(decision, current, target)


def _through_rules(
    view: View, policy: Policy, wish: Wish, rules: list[Rule]
) -> tuple[list[tuple[Rule, Finding, Wish]], Wish | None]:
    """Every finding with the wish it met, and the wish that is left; None where it was denied.

    A clamp makes an entry smaller and never an exit, so `rules`, those of its direction, hold to the end. A rule that is asked
    `once` and has nothing to say leaves the list.
    """
    findings: list[tuple[Rule, Finding, Wish]] = []
    silent: list[Rule] = []
    left: Wish | None = wish
    for rule in rules:
        try:
            finding = rule.check(view, policy, wish)
        except UNEVALUABLE as error:
            finding = _unevaluable(wish, error)
        if finding is None:
            if rule.once:
                silent.append(rule)
            continue
        findings.append((rule, finding, wish))
        if finding.result is not VerdictResult.CLAMP:
            left = None
            break
        left = wish = Wish(wish.decision, wish.current_ppm, finding.allowed_ppm, wish.way)
    for rule in silent:
        rules.remove(rule)
    return findings, left


def _unevaluable(wish: Wish, error: Exception) -> Finding:
    return Finding("RULE_UNEVALUABLE", type(error).__name__, "evaluable", wish.current_ppm, VerdictResult.DENY)


def _allow(wish: Wish, code: str) -> Verdict:
    weight = fraction(wish.way * wish.target_ppm)
    return Verdict(wish.symbol, "all", "order", VerdictResult.ALLOW, code, weight, weight, weight, weight)
