"""The benchmarks every model is measured against: no model, one plain rule each, the same answer to the same question for ever.

| baseline | holds |
|---|---|
| equal | every candidate at the same weight, brought back to it when it has drifted |
| momentum | the third of the candidates that rose most in twenty sessions; a holding stays while it is in the upper two thirds |
| random | as many names as momentum, drawn by lot; names leave by lot as often as the turnover says |
| hold | what it could buy at first, for ever (买入并持有) |
| trend | every candidate at one weight: long while it has risen in twenty sessions, short while it has fallen; on margin only |
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from engine.core.decision import Decision, Intent
from engine.core.units import PPM

BASELINES = ("equal", "momentum", "random", "hold")
"""Those of every desk; `trend` needs terms that allow short positions."""


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


def momentum(
    candidates: Sequence[str], held: Mapping[str, int], returns: Mapping[str, float | None], *, gross_ppm: int
) -> tuple[Decision, ...]:
    """Hold the third of the candidates with the largest `returns` (of twenty sessions), each at the same weight.

    A name whose return is not known is never bought. The band between entering and leaving keeps two names of nearly equal rank
    from changing places every day (Jegadeesh and Titman 1993 hold for months; a band does the same for a daily rule).
    """
    known = [(-value, symbol) for symbol in candidates if (value := returns.get(symbol)) is not None]
    ranked = [symbol for _, symbol in sorted(known)]
    places = places_for(len(candidates))
    staying = [symbol for symbol in ranked[: 2 * places] if symbol in held]
    entering = [symbol for symbol in ranked[:places] if symbol not in held][: max(0, places - len(staying))]
    return _hold_only(staying, entering, held, gross_ppm // places, "momentum")


def random_names(
    candidates: Sequence[str], held: Mapping[str, int], *, gross_ppm: int, seed: str, leaving_ppm: int
) -> tuple[Decision, ...]:
    """Hold as many names as momentum would, drawn by lot from `seed` (a cycle's id); each leaves with the chance `leaving_ppm`."""
    places = places_for(len(candidates))
    staying = [symbol for symbol in sorted(held) if symbol in candidates and _lot(seed, "leave", symbol) >= leaving_ppm][:places]
    others = sorted((symbol for symbol in candidates if symbol not in held), key=lambda name: (_lot(seed, "enter", name), name))
    return _hold_only(staying, others[: places - len(staying)], held, gross_ppm // places, "by lot")


def buy_and_hold(candidates: Sequence[str], held: Mapping[str, int], *, gross_ppm: int) -> tuple[Decision, ...]:
    """Buy the candidates at the same weight while nothing is held; afterwards keep whatever there is."""
    if not held:
        return equal_weight(candidates, held, gross_ppm=gross_ppm)
    return tuple(Decision(name, Intent.HOLD, held[name], PPM, "buy and hold", sources=("baseline",)) for name in sorted(held))


def trend(
    candidates: Sequence[str], held: Mapping[str, int], returns: Mapping[str, float | None], *, gross_ppm: int
) -> tuple[Decision, ...]:
    """Go with each candidate's own return of twenty sessions, long or short (time-series momentum: Moskowitz, Ooi, Pedersen 2012).

    A holding stays while its return keeps its sign; `held` is below zero for a short one. What turned is left now and opened the
    other way in a later cycle; a name whose return is not known, or is nothing, is left.
    """
    share = gross_ppm // len(candidates) if candidates else 0
    decisions: list[Decision] = []
    for symbol in sorted({*candidates, *held}):
        current, moved = held.get(symbol, 0), returns.get(symbol) if symbol in candidates else None
        way = 0 if not moved else (1 if moved > 0 else -1)
        if current and current * way <= 0:
            intent, target = Intent.EXIT, 0
        elif current:
            intent, target = Intent.HOLD, current
        elif way:
            intent, target = Intent.OPEN, way * share
        else:
            continue
        decisions.append(Decision(symbol, intent, target, PPM, "trend", sources=("baseline",)))
    return tuple(decisions)


def places_for(candidates: int) -> int:
    """How many names momentum and random hold out of so many: a third, at least one."""
    return max(1, -(-candidates // 3))


def leaving_ppm(turnover_ppm: int, gross_ppm: int, cycles_a_year: int) -> int:
    """The chance with which a name must leave in each cycle for a one-way turnover of `turnover_ppm` of equity a year."""
    return min(PPM, turnover_ppm * PPM // max(1, gross_ppm * cycles_a_year))


def _hold_only(
    staying: Sequence[str], entering: Sequence[str], held: Mapping[str, int], share: int, why: str
) -> tuple[Decision, ...]:
    decisions = [Decision(name, Intent.HOLD, held[name], PPM, why, sources=("baseline",)) for name in staying]
    decisions += [Decision(name, Intent.OPEN, share, PPM, why, sources=("baseline",)) for name in entering]
    leaving = sorted(set(held) - set(staying))
    decisions += [Decision(name, Intent.EXIT, 0, PPM, why, sources=("baseline",)) for name in leaving]
    return tuple(sorted(decisions, key=lambda decision: decision.instrument))


def _lot(seed: str, purpose: str, symbol: str) -> int:
    """A number from 0 to 999,999 that depends on nothing but its arguments."""
    drawn = hashlib.sha256(f"{seed}|{purpose}|{symbol}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % PPM
