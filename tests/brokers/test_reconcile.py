"""A broker that lies: every difference has its name, is told, and stops the desk where a fill or nothing at all explains it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.brokers import Book, Match, correction, reconcile
from engine.core.account import Account, Lot, Position
from engine.core.journal import CycleState, TradingState
from engine.core.order import OrderStatus
from engine.cycle import Desk
from engine.store import books
from tests.engine.desk_harness import carry, desk_at, mandate

START, END = date(2020, 2, 10), date(2020, 2, 18)


def trading(home: Path) -> Any:
    return desk_at(home, mandate(strategy="baseline", models=[]), start=START, end=END)


def until_it_works(desk: Desk) -> Book:
    """Step until orders are open, and return the broker's book."""
    while not desk.broker.working():
        assert carry(desk, steps=1)
    return Book(desk.broker.account(), desk.broker.working())


def lied(account: Account, **changes: Any) -> Account:
    return replace(account, **changes)


def test_the_truth_matches_line_by_line(tmp_path: Path) -> None:
    with trading(tmp_path) as desk:
        book = until_it_works(desk)
        lines = reconcile(book.account, book.working, book.account, book.working)
        assert {line.match for line in lines} == {Match.MATCHED} and len(lines) > len(book.working)


def lies(book: Book) -> dict[Match, Book]:
    first = next(iter(book.working.values()))
    stray = replace(first, order=replace(first.order, order_id="f" * 16))
    extra = Position("600000.SH", (Lot("lie-1", 100, 1_000_000, START, END),))
    return {
        Match.UNKNOWN_FILL: Book(lied(book.account, positions={**book.account.positions, "600000.SH": extra}), book.working),
        Match.ORPHAN_ORDER: Book(book.account, {**book.working, "f" * 16: stray}),
        Match.AMBIGUOUS: Book(lied(book.account, cash=book.account.cash - 1), book.working),
    }


@pytest.mark.parametrize("match", [Match.UNKNOWN_FILL, Match.ORPHAN_ORDER, Match.AMBIGUOUS])
def test_a_lie_is_told_by_its_name_and_the_outer_two_halt(tmp_path: Path, match: Match) -> None:
    with trading(tmp_path) as desk:
        true = until_it_works(desk)
        desk.broker.load(lies(true)[match])
        ending = desk.run(desk.now, "manual")
        with books(tmp_path) as view:
            state = view.trading_state("demo")
            told = [alert.alert for alert in view.alerts("demo") if alert.alert.code == "BOOKS_DIFFER"]
        assert {dict(alert.params)["match"] for alert in told} == {match}
        if match is Match.ORPHAN_ORDER:
            assert ending is CycleState.COMPLETED and state.state is TradingState.ACTIVE
            assert "f" * 16 not in desk.broker.working()
        else:
            assert ending is CycleState.AMBIGUOUS
            assert (state.state, state.by) == (TradingState.HALTED, "rule:reconcile")


def test_an_order_only_the_ledger_knows_is_closed_there(tmp_path: Path) -> None:
    with trading(tmp_path) as desk:
        true = until_it_works(desk)
        gone = next(iter(true.working))
        rest = {name: working for name, working in true.working.items() if name != gone}
        desk.broker.load(Book(true.account, rest))
        desk.run(desk.now, "manual")
        with books(tmp_path) as view:
            order = view.order(gone)
        assert order is not None and (order.status, order.code) == (OrderStatus.CANCELLED, "ORPHAN_ORDER")


def test_an_order_whose_terms_or_fills_differ_is_never_taken_for_the_same(tmp_path: Path) -> None:
    with trading(tmp_path) as desk:
        book = until_it_works(desk)
        name, first = next(iter(book.working.items()))
        other = {**book.working, name: replace(first, order=replace(first.order, limit_price=first.order.limit_price + 100))}
        filled = {**book.working, name: replace(first, filled=100)}
        found = {line.about: line.match for line in reconcile(book.account, book.working, book.account, other)}
        assert found[f"order:{name}"] is Match.AMBIGUOUS
        found = {line.about: line.match for line in reconcile(book.account, book.working, book.account, filled)}
        assert found[f"order:{name}"] is Match.UNKNOWN_FILL


def test_a_correction_is_an_adjusting_entry_that_balances_and_ends_the_difference(tmp_path: Path) -> None:
    with trading(tmp_path) as desk:
        carry(desk, steps=400)
        with books(tmp_path) as view:
            booked = view.account("demo")
        symbol = next(iter(booked.positions))
        rest = {name: position for name, position in booked.positions.items() if name != symbol}
        held = replace(booked, cash=booked.cash - 12_345, positions=rest)
        entry = correction("demo", "reconcile-1", booked, held)
        assert entry is not None and sum(posting.amount for posting in entry.postings) == 0
        desk.equipment.ledger.write([entry])
        with books(tmp_path) as view:
            after = view.account("demo")
        assert {line.match for line in reconcile(after, {}, replace(held, reserved=after.reserved), {})} == {Match.MATCHED}
        assert correction("demo", "reconcile-2", after, held) is None
