"""The benchmark every model is measured against: no model, the same weight in every candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.decision import Decision, Intent
from engine.core.units import PPM


def equal_weight(candidates: Sequence[str], held: Mapping[str, int], *, gross_ppm: int) -> tuple[Decision, ...]:
    """Hold `gross_ppm` of equity spread evenly over the candidates and nothing else; `held` maps symbols to weights in ppm.

    A holding within a tenth of its share is left alone, so that the benchmark does not pay for noise.
    """
    share = gross_ppm // len(candidates) if candidates else 0
    decisions: list[Decision] = []
    for symbol in sorted({*candidates, *held}):
        current = held.get(symbol, 0)
        if symbol not in candidates:
            intent, target = Intent.EXIT, 0
        elif current == 0:
            intent, target = Intent.OPEN, share
        elif abs(current - share) * 10 <= share:
            intent, target = Intent.HOLD, current
        else:
            intent, target = (Intent.ADD, share) if current < share else (Intent.REDUCE, share)
        decisions.append(Decision(symbol, intent, target, PPM, "equal weight", sources=("baseline",)))
    return tuple(decisions)
