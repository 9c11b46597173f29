"""A sync asks for what is missing and nothing else, survives its sources and its own death, and ends in the same bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.core.errors import DataError
from engine.core.units import Market
from engine.feeds import source
from engine.feeds.binance import Binance
from engine.feeds.fetch import Fetcher, FetchSettings
from engine.feeds.source import SECURITY_TABLE
from engine.feeds.sync import Answer, Progress, last_closed, sync_bars, sync_facts, sync_securities
from engine.store.market import EX_RIGHTS, FUNDAMENTALS, FUNDING, OPEN_INTEREST, SECURITIES, MarketStore
from engine.store.market.sync_state import Covered, missing, widened
from tests.feeds.feed_server import Exchange, FeedServer, status
from tests.store.kill_sync import NAMES, contents, exchange, prove
from tests.store.market_worlds import FIRST_DAY, LAST_DAY, NOW, SHARES, daily_bars, pair_bars

SYMBOLS = [f"{name}.BINANCE" for name in NAMES[:8]]
FIRST = date(2024, 1, 3)


def utc(day: int, hour: int = 1) -> datetime:
    return datetime(2024, 1, day, hour, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with exchange() as server:
        yield server


class Bars:
    """The real adapter and the real fetcher against the loopback exchange, at an instant."""

    def __init__(self, server: FeedServer, now: datetime) -> None:
        self.now = now
        self._fetcher = Fetcher(FetchSettings(tries=1), resolve=server.resolve)

    def __call__(self, symbol: str, interval: str, first: date, last: date) -> Answer:
        return Binance().bars(self._fetcher, symbol, interval, first, last, self.now), "binance"


def sync(home: Path, server: FeedServer, now: datetime, symbols: list[str] = SYMBOLS, **more: object) -> tuple[object, ...]:
    store = MarketStore.open(home, Market.CRYPTO)
    done = sync_bars(store, Bars(server, now), symbols, "4h", first=FIRST, now=now, **more)  # type: ignore[arg-type]
    return done.asked, done.written.kept, len(done.failed), done.stopped


def test_the_first_sync_fetches_all_and_the_next_only_what_is_new(tmp_path: Path, server: FeedServer) -> None:
    assert sync(tmp_path, server, utc(20)) == (8, 8 * 15 * 6, 0, "")  # listed on the 5th, the 19th is the last closed day
    assert sync(tmp_path, server, utc(20, 23)) == (0, 0, 0, ""), "nothing has closed since"
    before = len(server.seen)
    assert sync(tmp_path, server, utc(22)) == (8, 8 * 2 * 6, 0, "")
    asked = {request.params["startTime"] for request in server.seen[before:]}
    assert asked == {str(int(utc(20, 0).timestamp() * 1000))}, "only the days that were missing"


def test_it_ends_in_the_same_bytes_as_one_that_came_later(tmp_path: Path, server: FeedServer) -> None:
    for day in (8, 15, 31):
        sync(tmp_path / "often", server, utc(day))
    sync(tmp_path / "once", server, utc(31))
    assert contents(tmp_path / "often") == contents(tmp_path / "once")


def test_a_name_that_fails_is_told_and_asked_for_again(tmp_path: Path, server: FeedServer) -> None:
    told: list[Progress] = []
    server.once(Binance().host, status(502))
    assert sync(tmp_path, server, utc(20), observer=told.append) == (8, 7 * 15 * 6, 1, "")
    assert (told[-1].done, told[-1].total, told[-1].failed) == (8, 8, 1)
    assert sync(tmp_path, server, utc(20)) == (1, 15 * 6, 0, "")


def test_a_source_that_is_gone_ends_the_sync_and_keeps_what_came_before(tmp_path: Path, server: FeedServer) -> None:
    assert sync(tmp_path, server, utc(20), SYMBOLS[:2])[1] == 2 * 15 * 6
    server.set(Binance().host, status(503))
    asked, kept, failed, stopped = sync(tmp_path, server, utc(20))
    assert (asked, kept, failed) == (5, 0, 5)
    assert str(stopped).startswith("5 symbols in a row failed")
    assert MarketStore.open(tmp_path, Market.CRYPTO).inventory()[0].rows == 2 * 15 * 6


def test_a_name_of_which_there_is_nothing_is_not_asked_for_twice(tmp_path: Path, server: FeedServer) -> None:
    server.once(Binance().host, lambda asked: asked.send(b"[]"))
    assert sync(tmp_path, server, utc(20), SYMBOLS[:1])[:3] == (1, 0, 0)
    assert sync(tmp_path, server, utc(20), SYMBOLS[:1])[:3] == (0, 0, 0)


def test_a_body_that_lies_is_kept_out(tmp_path: Path, server: FeedServer) -> None:
    def lies(asked: Exchange) -> None:
        asked.send(b'[[1704412800000,"1","9","1","1","2",1704427199999,"2.0",1,"0","0","0"],[17044')

    server.once(Binance().host, lies)
    assert sync(tmp_path, server, utc(20), SYMBOLS[:1])[:3] == (1, 0, 1)
    assert MarketStore.open(tmp_path, Market.CRYPTO).inventory() == []


def test_a_killed_sync_started_again_ends_in_the_same_bytes(tmp_path: Path) -> None:
    assert len(prove(tmp_path, kills=5, seed=7)) == 5


def test_what_a_killed_writer_left_is_tidied_away(tmp_path: Path) -> None:
    store = MarketStore.open(tmp_path, Market.CRYPTO)
    store.write_bars(pair_bars("4h", 3), "4h", source="test", now=NOW)
    half = tmp_path / "market" / "crypto" / "4h" / ".2024-01.bars.99.99.tmp"
    half.write_bytes(b"half")
    assert store.as_of(NOW).bars(["BTCUSDT.BINANCE"], "4h", first=FIRST_DAY, last=LAST_DAY).height == 18
    assert store.tidy() == 1 and not half.exists()


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    faults: list[Exception] = []

    def write(symbol: str) -> None:
        try:
            store = MarketStore.open(tmp_path, Market.ASHARE)
            bars = daily_bars((symbol,))
            for place in range(0, bars.height, 20):
                store.write_bars(bars.slice(place, 20), "1d", source="test", now=NOW)
        except DataError as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(symbol,)) for symbol in SHARES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    read = MarketStore.open(tmp_path, Market.ASHARE).as_of(NOW).bars(SHARES, "1d", first=FIRST_DAY, last=LAST_DAY)
    assert read.height == sum(daily_bars((symbol,)).height for symbol in SHARES)


def test_a_list_fetched_every_day_is_kept_only_where_it_says_something_new(tmp_path: Path) -> None:
    store = MarketStore.open(tmp_path, Market.ASHARE)

    def fetched(day: int, name: str) -> pl.DataFrame:
        words = {"board": "main_sh", "industry": "白酒", "taxonomy": "em", "list_date": date(2001, 8, 27), "source": "test"}
        row = {
            "symbol": "600519.SH",
            "known_at": utc(day),
            "name": name,
            **words,
            "special_treatment": "ST" in name,
            "delisting": False,
        }
        return pl.DataFrame([row], schema=SECURITY_TABLE, orient="row")

    assert sync_securities(store, fetched(10, "贵州茅台"), "test", utc(10)).kept == 2, "the listing, and today's words"
    assert sync_securities(store, fetched(11, "贵州茅台"), "test", utc(11)).kept == 0
    assert sync_securities(store, fetched(12, "ST茅台"), "test", utc(12)).kept == 1
    (early,), (late,) = store.as_of(utc(11)).instruments(), store.as_of(utc(13)).instruments()
    assert (early.name, early.special_treatment, early.list_date) == ("贵州茅台", False, date(2001, 8, 27))
    assert (late.name, late.special_treatment) == ("ST茅台", True)
    (before,) = store.as_of(datetime(2010, 1, 1, tzinfo=UTC)).instruments()
    assert before.name == "600519", "its name was not known then"


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        (None, [(date(2024, 1, 1), date(2024, 1, 9))]),
        (Covered(date(2024, 1, 1), date(2024, 1, 9)), []),
        (Covered(date(2024, 1, 3), date(2024, 1, 5)), [(date(2024, 1, 1), date(2024, 1, 2)), (date(2024, 1, 6), date(2024, 1, 9))]),
        (Covered(date(2023, 1, 1), date(2025, 1, 1)), []),
    ],
)
def test_what_is_missing_joins_on_to_what_is_covered(covered: Covered | None, expected: list[tuple[date, date]]) -> None:
    stretches = missing(covered, date(2024, 1, 1), date(2024, 1, 9))
    assert stretches == expected
    for first, last in stretches:
        covered = widened(covered, first, last)
    assert missing(covered, date(2024, 1, 1), date(2024, 1, 9)) == []


def test_the_last_closed_day_of_each_market() -> None:
    friday = datetime(2024, 1, 5, 6, 59, tzinfo=UTC)
    assert last_closed(Market.ASHARE, friday) == date(2024, 1, 4), "a minute before the close"
    assert last_closed(Market.ASHARE, datetime(2024, 1, 7, 12, tzinfo=UTC)) == date(2024, 1, 5)
    assert last_closed(Market.CRYPTO, friday) == date(2024, 1, 4)
    assert last_closed(Market.US, datetime(2024, 1, 5, 21, 1, tzinfo=UTC)) == date(2024, 1, 5)


def test_what_sources_give_is_what_the_store_keeps() -> None:
    """The two rooms may not share the schemas, so this holds them together."""
    assert dict(FUNDING.schema) == dict(source.FUNDING_TABLE)
    assert dict(OPEN_INTEREST.schema) == dict(source.OPEN_INTEREST_TABLE)
    assert dict(FUNDAMENTALS.schema) == dict(source.FUNDAMENTAL_TABLE)
    assert dict(EX_RIGHTS.schema) == dict(source.EX_RIGHT_TABLE)
    assert set(SECURITY_TABLE) <= set(SECURITIES.schema)


def test_facts_that_fail_are_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    def paid() -> Answer:
        return pl.DataFrame([("BTCUSDT.BINANCE", utc(5), 100, 8, 0)], schema=FUNDING.schema, orient="row"), "test"

    def fails() -> Answer:
        raise source.FeedError("test", source.Fault.NETWORK, "gone")

    store = MarketStore.open(tmp_path, Market.CRYPTO)
    written, faults = sync_facts(store, FUNDING, [paid, fails, paid], utc(20))
    assert (written.kept, written.known, faults) == (1, 1, ("test: NETWORK: gone",))
    assert store.as_of(utc(6)).funding(["BTCUSDT.BINANCE"])["rate_e8"].to_list() == [100]
