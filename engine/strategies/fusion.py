"""Two time frames and several models fused into one batch: the slow channel says which way, the fast one when.

What one model votes on an instrument, from its two channels (a direction weaker than `min_strength` counts as flat; a model that
answered a channel and left the instrument out sees it flat; one that abstained from a channel, or whose item was refused, is silent
in it):

| slow | fast | vote |
|---|---|---|
| up | up | in, at 70/30 of the strengths (`slow_weight`) |
| down | down | out |
| up | down | hold: opposed |
| down | up | hold: opposed |
| flat | anything but silent | hold |
| anything but silent | flat | hold |
| silent | anything but silent | hold: half a view never acts |
| anything but silent | silent | hold: half a view never acts |
| silent | silent | no vote |

What the panel decides, from the first line that fits; weights are the models' own, a model without one weighs 1:

| votes | data | held | decision |
|---|---|---|---|
| none | any | any | nothing is decided |
| one or more out | any | yes | exit: one vote is enough, also on old data |
| one or more out | any | no | hold |
| all in, by more than half the panel's weight | fresh | no | open at the smallest size asked for |
| all in, by more than half the panel's weight | fresh | yes | add at the smallest size asked for, if more than held; else hold |
| all in, by more than half the panel's weight | stale in a channel | any | hold: nothing is bought on old data |
| all in, by half the panel's weight or less | any | any | hold: too many abstained |
| anything else | any | any | hold: no agreement |

Long only: down means out, never short. The size is a share of the largest position the desk allows. The slow support is the stop
where it lies below the price; the slow resistance is the target where it leaves at least as much room as the stop takes, for a
trend that ends at a nearer one would not be worth entering and is not what "up" says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engine.core.decision import ChannelView, Decision, Direction, Intent
from engine.core.units import PPM

Views = Mapping[str, ChannelView | None]
"""One model's sound answer about a channel by instrument; None where its item was refused, absent where it left the name out."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a desk fuses: intervals of the two channels, weights in ppm, `weights` of models by name in a unit of their own,
    `usual_weight` that of a model not named."""

    slow: str = "1d"
    fast: str = "5m"
    slow_weight_ppm: int = 700_000
    min_strength_ppm: int = 200_000
    weights: tuple[tuple[str, int], ...] = ()
    usual_weight: int = 1

    def weight_of(self, model: str) -> int:
        """What a model's vote weighs."""
        return dict(self.weights).get(model, self.usual_weight)


@dataclass(frozen=True, slots=True)
class Voice:
    """What one model of the panel said; None for a channel from which it abstained."""

    model: str
    slow: Views | None
    fast: Views | None


class Stance(StrEnum):
    """A vote."""

    IN = "in"
    OUT = "out"
    HOLD = "hold"
    NONE = "none"


class Vote(NamedTuple):
    """One model's vote on one instrument; `size_ppm` is the share of the largest position, 0 for all but IN."""

    model: str
    stance: Stance
    size_ppm: int
    confidence_ppm: int
    said: str
    slow: ChannelView | None
    fast: ChannelView | None


def fuse(
    voices: Sequence[Voice],
    candidates: Sequence[str],
    held: Mapping[str, int],
    stale: Collection[str],
    terms: Fusion,
    *,
    largest_ppm: int,
    prices: Mapping[str, int],
) -> tuple[Decision, ...]:
    """One decision for each candidate that somebody spoke of, sorted by symbol.

    `voices` are all models that were asked, `held` weights in ppm, `stale` names with old data in a channel, `prices` the newest
    ones: a support above them is no stop and a resistance below them no target.
    """
    whole = sum(terms.weight_of(voice.model) for voice in voices)
    decided: list[Decision] = []
    for symbol in sorted(candidates):
        votes = [vote for voice in voices if (vote := vote_of(voice, symbol, terms)).stance is not Stance.NONE]
        if votes:
            share = sum(terms.weight_of(vote.model) for vote in votes)
            enough = 2 * share > whole
            decided.append(
                _decide(symbol, votes, held.get(symbol, 0), symbol in stale, enough, terms, largest_ppm, prices.get(symbol, 0))
            )
    return tuple(decided)


def vote_of(voice: Voice, symbol: str, terms: Fusion) -> Vote:
    """The first table of this file."""
    slow, fast = _way(voice.slow, symbol, terms), _way(voice.fast, symbol, terms)
    seen, quick = _view(voice.slow, symbol), _view(voice.fast, symbol)
    said = f"slow {slow or 'silent'}, fast {fast or 'silent'}"
    stance, size = Stance.HOLD, 0
    if slow is None and fast is None:
        stance = Stance.NONE
    elif slow is Direction.UP and fast is Direction.UP and seen and quick:
        stance, size = Stance.IN, _blend(seen.strength_ppm, quick.strength_ppm, terms)
    elif slow is Direction.DOWN and fast is Direction.DOWN:
        stance = Stance.OUT
    confidence = _blend(seen.confidence_ppm if seen else 0, quick.confidence_ppm if quick else 0, terms)
    return Vote(voice.model, stance, size, confidence, said, seen, quick)


def _blend(slow: int, fast: int, terms: Fusion) -> int:
    return (slow * terms.slow_weight_ppm + fast * (PPM - terms.slow_weight_ppm)) // PPM


def _view(views: Views | None, symbol: str) -> ChannelView | None:
    return views.get(symbol) if views is not None else None


def _way(views: Views | None, symbol: str, terms: Fusion) -> Direction | None:
    """Which way a channel points, None where the model is silent."""
    if views is None or (symbol in views and views[symbol] is None):
        return None
    view = views.get(symbol)
    if view is None or view.strength_ppm < terms.min_strength_ppm:
        return Direction.FLAT
    return view.direction


def _decide(
    symbol: str, votes: list[Vote], held: int, stale: bool, enough: bool, terms: Fusion, largest: int, price: int
) -> Decision:
    """The second table of this file."""
    out = [vote for vote in votes if vote.stance is Stance.OUT]
    if out:
        return _decision(symbol, Intent.EXIT, 0, out, out[0], terms) if held else _hold(symbol, votes, "nothing to leave", terms)
    if any(vote.stance is not Stance.IN for vote in votes):
        return _hold(symbol, votes, "no agreement", terms)
    if not enough:
        return _hold(symbol, votes, "too many abstained", terms)
    if stale:
        return _hold(symbol, votes, "old data", terms)
    smallest = min(votes, key=lambda vote: (vote.size_ppm, vote.model))
    target = largest * smallest.size_ppm // PPM
    if target <= held:
        return _hold(symbol, votes, "held as large as wanted", terms)
    return _decision(symbol, Intent.ADD if held else Intent.OPEN, target, votes, smallest, terms, price)


def _hold(symbol: str, votes: list[Vote], why: str, terms: Fusion) -> Decision:
    told = "; ".join(f"{vote.model}: {vote.said}" for vote in votes)
    models = tuple(vote.model for vote in votes)
    return Decision(symbol, Intent.HOLD, 0, _mean(votes, terms), f"{why} ({told})", sources=models)


def _decision(symbol: str, intent: Intent, target: int, votes: list[Vote], chosen: Vote, terms: Fusion, price: int = 0) -> Decision:
    views = [view for view in (chosen.slow, chosen.fast) if view is not None]
    stop, target_price = _levels(chosen.slow, price) if intent is not Intent.EXIT else (0, 0)
    return Decision(
        instrument=symbol,
        intent=intent,
        target_weight_ppm=target,
        confidence_ppm=_mean(votes, terms),
        reasoning=f"{chosen.model}: {chosen.said}. " + " ".join(view.reasoning for view in views),
        stop_loss=stop,
        take_profit=target_price,
        sources=(*(vote.model for vote in votes), *dict.fromkeys(item for view in views for item in view.evidence)),
        unverified=tuple(dict.fromkeys(item for view in views for item in view.unverified)),
    )


def _levels(slow: ChannelView | None, price: int) -> tuple[int, int]:
    """(stop, target) from the slow channel, 0 for none."""
    if slow is None:
        return 0, 0
    stop = slow.support if 0 < slow.support < price else 0
    room = slow.resistance - price
    return stop, slow.resistance if room > 0 and (not stop or room >= price - stop) else 0


def _mean(votes: list[Vote], terms: Fusion) -> int:
    """The votes' confidence, each by its model's weight."""
    weights = [terms.weight_of(vote.model) for vote in votes]
    return sum(weight * vote.confidence_ppm for weight, vote in zip(weights, votes, strict=True)) // max(1, sum(weights))
