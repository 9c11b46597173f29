"""What lies between two looks at a market: prints that somebody was seen to trade, and nothing else."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.market import Quote
from engine.core.units import Market
from engine.feeds.source import QUOTE_TABLE
from engine.feeds.ticks import between, rows, said_at

BEIJING = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 19)
SYMBOL = "600000.SH"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-19T{clock}").replace(tzinfo=BEIJING).astimezone(UTC)


def quote(clock: str, last: int = 100_000, volume: int = 0, **more: Any) -> Quote:
    opened = more.pop("open", last if volume else 0)
    known = {"name": "", "trading_day": DAY, "source": "eastmoney", "amount": volume * last, "pre_close": 99_000, **more}
    return Quote(symbol=SYMBOL, known_at=at(clock), last=last, open=opened, high=last, low=last, volume=volume, **known)


def prints(old: Quote | None, new: Quote, market: Market = Market.ASHARE) -> list[tuple[str, int, int]]:
    """(kind, price, volume) of each event: a bar, an auction, or a row alone."""
    before = {} if old is None else {SYMBOL: old}
    found = []
    for event in between(before, {SYMBOL: new}, market, new.known_at):
        if event.bar is not None:
            assert event.bar.start == old.known_at and event.bar.known_at == new.known_at  # type: ignore[union-attr]
            found.append(("bar", event.bar.close, event.bar.volume))
        elif event.quote.auction:
            found.append(("auction", event.quote.last, event.quote.print_volume))
        else:
            found.append(("row", event.quote.last, 0))
    return found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (quote("10:00:00", 100_000, 500), quote("10:00:05", 100_100, 800), [("bar", 100_100, 300)]),
        (quote("10:00:00", 100_000, 500), quote("10:00:05", 100_000, 500), []),
        (quote("10:00:00", 100_000, 500), quote("10:00:05", 100_000, 500, bid=99_900), [("row", 100_000, 0)]),
        (None, quote("10:00:05", 100_100, 800), [("row", 100_100, 0)]),
        (quote("10:00:00", 100_000, 500), quote("10:00:05", 100_100, 800, source="sina"), [("row", 100_100, 0)]),
        (quote("10:00:00", 100_000, 500), quote("10:00:00", 100_100, 800), [("row", 100_100, 0)]),
        (quote("10:00:00", 100_000, 900), quote("10:00:05", 100_100, 800), [("row", 100_100, 0)]),
        (quote("09:24:58"), quote("09:25:02", 99_500, 700), [("auction", 99_500, 700)]),
        (quote("09:24:58"), quote("09:31:00", 99_900, 900, open=99_500), [("auction", 99_500, 0), ("row", 99_900, 0)]),
        (quote("14:59:58", 100_000, 500), quote("15:00:03", 100_200, 900), [("auction", 100_200, 400)]),
        (quote("11:29:58", 100_000, 500), quote("13:00:04", 100_200, 900), [("bar", 100_200, 400)]),
    ],
    ids=[
        "the volume by which the day grew, at the newest price",
        "nothing changed: nothing is told",
        "the book moved, nobody traded",
        "first seen: what traded before is not ours",
        "another source counts otherwise",
        "the source's clock stood still",
        "a total that fell is no trade",
        "the opening auction, seen in the gap after it",
        "the opening auction, seen too late to know its volume",
        "the closing auction",
        "over the lunch break",
    ],
)
def test_what_lies_between_two_looks(old: Quote | None, new: Quote, told: list[tuple[str, int, int]]) -> None:
    assert prints(old, new) == told


def test_a_total_of_the_last_24_hours_makes_no_print() -> None:
    assert prints(quote("10:00:00", 1, 500), quote("10:00:05", 2, 800), Market.CRYPTO) == [("row", 2, 0)]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5_000), st.integers(1, 9)), min_size=1, max_size=30))
def test_no_volume_is_told_twice_or_lost_while_one_source_answers(steps: list[tuple[int, int, int]]) -> None:
    looks = [quote("10:00:00", 100_000, 1_000)]
    for seconds, volume, price in steps:
        last = looks[-1]
        moment = (last.known_at + timedelta(seconds=seconds)).astimezone(BEIJING).strftime("%H:%M:%S")
        looks.append(quote(moment, 100_000 + price * 100, last.volume + volume, open=100_000))
    traded = sum(volume for old, new in itertools.pairwise(looks) for _, _, volume in prints(old, new))
    assert traded == looks[-1].volume - looks[0].volume


def test_rows_are_confirmed_by_the_newest_word_of_their_source_and_never_from_the_future() -> None:
    blank: dict[str, Any] = {name: 0 if kind == pl.Int64() else None for name, kind in QUOTE_TABLE.items()}
    told = {**blank, "name": "", "trading_day": DAY, "suspended": False, "source": "tencent", "industry": ""}
    table = pl.DataFrame(
        [{**told, "symbol": "A", "known_at": at("10:00:01")}, {**told, "symbol": "B", "known_at": at("09:31:00")}],
        schema=QUOTE_TABLE,
    )
    assert said_at(table, at("10:00:04")) == at("10:00:01"), "a quiet name is as fresh as what its source says beside it"
    assert said_at(table, at("09:59:00")) == at("09:59:00")
    assert {quote.known_at for quote in rows(table, at("10:00:01")).values()} == {at("10:00:01")}
