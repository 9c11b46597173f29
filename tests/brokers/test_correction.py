"""What a person finds to be otherwise than the books say is booked over them; nothing that was written is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers.correcting import cash_corrected, holding_corrected
from engine.core.account import Account, Lot, PerpPosition, Position
from engine.core.past import Past
from engine.core.units import UNITS, Market
from engine.store import books
from engine.store.check import check
from tests.cli.console_command import kanpan, one_line

UNIT, DAY = UNITS[Market.ASHARE], date(2020, 3, 10)
NAME = "600519.SH"


def account(*lots: tuple[int, int]) -> Account:
    held = tuple(Lot(f"l{n}", quantity, cost, DAY, DAY) for n, (quantity, cost) in enumerate(lots))
    return Account("demo", "CNY", 10**9, 10**9, 0, 0, {NAME: Position(NAME, held)} if held else {})


def test_cash_is_booked_against_the_adjustment_account() -> None:
    record = cash_corrected("demo", "a", -125_000, "a fee nobody told")
    assert [(one.account, one.amount) for one in record.postings] == [("cash", -125_000), ("adjustment", 125_000)]
    assert record.reason == "CORRECTION: a fee nobody told"


def test_what_is_missing_leaves_the_oldest_lots_at_their_cost() -> None:
    record = holding_corrected(account((100, 1_000), (200, 4_000)), "a", NAME, 150, 0, UNIT, DAY, "lost")
    assert [(lot.lot_id, lot.quantity, lot.cost) for lot in record.lots] == [("l0", 0, 0), ("l1", 150, 3_000)]
    assert [one.amount for one in record.postings] == [-2_000, 2_000]


def test_what_is_there_beyond_the_books_is_a_lot_at_a_price() -> None:
    record = holding_corrected(account((100, 1_000)), "a", NAME, 300, 50_000, UNIT, DAY, "found")
    assert [(lot.lot_id, lot.quantity, lot.cost, lot.sellable_on) for lot in record.lots] == [("a", 200, 10_000_000, DAY)]
    past = Past("demo").after(record)
    assert past.holdings[NAME].quantity == 200, "guarded like any holding"


def test_a_perpetual_is_not_corrected_as_if_it_had_lots() -> None:
    margined = replace(account(), perps={"BTCUSDT.BINANCE": PerpPosition("BTCUSDT.BINANCE", 1, 1, 1)})
    with pytest.raises(ValueError, match="correct the cash"):
        holding_corrected(margined, "c", "BTCUSDT.BINANCE", 0, 1, UNITS[Market.CRYPTO], DAY, "because")


def test_a_holding_that_is_as_the_books_say_needs_no_correction() -> None:
    with pytest.raises(ValueError, match="already"):
        holding_corrected(account((100, 1_000)), "a", NAME, 100, 1, UNIT, DAY, "no")


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), max_size=6), st.integers(0, 10**7))
def test_postings_sum_to_zero_and_lots_come_to_what_is_there(lots: list[tuple[int, int]], quantity: int) -> None:
    before = account(*lots)
    if quantity == sum(held for held, _ in lots):
        return
    record = holding_corrected(before, "a", NAME, quantity, 7, UNIT, DAY, "x")
    after = {f"l{n}": (held, cost) for n, (held, cost) in enumerate(lots)} | {
        lot.lot_id: (lot.quantity, lot.cost) for lot in record.lots
    }
    assert sum(held for held, _ in after.values()) == quantity
    assert sum(one.amount for one in record.postings) == 0
    moved = sum(cost for _, cost in after.values()) - sum(cost for _, cost in lots)
    assert moved == record.postings[0].amount


def test_the_command_books_it_after_a_yes_and_the_books_stay_sound(tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text('[desk.demo]\nstrategy = "baseline"\nmodels = []\n')
    assert kanpan(tmp_path, "--no-ui", "--cycles", "6").returncode == 0
    with books(tmp_path) as view:
        before, (name, position) = view.account("demo"), next(iter(view.account("demo").positions.items()))
    unasked = kanpan(tmp_path, "correct", "demo", "--cash=-12.50", "--reason", "x")
    assert unasked.returncode == 2 and "say --yes" in one_line_of(unasked.stderr)
    cash = kanpan(tmp_path, "correct", "demo", "--cash=-12.50", "--reason", "a fee", "--yes", "--json")
    assert json.loads(cash.stdout)["adjustment"] == "demo:correction:1"
    less = position.quantity - 100
    held = kanpan(tmp_path, "correct", "demo", "--holding", name, str(less), "--reason", "lost", "--yes")
    assert held.returncode == 0, held.stderr
    with books(tmp_path) as view:
        after = view.account("demo")
    assert after.cash == before.cash - 125_000 and after.positions[name].quantity == less
    assert [finding for finding in check(tmp_path) if not finding.ok] == []
    assert kanpan(tmp_path, "--no-ui", "--cycles", "2").returncode == 0
    replayed = kanpan(tmp_path, "replay", "--all")
    assert replayed.returncode == 0, replayed.stdout


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["demo", "--reason", "x", "--yes"], "say either --cash"),
        (["demo", "--cash", "1", "--holding", NAME, "1", "--reason", "x", "--yes"], "say either --cash"),
        (["demo", "--cash", "0", "--reason", "x", "--yes"], "nothing to correct"),
        (["demo", "--cash", "much", "--reason", "x", "--yes"], "not a number"),
        (["demo", "--cash", "0.00001", "--reason", "x", "--yes"], "finer than"),
        (["demo", "--holding", NAME, "100", "--reason", "x", "--yes"], "--price"),
        (["ghost", "--cash", "1", "--reason", "x", "--yes"], "no desk ghost"),
    ],
)
def test_what_cannot_be_booked_is_one_line(ran: Path, arguments: list[str], wrong: str) -> None:
    result = kanpan(ran, "correct", *arguments)
    assert result.returncode == 2 and wrong in one_line(result)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("ran")
    assert kanpan(home, "--no-ui", "--cycles", "1").returncode == 0
    return home


def one_line_of(text: str) -> str:
    (line,) = text.strip().splitlines()
    return line
