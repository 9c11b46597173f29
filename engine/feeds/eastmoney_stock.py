"""Eastmoney's body about one instrument: its quote with the limits that the exchange published; data_apis §1.4.

{"rc":0,"data":{"f43":12.43,"f51":13.64,"f52":11.16,"f57":"601238",…}} ──► StockDetail, what was not asked for None
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from engine.core.text import safe_text
from engine.core.units import to_units
from engine.feeds.eastmoney_lists import SOURCE, data_of
from engine.feeds.fields import FEN, LOT, PRICE, SKEW, day_of, json_object, not_data
from engine.feeds.source import Fault, FeedError, Request

FIELDS = "f43,f44,f45,f46,f47,f48,f51,f52,f57,f58,f59,f60,f86,f107,f127,f189"
_PATH = "/api/qt/stock/get"
_LARGEST = 10**17


@dataclass(frozen=True, slots=True)
class StockDetail:
    """One instrument as its page shows it: price units, `volume` in shares, `amount` in money units, None where absent."""

    code: str
    name: str
    last: int | None
    high: int | None
    low: int | None
    open: int | None
    pre_close: int | None
    volume: int | None
    amount: int | None
    limit_up: int | None
    limit_down: int | None
    known_at: datetime | None
    industry: str
    list_date: date | None


def request(host: str, headers: Mapping[str, str], secid: str) -> Request:
    """The request for one instrument, prices as decimals."""
    return Request(host, _PATH, (("secid", secid), ("fltt", "2"), ("invt", "2"), ("fields", FIELDS)), headers)


def parse(body: bytes, now: datetime) -> StockDetail:
    """A body asked for with fltt=2. Raises FeedError: NOT_DATA, FUTURE, UNKNOWN_SYMBOL."""
    return _detail(data_of(json_object(SOURCE, body)), PRICE, now)


def parse_scaled(body: bytes, now: datetime) -> StockDetail:
    """A body without fltt, whose prices are integers of f59 decimals. Raises FeedError as `parse`, and UNIT for other decimals."""
    data = data_of(json_object(SOURCE, body))
    decimals = data.get("f59")
    if type(decimals) is not int or not 0 <= decimals <= 4:
        raise FeedError(SOURCE, Fault.UNIT, f"prices of {str(decimals)[:20]} decimals")
    return _detail(data, PRICE // 10**decimals, now)


def _detail(data: Mapping[str, object], scale: int, now: datetime) -> StockDetail:
    code, seconds = data.get("f57"), data.get("f86")
    if not isinstance(code, str) or not code:
        raise not_data(SOURCE, "a quote without a code")
    at = _instant(seconds)
    if at is not None and at > now + SKEW:
        raise FeedError(SOURCE, Fault.FUTURE, f"a quote of {at:%Y-%m-%d %H:%M:%S} UTC")
    amount, lots = _exact(data, "f48", PRICE // FEN), _exact(data, "f47", 1)
    prices = {name: _exact(data, name, scale) for name in ("f43", "f44", "f45", "f46", "f60", "f51", "f52")}
    listed = data.get("f189")
    return StockDetail(
        code=safe_text(code, limit=12, one_line=True),
        name=safe_text(str(data.get("f58") or ""), limit=60, one_line=True).strip(),
        last=prices["f43"],
        high=prices["f44"],
        low=prices["f45"],
        open=prices["f46"],
        pre_close=prices["f60"],
        volume=None if lots is None else lots * LOT,
        amount=None if amount is None else amount * FEN,
        limit_up=prices["f51"],
        limit_down=prices["f52"],
        known_at=at,
        industry=safe_text(str(data.get("f127") or ""), limit=60, one_line=True).strip(),
        list_date=day_of(str(listed)) if type(listed) is int else None,
    )


def _instant(seconds: object) -> datetime | None:
    if seconds is None:
        return None
    if type(seconds) is not int or not 0 < seconds < 4_000_000_000:
        raise not_data(SOURCE, f"f86 is {str(seconds)[:20]!r}")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _exact(data: Mapping[str, object], name: str, scale: int) -> int | None:
    """A figure in 1/`scale`, None for a dash or a field not asked for. Raises FeedError(NOT_DATA)."""
    value = data.get(name)
    if value is None or value == "-":
        return None
    if type(value) not in (int, float):
        raise not_data(SOURCE, f"{name} is {str(value)[:20]!r}")
    try:
        # The shortest decimal of the double is the one that was sent.
        whole = to_units(Decimal(str(value)), scale)
    except (ValueError, InvalidOperation):
        raise not_data(SOURCE, f"{name} is {str(value)[:20]!r}, finer than its unit") from None
    if not 0 <= whole <= _LARGEST:
        raise not_data(SOURCE, f"{name} is {str(value)[:20]!r}")
    return whole
