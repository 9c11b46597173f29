"""A live desk of perpetuals hears marks and settles funding: real HTTP to an exchange on loopback, a clock that is stepped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from feed_server import Exchange, FeedServer
from stepped_clock import SteppedClock
from test_live_crypto import PAIRS, MadeBinance, price
from test_live_desk import running, sound

from engine.config import Config
from engine.core.instrument import Board
from engine.core.units import Market
from engine.feeds.binance_futures import BinanceUsdM
from engine.feeds.ladder import Ladder
from engine.feeds.perpetuals import Perpetuals
from engine.feeds.rungs import Rung
from engine.feeds.source import PREMIUM_TABLE, Fault, FeedError, Request
from engine.feeds.tape import FundingEvent, MarkEvent
from engine.store import books
from engine.store.market import FUNDING, MarketStore
from engine.store.snapshot import read

HOST = "fapi.binance.com"
BEGIN = datetime(2026, 11, 19, 7, 55, tzinfo=UTC)
EIGHT = timedelta(hours=8)
STUCK_S = 60.0
SYMBOLS = tuple(f"{pair}.BINANCE" for pair in PAIRS)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


class MadePerpetuals(MadeBinance):
    """Klines, tickers, contracts, premiums and funding every eight hours, told `late` after its instant."""

    def __init__(self, clock: Any, late: timedelta = timedelta(0)) -> None:
        super().__init__(clock)
        self.late = late

    def __call__(self, exchange: Exchange) -> None:
        path, asked, now = exchange.seen.path, exchange.seen.params, self.clock()
        if path.endswith("/premiumIndex"):
            exchange.send(json.dumps(self._premium(asked["symbol"], now)).encode())
        elif path.endswith("/fundingRate"):
            exchange.send(json.dumps(self._paid(asked, now)).encode())
        elif path.endswith("/openInterestHist"):
            exchange.send(json.dumps(self._interest(asked, now)).encode())
        elif path.endswith("/ticker/24hr"):
            pairs = [asked["symbol"]] if "symbol" in asked else list(PAIRS)
            told = [self._ticker(pair, milliseconds(now)) for pair in pairs]
            exchange.send(json.dumps(told[0] if "symbol" in asked else told).encode())
        else:
            super().__call__(exchange)

    def _premium(self, pair: str, now: datetime) -> dict[str, Any]:
        following = milliseconds(now) // milliseconds(datetime(1970, 1, 1, 8, tzinfo=UTC)) + 1
        told = {"symbol": pair, "markPrice": f"{price(pair, milliseconds(now)) * 1.001:.4f}", "indexPrice": "1.0"}
        return {**told, "lastFundingRate": "0.0001", "nextFundingTime": following * 28_800_000, "time": milliseconds(now)}

    def _paid(self, asked: dict[str, str], now: datetime) -> list[dict[str, Any]]:
        first, last = int(asked["startTime"]), min(int(asked["endTime"]), milliseconds(now - self.late))
        times = range(-(-first // 28_800_000) * 28_800_000, last + 1, 28_800_000)
        return [{"symbol": asked["symbol"], "fundingRate": "0.00030000", "fundingTime": at + 3, "markPrice": "100"} for at in times]

    def _interest(self, asked: dict[str, str], now: datetime) -> list[dict[str, Any]]:
        first, last = int(asked["startTime"]), min(int(asked["endTime"]), milliseconds(now))
        times = range(-(-first // 3_600_000) * 3_600_000, last + 1, 3_600_000)
        return [{"symbol": asked["symbol"], "sumOpenInterest": "1000", "timestamp": at} for at in times]


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def configuration() -> Config:
    tiers = [{"cap": "1000000", "mmr": "0.01", "max_leverage": 20}]
    desk = {
        "market": "crypto",
        "feed": ["binance_um"],
        "universe": {"symbols": list(SYMBOLS)},
        "bars": ["3m:40"],
        "schedule": "every 5m in session",
        "strategy": "baseline",
        "history_days": 40,
        "live": {"poll_s": 5, "max_age_s": 60},
        "cash": "100000",
        "perps": {"leverage": 2, "tiers": dict.fromkeys(PAIRS, tiers)},
        "risk": {"max_position": "0.5", "max_volatility": 0, "max_var": 0, "max_cluster": 0, "max_entries_day": 0},
    }
    return Config.model_validate({"desk": {"live": desk}})


def test_funding_is_settled_once_after_its_instant_for_what_was_held(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(BEGIN - timedelta(minutes=6))
    server.set(HOST, MadePerpetuals(clock.now))
    with running(tmp_path, configuration(), clock, server) as engine:
        clock.run_until(BEGIN + timedelta(minutes=10, seconds=30), STUCK_S)
        events = [row.code for row in engine.state.events.view().rows.values()]
    assert "FUNDING_MISSING" not in events and "FEED_DIED" not in events
    with books(tmp_path) as view:
        held = view.account("live").perps
        settled = view.funded_until("live")
        frozen = view.snapshot_of(view.cycles("live", limit=1)[0].cycle_id)
    assert held, "the baseline opened what it may"
    assert set(settled.values()) == {datetime(2026, 11, 19, 8, tzinfo=UTC)}, "not those of before it held anything"
    assert frozen is not None
    snapshot = read(tmp_path / "snapshots", frozen.hash)
    assert {(item.symbol, item.rate_e8, item.hours) for item in snapshot.fundings} == {(name, 30_000, 8) for name in SYMBOLS}
    assert {item.board for item in snapshot.instruments} == {Board.PERP}
    kept = MarketStore.open(tmp_path, Market.CRYPTO).as_of(BEGIN + timedelta(hours=1))
    assert kept.funding(SYMBOLS).height >= 2 * 4 and kept.open_interest(SYMBOLS).height > 0
    with running(tmp_path, configuration(), SteppedClock(BEGIN + timedelta(minutes=12)), server):
        pass
    with books(tmp_path) as view:
        assert view.funded_until("live") == settled
    sound(tmp_path)


class Spoken:
    """An exchange in memory, asked by the real adapter through the real ladder."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.late = timedelta(0)
        self.down = False
        self.asked: list[str] = []

    def __call__(self, source: str, request: Request) -> bytes:
        self.asked.append(request.path)
        if self.down:
            raise FeedError(source, Fault.NETWORK, "no line")
        made, asked = MadePerpetuals(lambda: self.now, self.late), dict(request.params)
        if request.path.endswith("/premiumIndex"):
            every = [made._premium(pair, self.now) for pair in PAIRS]
            return json.dumps(made._premium(asked["symbol"], self.now) if "symbol" in asked else every).encode()
        told = made._paid(asked, self.now) if request.path.endswith("/fundingRate") else made._interest(asked, self.now)
        return json.dumps(told).encode()


class Heard:
    """Perpetuals on a Spoken exchange."""

    def __init__(self) -> None:
        self.exchange = Spoken()
        self.told: list[str] = []
        self.kept: list[tuple[str, int]] = []
        ladder = Ladder(self.exchange, fundings=[Rung("binance_um", "binance_um", BinanceUsdM())], monotonic=self._seconds)
        self.perpetuals = Perpetuals(ladder, SYMBOLS, self._keep, lambda code, params: self.told.append(code))

    def _seconds(self) -> float:
        return (self.exchange.now - BEGIN).total_seconds()

    def _keep(self, table: Any, rows: pl.DataFrame, source: str) -> None:
        self.kept.append((table.name, rows.height))

    def look(self, at: datetime) -> list[FundingEvent | MarkEvent]:
        self.exchange.now = at
        return self.perpetuals.look(at)


def fundings(events: list[FundingEvent | MarkEvent]) -> list[datetime]:
    return [event.funding.at for event in events if isinstance(event, FundingEvent)]


def test_a_desk_that_begins_hears_the_settlements_of_the_last_day_and_then_each_as_it_is_made() -> None:
    heard = Heard()
    first = heard.look(BEGIN)
    midnight = datetime(2026, 11, 19, tzinfo=UTC)
    assert fundings(first) == [midnight - EIGHT * 2, midnight - EIGHT, midnight] * 2
    marks = [event for event in first if isinstance(event, MarkEvent)]
    assert [mark.symbol for mark in marks] == sorted(SYMBOLS) and all(mark.mark > 0 and mark.at == BEGIN for mark in marks)
    assert (FUNDING.name, 3) in heard.kept and ("open_interest", 8) in heard.kept
    before = len(heard.exchange.asked)
    for seconds in range(5, 300, 5):
        assert fundings(heard.look(BEGIN + timedelta(seconds=seconds))) == []
    assert set(heard.exchange.asked[before:]) == {"/fapi/v1/premiumIndex"}, "nobody asks for funding before it is due"
    due = midnight + EIGHT
    assert fundings(heard.look(due + timedelta(seconds=3))) == []
    assert fundings(heard.look(due + timedelta(seconds=6))) == [due, due]
    assert [fundings(heard.look(due + timedelta(seconds=10 + n))) for n in range(3)] == [[]] * 3
    assert fundings(heard.look(due + EIGHT + timedelta(seconds=6))) == [due + EIGHT] * 2


def test_a_settlement_that_is_told_late_is_asked_for_until_it_is() -> None:
    heard = Heard()
    heard.look(BEGIN)
    heard.exchange.late = timedelta(seconds=90)
    due = datetime(2026, 11, 19, 8, tzinfo=UTC)
    found = {n: fundings(heard.look(due + timedelta(seconds=n))) for n in range(0, 130, 5)}
    assert {n: at for n, at in found.items() if at} == {105: [due, due]}
    assert heard.exchange.asked.count("/fapi/v1/fundingRate") <= 2 * (2 + 2 * 6), "every twenty seconds, not at every look"


def test_a_source_that_fails_is_told_of_once_and_nothing_is_lost() -> None:
    heard = Heard()
    heard.look(BEGIN)
    heard.exchange.down = True
    due = datetime(2026, 11, 19, 8, tzinfo=UTC)
    for n in range(0, 60, 5):
        assert heard.look(due + timedelta(seconds=n)) == []
    assert heard.told == ["FUNDING_MISSING"]
    heard.exchange.down = False
    assert fundings(heard.look(due + timedelta(minutes=5))) == [due, due]
    assert heard.told == ["FUNDING_MISSING"]


def test_marks_of_many_are_one_request() -> None:
    spoken = Spoken()
    assert BinanceUsdM().marks(spoken, SYMBOLS, BEGIN).schema == PREMIUM_TABLE
    assert spoken.asked == ["/fapi/v1/premiumIndex"] * len(SYMBOLS)
    with pytest.raises(FeedError, match="no premium of"):
        BinanceUsdM().marks(spoken, [*SYMBOLS, *(f"X{n}USDT.BINANCE" for n in range(9))], BEGIN)
    assert len(spoken.asked) == len(SYMBOLS) + 1
