"""A panel of models put to the same prompt: one batch out of several opinions.

| opinions on an instrument | batch |
|---|---|
| one model answered | its decision, unchanged |
| any of several says exit or reduce | the furthest way out: exits need one vote |
| all that answered say open or add, the same way | open or add, at the smallest weight asked for: entries need every vote |
| anything else | hold |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.decision import Decision, Intent

_OUT = frozenset({Intent.EXIT, Intent.REDUCE})
_IN = frozenset({Intent.OPEN, Intent.ADD})


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one model that answered proposes; a model that abstained has no opinion and no vote."""

    model: str
    decisions: tuple[Decision, ...]


def agree(opinions: Sequence[Opinion]) -> tuple[Decision, ...]:
    """One decision per instrument that anyone mentioned, sorted by symbol; empty when nobody answered."""
    if len(opinions) == 1:
        return tuple(sorted(opinions[0].decisions, key=lambda item: item.instrument))
    votes: dict[str, list[tuple[str, Decision]]] = {}
    for opinion in opinions:
        for decision in opinion.decisions:
            votes.setdefault(decision.instrument, []).append((opinion.model, decision))
    return tuple(_one(symbol, votes[symbol], len(opinions)) for symbol in sorted(votes))


def _one(symbol: str, votes: list[tuple[str, Decision]], voters: int) -> Decision:
    exits = [(model, item) for model, item in votes if item.intent in _OUT]
    entries = [(model, item) for model, item in votes if item.intent in _IN]
    if exits:
        model, chosen = min(exits, key=lambda vote: (vote[1].intent is not Intent.EXIT, abs(vote[1].target_weight_ppm), vote[0]))
        return _merged(symbol, chosen, [model], chosen.confidence_ppm)
    if len(entries) == voters and len({item.target_weight_ppm < 0 for _, item in entries}) == 1:
        _, chosen = min(entries, key=lambda vote: (abs(vote[1].target_weight_ppm), vote[0]))
        confidence = sum(item.confidence_ppm for _, item in entries) // len(entries)
        return _merged(symbol, chosen, [model for model, _ in entries], confidence)
    said = ", ".join(f"{model}: {item.intent}" for model, item in votes)
    return Decision(symbol, Intent.HOLD, 0, 0, f"no agreement ({said})", sources=tuple(model for model, _ in votes))


def _merged(symbol: str, chosen: Decision, models: list[str], confidence_ppm: int) -> Decision:
    return Decision(
        instrument=symbol,
        intent=chosen.intent,
        target_weight_ppm=chosen.target_weight_ppm,
        confidence_ppm=confidence_ppm,
        reasoning=chosen.reasoning,
        stop_loss=chosen.stop_loss,
        take_profit=chosen.take_profit,
        sources=(*models, *chosen.sources),
        unverified=chosen.unverified,
    )
