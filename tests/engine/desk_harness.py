"""A real desk on the sample market in this process: opened, stopped, crashed at any ledger write, and compared to the last unit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.clock import SimulatedClock
from engine.core.journal import CycleClaimed, CycleMoved, CycleState, Record
from engine.cycle import Desk, Equipment, Mandate, resume_point
from engine.feeds.replay import ReplayTape
from engine.llm import Model, OfflineModel
from engine.store import Head, Ledger, books
from engine.store.bars import BarStore
from engine.store.sample import sample_dir

WALL = datetime(2026, 11, 21, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here."""


class Silent:
    """An observer that looks away."""

    def recorded(self, desk: str, records: Sequence[Record]) -> None: ...

    def quoted(self, desk: str, quotes: Sequence[Any]) -> None: ...

    def turned(self, desk: str, event: Any) -> None: ...

    def asking(self, desk: str, prompt_hash: str, text: str) -> None: ...

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None: ...


class CrashingLedger:
    """Passes everything to a real ledger and dies before write number `at` (counted from 1)."""

    def __init__(self, ledger: Ledger, at: int = 0) -> None:
        self.ledger = ledger
        self.writes = 0
        self._at = at

    def write(self, records: Sequence[Record], *, key: str = "", blobs: Sequence[str] = ()) -> int:
        self.writes += 1
        if self.writes == self._at:
            raise Crash
        return self.ledger.write(records, key=key, blobs=blobs)

    def reader(self) -> Any:
        return self.ledger.reader()

    @property
    def head(self) -> Head:
        return self.ledger.head


class SparingDesk(Desk):
    """A desk whose cycles of the named slots fail before they trade, as a restart leaves them."""

    spared: frozenset[datetime] = frozenset()

    def run(self, slot: datetime, trigger: str) -> CycleState:
        if slot not in self.spared:
            return super().run(slot, trigger)
        name = self._cycle_name(slot, trigger)
        desk = self.mandate.desk
        claimed = CycleClaimed(name, desk, trigger, slot, self.trading_day, self.mandate.config_hash)
        self._write([claimed, CycleMoved(name, desk, CycleState.RECONCILING), CycleMoved(name, desk, CycleState.FAILED, "RESTART")])
        return CycleState.FAILED


@lru_cache(maxsize=1)
def store() -> BarStore:
    """The sample market, read once."""
    return BarStore.load(sample_dir())


def mandate(**changes: Any) -> Mandate:
    """The demo desk's mandate with changes to its configuration."""
    return mandate_of("demo", DeskConfig.model_validate(changes), "en")


@contextmanager
def desk_at(
    home: Path,
    terms: Mandate,
    *,
    start: date,
    end: date,
    models: tuple[Model, ...] | None = None,
    crash_at: int = 0,
    spared: frozenset[datetime] = frozenset(),
    observer: Any = None,
    opened: bool = True,
) -> Iterator[Desk]:
    """A desk on the replay from `start` to `end`, resumed from whatever `home` holds, exactly as the engine builds it."""
    ledger = Ledger.open(home, clock=SimulatedClock(WALL))
    try:
        with ledger.reader() as view:
            resume = resume_point(view, terms.desk)
        tape = ReplayTape(store(), start=max(start, resume.date()) if resume else start, end=end)
        equipment = Equipment(
            ledger=CrashingLedger(ledger, crash_at),  # type: ignore[arg-type]
            tape=tape,
            models=(OfflineModel(),) if models is None else models,
            snapshots=home / "snapshots",
            wall=SimulatedClock(WALL),
            observer=observer or Silent(),
            halted_outside=lambda: False,
            cancelled=threading.Event(),
        )
        desk = SparingDesk(terms, equipment)
        desk.spared = spared
        if opened:
            desk.open()
        yield desk
    finally:
        ledger.close()


def carry(desk: Desk, *, until: datetime | None = None, steps: int | None = None) -> int:
    """Step the desk to the end of its tape, to the last step before `until`, or `steps` times; returns the steps taken."""
    taken = 0
    while (steps is None or taken < steps) and (due := desk.next_due()) is not None:
        if until is not None and due > until:
            break
        desk.step(due)
        taken += 1
    return taken


def story(home: Path) -> dict[str, Any]:
    """All that must be the same however often the process stopped: ids, orders, fills, cash, holdings, funding, marks."""
    with books(home) as view:
        account = view.account("demo")
        return {
            "cycles": [(item.cycle_id, item.state) for item in view.cycles("demo", limit=10_000)],
            "orders": [replace(item, moved_at=WALL) for item in view.orders("demo", limit=10_000)],
            "fills": view.fills("demo", limit=10_000),
            "cash": account.cash,
            "balances": view.balances("demo"),
            "lots": {symbol: position.lots for symbol, position in account.positions.items()},
            "perps": account.perps,
            "fundings": view.fundings("demo", limit=10_000),
            "liquidations": view.liquidations("demo", limit=10_000),
            "marks": [replace(point, seq=0) for point in view.equity("demo", limit=10_000)],
        }


def writes(desk: Desk) -> int:
    """How many writes the desk's ledger has seen since it was opened."""
    ledger: Any = desk.equipment.ledger
    return int(ledger.writes)
