"""What the engine publishes: versioned topics that any face may read, from any thread, without waiting.

engine threads ──put()──► Topic ──view()──► TopicView (immutable) ──► console, headless, API
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TopicView(Generic[T]):
    """A topic at one version: its rows by key, in the publisher's order, and the version at which each key last changed.

    `order_version` moves when keys come, go or change place; between such moves only the rows in `changed_since` differ.
    """

    version: int
    order_version: int
    rows: Mapping[str, T]
    changed: Mapping[str, int] = field(default_factory=dict)

    def changed_since(self, version: int) -> frozenset[str] | None:
        """Keys that changed after `version`; None when the set or order of keys did, and everything must be read again."""
        if version < self.order_version:
            return None
        return frozenset(key for key, at in self.changed.items() if at > version)


class Topic(Generic[T]):
    """A table that one engine thread writes and any thread reads. Bounded: the oldest rows leave beyond `max_rows`."""

    def __init__(self, *, max_rows: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, T] = {}
        self._changed: dict[str, int] = {}
        self._version = 0
        self._order_version = 0
        self._max_rows = max_rows
        self._view: TopicView[T] = TopicView(0, 0, MappingProxyType({}))

    @property
    def version(self) -> int:
        """Changes with every put; cheap to compare."""
        return self._version

    def put(self, rows: Iterable[tuple[str, T]]) -> None:
        """Insert or replace rows; equal rows are not a change."""
        with self._lock:
            version = self._version + 1
            touched = False
            for key, row in rows:
                known = key in self._rows
                if known and self._rows[key] == row:
                    continue
                touched = True
                if not known:
                    self._order_version = version
                self._rows[key] = row
                self._changed[key] = version
            while len(self._rows) > self._max_rows:
                oldest = next(iter(self._rows))
                del self._rows[oldest], self._changed[oldest]
                self._order_version = version
            if touched:
                self._version = version

    def replace(self, rows: Iterable[tuple[str, T]]) -> None:
        """The topic holds exactly these rows, in this order."""
        fresh = dict(rows)
        with self._lock:
            if list(fresh) != list(self._rows):
                self._version += 1
                self._order_version = self._version
                self._changed = {key: self._changed.get(key, self._version) for key in fresh}
                for key, row in fresh.items():
                    if self._rows.get(key) != row:
                        self._changed[key] = self._version
                self._rows = fresh
                return
        self.put(fresh.items())

    def view(self) -> TopicView[T]:
        """The current version, immutable; the same object until something changes."""
        with self._lock:
            if self._view.version != self._version:
                self._view = TopicView(
                    self._version, self._order_version, MappingProxyType(dict(self._rows)), MappingProxyType(dict(self._changed))
                )
            return self._view


@dataclass(frozen=True, slots=True)
class StatusView:
    """The status row: everything a person wants to know at a glance. Amounts are decimal strings."""

    desk: str = ""
    market: str = ""
    mode: str = "paper"
    now: datetime | None = None
    trading_day: date | None = None
    phase: str = "closed"
    cycle_number: int = 0
    cycle_state: str = "IDLE"
    next_slot: datetime | None = None
    trading_state: str = "ACTIVE"
    paused: bool = False
    currency: str = "CNY"
    equity: str = "0.00"
    day_change: str = "0.00"
    day_change_ppm: int = 0
    model_cost: str = "0"
    model_cost_currency: str = ""
    tokens: int = 0
    source: str = ""
    source_age_s: float | None = None
    source_degraded: bool = False
    replay: bool = False
    replay_finished: bool = False
    offline_model: bool = False
    halting_reason: str = ""
    cycle_reason: str = ""


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One line of the tape, prices as integers in price units with `scale` units to one."""

    symbol: str
    name: str
    scale: int
    places: int
    last: int
    change_ppm: int
    volume: int
    amount: int
    money_scale: int
    quantity_scale: int
    limit_up: int
    limit_down: int
    known_at: datetime
    held: bool
    suspended: bool
    stale: bool
    source: str = ""
    age_s: int = -1
    """How long ago the row was last confirmed, seconds, coarser the older it is; -1 where the market is a replay."""


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One holding: held and sellable today (持仓 / 可卖); amounts are decimal strings, prices units of `scale`.

    Of a perpetual also its `side`, `leverage`, `margin` and `liquidation` price, '' for what was bought outright.
    """

    symbol: str
    name: str
    quantity: str
    sellable: str
    average: str
    last: str
    market_value: str
    unrealized: str
    unrealized_ppm: int
    side: str = ""
    leverage: str = ""
    margin: str = ""
    liquidation: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order and how far it got."""

    order_id: str
    cycle_id: str
    at: datetime
    symbol: str
    name: str
    side: str
    quantity: str
    limit_price: str
    status: str
    filled: str
    average: str
    fees: str
    code: str


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """An order that waits for a person: all that a yes should be based on."""

    order_id: str
    cycle_id: str
    desk: str
    symbol: str
    name: str
    side: str
    quantity: str
    lots: str
    limit_price: str
    last: str
    fee: str
    limit_up: str
    limit_down: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model call: what was asked, what came back (grows while it streams), what it cost."""

    key: str
    cycle_id: str
    at: datetime
    provider: str
    model: str
    prompt_id: str
    prompt_version: str
    outcome: str
    latency_ms: int
    tokens_in: int
    tokens_out: int
    cost: str
    currency: str
    prompt: str
    reply: str
    streaming: bool
    offline: bool


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What one rule said of a decision, and of what: `before` and `after` are weights, all are decimal strings or words."""

    result: str
    rule: str
    code: str
    observed: str
    limit: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision of a cycle and what risk made of it; weights in ppm. `unverified` is what of its reasons was never shown.

    `findings` has every rule that fired, in order. An item of a reply that was not accepted has the verdict REFUSED, no intent.
    """

    key: str
    cycle_id: str
    symbol: str
    name: str
    intent: str
    target_weight_ppm: int
    confidence_ppm: int
    reasoning: str
    verdict: str
    rule: str
    code: str
    unverified: str = ""
    at: datetime | None = None
    findings: tuple[FindingRow, ...] = ()
    sources: str = ""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert: code and parameters; the face words it. `count` merges equal codes."""

    alert_id: str
    at: datetime
    severity: str
    code: str
    params: tuple[tuple[str, str], ...]
    cycle_id: str
    acknowledged: bool
    count: int = 1


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Equity at one moment, as a float for drawing only; the ledger holds the exact figure."""

    at: datetime
    equity: float


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the headless log and of the console's log: a code with parameters."""

    number: int
    at: datetime
    desk: str
    code: str
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of statistics and between what it lies with 95 % confidence; None where there is too little to say."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class LeagueRow:
    """One who stands in a desk's league (`kind`: desk, shadow, market), as of a session's close.

    Fractions in ppm; `sharpe` is a year's, the two differences are basis points a session. Amounts are decimal strings, '' where
    there are none. `hits` is of `forecasts` that came true, `stated` the confidence claimed, both in ppm. `notes` are codes with a
    figure; `growth` is what one became by session, for drawing.
    """

    desk: str
    name: str
    kind: str
    until: date
    cycles: int
    sessions: int
    return_ppm: int
    drawdown_ppm: int
    sharpe: Estimate | None
    against_desk: Estimate | None
    against_hold: Estimate | None
    equity: str
    fees: str
    currency: str
    model_cost: str
    forecasts: int
    hits_ppm: int
    stated_ppm: int
    notes: tuple[tuple[str, int], ...]
    growth: tuple[float, ...]
    compared: int
    fees_in_coin: str = ""


class Demand:
    """Whether a face looks at what costs the engine work: what nobody looks at is not computed. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._looked_s = float("-inf")

    def look(self, now_s: float) -> None:
        """A face shows it now, and says so again as long as it does."""
        self._looked_s = now_s

    def within(self, now_s: float, seconds: float) -> bool:
        """Whether somebody looked in the last `seconds`."""
        return now_s - self._looked_s <= seconds


class State:
    """Every topic of one engine. Written by engine threads, read by faces; reading never blocks the engine for long."""

    def __init__(self) -> None:
        self.status: Topic[StatusView] = Topic()
        self.quotes: Topic[QuoteRow] = Topic()
        self.positions: Topic[PositionRow] = Topic()
        self.orders: Topic[OrderRow] = Topic(max_rows=500)
        self.proposals: Topic[ProposalRow] = Topic(max_rows=500)
        self.models: Topic[ModelRow] = Topic(max_rows=200)
        self.decisions: Topic[DecisionRow] = Topic(max_rows=500)
        self.alerts: Topic[AlertRow] = Topic(max_rows=1_000)
        self.equity: Topic[EquityPoint] = Topic(max_rows=5_000)
        self.events: Topic[EventRow] = Topic(max_rows=2_000)
        self.league: Topic[LeagueRow] = Topic(max_rows=500)
        self.league_demand = Demand()
        self._edges: list[Callable[[str], None]] = []

    def on_edge(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` from an engine thread at rare edges: order, alert, cycle, streaming, stopped."""
        self._edges.append(listener)

    def edge(self, kind: str) -> None:
        """Tell listeners that something worth an early look has happened."""
        for listener in self._edges:
            listener(kind)
