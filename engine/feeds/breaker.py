"""A circuit breaker, pure: who failed is left alone for a while, then asked once to see whether it is well again.

| gate | meets | becomes | until |
|---|---|---|---|
| CLOSED | an answer | CLOSED, failures forgotten | |
| CLOSED | a fault, fewer than `failures` in a row | CLOSED | |
| CLOSED | the `failures`-th fault in a row | OPEN | `first_s` |
| CLOSED | BANNED, THROTTLED | OPEN | `ban_s`, or what the server asked for |
| OPEN | anything before `until` | OPEN | the later of both |
| OPEN | is asked after `until` | HALF_OPEN, one probe is let through | `probe_s`, then another probe may go |
| HALF_OPEN | an answer | CLOSED | |
| HALF_OPEN | any fault | OPEN | twice as long as the last time, `most_s` at most (`ban_most_s` for bans) |

UNKNOWN_SYMBOL is an answer: the source is well, it only does not know the name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.feeds.source import Fault

BANS = frozenset({Fault.BANNED, Fault.THROTTLED})
LONGEST_ASKED_S = 86_400.0
"""What a server may ask for in Retry-After; more than a day is taken as a day."""


class Gate(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


TRANSITIONS: dict[Gate, frozenset[Gate]] = {
    Gate.CLOSED: frozenset({Gate.OPEN}),
    Gate.OPEN: frozenset({Gate.HALF_OPEN}),
    Gate.HALF_OPEN: frozenset({Gate.CLOSED, Gate.OPEN}),
}


@dataclass(frozen=True, slots=True)
class Rest:
    """How many faults in a row open the circuit, and for how many seconds."""

    failures: int = 3
    first_s: float = 60.0
    most_s: float = 1_800.0
    ban_s: float = 3_600.0
    ban_most_s: float = 21_600.0
    probe_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` in a row while closed, `trips` since the last answer, `until` in monotonic seconds, the `fault` that opened it."""

    gate: Gate = Gate.CLOSED
    failures: int = 0
    trips: int = 0
    until: float = 0.0
    fault: Fault | None = None


def admit(circuit: Circuit, now: float, rest: Rest) -> Circuit | None:
    """The circuit with one more request under way, or None when it has to be left alone until `circuit.until`."""
    if circuit.gate is Gate.CLOSED:
        return circuit
    if now < circuit.until:
        return None
    return replace(circuit, gate=Gate.HALF_OPEN, until=now + rest.probe_s)


def succeed(circuit: Circuit) -> Circuit:
    """After an answer. One that was asked for before the circuit opened does not close it."""
    return circuit if circuit.gate is Gate.OPEN else Circuit()


def fail(circuit: Circuit, fault: Fault, now: float, rest: Rest, retry_after_s: float = 0.0) -> Circuit:
    """After a fault; `retry_after_s` is what the server asked for, 0 for nothing."""
    if fault is Fault.UNKNOWN_SYMBOL:
        return succeed(circuit)
    ban = fault in BANS
    failures = circuit.failures + 1
    if circuit.gate is Gate.CLOSED and failures < rest.failures and not ban:
        return replace(circuit, failures=failures, fault=fault)
    trips = circuit.trips if circuit.gate is Gate.OPEN else circuit.trips + 1
    return trip(circuit, fault, now, _length(rest, trips, ban=ban, asked_s=min(retry_after_s, LONGEST_ASKED_S)))


def trip(circuit: Circuit, fault: Fault, now: float, length_s: float) -> Circuit:
    """Open for `length_s` at least, whatever came before."""
    already = circuit.gate is Gate.OPEN
    until = max(now + length_s, circuit.until) if already else now + length_s
    return Circuit(gate=Gate.OPEN, trips=circuit.trips + (not already), until=until, fault=fault)


def _length(rest: Rest, trips: int, *, ban: bool, asked_s: float) -> float:
    if asked_s > 0:
        return asked_s
    first, most = (rest.ban_s, rest.ban_most_s) if ban else (rest.first_s, rest.most_s)
    return min(most, first * 2.0 ** min(trips - 1, 30))
