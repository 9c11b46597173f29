"""Confirm mode on margin: what a person's answer leaves of an order in a perpetual, and what voids it while they think."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from engine.brokers import Book, PaperBroker
from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import OrderCreated
from engine.core.instrument import Board, Instrument
from engine.core.journal import TradingState
from engine.core.market import Quote
from engine.core.order import Order, OrderStatus, OrderType, Side
from engine.core.person import Answer, ConfirmAsked, OrderAnswered, ProposedOrder
from engine.core.units import Market
from engine.cycle.confirming import AMENDED, Cleared, answer, said_in, settled, void
from engine.cycle.steps import terms_on

E8 = 10**8
BTC = "BTCUSDT.BINANCE"
DAY, AT = date(2026, 4, 2), datetime(2026, 4, 2, 1, tzinfo=UTC)
NAMES = {BTC: Instrument(BTC, Market.CRYPTO, Board.PERP, "BTCUSDT", tick=10**7, step=10**5)}
MANDATE = mandate_of(
    "demo",
    DeskConfig.model_validate(
        {
            "market": "crypto",
            "feed": ["store"],
            "universe": {"symbols": [BTC]},
            "strategy": "baseline",
            "mode": "confirm",
            "perps": {"leverage": 7, "shorts": True},
        }
    ),
    "en",
)
SELL = Order("aa11", "demo", "c", BTC, Side.SELL, OrderType.LIMIT, 2 * E8, 60_000 * E8, DAY, AT)
BUY = replace(SELL, order_id="bb22", side=Side.BUY)


def book(quantity: int = 0) -> Book:
    """A book of a hundred thousand that holds so many coins, entered at an odd price."""
    held = {BTC: PerpPosition(BTC, quantity, abs(quantity) // E8 * 59_999_99999991, 10 * E8)} if quantity else {}
    return Book(Account("demo", "USDT", 100_000 * E8, 100_000 * E8, 0, 0, perps=held), {})


@pytest.mark.parametrize("held", [0, -1 * E8, -3 * E8, 1 * E8, 5 * E8])
def test_what_a_person_makes_smaller_reserves_what_the_broker_will_hold_back(held: int) -> None:
    asked = ConfirmAsked("c", "demo", AT, (ProposedOrder("aa11", 60_000 * E8, 0, 0, 0),))
    said = said_in([asked, OrderAnswered("c", "demo", "aa11", Answer.AMEND, 15 * 10**7, "person")])
    word = settled(said, [OrderCreated(SELL, 1)], MANDATE, NAMES, book(held))
    (smaller,) = word.created
    assert word.denied[0].code == AMENDED and smaller.order.quantity == 15 * 10**7
    broker = PaperBroker("demo", Market.CRYPTO, MANDATE.fees, NAMES, terms_on(MANDATE, NAMES))
    broker.load(book(held))
    price = 60_000 * E8
    broker.see([Quote(BTC, "", DAY, AT, price, price, price, price, price, 1, 1, "test")])
    sent = broker.submit([smaller.order], AT)
    assert sent.records[-1].status is OrderStatus.ACCEPTED  # type: ignore[union-attr]
    assert sent.book.working[smaller.order.order_id].reserved == smaller.reserved
    assert (smaller.reserved > 0) is (held < 15 * 10**7)


@pytest.mark.parametrize(
    ("order", "reserved", "held", "state", "code"),
    [
        (SELL, 1, 0, TradingState.ACTIVE, ""),
        (SELL, 1, 0, TradingState.REDUCING, "STATE_REDUCING"),
        (SELL, 0, 2 * E8, TradingState.REDUCING, ""),
        (SELL, 0, 1 * E8, TradingState.ACTIVE, "QUANTITY_OVER_SELLABLE"),
        (SELL, 0, 0, TradingState.ACTIVE, "QUANTITY_OVER_SELLABLE"),
        (BUY, 0, -2 * E8, TradingState.REDUCING, ""),
        (BUY, 0, 0, TradingState.ACTIVE, "QUANTITY_OVER_SELLABLE"),
        (BUY, 0, 2 * E8, TradingState.ACTIVE, "QUANTITY_OVER_SELLABLE"),
        (BUY, 1, 2 * E8, TradingState.ACTIVE, ""),
        (BUY, 100_001 * E8, 0, TradingState.ACTIVE, "CASH_INSUFFICIENT"),
    ],
)
def test_a_position_that_went_while_a_person_thought_voids_what_would_have_closed_it(
    order: Order, reserved: int, held: int, state: TradingState, code: str
) -> None:
    voided = void([Cleared(order, reserved, 60_000 * E8)], {}, book(held).account, state, 20_000)
    assert [moved.code for moved in voided] == ([code] if code else [])


@pytest.mark.parametrize(
    ("said", "quantity"),
    [("1.5", 15 * 10**7), ("1", E8), ("0.001", 10**5), ("1.0000000001", 0), ("1e-1", 0), ("-1", 0), (".5", 0), ("", 0)],
)
def test_an_amount_of_coins_is_said_in_decimals(said: str, quantity: int) -> None:
    word = answer("amend", f"aa11 {said}", [SELL], NAMES, "person")
    assert word == (OrderAnswered("c", "demo", "aa11", Answer.AMEND, quantity, "person") if quantity else "AMEND_NOT_A_NUMBER")


def test_less_than_a_step_is_no_amount() -> None:
    assert answer("amend", "aa11 0.0005", [SELL], NAMES, "person") == "QUANTITY_BELOW_MINIMUM"
