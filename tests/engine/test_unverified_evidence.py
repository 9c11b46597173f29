"""A model that invents a number: it is marked in the record and on screen, it keeps the position small, and a replay agrees."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from engine.core.journal import DecisionsMade
from engine.core.units import Market
from engine.llm import Prompt, Reply
from engine.replay import Replay
from engine.rows import decision_rows
from engine.store import books
from engine.store.codec import decode
from tests.engine.desk_harness import WALL, carry, desk_at, mandate
from tests.engine.test_past_cycles import recorded_mandate

NAME = "000338.SZ"


class Inventor:
    """Always wants a fifth of equity in one name, for a figure that no table holds."""

    name, provider, offline = "inventor", "test", True

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        item = {"instrument": NAME, "intent": "open", "target_weight": 0.2, "confidence": 0.9, "reasoning": "the P/E is 7.77"}
        return Reply(json.dumps({"decisions": [{**item, "sources": [f"{NAME}.pe"]}]}), "ok")


def test_an_invented_number_is_marked_capped_and_replayed(tmp_path: Path) -> None:
    terms = mandate(universe={"symbols": [NAME]})
    with desk_at(tmp_path, terms, start=date(2020, 2, 4), end=date(2020, 2, 6), models=(Inventor(),)) as desk:
        carry(desk)
    with books(tmp_path) as view:
        first = view.cycles("demo", limit=10)[-1].cycle_id
        made, ruled = view.decisions(first), view.verdicts(first)
        results = list(Replay(view, tmp_path / "snapshots", "demo", recorded_mandate).run())
    assert made is not None and ruled is not None
    assert made.checked and made.decisions[0].unverified == ("7.77", f"{NAME}.pe")
    assert ("evidence_cap", "0.050000") in {(verdict.rule, verdict.after) for verdict in ruled.verdicts}
    assert decision_rows(made, {}, Market.ASHARE, WALL)[0].unverified == f"7.77, {NAME}.pe"
    assert [result for result in results if result.differences] == []


def test_a_batch_of_before_evidence_was_checked_is_still_read() -> None:
    old = (
        '{"cycle_id":"c","decisions":[{"confidence_ppm":1,"instrument":"a","intent":"hold","reasoning":"","sources":[],'
        '"stop_loss":0,"take_profit":0,"target_weight_ppm":0}],"desk":"d","rejected":[]}'
    )
    record = decode("DecisionsMade", old)
    assert isinstance(record, DecisionsMade)
    assert not record.checked and record.decisions[0].unverified == ()
