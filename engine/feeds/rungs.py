"""One walk down a ladder: the sources of one kind in order, each behind a circuit, until one gives a table that may be used.

first rung ─ fault ─► second ─ fault ─► … ─► served          a rung that failed rests, then is tried first again, and so one climbs
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import polars as pl

from engine.feeds.breaker import Circuit, Gate, Rest, admit, fail, succeed
from engine.feeds.source import Fault, FeedError, Kind

NOBODY = "none"
"""What a switch says when no source is left."""

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Rung(Generic[S_co]):
    """A source by the `name` that a person sees. `vendor` is whose data it is: two rungs of one vendor confirm nothing.

    `memory` marks what only remembers (a seed, a cache): it never rests, and what it serves is stale.
    """

    name: str
    vendor: str
    source: S_co
    memory: bool = False


@dataclass(frozen=True, slots=True)
class SourceSwitched:
    """From now on `kind` comes from `after`; `reason` is the fault that forced it, or that the better one answers again.

    `what` is the interval of bars, empty for the other kinds.
    """

    kind: Kind
    before: str
    after: str
    reason: str
    at: datetime
    what: str = ""


@dataclass(frozen=True, slots=True)
class RungState:
    """One rung as the console shows it; instants are those the asker gave, None for never; `what` is the interval of bars."""

    kind: Kind
    what: str
    name: str
    serving: bool
    gate: Gate
    resting_s: float
    last_ok: datetime | None
    last_fault: str
    last_fault_at: datetime | None


@dataclass(slots=True, eq=False)
class _Standing(Generic[S]):
    rung: Rung[S]
    circuit: Circuit = field(default_factory=Circuit)
    last_ok: datetime | None = None
    last_fault: str = ""
    last_fault_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """What a walk brought: the rung, its table, and the switch it meant, if any."""

    rung: Rung[S]
    table: pl.DataFrame
    switched: SourceSwitched | None


class Rungs(Generic[S]):
    """The rungs of one kind. `walk` is for one thread at a time (the ladder sees to it), `states` for any."""

    def __init__(
        self,
        kind: Kind,
        rungs: Sequence[Rung[S]],
        rest: Rest,
        monotonic: Callable[[], float],
        observer: Callable[[SourceSwitched], None],
        *,
        what: str = "",
    ) -> None:
        names = [rung.name for rung in rungs]
        if len(set(names)) < len(names):
            raise ValueError(f"{kind}: two rungs have one name in {names}")
        self.kind = kind
        self.what = what
        self._standing = [_Standing(rung) for rung in rungs]
        self._rest = rest
        self._monotonic = monotonic
        self._observer = observer
        self._lock = threading.Lock()
        self._serving = names[0] if names else NOBODY

    @property
    def serving(self) -> str:
        """The name of the rung that served last; the first one before any has."""
        return self._serving

    def walk(self, ask: Callable[[Rung[S]], pl.DataFrame], now: datetime) -> Found[S]:
        """The first table that `ask` gives without raising FeedError. Raises FeedError with what each rung said when none does."""
        fault = Fault.EMPTY
        reasons: dict[str, str] = {}
        for standing in self._standing:
            try:
                table = self.ask(standing.rung, ask, now)
            except FeedError as error:
                fault = error.fault
                reasons[standing.rung.name] = str(error)
                continue
            return Found(standing.rung, table, self.switch(standing.rung.name, reasons, now))
        raise FeedError(self.kind, fault, " · ".join(reasons.values()) or "no source is configured")

    def ask(self, rung: Rung[S], ask: Callable[[Rung[S]], pl.DataFrame], now: datetime) -> pl.DataFrame:
        """One rung asked, if it may be; raises FeedError when it rests or fails."""
        standing = self._of(rung)
        started = self._monotonic()
        with self._lock:
            admitted = standing.circuit if rung.memory else admit(standing.circuit, started, self._rest)
            if admitted is None:
                fault, left = standing.circuit.fault or Fault.NETWORK, standing.circuit.until - started
                raise FeedError(rung.name, fault, f"rests for {left:.0f} s after {standing.last_fault}", retry_after_s=left)
            standing.circuit = admitted
        try:
            table = ask(rung)
        except FeedError as error:
            self.blame(rung, error, now)
            raise
        with self._lock:
            standing.circuit = succeed(standing.circuit)
            standing.last_ok = now
        return table

    def blame(self, rung: Rung[S], error: FeedError, now: datetime) -> None:
        """Write a fault down against a rung, which may make it rest."""
        standing = self._of(rung)
        with self._lock:
            standing.last_fault = f"{error.fault}: {error.detail}"
            standing.last_fault_at = now
            standing.circuit = fail(standing.circuit, error.fault, self._monotonic(), self._rest, error.retry_after_s)

    def others(self, rung: Rung[S]) -> list[Rung[S]]:
        """The other rungs in order, without those that only remember."""
        return [standing.rung for standing in self._standing if standing.rung is not rung and not standing.rung.memory]

    def forgive(self, name: str, now: datetime) -> Rung[S]:
        """The rung of that name, well again: what it was blamed for was not its fault."""
        standing = next(standing for standing in self._standing if standing.rung.name == name)
        with self._lock:
            standing.circuit = Circuit()
            standing.last_ok = now
        return standing.rung

    def switch(self, after: str, reasons: Mapping[str, str], now: datetime) -> SourceSwitched | None:
        """Note who serves from now on; a change is told to the observer, with the fault of who served before if it had one."""
        with self._lock:
            before, self._serving = self._serving, after
        if before == after:
            return None
        switched = SourceSwitched(self.kind, before, after, reasons.get(before, f"{after} answers again"), now, self.what)
        self._observer(switched)
        return switched

    def states(self) -> tuple[RungState, ...]:
        """Every rung in order."""
        now = self._monotonic()
        with self._lock:
            return tuple(
                RungState(
                    kind=self.kind,
                    what=self.what,
                    name=standing.rung.name,
                    serving=standing.rung.name == self._serving,
                    gate=Gate.CLOSED if standing.rung.memory else standing.circuit.gate,
                    resting_s=0.0 if standing.rung.memory else max(0.0, standing.circuit.until - now),
                    last_ok=standing.last_ok,
                    last_fault=standing.last_fault,
                    last_fault_at=standing.last_fault_at,
                )
                for standing in self._standing
            )

    def _of(self, rung: Rung[S]) -> _Standing[S]:
        return next(standing for standing in self._standing if standing.rung is rung)
