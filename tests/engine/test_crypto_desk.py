"""A crypto desk on real bars of the store: two time frames, a market that never closes, fees in the coin that was bought."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import polars as pl
import pytest

from engine.building import build_tape, mandate_of
from engine.config import Config, DeskConfig
from engine.core.clock import SystemClock
from engine.core.instrument import Board
from engine.core.order import Side
from engine.core.units import Market
from engine.cycle import Mandate
from engine.engine import Engine
from engine.feeds.stored import StoredTape
from engine.feeds.tape import QuoteEvent, SessionEvent
from engine.replay import Replay
from engine.store import books, check
from engine.store.importing import Plan, import_file
from engine.store.market import MarketStore
from engine.store.snapshot import content_hash, read

DATASETS = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BEGIN, END = datetime(2025, 5, 19, tzinfo=UTC), datetime(2025, 5, 23, tzinfo=UTC)
DESK = {
    "market": "crypto",
    "feed": ["store"],
    "bars": ["4h:60", "3m:40"],
    "schedule": "every 60m in session",
    "risk": {"reentry_cooldown": 0},
    "replay": {"start": "2025-05-20", "end": "2025-05-21", "speed": 0},
}


def imported(home: Path) -> None:
    """Four days of one-minute bars, made into three-minute ones, and years of four-hour and daily bars."""
    if not DATASETS.is_dir():
        pytest.skip("the shared data sets are not on this machine")
    minutes = pl.read_parquet(DATASETS / "crypto_perp_1m.parquet").filter(pl.col("ts").is_between(BEGIN, END, closed="left"))
    cut = home / "minutes.parquet"
    minutes.write_parquet(cut)
    import_file(cut, home, Plan(Market.CRYPTO, "dataset", interval="1m", board=Board.PERP, resample=("3m",)), now=NOW)
    for interval in ("4h", "1d"):
        plan = Plan(Market.CRYPTO, "dataset", interval=interval, board=Board.PERP)
        import_file(DATASETS / f"crypto_perp_{interval}.parquet", home, plan, now=NOW)


@lru_cache(maxsize=1)
def ran(home: Path) -> Path:
    """A home in which the desk has run its two days."""
    imported(home)
    engine = Engine(Config.model_validate({"desk": {"coin": DESK}}), home, clock=SystemClock(), environ={}, speed=0.0)
    engine.start()
    try:
        assert engine.wait(timeout_s=120)
    finally:
        engine.stop(10.0)
    assert engine.failed == ""
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(tmp_path_factory.mktemp("crypto"))


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def test_it_decides_every_hour_of_the_day_and_night(home: Path) -> None:
    with books(home) as view:
        cycles = view.cycles("coin", limit=1_000)
    assert len(cycles) == 48
    assert {cycle.state.value for cycle in cycles} == {"COMPLETED"}
    assert sorted({cycle.slot.hour for cycle in cycles}) == list(range(24))


def test_a_snapshot_carries_the_intervals_that_were_asked_for_and_nothing_from_later(home: Path) -> None:
    with books(home) as view:
        cycle = view.cycles("coin", limit=10)[3]
        frozen = view.snapshot_of(cycle.cycle_id)
    assert frozen is not None
    bars = read(home / "snapshots", frozen.hash).bars
    counted = {(name, symbol): count for name, symbol, count in bars.group_by("interval", "symbol").len().iter_rows()}
    symbols = {symbol for _, symbol in counted}
    assert symbols == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE"}
    assert {counted["4h", symbol] for symbol in symbols} == {60}
    assert {counted["3m", symbol] for symbol in symbols} == {40}
    assert {counted["1d", symbol] for symbol in symbols} == {120}
    newest = bars.group_by("interval").agg(pl.col("known_at").max())
    assert {name: frozen.as_of - at for name, at in newest.iter_rows() if name == "3m"} == {"3m": timedelta(0)}


def test_it_buys_the_coin_less_its_fee_and_never_short_nor_on_margin(home: Path) -> None:
    with books(home) as view:
        fills = view.fills("coin", limit=1_000)
        account = view.account("coin")
    assert fills and account.cash >= 0
    for fill in fills:
        if fill.side is Side.BUY:
            assert (fill.fees.base, fill.fees.total) == ((fill.quantity * 1_000 + 500_000) // 1_000_000, 0)
        else:
            assert fill.fees.base == 0 and fill.fees.total > 0
    for symbol, position in account.positions.items():
        bought = sum(fill.quantity - fill.fees.base for fill in fills if fill.instrument == symbol and fill.side is Side.BUY)
        sold = sum(fill.quantity for fill in fills if fill.instrument == symbol and fill.side is Side.SELL)
        assert position.quantity == bought - sold >= 0


def test_every_order_met_a_bar_that_began_after_it_was_sent(home: Path) -> None:
    with books(home) as view:
        orders = {item.order.order_id: item.order for item in view.orders("coin", limit=1_000)}
        fills = view.fills("coin", limit=1_000)
    assert all(fill.at - orders[fill.order_id].created_at >= timedelta(minutes=3) for fill in fills)


def test_its_books_balance_and_every_cycle_comes_out_the_same(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok and finding.code.startswith("LEDGER")] == []
    with books(home) as view:
        replay = Replay(view, home / "snapshots", "coin", mandate)
        results = list(replay.run())
    assert len(results) == 48
    assert [item for item in results if item.differences or item.skipped] == []


def test_a_day_ends_just_before_the_next_begins_so_that_no_instant_has_two_days(home: Path) -> None:
    tape = build_tape(DeskConfig.model_validate(DESK), home, None)
    events = tape.advance(END)
    turns = [event for event in events if isinstance(event, SessionEvent)]
    assert [turn.kind.value for turn in turns] == ["pre_open", "open", "close"] * 2
    assert turns[3].at - turns[2].at == timedelta(microseconds=1)
    assert [event.at for event in events] == sorted(event.at for event in events)
    days = [(event.at, event.quote.trading_day) for event in events if isinstance(event, QuoteEvent)]
    assert all(day == at.date() for at, day in days)


@pytest.mark.parametrize("minute", [0, 1, 3, 61, 239, 240, 1_439, 1_440, 2_000])
def test_an_altered_future_changes_no_event_and_no_snapshot(home: Path, tmp_path: Path, minute: int) -> None:
    """The same store without anything that became known later: what the tape says up to then is the same."""
    at = datetime(2025, 5, 20, tzinfo=UTC) + timedelta(minutes=minute)
    truth = MarketStore.open(home, Market.CRYPTO)
    blind = MarketStore.open(tmp_path, Market.CRYPTO)
    symbols = [item.symbol for item in truth.as_of(NOW).instruments()]
    for interval in ("3m", "4h", "1d"):
        kept = truth.as_of(at).bars(symbols, interval, first=date(2025, 5, 1), last=date(2025, 5, 31))
        later = truth.as_of(NOW).bars(symbols, interval, first=date(2025, 5, 1), last=date(2025, 5, 31))
        lies = later.filter(pl.col("known_at") > at).with_columns(pl.col(name) * 3 for name in ("open", "high", "low", "close"))
        blind.write_bars(pl.concat([kept, lies]), interval, source="poisoned", now=NOW)
    facts = truth._shelf.facts  # the very facts, so that names, ticks and steps are the same
    blind._shelf.facts = facts  # type: ignore[method-assign]
    bars = [("4h", 30), ("3m", 40)]
    told = []
    for store in (truth, blind):
        tape = StoredTape(store, start=date(2025, 5, 20), end=date(2025, 5, 21), bars=bars)
        told.append((tape.advance(at), content_hash(tape.snapshot(at, symbols, history_days=15))))
    assert told[0] == told[1]
