"""What risk was worth: the desk's past played again with a rule left out, on the same tape, with the same decisions and kernel.

journal ──► decisions by cycle, a person's words, configurations ──┐
tape ──────────────────────────────────────────────────────────────┴─► a desk in a ledger of its own, one rule less ──► its P&L
With no rule left out it must come to the ledger's own P&L, to the last unit: that is the report's proof.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from engine.core.bookkeeping import Marked, OrderCreated
from engine.core.clock import SimulatedClock
from engine.core.decision import Decision, VerdictResult
from engine.core.errors import DataError
from engine.core.journal import (
    ConfigRecorded,
    CycleClaimed,
    CycleMoved,
    CycleState,
    DecisionsMade,
    Record,
    TradingStateMoved,
    VerdictsGiven,
)
from engine.core.units import UNITS, plain
from engine.cycle import Desk, Equipment, Mandate
from engine.feeds.tape import Tape
from engine.risk import RULES
from engine.store import Books, Ledger
from engine.store.snapshot import Snapshot

PROTECT = "protective_exits"
PAGE = 5_000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stepped:
    """A rule in a period: wishes it denied, wishes it cut, and the P&L (money units) of the same desk without it."""

    rule: str
    denied: int
    cut: int
    without: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The report: `booked` is the ledger's P&L of the period, `again` the same by simulation with every rule.

    booked = bare (no rule that stepped in) + what each rule was worth + together (what they did only in company).
    """

    desk: str
    first: date
    last: date
    booked: int
    again: int
    bare: int
    rules: tuple[Stepped, ...]

    @property
    def adds_up(self) -> bool:
        """Whether the simulation comes to the ledger's P&L, to the unit."""
        return self.booked == self.again

    @property
    def together(self) -> int:
        """What is left when each rule's own worth is taken from the whole."""
        return self.booked - self.bare - sum(self.booked - rule.without for rule in self.rules)


@dataclass(slots=True)
class _Past:
    """What the journal says of a desk that no simulation may choose for itself."""

    configs: list[ConfigRecorded] = field(default_factory=list)
    told: list[CycleClaimed | TradingStateMoved | ConfigRecorded] = field(default_factory=list)
    batches: dict[str, tuple[Decision, ...]] = field(default_factory=dict)
    closes: list[Marked] = field(default_factory=list)
    ruled: dict[str, tuple[date, VerdictsGiven]] = field(default_factory=dict)
    exits: dict[str, date] = field(default_factory=dict)
    opened_with: int = 0


def what_risk_was_worth(
    books: Books,
    desk: str,
    mandate_of: Callable[[str, str], Mandate],
    tape: Callable[[], Tape],
    first: date | None = None,
    last: date | None = None,
) -> Worth:
    """Count and simulate over the sessions from `first` to `last`, both included. Raises DataError where there is nothing."""
    past = _read(books, desk)
    if not past.closes or not past.configs:
        raise DataError(f"desk {desk} has no session behind it")
    begin = max(first or date.min, past.closes[0].trading_day)
    end = min(last or date.max, past.closes[-1].trading_day)
    if begin > end:
        raise DataError(f"desk {desk} has no session from {first} to {last}")
    simulation = _Simulation(books, desk, past, mandate_of, tape, begin, end)
    booked = _gain({close.trading_day: close.equity for close in past.closes}, past.opened_with, begin, end)
    stepped = _stepped(past, begin, end)
    known = {rule.name for rule in RULES}
    names = sorted(name for name in stepped if name in known)
    guarded = any(begin <= day <= end for day in past.exits.values())
    rules = [Stepped(name, *stepped[name], simulation.run(frozenset({name}))) for name in names]
    if guarded:
        count = sum(1 for day in past.exits.values() if begin <= day <= end)
        rules.append(Stepped(PROTECT, 0, count, simulation.run(frozenset({PROTECT}))))
    again = simulation.run(frozenset())
    bare = simulation.run(frozenset(rule.rule for rule in rules)) if rules else again
    return Worth(desk, begin, end, booked, again, bare, tuple(rules))


def _read(books: Books, desk: str) -> _Past:
    past, claimed, after = _Past(), dict[str, CycleClaimed](), 0
    while page := books.entries(after, limit=PAGE):
        for entry in page:
            record = entry.record
            if getattr(record, "desk", "") == desk or isinstance(record, OrderCreated):
                _take(past, claimed, record)
        after = page[-1].seq
    past.opened_with = books.account(desk).initial_cash
    return past


def _take(past: _Past, claimed: dict[str, CycleClaimed], record: Record) -> None:
    match record:
        case ConfigRecorded():
            past.configs.append(record)
            past.told.append(record)
        case CycleClaimed():
            claimed[record.cycle_id] = record
        case CycleMoved(state=CycleState.RECONCILING) if claimed[record.cycle_id].trigger != "protect":
            past.told.append(claimed[record.cycle_id])
        case DecisionsMade():
            past.batches[record.cycle_id] = record.decisions
        case VerdictsGiven():
            past.ruled[record.cycle_id] = (claimed[record.cycle_id].trading_day, record)
            if claimed[record.cycle_id].trigger == "protect":
                past.exits[record.cycle_id] = claimed[record.cycle_id].trading_day
        case TradingStateMoved() if not record.by.startswith("rule:"):
            past.told.append(record)
        case Marked(cycle_id=""):
            past.closes.append(record)
        case _:
            pass


def _stepped(past: _Past, begin: date, end: date) -> dict[str, tuple[int, int]]:
    """Denials and cuts by rule in a period."""
    found: dict[str, tuple[int, int]] = {}
    for day, ruled in past.ruled.values():
        for verdict in ruled.verdicts if begin <= day <= end else ():
            denied, cut = found.get(verdict.rule, (0, 0))
            if verdict.result is VerdictResult.CLAMP:
                found[verdict.rule] = (denied, cut + 1)
            elif verdict.result is not VerdictResult.ALLOW:
                found[verdict.rule] = (denied + 1, cut)
    return found


def _gain(closes: Mapping[date, int], opened_with: int, begin: date, end: date) -> int:
    """Equity at the last close of the period less that at the last close before it."""
    before = [equity for day, equity in sorted(closes.items()) if day < begin]
    inside = [equity for day, equity in sorted(closes.items()) if day <= end]
    return inside[-1] - (before[-1] if before else opened_with)


class _Silent:
    """Nobody watches a simulation."""

    def recorded(self, desk: str, records: Sequence[Record]) -> None: ...
    def quoted(self, desk: str, quotes: Sequence[Any]) -> None: ...
    def turned(self, desk: str, event: Any) -> None: ...
    def asking(self, desk: str, prompt_hash: str, text: str) -> None: ...
    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None: ...


class _Remembering:
    """A tape whose snapshots are taken once for all simulations of a report."""

    def __init__(self, tape: Tape, taken: dict[tuple[datetime, int], Snapshot]) -> None:
        self._tape, self._taken = tape, taken
        self.source = tape.source
        self.instruments, self.next_at, self.advance = tape.instruments, tape.next_at, tape.advance

    def snapshot(self, as_of: datetime, symbols: Sequence[str], *, history_days: int) -> Snapshot:
        key = (as_of, history_days)
        if key not in self._taken:
            self._taken[key] = self._tape.snapshot(as_of, symbols, history_days=history_days)
        return self._taken[key]


class _Simulation:
    """The same desk again and again, each time with other rules left out inside the period."""

    def __init__(
        self,
        books: Books,
        desk: str,
        past: _Past,
        mandate_of: Callable[[str, str], Mandate],
        tape: Callable[[], Tape],
        begin: date,
        end: date,
    ) -> None:
        self._desk, self._past, self._tape, self._begin, self._end = desk, past, tape, begin, end
        self._taken: dict[tuple[datetime, int], Snapshot] = {}
        self._mandates: dict[str, Mandate] = {}
        for config in past.configs:
            text = books.blob(config.text_hash)
            if text is None:
                raise DataError(f"the configuration {config.config_hash[:12]} is not in the ledger any more")
            self._mandates[config.config_hash] = replace(mandate_of(desk, text), confirm_s=0)

    def run(self, without: frozenset[str]) -> int:
        """The P&L of the period with some rules left out in it, in money units."""
        with tempfile.TemporaryDirectory(prefix="kanpan-worth-") as scratch:
            ledger = Ledger.open(Path(scratch), clock=SimulatedClock(_EPOCH))
            try:
                self._play(Path(scratch), ledger, without)
                with ledger.reader() as books:
                    closes = {
                        point.trading_day: point.equity for point in books.equity(self._desk, limit=100_000) if not point.cycle_id
                    }
            finally:
                ledger.close()
        return _gain(closes, self._past.opened_with, self._begin, self._end)

    def _play(self, scratch: Path, ledger: Ledger, without: frozenset[str]) -> None:
        past = self._past
        equipment = Equipment(
            ledger=ledger,
            tape=_Remembering(self._tape(), self._taken),
            models=(),
            snapshots=scratch / "snapshots",
            wall=SimulatedClock(_EPOCH),
            observer=_Silent(),
            halted_outside=lambda: False,
            cancelled=threading.Event(),
            recorded=past.batches,
        )
        desk = Desk(self._mandates[past.configs[0].config_hash], equipment)
        whole = desk.mandate
        desk.open()
        for told in past.told:
            if isinstance(told, ConfigRecorded):
                whole = self._mandates[told.config_hash]
            elif isinstance(told, TradingStateMoved):
                ledger.write([told])
            elif told.trading_day <= self._end:
                self._until(desk, whole, told.slot, without)
                desk.again(told.cycle_id, told.slot, told.trigger)
        self._until(desk, whole, past.closes[-1].as_of, without)

    def _until(self, desk: Desk, whole: Mandate, to: datetime, without: frozenset[str]) -> None:
        """Carry the desk to an instant; the rules are left out from the period's first session on."""
        begins = datetime.combine(self._begin, datetime.min.time(), desk.calendar.zone)
        if to >= begins > desk.now:
            desk.mandate = whole
            desk.follow(begins)
        inside = to >= begins
        rules = tuple(rule for rule in RULES if not inside or rule.name not in without)
        desk.mandate = replace(whole, rules=rules, protected=not inside or PROTECT not in without)
        desk.follow(to)


def worth_record(worth: Worth, market: Any) -> dict[str, Any]:
    """The report as JSON: amounts as decimal strings in the desk's currency."""
    units = UNITS[market]

    def money(amount: int) -> str:
        return plain(amount, units.money)

    return {
        "desk": worth.desk,
        "from": worth.first.isoformat(),
        "to": worth.last.isoformat(),
        "currency": units.currency,
        "ledger_pnl": money(worth.booked),
        "simulated_pnl": money(worth.again),
        "adds_up": worth.adds_up,
        "rules": [
            {
                "rule": rule.rule,
                "denied": rule.denied,
                "cut": rule.cut,
                "pnl_without": money(rule.without),
                "worth": money(worth.booked - rule.without),
            }
            for rule in worth.rules
        ],
        "pnl_without_any": money(worth.bare),
        "together": money(worth.together),
    }


__all__ = ["PROTECT", "Stepped", "Worth", "what_risk_was_worth", "worth_record"]
