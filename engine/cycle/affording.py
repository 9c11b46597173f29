"""Where a cycle meets its desk's purse: who of the panel or its ladder is asked, and what is noted before and after.

prompts ──afford──► BUDGET_STEP (durable before anybody is asked) ──► models ──► calls ──settle──► BUDGET_NEAR
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.core.journal import Record
from engine.cycle.mandate import Equipment, Mandate
from engine.cycle.shadowing import spoken
from engine.llm import Model, Prompt


def afford(mandate: Mandate, equipment: Equipment, cycle_id: str, at: datetime, prompts: Sequence[Prompt]) -> tuple[Model, ...]:
    """The models that may be asked all of `prompts`: the panel's, a rung's of the ladder, or none where there is no money left."""
    if equipment.purse is None:
        return equipment.models
    with equipment.ledger.reader() as books:
        _, models, steps = equipment.purse.rung(books, cycle_id, at, equipment.models, prompts)
    records = spoken(mandate, steps)
    if records:
        equipment.ledger.write(records, key=f"{cycle_id}/budget")
        equipment.observer.recorded(mandate.desk, records)
    return models


def settle(equipment: Equipment, cycle_id: str, at: datetime) -> list[Record]:
    """What a person must hear of the money spent by now, for the transaction that goes on."""
    if equipment.purse is None:
        return []
    with equipment.ledger.reader() as books:
        return equipment.purse.settle(books, cycle_id, at)
