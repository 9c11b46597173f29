"""A desk over history: its own cycle, rules, broker and fees on a simulated clock, in a ledger that is thrown away afterwards.

mandate + tape ──► Desk (a temporary ledger) ──► every due instant to the tape's end ──► Result
Nothing here trades differently from a desk at work; the same orders come out because the same code makes them.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.backtest.result import Close, Result, measure
from engine.backtest.scratch import scratch
from engine.backtest.trades import round_trips
from engine.core.bookkeeping import Adjusted, Filled, FundingSettled, Liquidated, Marked, Posting
from engine.core.clock import SimulatedClock
from engine.core.decision import Decision
from engine.core.errors import DataError
from engine.core.journal import CycleMoved, CycleState, Record
from engine.cycle import Desk, Equipment, Mandate
from engine.cycle.mandate import Gate
from engine.feeds.tape import Tape
from engine.llm import Model
from engine.store import Books, Ledger

PAGE = 5_000
MAX_STEPS = 2_000_000
"""A tape that gives more instants than this in one run is not a history."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Silent:
    """Nobody watches a simulation."""

    def recorded(self, desk: str, records: Sequence[Record]) -> None:
        """Looks away."""

    def quoted(self, desk: str, quotes: Sequence[Any]) -> None:
        """Looks away."""

    def turned(self, desk: str, event: Any) -> None:
        """Looks away."""

    def asking(self, desk: str, prompt_hash: str, text: str) -> None:
        """Looks away."""

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        """Looks away."""


def backtest(
    mandate: Mandate,
    tape: Tape,
    *,
    models: Sequence[Model] = (),
    recorded: Mapping[str, tuple[Decision, ...]] | None = None,
    gate: Gate | None = None,
    cancelled: threading.Event | None = None,
) -> Result:
    """Run the mandate from the tape's first instant to its last and measure what came of it.

    `recorded` are decisions by cycle id, taken instead of asking anybody; `gate` tries what is written for a desk of rules. No
    person is waited for: orders that a desk would have confirmed leave by themselves. Raises DataError where the run was cancelled
    or gave no session.
    """
    stop = cancelled or threading.Event()
    with scratch() as place:
        ledger = Ledger.open(Path(place), clock=SimulatedClock(_EPOCH))
        try:
            equipment = Equipment(
                ledger=ledger,
                tape=tape,
                models=tuple(models),
                snapshots=Path(place) / "snapshots",
                wall=SimulatedClock(_EPOCH),
                observer=Silent(),
                halted_outside=lambda: False,
                cancelled=stop,
                recorded=recorded,
                gate=gate,
            )
            desk = Desk(replace(mandate, confirm_s=0), equipment)
            desk.open()
            _carry(desk, stop)
            with ledger.reader() as books:
                return _result(books, mandate)
        finally:
            ledger.close()


def _carry(desk: Desk, stop: threading.Event) -> None:
    for _ in range(MAX_STEPS):
        if stop.is_set():
            raise DataError("the backtest was cancelled")
        due = desk.next_due()
        if due is None:
            return
        desk.step(due)
        shutil.rmtree(desk.equipment.snapshots, ignore_errors=True)  # nobody replays a simulation, and they would fill the disk
    raise DataError(f"the backtest took more than {MAX_STEPS} instants")


def _result(books: Books, mandate: Mandate) -> Result:
    records = list(_records(books))
    closes = tuple(Close(r.trading_day, r.equity) for r in records if isinstance(r, Marked) and not r.cycle_id)
    if not closes:
        raise DataError("the backtest gave no session")
    fills = tuple(record.fill for record in records if isinstance(record, Filled))
    trades = round_trips(records, mandate.desk)
    ends = [record.state for record in records if isinstance(record, CycleMoved)]
    taxes = sum(_tax(record.postings) for record in records if isinstance(record, Filled | Adjusted))
    taxes += sum(_booked(record.postings, "fees:") for record in records if isinstance(record, Liquidated))
    paid = [_booked(record.postings, "funding:") for record in records if isinstance(record, FundingSettled)]
    return Result(
        desk=mandate.desk,
        strategy=mandate.strategy,
        market=mandate.market,
        opened_with=mandate.cash,
        closes=closes,
        figures=measure(mandate.market, mandate.cash, closes, fills, trades, taxes),
        trades=trades,
        fills=fills,
        cycles=ends.count(CycleState.COMPLETED),
        failed=ends.count(CycleState.FAILED) + ends.count(CycleState.AMBIGUOUS),
        funding=-sum(paid) if mandate.perps is not None else None,
    )


def _records(books: Books) -> Iterator[Record]:
    after = 0
    while page := books.entries(after, limit=PAGE):
        yield from (entry.record for entry in page)
        after = page[-1].seq


def _tax(postings: Sequence[Posting]) -> int:
    return _booked(postings, "tax:")


def _booked(postings: Sequence[Posting], accounts: str) -> int:
    return sum(posting.amount for posting in postings if posting.account.startswith(accounts))
