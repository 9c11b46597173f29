"""A live crypto desk over midnight: quotes tell no volume of their own there, so that fills come from the bars as they close."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feed_server import Exchange, FeedServer, status
from stepped_clock import SteppedClock, stopped

from engine.building import mandate_of
from engine.config import Config, DeskConfig
from engine.core.units import UNITS, Market
from engine.cycle import Mandate
from engine.engine import Engine
from engine.replay import Replay
from engine.store import books, check
from engine.store.snapshot import read

BEGIN = datetime(2026, 11, 19, 23, 41, tzinfo=UTC)
PAIRS = {"BTCUSDT": 90_000.0, "ETHUSDT": 3_000.0}
STEP_MS = {"3m": 180_000, "4h": 14_400_000, "1d": 86_400_000}
ONE = UNITS[Market.CRYPTO].quantity


def price(pair: str, ms: int) -> float:
    """A made-up price: a slow rise and a wave, on the tick."""
    return round(PAIRS[pair] * (1 + 0.02 * math.sin(ms / 6e6) + ms / 1e15), 1)


class MadeBinance:
    """Klines, tickers and contracts of two pairs at `clock()`."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock

    def __call__(self, exchange: Exchange) -> None:
        path, asked = exchange.seen.path, exchange.seen.params
        now = int(self.clock().timestamp() * 1_000)
        if path.endswith("/exchangeInfo"):
            exchange.send(json.dumps({"symbols": [self._contract(pair) for pair in PAIRS]}).encode())
        elif path.endswith("/ticker/24hr"):
            exchange.send(json.dumps([self._ticker(pair, now) for pair in json.loads(asked["symbols"])]).encode())
        else:
            step, first, last = STEP_MS[asked["interval"]], int(asked["startTime"]), min(int(asked["endTime"]), now)
            starts = range(-(-first // step) * step, last + 1, step)
            rows = [self._kline(asked["symbol"], start, step) for start in starts]
            exchange.send(json.dumps(rows[: int(asked["limit"])]).encode())

    def _kline(self, pair: str, start: int, step: int) -> list[Any]:
        opened, closed = price(pair, start), price(pair, start + step)
        high, low, volume = max(opened, closed), min(opened, closed), step // 60_000
        amount = f"{volume * (opened + closed) / 2:.4f}"
        return [start, f"{opened}", f"{high}", f"{low}", f"{closed}", f"{volume}", start + step - 1, amount, 1, "0", "0", "0"]

    def _ticker(self, pair: str, now: int) -> dict[str, Any]:
        last, opened = price(pair, now), price(pair, now - STEP_MS["1d"])
        high, low = max(last, opened), min(last, opened)
        told = {"lastPrice": last, "openPrice": opened, "highPrice": high, "lowPrice": low, "volume": 1_440}
        mean = f"{1_440 * (high + low) / 2:.4f}"
        return {"symbol": pair, **{name: str(value) for name, value in told.items()}, "quoteVolume": mean, "closeTime": now}

    def _contract(self, pair: str) -> dict[str, Any]:
        filters = [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.1", "maxPrice": "1000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00100", "minQty": "0.001", "maxQty": "9000"},
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ]
        return {"symbol": pair, "status": "TRADING", "baseAsset": pair[:3], "quoteAsset": "USDT", "filters": filters}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


def mandate(name: str, text: str) -> Mandate:
    return mandate_of(name, DeskConfig.model_validate_json(text), "en")


def test_it_trades_through_midnight_on_bars_that_closed_after_it_decided(tmp_path: Path, server: FeedServer) -> None:
    clock = SteppedClock(BEGIN)
    made = MadeBinance(clock.now)
    for host in ("data-api.binance.vision", "api.binance.com"):
        server.set(host, made)
    clock.at(BEGIN + timedelta(minutes=30), lambda: server.set("data-api.binance.vision", status(502)))
    desk = {
        "market": "crypto",
        "feed": ["binance", "cache"],
        "universe": {"symbols": [f"{pair}.BINANCE" for pair in PAIRS]},
        "bars": ["4h:30", "3m:40"],
        "schedule": "every 3m in session",
        "history_days": 40,
        "live": {"poll_s": 30, "max_age_s": 90},
        "risk": {"max_position": "0.3", "max_volatility": 0, "max_var": 0, "max_cluster": 0, "max_entries_day": 0},
    }
    engine = Engine(
        Config.model_validate({"desk": {"coin": desk}}), tmp_path, clock=clock, environ={"KANPAN_FEED_HOSTS": server.base_url}
    )
    engine.start()
    try:
        clock.run_until(BEGIN + timedelta(minutes=40), 60)
    finally:
        assert stopped(engine, clock)
    assert engine.failed == ""
    events = [dict(row.params) for row in engine.state.events.view().rows.values() if row.code == "FEED_SWITCHED"]
    assert ("binance", "binance-2") in [(item["before"], item["after"]) for item in events]
    with books(tmp_path) as view:
        cycles = view.cycles("coin", limit=100)
        fills, orders = view.fills("coin", limit=100), {item.order.order_id: item.order for item in view.orders("coin", limit=100)}
        closes = [point for point in view.equity("coin", limit=100) if not point.cycle_id]
        frozen = view.snapshot_of(cycles[0].cycle_id)
        results = list(Replay(view, tmp_path / "snapshots", "coin", mandate).run())
    assert {cycle.state.value for cycle in cycles} == {"COMPLETED"}
    assert {cycle.trading_day.day for cycle in cycles} == {19, 20}
    assert [point.trading_day.day for point in closes] == [19], "the UTC day was closed once, just before midnight"
    assert all(order.quantity % (ONE // 1_000) == order.limit_price % (ONE // 10) == 0 for order in orders.values()), "as it told"
    assert fills
    for fill in fills:
        assert fill.at - orders[fill.order_id].created_at >= timedelta(minutes=3), "a whole bar later at the earliest"
        assert fill.fees.base > 0 or fill.fees.total > 0
    assert frozen is not None and frozen.stale == ()
    bars = read(tmp_path / "snapshots", frozen.hash).bars
    assert set(bars["interval"].unique()) == {"1d", "4h", "3m"} and bars["known_at"].max() <= frozen.as_of
    assert [item for item in results if item.differences] == []
    assert [finding for finding in check(tmp_path) if not finding.ok and finding.code.startswith("LEDGER")] == []
