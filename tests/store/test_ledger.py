"""The ledger's first promises: one transaction or nothing, a repeated key is a no-op, and what was written can be read back."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_stories import CASH, DAY, DESK, START, Story, Ticking, cycle_commits, moved, opened

from engine.core.errors import AlreadyRunning, IllegalTransition, LedgerError
from engine.core.ids import content_hash
from engine.core.journal import (
    AlertRaised,
    ConfigRecorded,
    CycleState,
    Noted,
    PauseMoved,
    Severity,
    TradingState,
    TradingStateMoved,
)
from engine.core.person import AlertAcknowledged, CommandDone, CommandQueued
from engine.store import Ledger, books


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with Ledger.open(home, clock=Ticking()) as opened_ledger:
        opened_ledger.write([opened()], key="desk:demo")
        yield opened_ledger


def test_a_cycle_is_written_and_read_back_whole(ledger: Ledger) -> None:
    story = Story()
    for commit in cycle_commits(story):
        ledger.write(commit)
    with ledger.reader() as view:
        (cycle,) = view.cycles(DESK)
        history = view.cycle(cycle.cycle_id)
        account = view.account(DESK)
        orders = view.orders_of(cycle.cycle_id)
        (call,) = view.model_calls(cycle.cycle_id)
        decisions, verdicts = view.decisions(cycle.cycle_id), view.verdicts(cycle.cycle_id)
        snapshot = view.snapshot_of(cycle.cycle_id)
        (mark,) = view.equity(DESK)
        fills = view.fills(DESK)
    assert history is not None
    assert [step.state for step in history.steps] == list(CycleState)[:9]
    assert (account.cash, account.initial_cash) == (story.cash, CASH)
    assert account.cash + sum(p.cost for p in account.positions.values()) + account.fees == CASH + account.realized + account.flows
    assert account.positions["600519.SH"].mark == 100_000
    assert {o.order.order_id for o in orders} == {f.order_id for f in fills}
    assert all(o.filled == 300 and o.notional == 30_000_000 and not o.reserved for o in orders)
    assert call.replied is not None and call.replied.outcome == "ok"
    assert decisions is not None and decisions.rejected[0].code == "UNKNOWN_INSTRUMENT"
    assert verdicts is not None and verdicts.verdicts[0].limit == "0.30"
    assert snapshot is not None and snapshot.candidates == ("600519.SH", "000338.SZ", "000001.SZ")
    assert mark.equity == mark.cash + mark.market_value


def test_a_repeated_key_writes_nothing_and_returns_the_first_number(ledger: Ledger) -> None:
    first = ledger.write([Noted(DESK, "RECOVERED")], key="once")
    ledger.write([Noted(DESK, "OTHER")])
    assert ledger.write([Noted(DESK, "RECOVERED")], key="once") == first
    with ledger.reader() as view:
        assert [entry.record.code for entry in view.events_since(0)] == ["RECOVERED", "OTHER"]  # type: ignore[union-attr]


def test_a_refused_record_takes_its_whole_transaction_with_it(ledger: Ledger) -> None:
    head = ledger.head
    claimed = Story().claim()
    with pytest.raises(IllegalTransition, match="IDLE -> EXECUTING"):
        ledger.write([Noted(DESK, "BEFORE"), claimed, moved(claimed.cycle_id, CycleState.EXECUTING)], key="k")
    assert ledger.head == head
    with ledger.reader() as view:
        assert view.cycles(DESK) == () and view.events_since(0) == ()
    assert ledger.write([claimed], key="k") == head.seq + 1


def test_open_orders_reserve_cash_and_claim_shares(ledger: Ledger) -> None:
    story = Story()
    commit = story.claim()
    ledger.write([commit, *story.buy(commit.cycle_id, "600519.SH", 300, 100_000)])
    buy = story.buy(commit.cycle_id, "000001.SZ", 200, 100_000)[:3]
    sell = story.sell(commit.cycle_id, "600519.SH", 110_000)[:3]
    ledger.write([*buy, *sell])
    with ledger.reader() as view:
        account = view.account(DESK)
        waiting = view.open_orders(DESK)
    assert account.reserved == 20_050_200
    assert account.pending_sells == {"600519.SH": 300}
    assert account.sellable("600519.SH", DAY.replace(day=3)) == 0
    assert [book.order.instrument for book in waiting] == ["000001.SZ", "600519.SH"]


def test_texts_are_kept_once_under_their_hash(ledger: Ledger) -> None:
    text = "提示词 " * 500
    ledger.write([Noted(DESK, "A")], blobs=[text, text])
    ledger.write([Noted(DESK, "B")], blobs=[text])
    with ledger.reader() as view:
        assert view.blob(content_hash(text.encode())) == text
        assert view.blob("0" * 64) is None


def test_people_and_alerts(ledger: Ledger) -> None:
    alert = AlertRaised("a1", DESK, Severity.WARNING, "RISK_DENY", (("rule", "max_position"),))
    ledger.write([alert, replace(alert, params=(("rule", "max_gross"),))])
    ledger.write([CommandQueued("c1", "halt", DESK, "", "person"), CommandQueued("c2", "run", DESK, "", "person")])
    ledger.write(
        [CommandDone("c1", "done"), TradingStateMoved(DESK, TradingState.HALTED, "KILL", "person"), PauseMoved(DESK, True, "p")]
    )
    ledger.write([ConfigRecorded(DESK, "c" * 64, "d" * 64)])
    with ledger.reader() as view:
        (book,) = view.unacknowledged(DESK)
        assert book.count == 2 and book.alert.params == (("rule", "max_gross"),)
        assert [command.command_id for command in view.pending_commands()] == ["c2"]
        assert view.command_outcome("c1") == "done" and view.command_outcome("c2") == "" and view.command_outcome("c3") is None
        assert view.trading_state(DESK).state is TradingState.HALTED and view.paused(DESK)
        assert view.trading_state("other").state is TradingState.ACTIVE and not view.paused("other")
        assert view.config(DESK) == ConfigRecorded(DESK, "c" * 64, "d" * 64)
    ledger.write([AlertAcknowledged("a1", "person")])
    with ledger.reader() as view:
        assert view.unacknowledged() == () and view.alerts()[0].acknowledged_by == "person"
    with pytest.raises(IllegalTransition, match="only a person"):
        ledger.write([TradingStateMoved(DESK, TradingState.ACTIVE, "calm", "rule:max_drawdown")])


def test_many_threads_write_through_one_and_every_entry_arrives(ledger: Ledger) -> None:
    before = ledger.head.seq
    numbers: list[int] = []

    def work(name: int) -> None:
        for n in range(25):
            numbers.append(ledger.write([Noted(DESK, f"T{name}", (("n", str(n)),))]))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(before + 1, before + 101))


def test_a_reader_keeps_its_moment_while_others_write(ledger: Ledger) -> None:
    with ledger.reader() as view:
        head = view.head()
        ledger.write([Noted(DESK, "LATER")])
        assert view.head() == head
    with ledger.reader() as view:
        assert view.head() == head + 1


def test_a_closed_ledger_opens_again_where_it_stood(home: Path) -> None:
    with Ledger.open(home, clock=Ticking()) as first:
        first.write([opened()])
        head = first.head
    with pytest.raises(LedgerError, match="closed"):
        first.write([Noted(DESK, "X")])
    with Ledger.open(home, clock=Ticking()) as second:
        assert second.head == head


def test_a_second_writer_is_refused_by_name_while_a_viewer_is_welcome(ledger: Ledger, home: Path) -> None:

    with pytest.raises(AlreadyRunning, match=f"PID {os.getpid()}"):
        Ledger.open(home, clock=Ticking())
    with Ledger.open(home, clock=Ticking(), read_only=True) as viewer:
        assert viewer.head == ledger.head
        with viewer.reader() as view:
            assert view.desks()[0].desk == DESK
        with pytest.raises(LedgerError, match="read-only"):
            viewer.write([Noted(DESK, "X")])


def test_files_are_private(ledger: Ledger, home: Path) -> None:
    ledger.write([Noted(DESK, "X")])
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}


def test_a_directory_that_others_may_write_to_is_refused(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(LedgerError, match="chmod go-w"):
        Ledger.open(home, clock=Ticking())


def test_books_of_nothing_say_so(home: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"), books(home):
        pass


def test_instants_survive_to_the_microsecond(ledger: Ledger) -> None:
    story = Story()
    claimed = replace(story.claim(), slot=START.replace(microsecond=123456))
    ledger.write([claimed])
    with ledger.reader() as view:
        assert view.cycles(DESK)[0].slot == claimed.slot
        assert view.entries_of(claimed.cycle_id)[0].record == claimed
