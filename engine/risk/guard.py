"""The guard: every decision meets every rule, and what is left becomes an order that the exchange would take.

decisions ──► exits first, then entries by confidence ──► RULES top to bottom ──► shape (price, lots, T+1) ──► verdicts + proposals
                                     ▲────────── view after each order of the batch (cash, exposure) ◄──────────┘
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.decision import Decision, Intent, Verdict, VerdictResult
from engine.core.errors import KanpanError
from engine.core.order import OrderType, Side
from engine.core.units import PPM
from engine.exchange import FeeSchedule, floor_quantity, tick_at, worst_case_cost
from engine.risk.policy import Policy
from engine.risk.rules import RULES, Finding, Rule, View, Wish, fraction

UNEVALUABLE = (KeyError, ValueError, ArithmeticError, TypeError, KanpanError)
"""What a rule raises when it lacks what it needs; anything else is a fault of ours and fails the whole cycle."""
SHAPE = Rule("shape", "order", False, lambda view, policy, wish: None)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that passed: quantity in quantity units, limit in price units, `reserved` the most cash a buy can cost with fees."""

    instrument: str
    side: Side
    order_type: OrderType
    quantity: int
    limit_price: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """What risk made of a batch."""

    verdicts: tuple[Verdict, ...]
    proposals: tuple[Proposal, ...]


def judge(view: View, policy: Policy, decisions: Iterable[Decision], schedule: FeeSchedule) -> Ruling:
    """Rule on every decision. Pure: the same view, policy and decisions give the same ruling.

    Sells come before buys, buys by confidence and then by symbol. A rule that cannot be evaluated denies. Cash from sells of the
    batch is not spent in the batch: until they fill it is not there.
    """
    verdicts: list[Verdict] = []
    proposals: list[Proposal] = []
    for wish in _ranked(view, decisions):
        if wish.decision.intent is Intent.HOLD:
            verdicts.append(_allow(wish, "HOLD"))
            continue
        findings, allowed = _through_rules(view, policy, wish)
        verdicts += [finding.verdict(rule, step) for rule, finding, step in findings]
        if allowed is None:
            continue
        try:
            shaped = _shape(view, policy, allowed, schedule)
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
    wishes = [Wish(decision, _weight(view, decision.instrument), _target(view, decision)) for decision in decisions]
    return sorted(wishes, key=lambda wish: (wish.entry, -wish.decision.confidence_ppm, wish.symbol))


def _weight(view: View, symbol: str) -> int:
    try:
        return view.weight(symbol)
    except (KeyError, ValueError):
        return 0  # the rules deny it by name


def _target(view: View, decision: Decision) -> int:
    """Where the intent says the weight should go: HOLD stays, EXIT goes to nothing, whatever number came with them."""
    if decision.intent is Intent.HOLD:
        return _weight(view, decision.instrument)
    if decision.intent is Intent.EXIT:
        return 0
    current = _weight(view, decision.instrument)
    if decision.intent is Intent.REDUCE:
        return min(current, decision.target_weight_ppm)
    return max(current, decision.target_weight_ppm)


def _through_rules(view: View, policy: Policy, wish: Wish) -> tuple[list[tuple[Rule, Finding, Wish]], Wish | None]:
    """Every finding with the wish it met, and the wish that is left; None where it was denied."""
    findings: list[tuple[Rule, Finding, Wish]] = []
    for rule in RULES:
        if rule.entries_only and not wish.entry:
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


def _shape(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding | None:
    """The order the exchange would take: on the tick, inside the limits, in whole lots, sellable today. None: nothing to do."""
    if wish.target_ppm == wish.current_ppm:
        return None
    return _entry(view, policy, wish, schedule) if wish.entry else _exit(view, wish)


def _entry(view: View, policy: Policy, wish: Wish, schedule: FeeSchedule) -> Proposal | Finding | None:
    instrument, mark = view.instruments[wish.symbol], view.mark(wish.symbol)
    reference = view.quotes[wish.symbol].pre_close if not view.quotes[wish.symbol].open else mark
    tick = tick_at(instrument, view.trading_day, reference)
    limit = reference * (PPM + policy.entry_band_ppm) // PPM // tick * tick
    band = view.limits[wish.symbol]
    if band is not None:
        limit = min(limit, band[0])
    units = instrument.units
    # Sized at the worst price it may pay, so that no fill takes the holding beyond what the rules left it.
    budget = max(0, wish.target_ppm * view.equity // PPM - view.value(wish.symbol))
    wanted = budget * units.price * units.quantity // (limit * units.money)
    spendable = view.cash_free - policy.cash_reserve
    affordable = max(0, spendable) * units.price * units.quantity // (limit * units.money)
    quantity = floor_quantity(instrument, Side.BUY, min(wanted, affordable), 0, OrderType.LIMIT, view.trading_day)
    while quantity > 0 and worst_case_cost(instrument, quantity, limit, view.trading_day, schedule) > spendable:
        smaller = floor_quantity(instrument, Side.BUY, quantity - 1, 0, OrderType.LIMIT, view.trading_day)
        quantity = smaller if smaller < quantity else 0
    if quantity <= 0:
        return Finding("SHAPE_LOT", str(wanted), "one lot", wish.current_ppm, VerdictResult.DENY)
    notional = units.notional(limit, quantity)
    if notional < policy.min_order:
        return Finding("SHAPE_MINIMUM", str(notional), str(policy.min_order), wish.current_ppm, VerdictResult.DENY)
    cost = worst_case_cost(instrument, quantity, limit, view.trading_day, schedule)
    return Proposal(wish.symbol, Side.BUY, OrderType.LIMIT, quantity, limit, cost)


def _exit(view: View, wish: Wish) -> Proposal | Finding | None:
    """Exits are priced to trade: at the limit-down where there is one, so that only a sealed market can hold them back."""
    instrument, mark = view.instruments[wish.symbol], view.mark(wish.symbol)
    position = view.account.positions.get(wish.symbol)
    if position is None or position.quantity == 0:
        return None
    units = instrument.units
    sellable = view.account.sellable(wish.symbol, view.trading_day)
    if sellable == 0:
        return Finding("SHAPE_T1", "0", "sellable today", wish.current_ppm, VerdictResult.DENY)
    wanted = sellable
    if wish.target_ppm > 0:
        surplus = (wish.current_ppm - wish.target_ppm) * view.equity // PPM
        wanted = min(sellable, surplus * units.price * units.quantity // (mark * units.money))
    quantity = floor_quantity(instrument, Side.SELL, wanted, sellable, OrderType.LIMIT, view.trading_day)
    if quantity == 0:
        return Finding("SHAPE_LOT", str(wanted), "one lot", wish.current_ppm, VerdictResult.DENY)
    band = view.limits[wish.symbol]
    tick = tick_at(instrument, view.trading_day, mark)
    limit = band[1] if band is not None else max(tick, mark * 9 // 10 // tick * tick)
    return Proposal(wish.symbol, Side.SELL, OrderType.LIMIT, quantity, limit, 0)


def _allow(wish: Wish, code: str) -> Verdict:
    weight = fraction(wish.target_ppm)
    return Verdict(wish.symbol, "all", "order", VerdictResult.ALLOW, code, weight, weight, weight, weight)
