"""What is different for a shadow: it is halted and paused with its desk, sees only what its desk saw, and alarms nobody."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.errors import DataError
from engine.core.journal import AlertRaised, Record, TradingState
from engine.core.market import Quote
from engine.cycle.mandate import Mandate
from engine.feeds.tape import SessionEvent
from engine.store import Books


def spoken(mandate: Mandate, records: Sequence[Record]) -> Sequence[Record]:
    """The records as they are written: those of a shadow without its alerts."""
    if not mandate.parent:
        return records
    return [record for record in records if not isinstance(record, AlertRaised)]


def trading_state(books: Books, mandate: Mandate) -> TradingState:
    """The desk's own state; a shadow is HALTED as long as its desk is."""
    if mandate.parent and books.trading_state(mandate.parent).state is TradingState.HALTED:
        return TradingState.HALTED
    return books.trading_state(mandate.desk).state


def paused(books: Books, mandate: Mandate) -> bool:
    """Whether the schedule rests: the desk's own, or that of the desk a shadow belongs to."""
    return books.paused(mandate.desk) or bool(mandate.parent and books.paused(mandate.parent))


def same_market(books: Books, mandate: Mandate, cycle_id: str, digest: str) -> None:
    """Raises DataError where a shadow is about to decide on another picture than its desk froze for the same slot."""
    if not mandate.parent:
        return
    frozen = books.snapshot_of(mandate.parent + cycle_id.removeprefix(mandate.desk))
    if frozen is not None and frozen.hash != digest:
        raise DataError(f"SNAPSHOT_DIFFERS: {mandate.desk} {digest[:12]}, {mandate.parent} {frozen.hash[:12]}")


class Unseen:
    """The observer of a shadow: it is read from the ledger, not watched."""

    def recorded(self, desk: str, records: Sequence[Record]) -> None:
        """Nobody looks."""

    def quoted(self, desk: str, quotes: Sequence[Quote]) -> None:
        """Nobody looks."""

    def turned(self, desk: str, event: SessionEvent) -> None:
        """Nobody looks."""

    def asking(self, desk: str, prompt_hash: str, text: str) -> None:
        """Nobody looks."""

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        """Nobody looks."""
