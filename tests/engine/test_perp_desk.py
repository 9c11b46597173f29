"""A desk of perpetuals on real bars and real funding: long and short on margin, liquidated in a crash, the same when run again."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.backtest import backtest
from engine.backtest.result import result_record
from engine.building import build_tape, mandate_of
from engine.config import Config, DeskConfig
from engine.core.account import PerpPosition
from engine.core.bookkeeping import FundingSettled, Liquidated, OrderMoved
from engine.core.clock import SystemClock
from engine.core.errors import KanpanError
from engine.core.instrument import Board
from engine.core.journal import AlertRaised, Record, Severity
from engine.core.order import Side
from engine.core.units import PPM, Market
from engine.cycle import Mandate
from engine.cycle.perpetuals import worst_marks
from engine.engine import Engine
from engine.exchange import conserved, fitted, liquidation_price, must_liquidate
from engine.feeds.stored import StoredTape
from engine.feeds.tape import FundingEvent, QuoteEvent, SessionEvent, SessionKind
from engine.replay import Replay
from engine.reports import account_record, position_records
from engine.store import books, check
from engine.store.importing import Plan, import_file
from engine.store.market import FUNDING, MarketStore
from engine.store.snapshot import content_hash, read

DATASETS = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BEGIN, END = datetime(2025, 9, 28, tzinfo=UTC), datetime(2025, 10, 13, tzinfo=UTC)
SYMBOLS = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE")
TIERS = [
    {"cap": 50_000, "mmr": "0.005", "max_leverage": 100},
    {"cap": 1_000_000, "mmr": "0.01", "cum": 250, "max_leverage": 50},
]
"""Round figures in the form of the exchange's: what Binance asked of these two is not kept here."""
DESK: dict[str, Any] = {
    "market": "crypto",
    "feed": ["store"],
    "bars": ["1h:48"],
    "schedule": "every 240m in session",
    "cash": 100_000,
    "universe": {"symbols": list(SYMBOLS)},
    "perps": {"leverage": 3, "shorts": True, "tiers": {"ETHUSDT": TIERS, "SOLUSDT": TIERS}},
    "risk": {
        "max_position": "0.9", "max_gross": 2, "max_net": 2, "max_cluster": 0, "max_volatility": 3, "max_var": 1, "max_drawdown": 1,
        "max_daily_loss": 1, "max_weekly_loss": 1, "max_losing_streak": 0, "cash_reserve": 1_000, "min_order": 100,
        "reentry_cooldown": 0, "max_volume_share": 1,
    },
    "replay": {"start": "2025-10-06", "end": "2025-10-11", "speed": 0},
}  # fmt: skip
RECKLESS = {
    **DESK,
    "strategy": "baseline",
    "perps": {**DESK["perps"], "leverage": 20},
    "risk": {**DESK["risk"], "stop_loss": 0, "min_liquidation_distance": 0, "max_funding": 0},
}


def imported(home: Path) -> None:
    """Two weeks of hourly bars, years of daily ones, and what funding was paid."""
    if not DATASETS.is_dir():
        pytest.skip("the shared data sets are not on this machine")
    home.mkdir(parents=True, exist_ok=True)
    for interval, first in (("1h", BEGIN), ("1d", datetime(2025, 5, 1, tzinfo=UTC))):
        cut = home / f"{interval}.parquet"
        bars = pl.read_parquet(DATASETS / f"crypto_perp_{interval}.parquet")
        bars.filter(pl.col("ts").is_between(first, END, closed="left")).write_parquet(cut)
        import_file(cut, home, Plan(Market.CRYPTO, "dataset", interval=interval, board=Board.PERP), now=NOW)
    import_file(DATASETS / "crypto_funding_8h.parquet", home, Plan(Market.CRYPTO, "dataset"), now=NOW)


def ran(home: Path, desk: dict[str, Any]) -> Path:
    engine = Engine(Config.model_validate({"desk": {"perp": desk}}), home, clock=SystemClock(), environ={}, speed=0.0)
    engine.start()
    try:
        assert engine.wait(timeout_s=200)
    finally:
        engine.stop(10.0)
    assert engine.failed == ""
    return home


@lru_cache(maxsize=1)
def calm(place: Path) -> Path:
    imported(place)
    return ran(place, DESK)


@lru_cache(maxsize=1)
def crashed(place: Path) -> Path:
    imported(place)
    return ran(place, RECKLESS)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calm(tmp_path_factory.mktemp("perp"))


@pytest.fixture(scope="module")
def ruin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crashed(tmp_path_factory.mktemp("ruin"))


def records(home: Path) -> list[Record]:
    with books(home) as view:
        return [entry.record for entry in view.entries(0, limit=100_000)]


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def differing(home: Path) -> tuple[int, list[Any]]:
    with books(home) as view:
        results = list(Replay(view, home / "snapshots", "perp", mandate).run())
    return len(results), [item for item in results if item.differences or item.skipped]


def test_it_goes_long_and_short_and_sets_a_third_of_the_notional_aside(home: Path) -> None:
    with books(home) as view:
        orders = {item.order.order_id: item for item in view.orders("perp", limit=1_000)}
        fills = view.fills("perp", limit=1_000)
        account = view.account("perp")
    assert {fill.side for fill in fills} == {Side.BUY, Side.SELL} and not account.positions
    opened = Counter(orders[fill.order_id].order.side for fill in fills if orders[fill.order_id].order.cycle_id)
    assert opened[Side.SELL] and opened[Side.BUY]
    assert conserved(account) == 0
    changes = [change for record in records(home) for change in getattr(record, "perps", ()) if change.quantity]
    assert changes and all(change.margin * 3 >= change.entry * 99 // 100 for change in changes), (
        "three times, less what funding took"
    )


def test_every_settlement_of_what_was_held_is_paid_once_and_at_its_time(home: Path) -> None:
    paid = [record for record in records(home) if isinstance(record, FundingSettled)]
    assert len({record.settlement_id for record in paid}) == len(paid) > 10
    assert {record.at.hour for record in paid} <= {0, 8, 16} and all(record.at.minute == 0 for record in paid)
    rates = {(row[0], row[1]): row[2] for row in _rates()}
    assert all(rates[record.instrument, record.at] == record.rate_e8 for record in paid)
    with books(home) as view:
        assert view.funding_received("perp") == sum(
            posting.amount for record in paid for posting in record.postings if not posting.account.startswith("funding:")
        )
        told = account_record(view, "perp")
    assert told["funding"] == told["income"] and told["liquidations"] == 0


def _rates() -> list[tuple[str, datetime, int]]:
    rows = pl.read_parquet(DATASETS / "crypto_funding_8h.parquet")
    return [
        (f"{symbol}.BINANCE", at, round(rate * 10**8)) for symbol, at, rate in rows.select("symbol", "ts", "funding_rate").rows()
    ]


def test_its_books_balance_and_every_cycle_and_settlement_comes_out_the_same(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok] == []
    count, bad = differing(home)
    assert count >= 36 and bad == []


def test_a_crash_liquidates_what_stands_at_twenty_times_and_says_so_loudly(ruin: Path) -> None:
    found = records(ruin)
    gone = [record for record in found if isinstance(record, Liquidated)]
    assert {record.instrument for record in gone} == set(SYMBOLS)
    alerts = [record for record in found if isinstance(record, AlertRaised) and record.code == "LIQUIDATED"]
    assert len(alerts) == len(gone) and {alert.severity for alert in alerts} == {Severity.CRITICAL}
    for record in gone:
        margin = next(-p.amount for p in record.postings if p.account.startswith("margin:"))
        lost = sum(p.amount for p in record.postings if p.account.startswith(("realized:", "fees:")))
        assert 0 < lost <= margin, "an isolated loss stops at its margin"
    assert [record for record in found if isinstance(record, OrderMoved) and record.code == "BOOKS_DIFFER"] == []
    with books(ruin) as view:
        account = view.account("perp")
        assert conserved(account) == 0 and account.cash > 0
        told = account_record(view, "perp")
    assert told["liquidations"] == len(gone)


def test_a_desk_that_was_liquidated_replays_and_balances(ruin: Path) -> None:
    assert [finding for finding in check(ruin) if not finding.ok] == []
    count, bad = differing(ruin)
    assert count == 36 and bad == []


def test_records_tell_a_position_s_side_margin_and_where_it_dies(ruin: Path, home: Path) -> None:
    terms = DeskConfig.model_validate(DESK)
    assert terms.perps is not None
    contracts = terms.perps.terms(terms.universe.symbols).contracts
    with books(ruin) as view:
        rows = position_records(view, "perp", contracts)
        bare = position_records(view, "perp")
        held = view.account("perp").perps
    assert len(rows) == len(held)
    for row, unknown in zip(rows, bare, strict=True):
        perp = held[row["instrument"]]
        assert row["side"] == ("long" if perp.quantity > 0 else "short") and unknown["liquidation_price"] is None
        assert 0 < float(row["liquidation_price"]) < float(row["entry_price"]) and float(row["leverage"]) > 3


def test_stopped_in_the_middle_and_started_again_it_comes_to_the_same(ruin: Path, tmp_path: Path) -> None:
    imported(tmp_path)
    for end in ("2025-10-08", "2025-10-10", "2025-10-11"):
        ran(tmp_path, {**RECKLESS, "replay": {**RECKLESS["replay"], "end": end}})
    with books(ruin) as once, books(tmp_path) as thrice:
        told = [[fill.fill_id for fill in view.fills("perp", limit=1_000)] for view in (once, thrice)]
        assert told[0] == told[1]
        assert once.account("perp") == thrice.account("perp")
    assert _told(records(ruin)) == _told(records(tmp_path))


def _told(found: list[Record]) -> list[Record]:
    return [record for record in found if isinstance(record, FundingSettled | Liquidated)]


def test_the_tape_gives_funding_after_the_prints_of_its_instant_and_before_the_day_turns(home: Path) -> None:
    tape = _tape(home)
    assert {item.board for item in tape.instruments()} == {Board.PERP}
    events = tape.advance(END)
    assert [event.at for event in events] == sorted(event.at for event in events)
    fundings = [event for event in events if isinstance(event, FundingEvent)]
    assert len(fundings) == 6 * 3 * 3 and {event.funding.mark for event in fundings} == {0}
    for event in fundings:
        place = events.index(event)
        same = [other for other in events if other.at == event.at]
        assert all(events.index(other) < place for other in same if isinstance(other, QuoteEvent))
        assert all(events.index(other) < place for other in same if _begins(other)), "the day begins first"


def _begins(event: object) -> bool:
    return isinstance(event, SessionEvent) and event.kind is SessionKind.PRE_OPEN


def test_a_snapshot_holds_the_last_settlement_and_none_from_later(home: Path) -> None:
    with books(home) as view:
        cycles = view.cycles("perp", limit=1_000)
        frozen = [view.snapshot_of(cycle.cycle_id) for cycle in cycles[:20]]
    for item in frozen:
        assert item is not None
        fundings = read(home / "snapshots", item.hash).fundings
        assert {funding.symbol for funding in fundings} == set(SYMBOLS)
        assert all(timedelta(0) <= item.as_of - funding.at < timedelta(hours=8) for funding in fundings)


@pytest.mark.parametrize("minute", [0, 1, 479, 480, 481, 1_439, 1_440])
def test_altered_funding_of_the_future_changes_nothing_before_it(home: Path, tmp_path: Path, minute: int) -> None:
    at = datetime(2025, 10, 7, tzinfo=UTC) + timedelta(minutes=minute)
    truth = _tape(home)
    blind = _tape(home)
    store: Any = blind._store
    known = MarketStore.open(home, Market.CRYPTO)._shelf.facts
    lie = pl.when(pl.col("known_at") > at).then(-pl.col("rate_e8") + 777).otherwise(pl.col("rate_e8")).alias("rate_e8")
    store._shelf.facts = lambda table: known(table).with_columns(lie) if table is FUNDING else known(table)
    told = [(tape.advance(at), content_hash(tape.snapshot(at, list(SYMBOLS), history_days=20))) for tape in (truth, blind)]
    assert told[0] == told[1]
    assert truth.advance(END) != blind.advance(END), "the lie is there, and is told when its time has come"


def test_the_worst_price_of_a_bar_is_the_mark_and_liquidates_at_most_at_its_open(ruin: Path) -> None:
    """A bar that reached the price kills there; one that opened beyond it kills at its open."""
    config = DeskConfig.model_validate(RECKLESS)
    assert config.perps is not None
    tape = _tape(ruin)
    terms = fitted(config.perps.terms(SYMBOLS), {item.symbol: item for item in tape.instruments()})
    bars = {event.bar.symbol: event for event in tape.advance(END) if isinstance(event, QuoteEvent) and event.bar is not None}
    event = bars[SYMBOLS[1]]
    assert event.bar is not None
    for way in (1, -1):
        entry = event.bar.open
        position = PerpPosition(SYMBOLS[1], way * 10**8, entry, entry * 60_000 // PPM)
        dies = liquidation_price(position, terms.contracts[SYMBOLS[1]])
        usual = event.bar.open
        for reach, opened, dead in ((dies, usual, True), (dies + way * 10**8, usual, False), (dies, dies - way * 10**9, True)):
            low, high = (reach - 10**7, max(event.bar.high, opened)) if way > 0 else (min(event.bar.low, opened), reach + 10**7)
            bar = replace(event.bar, open=opened, low=min(low, opened), high=max(high, opened), close=event.bar.open)
            marks = worst_marks({SYMBOLS[1]: position}, terms, [(event.quote, bar)])
            assert must_liquidate(position, terms.contracts[SYMBOLS[1]], marks[SYMBOLS[1]]) is dead
            if opened != event.bar.open:
                assert marks[SYMBOLS[1]] == opened


def _tape(home: Path) -> StoredTape:
    config = DeskConfig.model_validate(DESK)
    assert config.perps is not None
    return StoredTape(
        MarketStore.open(home, Market.CRYPTO),
        start=date(2025, 10, 6),
        end=date(2025, 10, 11),
        bars=config.intervals,
        contracts=config.perps.terms(SYMBOLS).contracts,
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"perps": None}, "its books hold perpetuals"),
        ({"universe": {"symbols": ["BTCUSDT.BINANCE"]}, "perps": {"leverage": 20}}, "of which store tells nothing"),
    ],
)
def test_books_on_margin_are_not_gone_on_with_by_a_desk_that_cannot_close_them(
    ruin: Path, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    home = tmp_path / "copy"
    shutil.copytree(ruin, home)
    risk = {**RECKLESS["risk"], "max_position": 1, "max_gross": 1, "max_net": 1}
    with books(home) as view:
        assert set(view.perps("perp")) - {"BTCUSDT.BINANCE"}
    with pytest.raises(KanpanError, match=told):
        ran(home, {**RECKLESS, "risk": risk, **changes})


def test_a_backtest_counts_trades_by_position_and_funding_beside_costs(ruin: Path) -> None:
    """The reckless desk over its own past comes to its own equity; every liquidation ended a trade at a loss."""
    terms = mandate_of("perp", DeskConfig.model_validate(RECKLESS), "en")
    result = backtest(terms, build_tape(DeskConfig.model_validate(RECKLESS), ruin, None))
    gone = [record for record in records(ruin) if isinstance(record, Liquidated)]
    with books(ruin) as view:
        account, marks = view.account("perp"), view.equity("perp", limit=1)
        assert result.opened_with + result.pnl == marks[-1].equity
        assert result.funding == view.funding_received("perp") and result.figures.costs == account.fees
    ended = Counter(trade.instrument for trade in result.trades)
    assert ended >= Counter(record.instrument for record in gone)
    assert sum(trade.result < 0 for trade in result.trades) >= len(gone)
    told = result_record(result)
    assert float(told["funding"]) and float(told["costs"]) > 0
