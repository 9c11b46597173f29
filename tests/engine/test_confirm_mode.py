"""A desk in confirm mode: no order leaves without a person's yes, a smaller one only by a person's number, and time says no."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.commands import halt_file
from engine.config import Config
from engine.core.account import Account, Lot, Position
from engine.core.clock import SystemClock
from engine.core.journal import CycleState, TradingState, TradingStateMoved
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.person import Answer, ConfirmAsked, OrderAnswered
from engine.cycle.approvals import Approvals
from engine.cycle.confirming import Cleared, answer, void
from engine.engine import Engine
from engine.replay import Replay
from engine.state import ProposalRow
from engine.store import books
from engine.store.check import check
from tests.cli.console_command import kanpan, started
from tests.engine.desk_harness import Crash, carry, desk_at, mandate
from tui.past import recorded_mandate

CONFIRM: dict[str, Any] = {"mode": "confirm", "confirm_s": 30}
START, END = date(2020, 2, 4), date(2020, 2, 14)


def replayed(home: Path) -> list[object]:
    with books(home) as view:
        results = list(Replay(view, home / "snapshots", "demo", recorded_mandate).run())
    return [difference for result in results for difference in result.differences]


@contextmanager
def engine_at(home: Path, cycles: int, **desk: Any) -> Iterator[Engine]:
    config = Config.model_validate({"desk": {"demo": {**CONFIRM, **desk}}})
    engine = Engine(config, home, clock=SystemClock(), environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop(5.0)
        assert not engine.failed


def soon(found: Callable[[], Any], within_s: float = 20.0) -> Any:
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if value := found():
            return value
        time.sleep(0.005)
    raise AssertionError("did not happen")


def waiting(engine: Engine) -> list[ProposalRow]:
    return list(engine.state.proposals.view().rows.values())


def of(home: Path, order_id: str) -> Any:
    with books(home) as view:
        return view.order(order_id)


# -- in an engine ---------------------------------------------------------------------------------------------------------------


def test_orders_wait_and_each_goes_the_way_a_person_says(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with engine_at(home, 1) as engine:
        first, second, third, *others = soon(lambda: waiting(engine) if len(waiting(engine)) >= 3 else None)
        assert int(first.quantity) == int(first.lots) * 100 and float(first.fee) >= 5 and first.reason and first.last
        with books(home) as view:
            assert {item.status for item in view.open_orders("demo")} == {OrderStatus.INITIALIZED}
        less = str(int(second.quantity) // 200 * 100)
        engine.command("approve", "demo", first.order_id)
        engine.command("amend", "demo", f"{second.order_id[:8]} {less}")
        engine.command("refuse", "demo", third.order_id)
        for row in others:
            engine.command("refuse", "demo", row.order_id)
        assert engine.wait(timeout_s=20)
        assert waiting(engine) == []
    assert of(home, first.order_id).status is OrderStatus.FILLED
    assert (of(home, second.order_id).status, of(home, second.order_id).code) == (OrderStatus.DENIED, "CONFIRM_AMENDED")
    assert of(home, third.order_id).code == "CONFIRM_REFUSED"
    with books(home) as view:
        sent = {item.order.instrument: item for item in view.orders("demo") if item.status is OrderStatus.FILLED}
    assert set(sent) == {first.symbol, second.symbol} and sent[second.symbol].order.quantity == int(less)
    assert replayed(home) == [] and [finding for finding in check(home) if not finding.ok] == []


def test_no_answer_by_the_deadline_is_a_no(tmp_path: Path) -> None:
    home = tmp_path / "h"
    began = time.monotonic()
    with engine_at(home, 1, confirm_s=5) as engine:
        rows = soon(lambda: waiting(engine))
        assert engine.wait(timeout_s=20)
        assert time.monotonic() - began >= 5
    assert {(of(home, row.order_id).status, of(home, row.order_id).code) for row in rows} == {
        (OrderStatus.DENIED, "CONFIRM_TIMEOUT")
    }
    with books(home) as view:
        assert view.fills("demo") == () and view.account("demo").reserved == 0
    assert replayed(home) == []


@pytest.mark.parametrize("how", ["command", "file"])
def test_a_halt_while_orders_wait_ends_the_wait_and_denies_them_all(how: str, tmp_path: Path) -> None:
    home = tmp_path / "h"
    with engine_at(home, 1) as engine:
        rows = soon(lambda: waiting(engine))
        engine.command("approve", "demo", rows[0].order_id)
        soon(lambda: len(waiting(engine)) < len(rows))
        if how == "file":
            halt_file(home).touch()
        else:
            engine.command("halt", "demo", "enough")
        assert engine.wait(timeout_s=5)
    assert {of(home, row.order_id).code for row in rows} == {"STATE_HALTED"}
    assert replayed(home) == []


def test_a_desk_that_may_only_reduce_by_then_cancels_an_approved_purchase(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with engine_at(home, 1) as engine:
        rows = soon(lambda: waiting(engine))
        assert engine._ledger is not None
        engine._ledger.write([TradingStateMoved("demo", TradingState.REDUCING, "test", "rule:test")])
        for row in rows:
            engine.command("approve", "demo", row.order_id)
        assert engine.wait(timeout_s=20)
    assert {of(home, row.order_id).code for row in rows if row.side == "buy"} == {"STATE_REDUCING"}
    assert replayed(home) == []


def test_a_second_answer_and_one_for_nothing_are_refused(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with engine_at(home, 1) as engine:
        rows = soon(lambda: waiting(engine))
        asked = [engine.command("refuse", "demo", rows[0].order_id), engine.command("approve", "demo", rows[0].order_id)]
        asked.append(engine.command("approve", "demo", "ffff"))

        def outcomes() -> Any:
            with books(home) as view:
                found = [view.command_outcome(name) for name in asked]
            return found if all(found) else None

        assert soon(outcomes) == ["done", "NOTHING_WAITS", "NOTHING_WAITS"]
        for row in rows[1:]:
            engine.command("refuse", "demo", row.order_id)
        assert engine.wait(timeout_s=20)
    assert of(home, rows[0].order_id).code == "CONFIRM_REFUSED"


def test_from_another_process_without_a_console(tmp_path: Path) -> None:
    home = tmp_path / "h"
    home.mkdir(mode=0o700)
    (home / "kanpan.toml").write_text('[desk.demo]\nmode = "confirm"\nconfirm_s = 60\n')
    child = started(home, "--no-ui", "--json", "--cycles", "1")
    try:
        assert child.stdout is not None
        assert any("ORDERS_WAIT" in line for line in child.stdout), "it never asked"
        with books(home) as view:
            orders = view.open_orders("demo")
        first = orders[0].order
        amended = kanpan(home, "amend", first.order_id, str(first.quantity), "--json")
        assert amended.returncode == 1 and '"AMEND_NOT_SMALLER"' in amended.stdout
        assert kanpan(home, "approve", first.order_id[:10]).returncode == 0
        for item in orders[1:]:
            assert kanpan(home, "refuse", item.order.order_id).returncode == 0
        assert child.wait(timeout=20) == 0
    finally:
        child.kill()
        child.communicate()
    assert of(home, first.order_id).status is OrderStatus.FILLED
    assert {of(home, item.order.order_id).code for item in orders[1:]} == {"CONFIRM_REFUSED"}
    after = kanpan(home, "approve", first.order_id)
    assert after.returncode == 1 and "NOTHING_WAITS" in after.stdout
    assert kanpan(home, "replay", "--all").returncode == 0


# -- after a crash --------------------------------------------------------------------------------------------------------------


def dies_at(home: Path, step: str) -> list[str]:
    """A first run that dies before the write of `step`; the first order is approved while the desk waits. Returns what was."""
    approved: list[str] = []
    with desk_at(home, mandate(**CONFIRM), start=START, end=END) as desk:
        ledger: Any = desk.equipment.ledger
        written = ledger.write

        def dying(records: Any, **how: Any) -> int:
            if how.get("key", "").endswith(step):
                raise Crash
            return int(written(records, **how))

        ledger.write = dying

        def person() -> None:
            name = soon(lambda: sorted(desk.equipment.approvals.waiting()))[0]
            order = soon(lambda: of(home, name))
            assert desk.equipment.approvals.claim(name)
            said = OrderAnswered(order.order.cycle_id, "demo", name, Answer.APPROVE, order.order.quantity, "test")
            ledger.ledger.write([said])
            approved.append(name)
            desk.equipment.approvals.release(name, answered=True)
            desk.equipment.cancelled.set()  # ends the wait, as stopping does

        thread = threading.Thread(target=person, daemon=True)
        if step != "/EXECUTING":
            thread.start()
        with pytest.raises(Crash):
            carry(desk, steps=200)
        if step != "/EXECUTING":
            thread.join(20)
    return approved


@pytest.mark.parametrize("step", ["/SETTLING", "/COMPLETED"])
def test_what_was_approved_before_a_crash_is_sent_once_and_the_rest_is_refused_unasked(step: str, tmp_path: Path) -> None:
    home = tmp_path / "h"
    (approved,) = dies_at(home, step)
    with books(home) as view:
        orders = view.orders("demo")
    assert len(orders) > 1
    if step == "/SETTLING":
        assert {item.status for item in orders} == {OrderStatus.INITIALIZED}
    with desk_at(home, mandate(), start=START, end=END) as desk:  # without confirm mode now: what was asked stays asked
        assert desk.equipment.approvals.waiting() == frozenset()
        states = {item.order.order_id: of(home, item.order.order_id) for item in orders}
    assert states[approved].status is OrderStatus.ACCEPTED
    assert {item.code for name, item in states.items() if name != approved} == {"CONFIRM_TIMEOUT"}
    with books(home) as view:
        assert [step.status for step in view.order_steps(approved)].count(OrderStatus.SUBMITTED) == 1
    assert replayed(home) == []


def test_a_crash_before_the_orders_exist_leaves_nothing_to_answer(tmp_path: Path) -> None:
    home = tmp_path / "h"
    assert dies_at(home, "/EXECUTING") == []
    with desk_at(home, mandate(**CONFIRM), start=START, end=END) as desk:
        assert desk.equipment.approvals.waiting() == frozenset()
    with books(home) as view:
        assert view.orders("demo") == () and view.cycles("demo")[-1].state is CycleState.FAILED


# -- the pure half --------------------------------------------------------------------------------------------------------------

DAY = date(2020, 2, 5)
BUY = Order(
    "aa11", "demo", "c", "000338.SZ", Side.BUY, OrderType.LIMIT, 1_000, 100_000, DAY, datetime(2020, 2, 5, 1, 20, tzinfo=UTC)
)
SELL = replace(BUY, order_id="bb22", side=Side.SELL)


def account(cash: int = 10**9, reserved: int = 0, held: int = 1_000) -> Account:
    lot = Lot("l", held, held * 90_000, date(2020, 2, 4), DAY)
    return Account("demo", "CNY", cash, cash, 0, 0, {"000338.SZ": Position("000338.SZ", (lot,))}, reserved)


@pytest.mark.parametrize(
    ("order", "changes", "code"),
    [
        (BUY, {}, ""),
        (BUY, {"price": 102_000}, ""),
        (BUY, {"price": 102_001}, "PRICE_MOVED"),
        (SELL, {"price": 97_999}, "PRICE_MOVED"),
        (BUY, {"price": 0}, ""),
        (BUY, {"state": TradingState.REDUCING}, "STATE_REDUCING"),
        (SELL, {"state": TradingState.REDUCING}, ""),
        (SELL, {"state": TradingState.HALTED}, "STATE_HALTED"),
        (BUY, {"account": account(cash=100_000_999)}, "CASH_INSUFFICIENT"),
        (BUY, {"account": account(cash=100_001_000)}, ""),
        (BUY, {"account": account(cash=200_000_000, reserved=99_999_001)}, "CASH_INSUFFICIENT"),
        (SELL, {"account": account(held=900)}, "QUANTITY_OVER_SELLABLE"),
    ],
)
def test_what_changed_in_between_cancels_a_yes(order: Order, changes: dict[str, Any], code: str) -> None:
    price, state = changes.get("price", 100_000), changes.get("state", TradingState.ACTIVE)
    cleared = Cleared(order, 100_001_000 if order.side is Side.BUY else 0, 100_000)
    denied = void([cleared], {"000338.SZ": price}, changes.get("account", account()), state, 20_000)
    assert [moved.code for moved in denied] == ([code] if code else [])


def test_two_purchases_cannot_spend_the_same_cash() -> None:
    pair = [Cleared(BUY, 60, 0), Cleared(replace(BUY, order_id="cc33"), 60, 0), Cleared(replace(BUY, order_id="dd44"), 40, 0)]
    denied = void(pair, {}, account(cash=100), TradingState.ACTIVE, 20_000)
    assert [(moved.order_id, moved.code) for moved in denied] == [("cc33", "CASH_INSUFFICIENT")]


@pytest.mark.parametrize(
    ("verb", "argument", "outcome"),
    [
        ("approve", "aa", 1_000),
        ("refuse", "bb22", 0),
        ("amend", "aa 500", 500),
        ("amend", "aa 550", "QUANTITY_NOT_LOT"),
        ("amend", "aa 1000", "AMEND_NOT_SMALLER"),
        ("amend", "aa 0", "AMEND_NOT_SMALLER"),
        ("amend", "aa", "AMEND_NOT_A_NUMBER"),
        ("amend", "aa ٣", "AMEND_NOT_A_NUMBER"),
        ("approve", "", "NOTHING_WAITS"),
        ("approve", "cc", "NOTHING_WAITS"),
    ],
)
def test_a_persons_words_become_an_answer_or_a_code(verb: str, argument: str, outcome: int | str, tmp_path: Path) -> None:
    with desk_at(tmp_path / "h", mandate(), start=START, end=END, opened=False) as desk:
        said = answer(verb, argument, [BUY, SELL], desk.instruments, "person")
    assert (said.quantity if isinstance(said, OrderAnswered) else said) == outcome


def test_a_beginning_that_two_orders_share_names_neither() -> None:
    assert answer("approve", "aa", [BUY, replace(BUY, order_id="aa12")], {}, "person") == "ORDER_NOT_UNIQUE"


def test_an_answer_being_written_holds_the_deadline_back_and_a_failed_one_lets_it_pass() -> None:
    approvals, ended = Approvals(), threading.Event()

    approvals.open(["o"])

    def desk() -> None:
        approvals.wait(["o"], 0.05, lambda: False)
        ended.set()

    thread = threading.Thread(target=desk)
    assert approvals.waiting() == {"o"}
    assert approvals.claim("o") and not approvals.claim("o") and not approvals.claim("other")
    assert approvals.waiting() == frozenset()
    thread.start()
    assert not ended.wait(0.3), "the deadline waits for the answer under way"
    approvals.release("o", answered=False)
    assert ended.wait(2) and not approvals.claim("o")
    thread.join()


def test_a_question_is_kept_with_all_that_it_showed(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with engine_at(home, 1) as engine:
        rows = soon(lambda: waiting(engine))
        for row in rows:
            engine.command("refuse", "demo", row.order_id)
        assert engine.wait(timeout_s=20)
    with books(home) as view:
        asked, *answers = view.confirmation(rows[0].cycle_id)
        alerts = [item.alert.code for item in view.alerts("demo")]
    assert isinstance(asked, ConfirmAsked) and len(answers) == len(asked.orders) == len(rows) and "ORDERS_WAIT" in alerts
    for proposed in asked.orders:
        assert proposed.price > 0 and proposed.fee > 0 and proposed.limit_down <= proposed.price <= proposed.limit_up
