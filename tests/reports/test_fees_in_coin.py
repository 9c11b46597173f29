"""A fee that an exchange takes in the coin that was bought is told in that coin: in records, tables and rows, never as 0.00."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.board import DeskFace
from engine.brokers import PaperBroker
from engine.core.bookkeeping import DeskOpened, Filled, OrderCreated, OrderMoved
from engine.core.clock import SimulatedClock, SystemClock
from engine.core.instrument import Board, Instrument, coin_of
from engine.core.journal import CycleClaimed
from engine.core.order import Fees, Fill, Order, OrderStatus, OrderType, Side
from engine.core.units import UNITS, Market
from engine.exchange import FeeSchedule, open_account
from engine.exchange.booking import book_fill
from engine.publish import Publisher
from engine.reports import account_record, fill_record, order_record
from engine.reports.fees import coins_told, fees_told
from engine.state import State
from engine.store import Ledger, books
from tests.cli.console_command import kanpan

BTC = Instrument("BTCUSDT.BINANCE", Market.CRYPTO, Board.SPOT, "Bitcoin", tick=10**6, step=1_000)
UNITS_OF = UNITS[Market.CRYPTO]
AT, DAY = datetime(2025, 5, 20, 4, tzinfo=UTC), date(2025, 5, 20)
CYCLE = "coin:crypto:20250520:20250520T040000Z"
QUANTITY, PRICE, COIN = 1_200_000, 100_000 * 10**8, 1_200


def test_the_coin_of_a_pair_is_its_code_without_the_currency() -> None:
    assert coin_of("BTCUSDT.BINANCE", "USDT") == "BTC"
    assert coin_of("ETHBTC.BINANCE", "USDT") == "ETHBTC"
    assert coin_of("600519.SH", "CNY") == "600519"
    assert coin_of("USDT.BINANCE", "USDT") == "USDT"


@pytest.mark.parametrize(
    ("money", "coins", "told"),
    [
        (0, 0, "0.00"),
        (5 * 10**8, 0, "5.00"),
        (0, 1_200, "0.000012 BTC"),
        (5 * 10**7, 1_200, "0.50 + 0.000012 BTC"),
        (0, 10**8, "1 BTC"),
    ],
)
def test_fees_are_told_in_what_they_were_taken(money: int, coins: int, told: str) -> None:
    assert fees_told(money, coins, "BTCUSDT.BINANCE", UNITS_OF) == told


def test_coins_are_told_by_name() -> None:
    assert coins_told({"ETHUSDT.BINANCE": 3 * 10**7, "BTCUSDT.BINANCE": 1_200}, UNITS_OF) == "0.000012 BTC, 0.3 ETH"
    assert coins_told({}, UNITS_OF) == ""


def order() -> Order:
    return Order("o1", "coin", CYCLE, BTC.symbol, Side.BUY, OrderType.LIMIT, QUANTITY, PRICE, DAY, AT)


def fill() -> Fill:
    notional = UNITS_OF.notional(PRICE, QUANTITY)
    return Fill("o1-1", "o1", "coin", CYCLE, BTC.symbol, Side.BUY, QUANTITY, PRICE, notional, Fees(base=COIN), DAY, AT, "test")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one purchase on Binance."""
    place = tmp_path_factory.mktemp("coin")
    (place / "kanpan.toml").write_text(
        '[desk.coin]\nmarket = "crypto"\nfeed = ["binance"]\nmodels = ["offline"]\n', encoding="utf-8"
    )
    ledger = Ledger.open(place, clock=SystemClock())
    try:
        cash = 10**6 * 10**8
        ledger.write([DeskOpened("coin", "crypto", "USDT", cash, open_account("coin", Market.CRYPTO, cash))])
        ledger.write([CycleClaimed(CYCLE, "coin", "schedule", AT, DAY, "0" * 64)])
        ledger.write([OrderCreated(order(), fill().notional)])
        for status in (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED):
            ledger.write([OrderMoved("o1", "coin", status)])
        with ledger.reader() as view:
            booked = book_fill(view.account("coin"), fill(), sellable_on=DAY)
        ledger.write([Filled(fill(), OrderStatus.FILLED, 0, booked.lots, booked.postings)])
    finally:
        ledger.close()
    return place


def test_records_have_the_fee_for_scripts(home: Path) -> None:
    with books(home) as view:
        (one,), (bought,) = view.orders("coin"), view.fills("coin")
        for record in (order_record(view, one, UNITS_OF), fill_record(bought, UNITS_OF)):
            assert (record["fees"], record["fee_quantity"], record["fee_coin"]) == ("0.00", "0.000012", "BTC")
        assert account_record(view, "coin")["fees_in_coin"] == "0.000012 BTC"


@pytest.mark.parametrize("command", ["orders", "fills"])
def test_commands_show_the_coin_to_people_and_the_keys_to_scripts(home: Path, command: str) -> None:
    shown = kanpan(home, command)
    assert shown.returncode == 0, shown.stderr
    assert "0.000012 BTC" in shown.stdout and "fee_coin" not in shown.stdout
    (record,) = json.loads(kanpan(home, command, "--json").stdout)
    assert (record["fee_quantity"], record["fee_coin"]) == ("0.000012", "BTC")


def test_a_cycle_shown_has_it_too(home: Path) -> None:
    shown = kanpan(home, "show", "last")
    assert shown.returncode == 0, shown.stderr
    assert "0.000012 BTC" in shown.stdout


def test_rows_and_events_of_the_console_say_it() -> None:
    state = State()
    publisher = Publisher(state, SimulatedClock(AT))
    names = {BTC.symbol: BTC}
    broker = PaperBroker("coin", Market.CRYPTO, FeeSchedule(), names)
    publisher.attach(
        DeskFace("coin", Market.CRYPTO, names, broker, "binance", replay=False, offline={}), cycles=0, equity=0, day_start=0
    )
    publisher.recorded("coin", [OrderCreated(order(), 0), Filled(fill(), OrderStatus.FILLED, 0, (), ())])
    assert state.orders.view().rows["o1"].fees == "0.000012 BTC"
    told = next(row for row in state.events.view().rows.values() if row.code == "FILL")
    assert dict(told.params)["fees"] == "0.000012 BTC"
