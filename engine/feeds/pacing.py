"""How fast a host may be asked: a token bucket, pure, told the time by whoever asks.

reserve(bucket, pace, now) ──► (bucket in debt, seconds to wait) ──► the asker sleeps, then asks
Nobody is refused: who comes too early is told when its turn is, and the debt makes the next one wait longer.
"""

from __future__ import annotations

from dataclasses import dataclass

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Pace:
    """One unit of weight every `gap_s` seconds, `burst` of them at once; `jitter_s` is added to each wait, up to so much."""

    gap_s: float
    burst: int = 1
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if self.gap_s < 0 or self.burst < 1 or self.jitter_s < 0:
            raise ValueError(f"not a pace: {self}")


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` left at `at` (monotonic seconds); below zero is debt. `taken` counts reservations."""

    tokens: float
    at: float
    taken: int = 0


def fresh(pace: Pace, now: float) -> Bucket:
    """A full bucket."""
    return Bucket(tokens=float(pace.burst), at=now)


def reserve(bucket: Bucket, pace: Pace, now: float, weight: int = 1) -> tuple[Bucket, float]:
    """Take `weight` tokens; the seconds to wait before they may be spent. A clock that went back refills nothing.

    Within any W seconds no more than burst + W / gap_s tokens are spent, whatever the order of calls.
    """
    if pace.gap_s == 0:
        return Bucket(tokens=float(pace.burst), at=max(now, bucket.at), taken=bucket.taken + 1), 0.0
    elapsed = max(0.0, now - bucket.at)
    tokens = min(float(pace.burst), bucket.tokens + elapsed / pace.gap_s) - weight
    wait = max(0.0, -tokens) * pace.gap_s
    extra = pace.jitter_s * spread(bucket.taken) if wait else 0.0
    # The jitter is owed too: were it not, a late spender and a punctual one after it would come closer than the gap.
    return Bucket(tokens=tokens - extra / pace.gap_s, at=max(now, bucket.at), taken=bucket.taken + 1), wait + extra


def spread(count: int) -> float:
    """An even, aperiodic sequence in [0, 1) (multiples of the golden ratio): jitter that needs no dice and can be replayed."""
    return (count * _GOLDEN) % 1.0
