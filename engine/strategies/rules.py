"""Following a rule strategy: figures of now ──conditions──► one decision a name. No model, no chance, no memory.

| a name of the strategy | decision |
|---|---|
| held, and any exit condition holds | exit |
| held otherwise | hold |
| not held, entries allowed, `needs` of the entry conditions hold | open at the strategy's weight |
| held, but not a name of the strategy | exit |
A figure that is not known makes its condition false: nothing is done for what nobody knows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.analysis import Features
from engine.core.decision import Decision, Intent
from engine.core.strategy import Beside, Condition, Needs, Range, Relation, RuleStrategy, Threshold
from engine.core.units import PPM

SOURCE = "rules"
Figures = Mapping[str, float | None]
_FEATURES = Features._fields


def rule_figures(features: Features | None, last: float | None) -> dict[str, float | None]:
    """The figures of one name by the words a condition may use; `last` is its newest price in currency, None where unknown."""
    named: dict[str, float | None] = {} if features is None else {name: getattr(features, name) for name in _FEATURES}
    return {**named, "last": last}


def holds(condition: Condition, figures: Figures) -> bool:
    """Whether a condition is true of a name's figures."""
    value = figures.get(condition.figure)
    if value is None:
        return False
    match condition:
        case Threshold():
            return value > condition.value if condition.stands is Beside.ABOVE else value < condition.value
        case Range():
            return condition.low <= value <= condition.high
        case Relation():
            other = figures.get(condition.other)
            if other is None:
                return False
            return value > other if condition.stands is Beside.ABOVE else value < other


def follow(
    strategy: RuleStrategy,
    figures: Mapping[str, Figures],
    candidates: Collection[str],
    held: Mapping[str, int],
    *,
    entering: bool,
) -> tuple[Decision, ...]:
    """The batch that follows from the strategy, by symbol; `held` maps symbols to weights in ppm. Only candidates are opened, and
    nothing is once the review date is reached (`entering` false)."""
    decisions = []
    for symbol in sorted({*strategy.symbols, *held}):
        known = figures.get(symbol, {})
        if symbol in held:
            decisions.append(_of_held(strategy, symbol, known, held[symbol]))
        elif entering and symbol in candidates and enters(strategy, known):
            why = f"{strategy.name}: entry"
            decisions.append(Decision(symbol, Intent.OPEN, strategy.weight_ppm, PPM, why, sources=(SOURCE,)))
    return tuple(decisions)


def enters(strategy: RuleStrategy, figures: Figures) -> bool:
    """Whether the entry conditions say so."""
    met = [holds(condition, figures) for condition in strategy.entry]
    return all(met) if strategy.needs is Needs.ALL else any(met)


def _of_held(strategy: RuleStrategy, symbol: str, figures: Figures, weight: int) -> Decision:
    if symbol not in strategy.symbols:
        return Decision(symbol, Intent.EXIT, 0, PPM, f"{strategy.name}: not one of its names", sources=(SOURCE,))
    met = next((condition for condition in strategy.exit if holds(condition, figures)), None)
    if met is not None:
        return Decision(symbol, Intent.EXIT, 0, PPM, f"{strategy.name}: exit by {met.figure}", sources=(SOURCE,))
    return Decision(symbol, Intent.HOLD, weight, PPM, f"{strategy.name}: hold", sources=(SOURCE,))
