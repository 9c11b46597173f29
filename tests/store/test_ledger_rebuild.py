"""The journal is the truth: from any legal history the projections can be derived again, to the same bytes."""

from __future__ import annotations

import gc
import random
import sqlite3
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_stories import CASH, DAY, DESK, Story, Ticking, cycle_commits, moved, opened

from engine.core.bookkeeping import Adjusted, Filled, LotChange, OrderCreated, OrderMoved, Posting
from engine.core.errors import LedgerError
from engine.core.journal import (
    CYCLE_TRANSITIONS,
    AlertRaised,
    ConfigRecorded,
    CycleState,
    Noted,
    PauseMoved,
    Record,
    Severity,
    TradingState,
    TradingStateMoved,
)
from engine.core.order import TRANSITIONS, Fees, OrderStatus, Side
from engine.core.person import AlertAcknowledged, CommandDone, CommandQueued
from engine.store import Ledger, books, check, rebuild
from engine.store.codec import decode, encode
from engine.store.connect import DATABASE
from engine.store.rebuild import dump

SYMBOLS = ("600519.SH", "000338.SZ", "300750.SZ")


@dataclass
class Chaos:
    """Writes one legal record after another, chosen at random; remembers what is legal next."""

    dice: random.Random
    story: Story = field(default_factory=Story)
    cycles: dict[str, CycleState] = field(default_factory=dict)
    orders: dict[str, tuple[Filled, OrderStatus, int]] = field(default_factory=dict)
    lots: dict[str, LotChange] = field(default_factory=dict)
    number: int = 0

    def record(self) -> list[Record]:
        """The next one or two records."""
        self.number += 1
        often = (self.claim, self.move, self.order, self.advance, self.fill, self.fill)
        step = self.dice.choice((*often, *often, self.adjust, self.mark, self.talk, self.alert, self.command))
        return step()

    def claim(self) -> list[Record]:
        claimed = self.story.claim()
        self.cycles[claimed.cycle_id] = CycleState.IDLE
        return [claimed]

    def move(self) -> list[Record]:
        legal = [(name, target) for name, state in self.cycles.items() for target in sorted(CYCLE_TRANSITIONS[state])]
        if not legal:
            return self.claim()
        name, target = self.dice.choice(legal)
        self.cycles[name] = target
        return [moved(name, target, self.dice.choice(("", "SESSION_CLOSED: day=2020-03-02")))]

    def order(self) -> list[Record]:
        cycle = self.dice.choice([*self.cycles, ""])
        created, *_, filled = Story().buy(cycle, self.dice.choice(SYMBOLS), 100 * self.dice.randint(1, 9), 12_300, self.number)
        assert isinstance(created, OrderCreated) and isinstance(filled, Filled)
        if self.dice.random() < 0.4:
            created = replace(created, order=replace(created.order, side=Side.SELL), reserved=0)
            filled = replace(filled, fill=replace(filled.fill, side=Side.SELL))
        self.orders[created.order.order_id] = (filled, OrderStatus.INITIALIZED, 0)
        return [created]

    def advance(self) -> list[Record]:
        legal = [
            (name, target)
            for name, (_, status, _done) in self.orders.items()
            for target in sorted(TRANSITIONS[status])
            if target not in (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED)
        ]
        if not legal:
            return self.order()
        name, target = self.dice.choice(legal)
        filled, _, done = self.orders[name]
        self.orders[name] = (filled, target, done)
        return [OrderMoved(name, DESK, target, "RISK_CASH: need=1" if target is OrderStatus.DENIED else "")]

    def fill(self) -> list[Record]:
        working = [n for n, (_, s, _d) in self.orders.items() if OrderStatus.FILLED in TRANSITIONS[s]]
        if not working:
            return self.advance()
        name = self.dice.choice(working)
        template, _, done = self.orders[name]
        whole, item = template.fill.quantity, template.fill.instrument
        if template.fill.side is Side.SELL:
            held = [lot for lot in self.lots.values() if lot.instrument == item]
            if not held:
                return self.talk()
            lot = self.dice.choice(held)
            quantity = self.dice.randint(1, min(whole - done, lot.quantity))
            part = lot.cost * quantity // lot.quantity
            after = replace(lot, quantity=lot.quantity - quantity, cost=lot.cost - part)
        else:
            quantity = self.dice.randint(1, whole - done)
            part = -quantity * 12_300
            after = LotChange(f"{name}-{self.number}", item, quantity, -part, DAY, DAY)
        done += quantity
        if after.quantity:
            self.lots[after.lot_id] = after
        else:
            del self.lots[after.lot_id]
        notional = quantity * 12_300
        fees = Fees(commission=self.dice.randint(0, 900))
        flow = -notional if part < 0 else notional
        postings = [Posting("cash", flow - fees.total), Posting(f"position:{item}", -part), Posting("fees:commission", fees.total)]
        if part > 0:
            postings.append(Posting(f"realized:{item}", part - notional))
        status = OrderStatus.FILLED if done == whole else OrderStatus.PARTIALLY_FILLED
        self.orders[name] = (template, status, done)
        fill = replace(template.fill, fill_id=f"{name}-{self.number}", quantity=quantity, notional=notional, fees=fees)
        reserved = self.dice.randint(0, 9) if status is OrderStatus.PARTIALLY_FILLED else 0
        return [Filled(fill, status, reserved, (after,), tuple(postings))]

    def adjust(self) -> list[Record]:
        amount = self.dice.randint(-1_000, 1_000)
        changes: tuple[LotChange, ...] = ()
        if self.lots:
            lot = self.dice.choice(list(self.lots.values()))
            self.lots[lot.lot_id] = replace(lot, quantity=lot.quantity + 3)
            changes = (self.lots[lot.lot_id],)
        postings = (Posting("cash", amount), Posting("dividend:X", -amount))
        return [Adjusted(DESK, f"adj-{self.number}", SYMBOLS[0], "DIVIDEND", changes, postings)]

    def mark(self) -> list[Record]:
        return [replace(self.story.marked(""), marks=((self.dice.choice(SYMBOLS), self.number),))]

    def talk(self) -> list[Record]:
        words: list[Record] = [
            Noted(DESK, "FEED_SWITCH", (("to", "腾讯 'quoted' \" \\ \x1f \u2028"),)),
            PauseMoved(DESK, self.dice.random() < 0.5, "person"),
            TradingStateMoved(DESK, self.dice.choice(list(TradingState)), "WHY", "person"),
            ConfigRecorded(DESK, f"{self.number % 3:064d}", "b" * 64),
        ]
        return [self.dice.choice(words)]

    def alert(self) -> list[Record]:
        name = f"a{self.number % 4}"
        raised = AlertRaised(name, DESK, self.dice.choice(list(Severity)), "DATA_STALE", (("symbols", str(self.number)),))
        return [raised] if self.dice.random() < 0.6 else [raised, AlertAcknowledged(name, "person")]

    def command(self) -> list[Record]:
        queued = CommandQueued(f"c{self.number}", "run", DESK, "", "person")
        return [queued] if self.dice.random() < 0.5 else [queued, CommandDone(queued.command_id, "done")]


def dumped(home: Path) -> bytes:
    connection = sqlite3.connect(home / DATABASE)
    try:
        return b"".join(dump(connection))
    finally:
        connection.close()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 12), min_size=3, max_size=25))
def test_any_legal_history_rebuilds_to_the_same_bytes(seed: int, sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        chaos = Chaos(random.Random(seed))
        with Ledger.open(home, clock=Ticking()) as ledger:
            ledger.write([opened()])
            for size in sizes:
                ledger.write([record for _ in range(size) for record in chaos.record()])
            with ledger.reader() as view:
                account = view.account(DESK)
                balances = view.balances(DESK)
                for entry in view.entries(limit=10_000):
                    encoded = encode(entry.record)
                    assert decode(encoded.kind, encoded.text) == entry.record
        held = sum(position.cost for position in account.positions.values())
        assert account.cash + held + account.fees == CASH + account.realized + account.flows
        assert sum(balances.values()) == 0
        assert {lot.lot_id: lot.quantity for p in account.positions.values() for lot in p.lots} == {
            lot.lot_id: lot.quantity for lot in chaos.lots.values()
        }
        before = dumped(home)
        assert [finding for finding in check(home) if not finding.ok] == []
        rebuild(home)
        assert dumped(home) == before


def test_a_rebuild_mends_projections_that_were_tampered_with(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened()])
        story = Story()
        for _ in range(3):
            for commit in cycle_commits(story):
                ledger.write(commit)
    good = dumped(home)
    connection = sqlite3.connect(home / DATABASE)
    connection.execute("UPDATE balances SET amount = amount + 1 WHERE account = 'cash'")
    connection.commit()
    connection.close()
    faults = {finding.code for finding in check(home) if not finding.ok}
    assert faults == {"LEDGER_CONSERVATION", "LEDGER_PROJECTIONS"}
    assert rebuild(home) == 1 + 3 * 27
    assert dumped(home) == good
    assert all(finding.ok for finding in check(home))
    with books(home) as view:
        assert view.account(DESK).cash == story.cash


def test_a_forged_entry_is_found_by_the_chain(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened()])
        ledger.write([Noted(DESK, f"N{n}") for n in range(600)])
    connection = sqlite3.connect(home / DATABASE)
    connection.execute("DROP TRIGGER journal_stands")
    connection.execute("UPDATE journal SET payload = replace(payload, 'N7\"', 'N8\"') WHERE seq = 9")
    connection.commit()
    connection.close()
    Ledger.open(home, clock=Ticking()).close()  # a start looks at the last rows only
    chain = next(finding for finding in check(home) if finding.code == "LEDGER_CHAIN")
    assert not chain.ok and chain.detail == "entry 9 of the ledger was altered"


def test_a_text_that_was_altered_is_never_handed_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened()], blobs=["a prompt"])
    connection = sqlite3.connect(home / DATABASE)
    (digest,) = connection.execute("SELECT hash FROM blobs").fetchone()
    connection.execute("UPDATE blobs SET data = zeroblob(20)")
    connection.commit()
    connection.close()
    with books(home) as view, pytest.raises(LedgerError, match="was altered"):
        view.blob(digest)
    assert not next(finding for finding in check(home) if finding.code == "LEDGER_TEXTS").ok


def test_check_of_nothing_and_of_something_else(tmp_path: Path) -> None:
    assert [finding.ok for finding in check(tmp_path)] == [True, False]
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 300)
    assert not any(finding.ok for finding in check(tmp_path) if finding.code.startswith("LEDGER_INTEGRITY"))


@pytest.mark.parametrize("collecting", [True, False])
def test_a_rebuild_leaves_the_collector_as_it_found_it(tmp_path: Path, collecting: bool) -> None:
    """It rests while rows are derived, also where a journal turns out to be unlawful."""
    with Ledger.open(tmp_path, clock=Ticking()) as ledger:
        ledger.write([opened()])
    was = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        rebuild(tmp_path)
        assert gc.isenabled() is collecting
        with sqlite3.connect(tmp_path / DATABASE) as connection:
            columns = "at, kind, desk, cycle_id, '', payload, prev_hash, hash"
            connection.execute(f"INSERT INTO journal SELECT seq + 1, {columns} FROM journal")
        with pytest.raises(LedgerError, match="already in desks"):
            rebuild(tmp_path)
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if was else gc.disable)()
