"""Instruments and exact numbers for the tests of the exchange room."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.core.instrument import Board, Instrument
from engine.core.units import Market, to_units

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BOARDS = {
    "main": ("600519.SH", Board.MAIN_SH),
    "main_sz": ("000001.SZ", Board.MAIN_SZ),
    "chinext": ("300750.SZ", Board.CHINEXT),
    "star": ("688981.SH", Board.STAR),
    "bse": ("920819.BJ", Board.BSE),
    "etf": ("510300.SH", Board.ETF_SH),
    "etf_sz": ("159919.SZ", Board.ETF_SZ),
    "etf_20pct": ("588000.SH", Board.ETF_STAR_20),
    "lof": ("161725.SZ", Board.LOF_SZ),
    "reit": ("508000.SH", Board.REIT),
    "convertible": ("113050.SH", Board.CB_SH),
    "b_share_sse_usd": ("900901.SH", Board.B_SHARE_SH),
}


def share(kind: str, **changes: Any) -> Instrument:
    """An A-share instrument by the vectors' board names; `st_main` and `main_delisting_period` included."""
    flags: dict[str, Any] = {}
    if kind.startswith("st_"):
        kind, flags = kind[3:], {"special_treatment": True}
    if kind.endswith("_delisting_period"):
        kind, flags = kind.removesuffix("_delisting_period"), {"delisting": True}
    symbol, board = BOARDS[kind]
    values: dict[str, Any] = {"symbol": symbol, "market": Market.ASHARE, "board": board, "name": kind, **flags, **changes}
    return Instrument(**values)


def us_share(symbol: str = "AAPL.US") -> Instrument:
    """A US share with fractions down to 1e-6."""
    return Instrument(symbol, Market.US, Board.US, symbol)


def pair(board: Board = Board.SPOT) -> Instrument:
    """BTCUSDT with the recorded steps: tick 0.01, step 0.00001."""
    return Instrument("BTCUSDT.BINANCE", Market.CRYPTO, board, "BTCUSDT", tick=10**6, step=10**3)


def cny(value: str) -> int:
    """1e-4 CNY (or USD)."""
    return to_units(value, 10_000)


def vectors(name: str) -> Any:
    """One table of the shared test vectors; the test is skipped where they are not installed."""
    path = SHARED / "vectors" / "test_vectors.json"
    if not path.exists():
        pytest.skip("the shared test vectors are not beside this checkout")
    return json.loads(path.read_text(encoding="utf-8"))[name]


def day(text: str) -> date:
    """An ISO date."""
    return date.fromisoformat(text)
