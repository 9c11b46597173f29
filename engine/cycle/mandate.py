"""A desk's mandate, and what it is handed to work with; nothing here reads a file or a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.analysis import ORDINARY, Extreme, Filters
from engine.core.clock import Clock
from engine.core.decision import Decision
from engine.core.journal import Record
from engine.core.market import Quote
from engine.core.units import Market
from engine.cycle.approvals import Approvals
from engine.cycle.budget import Budget
from engine.cycle.purse import Purse
from engine.exchange import FeeSchedule, PerpTerms
from engine.feeds.tape import SessionEvent, Tape
from engine.llm import Model, TemplateOf, builtin
from engine.risk import RULES, Policy, Rule
from engine.store import Ledger
from engine.store.snapshot import Snapshot
from engine.strategies import Fusion, GatePolicy, Trial


@dataclass(frozen=True, slots=True)
class Reuse:
    """How long an answer stands on an unmoved market: seconds of market time (0 = it does not), and what "unmoved" is in ppm."""

    ttl_s: int = 0
    band_ppm: int = 3_000


@dataclass(frozen=True, slots=True)
class Route:
    """Which models of the panel a calm and an urgent cycle ask (none named: all), and the day's move that makes one urgent."""

    calm: tuple[str, ...] = ()
    urgent: tuple[str, ...] = ()
    move_ppm: int = 30_000


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a desk is for: market, universe, strategy, schedule, limits, money. `config_text` is its canonical JSON.

    `rules` is risk's whole table and `protected` is true, but where a report asks what one of them was worth.
    """

    desk: str
    market: Market
    symbols: tuple[str, ...]
    top: int
    by: str
    strategy: str
    prompt_id: str
    schedule: str
    history_days: int
    deadline_s: float
    cash: int
    policy: Policy
    fees: FeeSchedule
    language: str
    config_text: str
    config_hash: str
    confirm_s: int = 0
    """How long a person has to answer for each cycle's orders, real seconds; 0 where orders leave by themselves."""
    max_age_s: int = 0
    """In continuous trading a quote confirmed longer ago than this is stale, seconds; 0 where the market waits (a replay)."""
    parent: str = ""
    """The desk that this one is a shadow of, '' for a desk that trades."""
    budget: Budget | None = None
    order: Extreme = "largest"
    filters: Filters = ORDINARY
    """From which end of a ranking a large market is screened, and what is left out."""
    rules: tuple[Rule, ...] = RULES
    protected: bool = True
    fusion: Fusion = field(default_factory=Fusion)
    reuse: Reuse = field(default_factory=Reuse)
    route: Route = field(default_factory=Route)
    baseline: str = "equal"
    baseline_turnover_ppm: int = 0
    gate: GatePolicy = field(default_factory=GatePolicy)
    pinned: str = ""
    """A rule strategy (canonical JSON) to follow whatever was accepted: what the gate tries."""
    perps: PerpTerms | None = None
    """The terms on which the desk trades perpetuals; None for a desk of anything else."""


class Observer(Protocol):
    """Whoever wants to see: called from the desk's thread after the fact is durable, and must return at once."""

    def recorded(self, desk: str, records: Sequence[Record]) -> None:
        """These records are in the ledger."""
        ...

    def quoted(self, desk: str, quotes: Sequence[Quote]) -> None:
        """The tape moved."""
        ...

    def turned(self, desk: str, event: SessionEvent) -> None:
        """A session reached one of its turns."""
        ...

    def asking(self, desk: str, prompt_hash: str, text: str) -> None:
        """A prompt is about to leave."""
        ...

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        """A piece of a model's reply arrived."""
        ...


class Gate(Protocol):
    """Tries a strategy (canonical JSON) under a mandate on the past that a snapshot holds; raises DataError where it cannot."""

    def __call__(self, mandate: Mandate, text: str, snapshot: Snapshot, cancelled: threading.Event) -> Trial: ...


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the world hands a desk: its tape, its models, the ledger, where snapshots are kept, the machine's clock.

    `recorded` are the batches of past cycles by name: a report decides them again and asks no model. `newest` tells the
    newest price of a name (price units, 0 = none) where the market goes on while a cycle runs; None where it waits.
    """

    ledger: Ledger
    tape: Tape
    models: tuple[Model, ...]
    snapshots: Path
    wall: Clock
    observer: Observer
    halted_outside: Callable[[], bool]
    cancelled: threading.Event
    approvals: Approvals = field(default_factory=Approvals)
    recorded: Mapping[str, tuple[Decision, ...]] | None = None
    template: TemplateOf = builtin
    """Where prompts come from: a person's own before the built-in ones (llm/library.py)."""
    newest: Callable[[str], int] | None = None
    want: Callable[[Collection[str]], None] | None = None
    """Hears which names a cycle decides on, what is held first, where the market is too large to look at all of it each time."""
    gate: Gate | None = None
    purse: Purse | None = None
