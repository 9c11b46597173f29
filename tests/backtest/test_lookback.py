"""What a strategy is tried on: the past of one snapshot, in the order in which it could be known, and nothing else."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import polars as pl
import pytest

from engine.backtest import backtest, try_strategy
from engine.backtest.lookback import Lookback, gone_ex
from engine.core.errors import DataError
from engine.core.instrument import Board, Instrument
from engine.core.market import Bar, Quote
from engine.core.strategy import Beside, Needs, RuleStrategy, Threshold, text_of
from engine.core.units import Market
from engine.exchange import calendar
from engine.feeds.replay import ReplayTape
from engine.feeds.tape import DividendEvent, QuoteEvent
from engine.store.snapshot import BAR_SCHEMA, Snapshot, content_hash, freeze
from tests.engine.desk_harness import mandate, store

AS_OF = datetime(2020, 5, 13, 1, 20, tzinfo=UTC)
NAMES = ("000338.SZ", "000778.SZ", "300027.SZ")
NIL = Decimal(0)
ALWAYS = RuleStrategy(
    "always", NAMES, Needs.ALL, (Threshold("last", Beside.ABOVE, NIL),), (Threshold("last", Beside.BELOW, NIL),), 200_000, 30, ""
)


@lru_cache(maxsize=1)
def snapshot() -> Snapshot:
    tape = ReplayTape(store(), start=date(2020, 2, 4), end=date(2020, 6, 16))
    return tape.snapshot(AS_OF, [item.symbol for item in tape.instruments()], history_days=120)


def tape(sessions: int = 40) -> Lookback:
    return Lookback(snapshot(), NAMES, sessions)


def test_it_plays_the_last_whole_sessions_before_the_snapshot() -> None:
    played = tape()
    assert len(played.sessions) == 40 and played.sessions[-1] == date(2020, 5, 12)
    events = played.advance(AS_OF)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert max(event.at for event in events) < AS_OF and played.next_at() is None


def test_its_prints_are_those_of_the_replay_from_which_the_snapshot_was_taken() -> None:
    """Daily bars only: the opening and the closing print of each name, at the same instants and prices."""
    played = tape()
    first = played.sessions[0]
    real = ReplayTape(store(), start=first, end=played.sessions[-1])

    def auctions(events: list[object]) -> list[tuple[object, ...]]:
        quotes = [event.quote for event in events if isinstance(event, QuoteEvent) and event.quote.symbol in NAMES]
        return sorted((one.known_at, one.symbol, one.last, one.pre_close) for one in quotes if one.auction)

    assert auctions([*played.advance(AS_OF)]) == auctions([*real.advance(AS_OF)])


def test_a_snapshot_of_the_past_holds_nothing_that_came_later() -> None:
    played = tape()
    for day in (played.sessions[0], played.sessions[7], played.sessions[-1]):
        at = datetime(day.year, day.month, day.day, 1, 20, tzinfo=UTC)
        seen = played.snapshot(at, NAMES, history_days=30)
        assert max(seen.bars["known_at"].to_list()) < at and max(quote.known_at for quote in seen.quotes) <= at
        assert len(set(seen.bars["trading_day"])) == 30
        real = ReplayTape(store(), start=day, end=day).snapshot(at, NAMES, history_days=30)
        daily = real.bars.filter(pl.col("interval") == "1d")
        assert seen.bars.equals(daily)
        assert [(one.symbol, one.last) for one in seen.quotes] == [(one.symbol, one.last) for one in real.quotes]


def test_a_later_future_changes_no_verdict() -> None:
    """The gate is a function of the snapshot: the same hash, the same figures, whatever happened afterwards."""
    again = try_strategy(mandate(strategy="rules"), text_of(ALWAYS), snapshot(), threading.Event())
    frozen = snapshot()
    kept = freeze(
        as_of=frozen.as_of,
        market=frozen.market,
        trading_day=frozen.trading_day,
        source=frozen.source,
        instruments=frozen.instruments,
        quotes=frozen.quotes,
        bars=frozen.bars,
    )
    assert content_hash(kept) == content_hash(frozen)
    assert try_strategy(mandate(strategy="rules"), text_of(ALWAYS), kept, threading.Event()) == again
    assert again.last < frozen.trading_day and again.sessions == 60


def bars(rows: list[tuple[date, int, int]], symbol: str = "600000.SH") -> pl.DataFrame:
    """Daily bars from (day, close, reference price)."""
    made = []
    for day, close, reference in rows:
        opens = datetime(day.year, day.month, day.day, 1, 30, tzinfo=UTC)
        bar = Bar(
            symbol, "1d", day, opens, opens + timedelta(hours=5, minutes=30), close, close, close, close, 10**6, 10**9, reference
        )
        made.append({name: getattr(bar, name) for name in BAR_SCHEMA})
    return pl.DataFrame(made, schema=BAR_SCHEMA)


def test_a_lower_reference_price_is_cash_and_a_much_lower_one_is_shares() -> None:
    days = [date(2024, 3, 4) + timedelta(days=place) for place in range(4)]
    rows = [(days[0], 100_000, 100_000), (days[1], 98_000, 98_500), (days[2], 49_000, 49_000), (days[3], 50_000, 49_000)]
    found = gone_ex(bars(rows), calendar(Market.ASHARE))
    told = found.select("ex_date", "cash_per_10", "transfer_per_10").rows()
    assert told == [
        (days[1], 1_500_000, 0),  # 0.15 CNY a share, 1.50 CNY for ten, in 1e-6 CNY
        (days[2], 0, 10_000_000),  # one new share for each: ten for ten, in 1e-6 shares
    ]


def test_over_a_gap_in_the_bars_nothing_is_read() -> None:
    rows = [(date(2024, 3, 4), 100_000, 100_000), (date(2024, 3, 6), 98_000, 98_500)]
    assert gone_ex(bars(rows), calendar(Market.ASHARE)).is_empty()


def test_what_a_holding_is_worth_survives_the_day_it_goes_ex() -> None:
    played = Lookback(snapshot(), ("601318.SH",), 80)
    gone = [event for event in played.advance(AS_OF) if isinstance(event, DividendEvent)]
    assert [event.ex_date for event in gone] == [date(2020, 5, 8)], "Ping An paid 1.30 CNY a share"
    for event in gone:
        before = played.snapshot(event.at - timedelta(hours=15), ("601318.SH",), history_days=3)
        last, reference = int(before.bars["close"][-1]), played._days[event.ex_date]["601318.SH"].pre_close
        assert event.cash_per_10 == (last - reference) * 10
        assert abs(event.cash_per_10 - 130_000) <= 1_000, "1.30 CNY a share were announced, to the cent of the reference price"


def test_a_snapshot_without_history_tries_nothing() -> None:
    empty = freeze(
        as_of=AS_OF, market=Market.ASHARE, trading_day=AS_OF.date(), source="t", instruments=(), quotes=(), bars=bars([])
    )
    with pytest.raises(DataError, match="no whole session"):
        Lookback(empty, NAMES, 20)


def crypto() -> Snapshot:
    """Ninety days of a coin that climbs one day and falls a little the next."""
    at, close, made = datetime(2024, 1, 1, tzinfo=UTC), 40_000 * 10**8, []
    for day in range(90):
        start, before = at + timedelta(days=day), close
        close = close * (103 if day % 3 else 97) // 100 // 10**6 * 10**6
        high, low = max(before, close), min(before, close)
        bar = Bar(
            "BTCUSDT.BINANCE",
            "1d",
            start.date(),
            start,
            start + timedelta(days=1),
            before,
            high,
            low,
            close,
            10**13,
            10**17,
            before,
        )
        made.append({name: getattr(bar, name) for name in BAR_SCHEMA})
    coin = Instrument("BTCUSDT.BINANCE", Market.CRYPTO, Board.SPOT, "BTCUSDT", tick=10**6, step=1_000)
    now = at + timedelta(days=90)
    quote = Quote("BTCUSDT.BINANCE", "BTCUSDT", now.date(), now, close, close, close, close, close, 0, 0, "t")
    return freeze(
        as_of=now,
        market=Market.CRYPTO,
        trading_day=now.date(),
        source="t",
        instruments=[coin],
        quotes=[quote],
        bars=pl.DataFrame(made, schema=BAR_SCHEMA),
    )


def test_a_market_that_never_closes_is_tried_on_its_days() -> None:
    """A day's order meets the day's own bar at its open, never the one it was decided on."""
    terms = mandate(
        market="crypto", feed=("binance",), strategy="rules", cash="100000", risk={"max_volatility": "0", "cash_reserve": "0"}
    )
    coin = "BTCUSDT.BINANCE"
    strategy = RuleStrategy(
        "turns",
        (coin,),
        Needs.ALL,
        (Threshold("return_1", Beside.ABOVE, NIL),),
        (Threshold("return_1", Beside.BELOW, NIL),),
        100_000,
        9,
        "",
    )
    tested = try_strategy(terms, text_of(strategy), crypto(), threading.Event())
    assert tested.sessions == 60 and tested.trades >= 15 and tested.cycles_failed == 0
    played = Lookback(crypto(), (coin,), 60)
    result = backtest(replace(terms, symbols=(coin,), schedule="at 00:00", pinned=text_of(strategy)), played)
    opens = {day: played._days[day][coin].open for day in played.sessions}
    for fill in result.fills:
        assert abs(fill.price - opens[fill.trading_day]) <= 10**6, "the open, worse by a tick"
    assert len(result.fills) >= 2 * tested.trades
    assert all(a.at <= b.at for a, b in itertools.pairwise(result.fills))
