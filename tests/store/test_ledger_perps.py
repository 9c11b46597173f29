"""Perpetuals in the ledger: margins move as their postings say, a settlement is booked once, the doctor counts margins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from ledger_stories import Ticking

from engine.core.account import PerpPosition
from engine.core.bookkeeping import DeskOpened, Filled, FundingSettled, Liquidated, OrderCreated, OrderMoved, PerpChange, Posting
from engine.core.errors import LedgerError
from engine.core.journal import Record
from engine.core.order import Fees, Fill, Order, OrderStatus, OrderType, Side
from engine.store import FundingBook, Ledger, LiquidationBook, check, rebuild
from engine.store.codec import decode, encode
from engine.store.connect import DATABASE, reader
from engine.store.rebuild import fingerprint

DESK, BTC = "margined", "BTCUSDT.BINANCE"
DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
CASH, ONE, ENTRY, MARGIN = 100_000 * 10**8, 10**8, 60_000 * 10**8, 6_000 * 10**8


def filled(name: str = "o-1", side: Side = Side.SELL) -> Filled:
    fill = Fill(name, name[:-2], DESK, "", BTC, side, ONE, ENTRY, ENTRY, Fees(), DAY, AT, "test")
    postings = (Posting("cash", -MARGIN), Posting(f"margin:{BTC}", MARGIN))
    return Filled(fill, OrderStatus.FILLED, 0, (), postings, perps=(PerpChange(BTC, -ONE, ENTRY, MARGIN),))


def sent(name: str = "o", side: Side = Side.SELL) -> list[Record]:
    order = Order(name, DESK, "", BTC, side, OrderType.LIMIT, ONE, ENTRY, DAY, AT)
    moves = [OrderMoved(name, DESK, status) for status in (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED)]
    return [OrderCreated(order, MARGIN), *moves]


def funded(amount: int = 6 * 10**8, name: str = "f", change: PerpChange | None = None) -> FundingSettled:
    postings = (Posting("cash", amount), Posting(f"funding:{BTC}", -amount))
    stands = change or PerpChange(BTC, -ONE, ENTRY, MARGIN)
    return FundingSettled(DESK, name, BTC, AT, ENTRY, 10_000, 8, (stands,), postings)


def closed(perps: tuple[PerpChange, ...] = (PerpChange(BTC, 0, 0, 0),)) -> Liquidated:
    back, fee = 500 * 10**8, 100 * 10**8
    postings = (
        Posting("cash", back - fee),
        Posting(f"margin:{BTC}", -MARGIN),
        Posting(f"realized:{BTC}", MARGIN - back),
        Posting("fees:liquidation", fee),
    )
    return Liquidated(DESK, "l", BTC, AT, 65_500 * 10**8, DAY, perps, postings)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "home", clock=Ticking()) as found:
        found.write([DeskOpened(DESK, "crypto", "USDT", CASH, (Posting("cash", CASH), Posting("capital", -CASH)))])
        found.write([*sent(), filled()])
        yield found


def bytes_of(home: Path) -> tuple[str, int]:
    connection = reader(home)
    try:
        return fingerprint(connection)
    finally:
        connection.close()


def test_what_is_held_paid_and_liquidated_can_be_read(ledger: Ledger) -> None:
    ledger.write([funded()])
    with ledger.reader() as books:
        account = books.account(DESK)
        assert account.perps == {BTC: PerpPosition(BTC, -ONE, ENTRY, MARGIN)} == books.perps(DESK)
        assert (account.cash, account.margin, account.flows) == (CASH - MARGIN + 6 * 10**8, MARGIN, 6 * 10**8)
        assert books.fundings(DESK) == (FundingBook("f", DESK, BTC, AT, ENTRY, 10_000, 8, 6 * 10**8),)
        assert books.funded_until(DESK) == {BTC: AT}
    ledger.write([closed()])
    with ledger.reader() as books:
        account = books.account(DESK)
        assert (account.perps, account.margin, account.realized, account.fees) == ({}, 0, -5_500 * 10**8, 100 * 10**8)
        (liquidation,) = books.liquidations(DESK)
        assert liquidation == LiquidationBook(
            "l", DESK, BTC, AT, 65_500 * 10**8, DAY, -ONE, ENTRY, MARGIN, -5_500 * 10**8, 100 * 10**8
        )
    assert [finding for finding in check(ledger.home) if not finding.ok] == []


def test_a_rebuild_gives_the_same_bytes(ledger: Ledger) -> None:
    ledger.write([funded()])
    ledger.write([closed()])
    ledger.close()
    before = bytes_of(ledger.home)
    rebuild(ledger.home)
    assert bytes_of(ledger.home) == before


@pytest.mark.parametrize(
    ("record", "match"),
    [
        (replace(filled("p-1"), perps=(PerpChange(BTC, -2 * ONE, ENTRY, 2 * MARGIN + 1),)), "differ by -1 units"),
        (replace(filled("p-1"), perps=(PerpChange(BTC, -3 * ONE, ENTRY, 2 * MARGIN),)), "moves -100000000 units"),
        (replace(filled("p-1"), perps=(PerpChange("ETHUSDT.BINANCE", -ONE, ENTRY, MARGIN),)), "differ by"),
        (replace(filled("p-1"), perps=(PerpChange(BTC, -2 * ONE, -1, 2 * MARGIN),)), "entered at -1"),
        (replace(filled("p-1"), perps=(PerpChange(BTC, 0, 1, 0),)), "cannot hold 0 units"),
        (funded(name="g", change=PerpChange(BTC, -2 * ONE, ENTRY, MARGIN)), "moves a quantity"),
        (funded(name="g", change=PerpChange(BTC, -ONE, ENTRY, MARGIN - 1)), "differ by"),
        (funded(), "already in fundings: f"),
        (closed((PerpChange(BTC, -ONE, ENTRY, 0),)), "does not close what is held"),
        (closed(()), "margins and books"),
        (replace(closed(), instrument="ETHUSDT.BINANCE"), "does not close what is held"),
    ],
)
def test_what_does_not_add_up_is_refused_whole(ledger: Ledger, record: Record, match: str) -> None:
    ledger.write([funded(), *sent("p")])
    before = bytes_of(ledger.home)
    with pytest.raises(LedgerError, match=match):
        ledger.write([record])
    assert bytes_of(ledger.home) == before


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE perps SET margin = margin - 1", "margin:BTCUSDT.BINANCE: books and holdings differ by 1 units"),
        ("UPDATE perps SET quantity = quantity + 1", "BTCUSDT.BINANCE: fills and holdings differ by -1 units"),
        ("DELETE FROM perps", "margin:BTCUSDT.BINANCE"),
    ],
)
def test_the_doctor_sees_what_was_set_aside(ledger: Ledger, statement: str, code: str) -> None:
    ledger.close()
    connection = sqlite3.connect(ledger.home / DATABASE)
    with connection:
        connection.execute(statement)
    connection.close()
    faults = {finding.code: finding.detail for finding in check(ledger.home) if not finding.ok}
    assert code in faults["LEDGER_CONSERVATION"] and "LEDGER_PROJECTIONS" in faults


def test_a_fill_without_perpetuals_costs_no_byte_for_them_and_reads_back() -> None:
    spot = replace(filled(), perps=())
    text = encode(spot).text
    assert "perps" not in text and decode("Filled", text) == spot
    assert encode(decode("Filled", text)).text == text
    assert '"perps":[{"entry":' in encode(filled()).text
