"""What a replay says of a funding or a liquidation that was written otherwise than the books and the rules have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from perp_bench import BTC, DESK, SYMBOL, Bench, at, e8, funding

from engine.brokers.settling import liquidated
from engine.core.bookkeeping import FundingSettled, Liquidated, Posting
from engine.core.ids import content_hash
from engine.core.journal import ConfigRecorded, CycleClaimed, CycleMoved, CycleState, Record
from engine.core.order import Side
from engine.exchange import PerpTerms
from engine.replay import Difference, Replay
from engine.store import Ledger

CONFIG = content_hash(b"{}")


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)


class Terms:
    """As much of a mandate as a liquidation asks of it."""

    perps: PerpTerms | None = PerpTerms(10, True, {SYMBOL: BTC})


def replayed(home: Path, records: Sequence[Record], mandate: Any = Terms) -> tuple[Difference, ...]:
    """The differences of a desk whose one cycle failed before all that follows it."""
    opened, *rest = records
    claimed = CycleClaimed("c", DESK, "manual", at(0), at(0).date(), CONFIG)
    moves = [CycleMoved("c", DESK, CycleState.RECONCILING), CycleMoved("c", DESK, CycleState.FAILED, "TEST")]
    with Ledger.open(home, clock=Still()) as ledger:
        ledger.write([opened])
        ledger.write([ConfigRecorded(DESK, CONFIG, CONFIG)], blobs=["{}"])
        ledger.write([claimed, *moves])
        for record in rest:
            ledger.write([record])
        with ledger.reader() as books:
            replay = Replay(books, home / "snapshots", DESK, lambda desk, text: mandate)
            (cycle,) = replay.run()
    return cycle.differences


@pytest.fixture
def bench() -> Bench:
    """A long position that has been through one settlement and was then liquidated."""
    made = Bench(leverage=10)
    made.trade(Side.BUY, "1", "60000", 1)
    made.take(made.broker.settle([funding("0.0001", at(8), "60000")]))
    made.take(made.broker.watch_margins({SYMBOL: e8("54200")}, at(9), at(9).date()))
    return made


def changed(records: Sequence[Record], kind: type[Any], **fields: Any) -> list[Record]:
    return [replace(record, **fields) if isinstance(record, kind) else record for record in records]


def test_what_was_booked_by_the_rules_is_booked_again(bench: Bench, tmp_path: Path) -> None:
    kinds = {type(record) for record in bench.records}
    assert {FundingSettled, Liquidated} <= kinds
    assert replayed(tmp_path / "home", bench.records) == ()


def test_a_funding_that_cost_something_else_differs(bench: Bench, tmp_path: Path) -> None:
    postings = (Posting("cash", -e8("5")), Posting(f"funding:{SYMBOL}", e8("5")))
    (difference,) = replayed(tmp_path / "home", changed(bench.records, FundingSettled, postings=postings))
    assert difference.part == "funding" and "-600000000" in difference.computed and "-500000000" in difference.recorded


@pytest.mark.parametrize("fields", [{"rate_e8": 20_000}, {"mark": e8("61000")}])
def test_a_funding_at_another_rate_or_mark_differs(bench: Bench, tmp_path: Path, fields: dict[str, int]) -> None:
    assert [one.part for one in replayed(tmp_path / "home", changed(bench.records, FundingSettled, **fields))] == ["funding"]


def test_a_settlement_booked_under_two_names_differs(bench: Bench, tmp_path: Path) -> None:
    place, first = next((n, one) for n, one in enumerate(bench.records) if isinstance(one, FundingSettled))
    doubled = [*bench.records[: place + 1], replace(first, settlement_id="again"), *bench.records[place + 1 :]]
    found = replayed(tmp_path / "home", doubled)
    assert [(one.part, one.computed) for one in found] == [("funding", "nothing due")]


def test_a_liquidation_that_needed_not_be_differs(bench: Bench, tmp_path: Path) -> None:
    (difference,) = replayed(tmp_path / "home", changed(bench.records, Liquidated, mark=e8("59000")))
    assert (difference.part, difference.computed) == ("liquidation", "margin suffices")


def test_a_liquidation_that_cost_something_else_differs(bench: Bench, tmp_path: Path) -> None:
    last = bench.records[-1]
    assert isinstance(last, Liquidated)
    kept = [posting for posting in last.postings if not posting.account.startswith("fees:")]
    fee = sum(posting.amount for posting in last.postings if posting.account.startswith("fees:"))
    postings = (*kept, Posting("cash", fee))
    assert fee > 0
    (difference,) = replayed(tmp_path / "home", changed(bench.records, Liquidated, postings=postings))
    assert difference.part == "liquidation" and "fees:liquidation" in difference.computed


def test_a_liquidation_on_a_desk_without_perpetuals_differs(bench: Bench, tmp_path: Path) -> None:
    class Spot:
        perps = None

    (difference,) = replayed(tmp_path / "home", bench.records, Spot)
    assert difference.computed == "a desk without perpetuals"


def test_a_contract_that_is_gone_is_told(bench: Bench, tmp_path: Path) -> None:
    class Other:
        perps = PerpTerms(10, True, {})

    (difference,) = replayed(tmp_path / "home", bench.records, Other)
    assert "no contract" in difference.computed
    assert liquidated(DESK, Terms.perps, bench.fold.book, SYMBOL, at(9), e8("1"), at(9).date()) is None  # type: ignore[arg-type]
