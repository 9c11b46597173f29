"""A made market of two perpetuals in which a trend follower goes long and short, pays funding, and is liquidated both ways.

BTC climbs for a month and breaks; ETH falls for a month and leaps. Bars of an hour, funding each eight hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from engine.core.instrument import Board
from engine.core.units import Market
from engine.store.importing import Plan, import_file

BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
PLAYED = datetime(2026, 4, 2, tzinfo=UTC)
DAYS = 35
NAMES = ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
BROKEN, LEAPT = 34 * 24 + 5, 33 * 24 + 9
"""The hours at which the one breaks and the other leaps, counted from the first bar."""
_WIDE_TIER = {"cap": "5000000", "mmr": "0.01", "cum": "250", "max_leverage": 50}
DESK: dict[str, Any] = {
    "market": "crypto",
    "feed": ["store"],
    "bars": ["1h:30"],
    "universe": {"symbols": NAMES},
    "schedule": "every 240m in session",
    "strategy": "baseline",
    "baseline": "trend",
    "history_days": 30,
    "cash": "100000",
    "perps": {
        "leverage": 10,
        "shorts": True,
        "tiers": {"ETHUSDT": [{"cap": "50000", "mmr": "0.005", "max_leverage": 100}, _WIDE_TIER]},
        "filters": {"BTCUSDT": {"tick": "0.1", "step": "0.001"}, "ETHUSDT": {"tick": "0.1", "step": "0.01"}},
    },
    "risk": {"max_position": 1, "max_drawdown": 1, "max_daily_loss": 1, "max_sector": 1, "reentry_cooldown": 0},
    "replay": {"start": PLAYED.date(), "end": (BEGINS + timedelta(days=DAYS - 1)).date(), "speed": 0},
}


def prepare(home: Path) -> None:
    """Put the market into the store of `home`."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    bars, paid = home / "bars.parquet", home / "funding.parquet"
    pl.DataFrame([*_bars("BTCUSDT", 60_000, _climbs), *_bars("ETHUSDT", 3_000, _falls)]).write_parquet(bars)
    pl.DataFrame([*_paid("BTCUSDT", 0.0001), *_paid("ETHUSDT", -0.0003)]).write_parquet(paid)
    now = BEGINS + timedelta(days=DAYS + 2)
    import_file(bars, home, Plan(Market.CRYPTO, "dataset", interval="1h", board=Board.PERP, resample=("1d",)), now=now)
    import_file(paid, home, Plan(Market.CRYPTO, "dataset"), now=now)
    bars.unlink()
    paid.unlink()


def _climbs(hour: int) -> float:
    """A tenth of a percent an hour with a ripple, until it loses a sixth of itself within one."""
    return (1.0005**hour * (1 + 0.004 * ((hour * 7) % 11 - 5) / 5)) * (0.83 if hour >= BROKEN else 1.0)


def _falls(hour: int) -> float:
    return (0.9993**hour * (1 + 0.004 * ((hour * 5) % 13 - 6) / 6)) * (1.22 if hour >= LEAPT else 1.0)


def _bars(symbol: str, price: int, path: Any) -> list[dict[str, Any]]:
    rows, before = [], float(price)
    for hour in range(DAYS * 24):
        close = round(price * path(hour), 1)
        high, low = round(max(before, close) * 1.001, 1), round(min(before, close) * 0.999, 1)
        rows.append(
            {
                "symbol": symbol,
                "ts": BEGINS + timedelta(hours=hour),
                "open": before,
                "high": high,
                "low": low,
                "close": close,
                "volume": 900.0 + hour % 7,
                "quote_volume": round(close * (900.0 + hour % 7), 2),
                "trades": 1_000,
            }
        )
        before = close
    return rows


def _paid(symbol: str, rate: float) -> list[dict[str, Any]]:
    times = range(0, DAYS * 24, 8)
    return [{"symbol": symbol, "ts": BEGINS + timedelta(hours=hour), "funding_rate": rate} for hour in times]
