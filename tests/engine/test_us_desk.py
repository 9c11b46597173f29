"""A US desk on real daily bars of the store: New York's sessions, whole shares, fees on sales alone, no price limits."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from engine.building import build_tape, mandate_of
from engine.config import Config, DeskConfig
from engine.core.clock import SystemClock
from engine.core.order import Side
from engine.core.units import Market
from engine.cycle import Mandate
from engine.engine import Engine
from engine.exchange import calendar
from engine.feeds.tape import QuoteEvent
from engine.replay import Replay
from engine.store import books, check
from engine.store.importing import Plan, import_file
from engine.store.market import MarketStore

DATASETS = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
DESK = {
    "market": "us",
    "feed": ["store"],
    "universe": {"top": 12, "by": "amount"},
    "replay": {"start": "2023-03-01", "end": "2023-04-14", "speed": 0},
}
SHARE = 1_000_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DATASETS.is_dir():
        pytest.skip("the shared data sets are not on this machine")
    home = tmp_path_factory.mktemp("us")
    plan = Plan(market=Market.US, source="dataset", interval="1d", basis="split+dividend")
    daily = pl.read_parquet(DATASETS / "us_daily_adj.parquet").filter(pl.col("date") < date(2023, 5, 1))
    daily.write_parquet(home / "daily.parquet")
    import_file(home / "daily.parquet", home, plan, now=NOW)
    engine = Engine(Config.model_validate({"desk": {"york": DESK}}), home, clock=SystemClock(), environ={}, speed=0.0)
    engine.start()
    try:
        assert engine.wait(timeout_s=120)
    finally:
        engine.stop(10.0)
    assert engine.failed == ""
    return home


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def test_it_decides_once_a_session_five_minutes_after_the_open_in_new_york(home: Path) -> None:
    with books(home) as view:
        cycles = [cycle for cycle in view.cycles("york", limit=1_000) if cycle.trigger == "schedule"]
    sessions = calendar(Market.US).sessions(date(2023, 3, 1), date(2023, 4, 14))
    assert [cycle.trading_day for cycle in reversed(cycles)] == sessions
    assert len(cycles) >= 20 and {cycle.state.value for cycle in cycles} == {"COMPLETED"}
    assert {cycle.slot.astimezone(NEW_YORK).time() for cycle in cycles} == {time(9, 35)}, "through the change to summer time"


def test_the_most_traded_names_are_offered_though_the_file_tells_no_amount(home: Path) -> None:
    with books(home) as view:
        frozen = view.snapshot_of(view.cycles("york", limit=1)[0].cycle_id)
    assert frozen is not None
    assert {"AAPL.US", "NVDA.US", "TSLA.US", "MSFT.US"} <= set(frozen.candidates)


def test_it_trades_whole_shares_at_the_close_and_pays_fees_on_sales_alone(home: Path) -> None:
    with books(home) as view:
        fills = view.fills("york", limit=1_000)
        days = {point.trading_day: point for point in view.equity("york", limit=1_000)}
        own = {cycle.cycle_id for cycle in view.cycles("york", limit=1_000) if cycle.trigger != "schedule"}
    assert fills and {fill.side for fill in fills} == {Side.BUY, Side.SELL}
    for fill in fills:
        assert fill.quantity % SHARE == 0
        assert fill.cycle_id in own or fill.at.astimezone(NEW_YORK).time() == time(16, 0), "sent at 09:35, after the opening print"
        assert (fill.fees.total == 0) is (fill.side is Side.BUY)
        assert fill.fees.stamp == fill.fees.transfer == 0
    assert len(days) == 32


def test_its_books_balance_and_every_cycle_comes_out_the_same(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok and finding.code.startswith("LEDGER")] == []
    with books(home) as view:
        replay = Replay(view, home / "snapshots", "york", mandate)
        results = list(replay.run())
    assert [item for item in results if item.differences or item.skipped] == []


def test_a_name_is_silent_between_its_opening_and_its_closing_print(home: Path) -> None:
    tape = build_tape(DeskConfig.model_validate(DESK), home, None)
    of_a_day = [event for event in tape.advance(datetime(2023, 3, 1, 23, tzinfo=UTC)) if isinstance(event, QuoteEvent)]
    apple = [event.quote for event in of_a_day if event.quote.symbol == "AAPL.US"]
    kept = (
        MarketStore.open(home, Market.US)
        .as_of(NOW)
        .bars(["AAPL.US"], "1d", first=date(2023, 3, 1), last=date(2023, 3, 1))
        .row(0, named=True)
    )
    assert [(quote.known_at.astimezone(NEW_YORK).time(), quote.last) for quote in apple] == [
        (time(9, 30), kept["open"]),
        (time(16, 0), kept["close"]),
    ]
    assert all(quote.auction and quote.limit_up == 0 for quote in apple)
