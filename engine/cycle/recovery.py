"""After a crash: cycles that had not reached EXECUTING are failed, those that had are finished; no model is ever asked again."""

from __future__ import annotations

from datetime import datetime

from engine.core.journal import CycleMoved, CycleState, Noted, Record
from engine.cycle.cycle import Scene, finish_cycle
from engine.store import Books, CycleBook

_FINISH = frozenset({CycleState.EXECUTING, CycleState.SETTLING})


def recover(scene: Scene, unfinished: tuple[CycleBook, ...]) -> None:
    """Bring every unfinished cycle of the desk to an ending, each a durable and visible fact."""
    for cycle in unfinished:
        if cycle.state in _FINISH:
            ending = finish_cycle(scene, cycle.cycle_id, cycle.state)
        else:
            ending = CycleState.FAILED
            failed: list[Record] = [CycleMoved(cycle.cycle_id, cycle.desk, ending, f"RESTART: {cycle.state}")]
            scene.write(failed, key=f"{cycle.cycle_id}/end")
        told = (("cycle", cycle.cycle_id), ("state", ending.value))
        scene.write([Noted(cycle.desk, "RECOVERED", told)])


def resume_point(books: Books, desk: str) -> datetime | None:
    """The last instant of market time of which the ledger holds anything for the desk; None for a desk that never moved."""
    seen: list[datetime] = [cycle.slot for cycle in books.cycles(desk, limit=1)]
    seen += [fill.at for fill in books.fills(desk, limit=1)]
    seen += [point.as_of for point in books.equity(desk, limit=1)]
    seen += [closed.at for closed in books.liquidations(desk, limit=1)]
    seen += books.funded_until(desk).values()
    return max(seen, default=None)
