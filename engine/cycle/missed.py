"""Slots that never ran, as records: each one visible, a long absence counted in one entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.core.ids import cycle_id
from engine.core.journal import CycleClaimed, CycleMoved, CycleState, Record
from engine.cycle.mandate import Mandate
from engine.exchange import Calendar

SHOWN = 100
"""So many missed slots in a row are an entry each; the older ones before them are one."""


def missed(mandate: Mandate, calendar: Calendar, slots: Sequence[datetime], reason: str) -> list[Record]:
    """A SKIPPED cycle for each of `slots`, oldest first. Pure."""
    told = [(slot, reason) for slot in slots[-SHOWN:]]
    if older := slots[:-SHOWN]:
        told.insert(0, (older[-1], f"{reason}: {len(older)} slots since {older[0].astimezone(calendar.zone):%Y-%m-%d %H:%M}"))
    records: list[Record] = []
    for slot, why in told:
        day = calendar.local_day(slot)
        name = cycle_id(mandate.desk, mandate.market.value, day, slot)
        records.append(CycleClaimed(name, mandate.desk, "schedule", slot, day, mandate.config_hash))
        records.append(CycleMoved(name, mandate.desk, CycleState.SKIPPED, why))
    return records
