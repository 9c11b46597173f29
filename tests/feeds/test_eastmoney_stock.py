"""Eastmoney's body about one instrument: recorded figures, published limits against our own, and bodies that are refused."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.instrument import Instrument
from engine.core.units import Market, to_units
from engine.exchange import board_of, name_flags, price_limits, symbol_of
from engine.feeds.eastmoney_stock import parse, parse_scaled
from engine.feeds.source import Fault, FeedError

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "eastmoney"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def recorded(name: str) -> bytes:
    if not RECORDED.is_dir():
        pytest.skip("recorded Eastmoney bodies are not on this machine")
    return (RECORDED / name).read_bytes()


def test_a_recorded_share_with_its_published_limits() -> None:
    detail = parse(recorded("stock_get_601238_fltt2.json"), NOW)
    assert (detail.code, detail.name, detail.last, detail.pre_close) == ("601238", "广汽集团", 124_300, 124_000)
    assert (detail.high, detail.low, detail.open) == (125_600, 122_100, 122_800)
    assert (detail.volume, detail.amount) == (30_876_300, 3_822_985_760_000)
    share = Instrument("601238.SH", Market.ASHARE, board_of("601238.SH", Market.ASHARE), detail.name)
    limits = price_limits(share, date(2026, 6, 1), 124_000, sessions_listed=None)
    assert limits is not None and (limits.up, limits.down) == (detail.limit_up, detail.limit_down) == (136_400, 111_600)


def test_a_recorded_body_of_scaled_integers() -> None:
    detail = parse_scaled(recorded("stock_get_600123_scaled.json"), NOW)
    assert (detail.code, detail.name, detail.last) == ("600123", "兰花科创", 134_000)
    assert detail.known_at == datetime(2023, 2, 17, 7, 59, 38, tzinfo=UTC)
    assert (detail.pre_close, detail.volume, detail.limit_up) == (None, None, None)


def test_a_recorded_fragment_about_a_us_share() -> None:
    body = b'{"rc":0,"data":{' + recorded("stock_get_us_TSLA_fragment.txt").strip() + b"}}"
    detail = parse(body, NOW)
    assert (detail.code, detail.name, detail.last, detail.list_date) == ("TSLA", "特斯拉", None, date(2010, 6, 29))


def test_the_recorded_limit_up_pool_closed_at_the_limits_we_compute() -> None:
    rows = list(csv.DictReader(recorded("zt_pool_20260717_via_akshare.csv").decode("utf-8").splitlines()))
    away = {}
    for row in rows:
        last, change = Decimal(row["最新价"]), Decimal(row["涨跌幅"])
        reference = (last / (1 + change / 100)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        symbol, flags = symbol_of(row["代码"]), name_flags(row["名称"])
        board = board_of(symbol, Market.ASHARE)
        share = Instrument(symbol, Market.ASHARE, board, flags.bare, special_treatment=flags.special_treatment)
        limits = price_limits(share, date(2026, 7, 17), to_units(reference, 10_000), sessions_listed=None)
        assert limits is not None
        if limits.up != to_units(last, 10_000):
            away[symbol] = limits.up - to_units(last, 10_000)
    # The one Beijing share of the pool stood at 2.02 with a reference of 1.56: 1.56 × 1.3 is 2.028, which rounds to 2.03.
    assert len(rows) == 33 and away == {"920305.BJ": 100}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"f43": 10.0}, Fault.NOT_DATA),
        ({"f57": "600000", "f43": "10.0"}, Fault.NOT_DATA),
        ({"f57": "600000", "f43": 10.00001}, Fault.NOT_DATA),
        ({"f57": "600000", "f43": -1}, Fault.NOT_DATA),
        ({"f57": "600000", "f43": True}, Fault.NOT_DATA),
        ({"f57": "600000", "f86": "now"}, Fault.NOT_DATA),
        ({"f57": "600000", "f86": 1795248060}, Fault.FUTURE),
        (None, Fault.EMPTY),
    ],
)
def test_bodies_that_are_refused(data: dict[str, Any] | None, fault: Fault) -> None:
    with pytest.raises(FeedError) as caught:
        parse(json.dumps({"rc": 0, "data": data}).encode(), NOW)
    assert caught.value.fault is fault


@pytest.mark.parametrize("decimals", [None, 9, -1, "2"])
def test_scaled_prices_need_their_decimals(decimals: object) -> None:
    with pytest.raises(FeedError) as caught:
        parse_scaled(json.dumps({"rc": 0, "data": {"f57": "600000", "f43": 1000, "f59": decimals}}).encode(), NOW)
    assert caught.value.fault is Fault.UNIT
