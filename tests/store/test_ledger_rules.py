"""What the ledger refuses: illegal moves, doubled facts, books that do not balance, and any way around the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledger_stories import CASH, DAY, DESK, START, Story, Ticking, moved, opened

from engine.core.bookkeeping import Adjusted, Filled, LotChange, Marked, OrderMoved, Posting
from engine.core.errors import IllegalTransition, KanpanError, LedgerError
from engine.core.journal import (
    CYCLE_TRANSITIONS,
    CycleState,
    DecisionsMade,
    ModelAsked,
    ModelReplied,
    Noted,
    Record,
    SnapshotFrozen,
    VerdictsGiven,
)
from engine.core.order import TRANSITIONS, OrderStatus
from engine.core.person import AlertAcknowledged, CommandDone, CommandQueued
from engine.store import Ledger
from engine.store.connect import DATABASE, writer
from engine.store.rebuild import fingerprint

ITEM = "600519.SH"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "home", clock=Ticking()) as found:
        found.write([opened()])
        yield found


def state_of(ledger: Ledger) -> tuple[object, ...]:
    """Everything that a refused write must leave as it was."""
    connection = sqlite3.connect(ledger.home / DATABASE)
    try:
        return (*fingerprint(connection), ledger.head, connection.execute("SELECT count(*) FROM blobs").fetchone())
    finally:
        connection.close()


def refused(ledger: Ledger, records: list[Record], match: str, error: type[KanpanError] = LedgerError) -> None:
    """The write raises, and not a byte of the books has moved."""
    before = state_of(ledger)
    with pytest.raises(error, match=match) as caught:
        ledger.write(records, blobs=["a text that must not stay"])
    assert "\n" not in str(caught.value)
    assert state_of(ledger) == before


@pytest.mark.parametrize("here", [state for state in CycleState if state not in (CycleState.IDLE,)])
def test_every_cycle_move_is_legal_or_refused(ledger: Ledger, here: CycleState) -> None:
    way = {CycleState.IDLE: [CycleState.IDLE]}
    for state in CycleState:  # the shortest legal way to each state; the enum lists them in order
        for target in sorted(CYCLE_TRANSITIONS[state], key=list(CycleState).index):
            way.setdefault(target, [*way.get(state, []), target])
    story = Story()
    for target in CycleState:
        claimed = story.claim()
        ledger.write([claimed, *(moved(claimed.cycle_id, state) for state in way[here][1:])])
        record = moved(claimed.cycle_id, target)
        if target in CYCLE_TRANSITIONS[here]:
            ledger.write([record])
        else:
            refused(ledger, [record], f"{here} -> {target}", IllegalTransition)


@pytest.mark.parametrize("here", list(OrderStatus))
def test_every_order_move_is_legal_or_refused(ledger: Ledger, here: OrderStatus) -> None:
    way = {OrderStatus.INITIALIZED: [OrderStatus.INITIALIZED]}
    for state in OrderStatus:
        for target in TRANSITIONS[state]:
            way.setdefault(target, [*way.get(state, []), target])
    story = Story()
    claimed = story.claim()
    ledger.write([claimed])
    fills = {OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED}
    for n, target in enumerate(OrderStatus):
        created, *_, filled = story.buy(claimed.cycle_id, ITEM, 300, 100_000, attempt=n)
        assert isinstance(filled, Filled)
        order_id = filled.fill.order_id
        steps: list[Record] = [created]
        for state in way[here][1:]:
            steps.append(_part(filled, 1, state) if state in fills else OrderMoved(order_id, DESK, state))
        ledger.write(steps)
        record: Record = _part(filled, 2, target, here) if target in fills else OrderMoved(order_id, DESK, target)
        if target in TRANSITIONS[here]:
            ledger.write([record])
        else:
            refused(ledger, [record], f"{here} -> {target}", IllegalTransition)


def _part(filled: Filled, sequence: int, status: OrderStatus, here: OrderStatus = OrderStatus.ACCEPTED) -> Filled:
    """A fill of the whole order, or of 100, or of what 100 left over."""
    left = 200 if here is OrderStatus.PARTIALLY_FILLED else 300
    quantity = left if status is OrderStatus.FILLED else 100
    fill = replace(filled.fill, fill_id=f"{filled.fill.order_id}-{sequence}", quantity=quantity, notional=quantity * 100_000)
    lot = replace(filled.lots[0], lot_id=fill.fill_id, quantity=quantity, cost=fill.notional)
    postings = (Posting("cash", -fill.notional), Posting(f"position:{ITEM}", fill.notional))
    return replace(filled, fill=fill, status=status, lots=(lot,), postings=postings)


def _sent(ledger: Ledger) -> Filled:
    """An accepted purchase of 300, its fill not yet written."""
    story = Story()
    claimed = story.claim()
    *records, filled = story.buy(claimed.cycle_id, ITEM, 300, 100_000)
    ledger.write([claimed, *records])
    assert isinstance(filled, Filled)
    return filled


LOT = LotChange("gift", ITEM, 100, 0, DAY, DAY)
BROKEN_FILLS: dict[str, tuple[Callable[[Filled], Filled], str]] = {
    "postings that do not sum to zero": (lambda f: replace(f, postings=(*f.postings, Posting("fees:commission", 1))), "sum to 1"),
    "more than was ordered": (
        lambda f: replace(f, fill=replace(f.fill, quantity=400), lots=(replace(f.lots[0], quantity=400),)),
        "400 of 300",
    ),
    "whole, but called partial": (lambda f: replace(f, status=OrderStatus.PARTIALLY_FILLED), "cannot be partially_filled"),
    "lots that hold more than the fill": (lambda f: replace(f, lots=(replace(f.lots[0], quantity=301),)), "300 units but its lots"),
    "a lot of another instrument": (lambda f: replace(f, lots=(*f.lots, replace(LOT, instrument="000001.SZ"))), "its lots move"),
    "lots that cost more than the books say": (
        lambda f: replace(f, lots=(replace(f.lots[0], cost=f.lots[0].cost + 1),)),
        "differ by -1 units of cost",
    ),
    "another instrument than the order's": (lambda f: replace(f, fill=replace(f.fill, instrument="000001.SZ")), "does not belong"),
    "an order that does not exist": (lambda f: replace(f, fill=replace(f.fill, order_id="none")), "no such order"),
    "cash below zero": (
        lambda f: replace(f, postings=(*f.postings, Posting("cash", -CASH), Posting("fees:commission", CASH))),
        "CHECK",
    ),
    "an amount beyond 64 bits": (
        lambda f: replace(f, postings=(*f.postings, Posting("fees:x", 2**70), Posting("tax:x", -(2**70)))),
        "64 bits",
    ),
    "a float": (lambda f: replace(f, reserved=0.5), "cannot hold a float"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", BROKEN_FILLS)
def test_a_fill_that_does_not_add_up_is_refused(ledger: Ledger, fault: str) -> None:
    filled = _sent(ledger)
    spoil, match = BROKEN_FILLS[fault]
    refused(ledger, [spoil(filled)], match)
    ledger.write([filled])


def test_the_same_fill_or_order_or_cycle_cannot_happen_twice(ledger: Ledger) -> None:
    filled = _sent(ledger)
    ledger.write([filled])
    again = _part(filled, 1, OrderStatus.FILLED)
    refused(ledger, [again], "filled -> filled", IllegalTransition)
    story = Story()
    claimed = story.claim()
    refused(ledger, [claimed], f"already in cycles: {claimed.cycle_id}")
    created = story.buy(claimed.cycle_id, ITEM, 300, 100_000)[0]
    refused(ledger, [created], f"already in orders: {filled.fill.order_id}")
    refused(ledger, [opened()], "already in desks: demo")


def test_one_fill_id_books_once_even_for_an_order_that_may_fill_again(ledger: Ledger) -> None:
    filled = _sent(ledger)
    part = _part(filled, 1, OrderStatus.PARTIALLY_FILLED)
    ledger.write([part])
    twin = replace(part, lots=(replace(part.lots[0], lot_id="other"),))
    refused(ledger, [twin], f"already in fills: {part.fill.fill_id}")


@pytest.mark.parametrize(
    ("record", "match"),
    [
        (moved("nowhere", CycleState.RECONCILING), "no such cycle"),
        (replace(Story(desk="ghost").claim()), "no such desk: ghost"),
        (SnapshotFrozen("nowhere", DESK, "a" * 64, "replay", START, 0, (), ()), "no such cycle"),
        (ModelAsked("nowhere", DESK, 0, "p", "m", "id", "1", "a" * 64), "no such cycle"),
        (DecisionsMade("nowhere", DESK, (), ()), "no such cycle"),
        (VerdictsGiven("nowhere", DESK, ()), "no such cycle"),
        (OrderMoved("none", DESK, OrderStatus.SUBMITTED), "no such order"),
        (AlertAcknowledged("none", "person"), "no such alert"),
        (CommandDone("none", "done"), "never queued"),
        (ModelReplied("none", DESK, 0, "p", "m", "ok", "", "", 1, 1, 1, 0, "0", "CNY"), "never made"),
        (Marked(DESK, "", DAY, START, CASH, 5, CASH, 0, ()), "CHECK"),
        (Adjusted(DESK, "a", ITEM, "BONUS", (LOT,), (Posting("cash", 1),)), "sum to 1"),
        (Adjusted(DESK, "a", ITEM, "BONUS", (replace(LOT, quantity=-1),), ()), "cannot hold -1"),
        (Adjusted(DESK, "a", ITEM, "BONUS", (replace(LOT, cost=5),), ()), "differ by -5"),
        (opened("poor", -5), "CHECK"),
        (replace(opened("odd"), cash=7), "posts"),
        (Noted(DESK, "BROKEN", (("text", "\ud800"),)), "Unicode"),
        (Marked(DESK, "", DAY, START.replace(tzinfo=None), CASH, 0, CASH, 0, ()), "without a zone"),
    ],
)
def test_facts_about_nothing_are_refused(ledger: Ledger, record: Record, match: str) -> None:
    refused(ledger, [record], match)


def test_a_bonus_share_moves_lots_without_money(ledger: Ledger) -> None:
    ledger.write([_sent(ledger)])
    with ledger.reader() as view:
        lot = view.positions(DESK)[ITEM].lots[0]
    grown = LotChange(lot.lot_id, ITEM, lot.quantity * 2, lot.cost, lot.bought_on, lot.sellable_on)
    ledger.write([Adjusted(DESK, "bonus-1", ITEM, "BONUS: per_10=10", (grown,), ())])
    refused(ledger, [Adjusted(DESK, "bonus-1", ITEM, "BONUS: per_10=10", (), ())], "already in adjustments")
    with ledger.reader() as view:
        assert view.positions(DESK)[ITEM].quantity == 600


def test_lots_keep_the_order_in_which_they_were_booked(ledger: Ledger) -> None:
    lots = tuple(LotChange(name, ITEM, 100, 0, DAY, DAY + timedelta(days=1)) for name in ("z", "a", "m"))
    ledger.write([Adjusted(DESK, "one", ITEM, "GIFT", lots, ())])
    ledger.write([Adjusted(DESK, "two", ITEM, "GIFT", (replace(lots[0], quantity=50), replace(lots[1], lot_id="b")), ())])
    with ledger.reader() as view:
        assert [lot.lot_id for lot in view.positions(DESK)[ITEM].lots] == ["z", "a", "m", "b"]


def test_a_lot_may_end_and_begin_again_in_one_transaction(ledger: Ledger) -> None:
    ledger.write([Adjusted(DESK, "one", ITEM, "GIFT", (LOT,), ())])
    ended = Adjusted(DESK, "two", ITEM, "SPLIT", (replace(LOT, quantity=0),), ())
    begun = Adjusted(DESK, "three", ITEM, "SPLIT", (replace(LOT, quantity=7),), ())
    ledger.write([ended, begun])
    with ledger.reader() as view:
        assert view.positions(DESK)[ITEM].quantity == 7


def test_a_command_is_queued_and_answered_once(ledger: Ledger) -> None:
    command = CommandQueued("c1", "run", DESK, "", "person")
    ledger.write([command])
    refused(ledger, [command], "already in commands: c1")
    ledger.write([CommandDone("c1", "done")])
    refused(ledger, [CommandDone("c1", "done")], "already answered")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET payload = '{}' WHERE seq = 1",
        "DELETE FROM journal WHERE seq = 1",
        "INSERT OR REPLACE INTO journal SELECT seq, at, kind, desk, cycle_id, key, '', prev_hash, hash FROM journal WHERE seq = 1",
        "REPLACE INTO journal SELECT seq, at, kind, desk, cycle_id, key, '{}', prev_hash, hash FROM journal WHERE seq = 1",
    ],
)
def test_the_journal_cannot_be_rewritten_through_our_connection(tmp_path: Path, statement: str) -> None:
    with Ledger.open(tmp_path / "home", clock=Ticking()) as ledger:
        ledger.write([opened()])
    connection = writer(tmp_path / "home")
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    finally:
        connection.close()


def test_the_writing_connection_is_as_safe_as_sqlite_can_be(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "home", clock=Ticking()).close()
    connection = writer(tmp_path / "home")
    names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "trusted_schema", "cell_size_check")
    try:
        assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names] == ["wal", 2, 1, 1, 0, 1]
        loose = connection.execute(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'"
        )
        assert loose.fetchall() == []
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("INSERT INTO marks VALUES ('ghost', 'X', 1, 1)")
    finally:
        connection.close()


def test_an_empty_transaction_is_a_mistake(ledger: Ledger) -> None:
    refused(ledger, [], "at least one record")


def test_a_refused_write_does_not_spoil_the_next(ledger: Ledger) -> None:
    refused(ledger, [Noted(DESK, "A"), AlertAcknowledged("none", "person")], "no such alert")
    ledger.write([Noted(DESK, "B")])
    with ledger.reader() as view:
        assert [entry.record for entry in view.events_since(0)] == [Noted(DESK, "B")]
