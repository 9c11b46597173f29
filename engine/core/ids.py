"""Deterministic names: the same cycle, leg and attempt always give the same id, on every run and every machine."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

SHADOW_MARK = "~"
"""Between a desk's name and its shadow's in every record: `demo~other`. No desk that trades can be named so."""


def cycle_id(desk: str, market: str, trading_day: date, slot: datetime) -> str:
    """`desk:market:session-date:slot-UTC`, readable and unique per slot; `slot` is an aware datetime (second resolution)."""
    stamp = slot.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{desk}:{market}:{trading_day:%Y%m%d}:{stamp}"


def order_id(cycle: str, item: str, attempt: int = 0) -> str:
    """Sixteen hex digits of SHA-256 over (cycle, item, attempt); the desk and the slot are inside `cycle`."""
    return hashlib.sha256(f"{cycle}|{item}|{attempt}".encode()).hexdigest()[:16]


def fill_id(order: str, sequence: int) -> str:
    """The `sequence`-th fill of an order, counted from 1."""
    return f"{order}-{sequence}"


def instant_id(desk: str, instrument: str, what: str, at: datetime) -> str:
    """What can happen once at an instant to what a desk holds of an instrument: `desk:instrument:what:instant-UTC`."""
    return f"{desk}:{instrument}:{what}:{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


def content_hash(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
