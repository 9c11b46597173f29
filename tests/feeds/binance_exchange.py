"""A Binance in memory for tests: it pages, bounds and orders its answers as the real one is documented to, from given rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.feeds.source import Request

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
RECORDED = SHARED / "recorded" / "binance"


def flattened(name: str) -> list[dict[str, str]]:
    """The rows of a recorded CSV, which are REST rows flattened."""
    with (RECORDED / name).open(newline="", encoding="ascii") as file:
        return list(csv.DictReader(file))


def klines(rows: Sequence[Mapping[str, str]]) -> list[list[Any]]:
    """The REST rows of a recorded CSV; the taker columns, which no adapter reads, are zero."""
    names = ("open", "high", "low", "close", "volume")
    return [
        [int(r["timestamp"]), *(r[n] for n in names), int(r["close_time"]), r["quote_volume"], int(r["trades"]), "0", "0", "0"]
        for r in rows
    ]


def candles(start: int, step: int, count: int) -> list[list[Any]]:
    """Made-up candles, one after the other."""
    made = []
    for number in range(count):
        opened = start + number * step
        price = f"{100 + number % 7}.50000000"
        made.append(
            [opened, price, price, price, price, "2", opened + step - 1, f"{2 * (100 + number % 7) + 1}.00000000", 1, "0", "0", "0"]
        )
    return made


class Exchange:
    """A Fetch; `asked` is what was asked of it, in order."""

    def __init__(self, *, rows: Sequence[list[Any]] = (), page: int = 1_000, bodies: Mapping[str, object] | None = None) -> None:
        self.rows = list(rows)
        self.page = page
        self.bodies = dict(bodies or {})
        self.asked: list[Request] = []

    def __call__(self, source: str, request: Request) -> bytes:
        self.asked.append(request)
        if request.path in self.bodies:
            body = self.bodies[request.path]
            return body if isinstance(body, bytes) else json.dumps(body).encode()
        return json.dumps(self.between(request)).encode()

    def between(self, request: Request) -> list[Any]:
        params = dict(request.params)
        low, high = int(params["startTime"]), int(params["endTime"])
        limit = min(int(params["limit"]), self.page)
        return [row for row in self.rows if low <= stamp_of(row) <= high][:limit]


def stamp_of(row: Any) -> int:
    """When a row is of: a candle's open, a payment's or a sample's time."""
    if isinstance(row, dict):
        return int(row.get("fundingTime", row.get("timestamp", 0)))
    return int(row[0])
