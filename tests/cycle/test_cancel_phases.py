"""Orders are withdrawn only where the exchange takes a cancel: not from 09:20 to 09:30, nor in the closing call."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.core.order import OrderStatus
from engine.exchange import Phase
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate

DAY = date(2020, 3, 4)
TERMS = mandate(strategy="baseline", models=[], schedule="at 09:16, 09:21, 09:35", risk={"stop_loss": 0})


def at(hour: int, minute: int) -> datetime:
    return datetime(2020, 3, 4, hour - 8, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "phase", "taken"),
    [
        (at(9, 16), Phase.OPEN_CALL, True),
        (at(9, 21), Phase.OPEN_CALL_NO_CANCEL, False),
        (at(9, 35), Phase.CONTINUOUS, True),
    ],
)
def test_a_cancel_is_taken_or_not_by_the_phase(tmp_path: Path, until: datetime, phase: Phase, taken: bool) -> None:
    with desk_at(tmp_path, TERMS, start=DAY, end=DAY) as desk:
        carry(desk, until=until)
        desk.follow(until)
        assert desk.calendar.phase(desk.now) is phase
        waiting = set(desk.broker.working())
        assert waiting, "nothing to withdraw"
        desk.cancel_orders()
        left = set(desk.broker.working())
        with books(tmp_path) as view:
            noted = view.noted("demo", "CANCEL_REFUSED")
            ended = {item.order.order_id for item in view.orders("demo") if item.status is OrderStatus.CANCELLED}
    assert left == (set() if taken else waiting) and ended == (waiting if taken else set())
    assert [dict(note.params) for note in noted] == ([] if taken else [{"count": str(len(waiting)), "phase": phase.value}])
