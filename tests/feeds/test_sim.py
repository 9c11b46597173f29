"""The simulated market: invented, labelled so, the same for a seed, and under the real exchange's ticks, limits and sessions."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import CalendarUnknown, DataError
from engine.core.instrument import Board
from engine.core.units import Market
from engine.exchange import board_of, calendar, name_flags, price_limits, tick_of
from engine.exchange.calendar import sessions_listed
from engine.feeds.sim import SimTape
from engine.feeds.tape import QuoteEvent, SessionEvent, SessionKind, Tape, TapeEvent
from engine.store.snapshot import content_hash

START = date(2026, 6, 29)
"""Six sessions from here span 2026-07-06, when the limit of ST shares on the main boards became 10 %."""
SESSIONS = 6
END = datetime(2026, 12, 1, tzinfo=UTC)


def tape(*, seed: int = 7, size: int = 100, begin: date | None = None) -> SimTape:
    return SimTape(seed=seed, size=size, start=START, sessions=SESSIONS, begin=begin, history=60)


MADE = tape()
GIVEN = tape().advance(END)
"""A tape for questions that do not move it, and all that it gives."""


@pytest.fixture(scope="module")
def everything() -> list[TapeEvent]:
    return GIVEN


@pytest.fixture(scope="module")
def quotes(everything: list[TapeEvent]) -> list[QuoteEvent]:
    return [event for event in everything if isinstance(event, QuoteEvent)]


def beijing(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def symbols(of: SimTape) -> list[str]:
    return [item.symbol for item in of.instruments()]


def test_it_is_a_tape_that_says_it_is_simulated() -> None:
    made: Tape = tape()
    assert made.source == "sim"
    assert all(name_flags(item.name).bare.startswith("模拟") for item in made.instruments())
    assert all(item.industry.startswith("模拟") for item in made.instruments())


def test_codes_belong_to_their_boards() -> None:
    listed = tape().instruments()
    assert {item.board for item in listed} == {Board.MAIN_SH, Board.MAIN_SZ, Board.CHINEXT, Board.STAR, Board.BSE}
    assert all(board_of(item.symbol, Market.ASHARE) is item.board for item in listed)
    assert len({item.symbol for item in listed}) == len(listed) == 100
    assert [item.symbol for item in listed] == sorted(item.symbol for item in listed)


@pytest.mark.parametrize("size", [1, 2, 19, 20, 5_500, 10_000])
def test_any_size(size: int) -> None:
    made = SimTape(seed=3, size=size, start=START, sessions=2, history=2)
    assert len(set(symbols(made))) == size


def test_impossible_markets_are_refused() -> None:
    for size in (0, 10_001):
        with pytest.raises(DataError):
            SimTape(seed=1, size=size, start=START, sessions=1, history=2)
    with pytest.raises(CalendarUnknown):
        SimTape(seed=1, size=1, start=date(2026, 12, 30), sessions=30, history=2)
    with pytest.raises(DataError, match="no session from"):
        tape(begin=date(2026, 9, 1))


def test_days_are_those_of_the_exchange() -> None:
    known = calendar(Market.ASHARE)
    assert list(tape().sessions) == known.sessions(START, tape().sessions[-1])


def test_the_same_seed_is_the_same_market_and_another_is_not(everything: list[TapeEvent]) -> None:
    assert tape().advance(END) == everything
    other = [event for event in tape(seed=8).advance(END) if isinstance(event, QuoteEvent)]
    assert [event.quote.last for event in other[:100]] != [e.quote.last for e in everything if isinstance(e, QuoteEvent)][:100]


def test_a_tape_begun_later_gives_what_the_whole_one_gives_from_then_on(everything: list[TapeEvent]) -> None:
    later = tape(begin=date(2026, 7, 2)).advance(END)
    assert later == [event for event in everything if event.at >= beijing(date(2026, 7, 2), 9)]


def test_events_come_in_the_order_in_which_they_were_known(everything: list[TapeEvent]) -> None:
    assert all(before.at <= after.at for before, after in pairwise(everything))
    turns = [event.kind for event in everything if isinstance(event, SessionEvent)]
    assert turns == list(SessionKind) * SESSIONS
    for before, after in pairwise(everything):
        if isinstance(after, SessionEvent) and after.kind is SessionKind.PRE_OPEN:
            assert isinstance(before, SessionEvent)


def test_advancing_in_steps_gives_the_same_as_at_once(everything: list[TapeEvent]) -> None:
    made, given_ = tape(), list[TapeEvent]()
    while (following := made.next_at()) is not None:
        given_ += made.advance(following)
    assert given_ == everything


def test_every_price_lies_on_the_tick_and_within_the_limits_of_the_exchange(quotes: list[QuoteEvent]) -> None:
    """The published limits are those that engine.exchange computes, to the unit, ST shares and new listings included."""
    listed = {item.symbol: item for item in tape().instruments()}
    free = 0
    for quote in (event.quote for event in quotes):
        instrument, day = listed[quote.symbol], quote.trading_day
        count = sessions_listed(instrument, day)
        assert count is not None
        limits = price_limits(instrument, day, quote.pre_close, sessions_listed=count)
        assert (quote.limit_up, quote.limit_down) == ((0, 0) if limits is None else (limits.up, limits.down))
        free += limits is None
        for price in (quote.last, quote.open, quote.high, quote.low, quote.bid, quote.ask):
            assert price % tick_of(instrument, day) == 0
            assert not price or limits is None or limits.down <= price <= limits.up
    assert free > 0


def test_the_limit_of_st_shares_widens_on_the_day_the_rule_changed() -> None:
    made = tape(size=400)
    main = [i.symbol for i in made.instruments() if i.special_treatment and i.board in (Board.MAIN_SH, Board.MAIN_SZ)]
    for day, band in ((date(2026, 7, 3), 5), (date(2026, 7, 6), 10)):
        quotes = made.snapshot(beijing(day, 9, 20), main, history_days=1).quotes
        assert {round((q.limit_up / q.pre_close - 1) * 100) for q in quotes if q.pre_close > 50_000} == {band}


def test_a_share_sealed_at_its_upper_limit_has_no_ask_and_hardly_trades(quotes: list[QuoteEvent]) -> None:
    sealed = [e for e in quotes if e.bar is not None and e.bar.interval == "5m" and e.bar.low == e.quote.limit_up > 0]
    open_ = [e for e in quotes if e.bar is not None and e.bar.interval == "5m" and e.bar.low < e.quote.limit_up]
    assert sealed
    assert all((e.quote.ask, e.quote.ask_size, e.quote.bid) == (0, 0, e.quote.limit_up) for e in sealed)
    mean = [sum(e.bar.volume for e in part if e.bar is not None) / len(part) for part in (sealed, open_)]
    assert mean[0] < mean[1] / 2


def test_a_suspended_share_says_so_before_the_open_and_is_then_silent() -> None:
    events = [e for e in tape(size=2_000).advance(beijing(START, 9, 30)) if isinstance(e, QuoteEvent)]
    suspended = {e.quote.symbol for e in events if e.quote.suspended}
    assert suspended
    of_them = [e for e in events if e.quote.symbol in suspended]
    assert all(e.at == beijing(START, 9, 15) and e.quote.last == e.quote.pre_close and not e.quote.open for e in of_them)
    assert len(of_them) == len(suspended)


def test_a_new_listing_is_silent_until_its_day_and_free_of_limits_then(quotes: list[QuoteEvent]) -> None:
    new = {item.symbol: item.list_date for item in tape().instruments() if item.list_date and item.list_date > START}
    assert new
    first = {symbol: min(e.at for e in quotes if e.quote.symbol == symbol) for symbol in new}
    assert {symbol: at.date() for symbol, at in first.items()} == new
    before = tape().snapshot(beijing(START, 10), symbols(tape()), history_days=5)
    assert not {item.symbol for item in before.instruments} & set(new)


def test_a_day_adds_up(quotes: list[QuoteEvent]) -> None:
    """Opening auction + 48 bars + closing auction are the day, in volume and turnover; high and low are theirs."""
    by_name: dict[tuple[str, date], list[QuoteEvent]] = {}
    for event in quotes:
        by_name.setdefault((event.quote.symbol, event.quote.trading_day), []).append(event)
    whole = [day for day in by_name.values() if len(day) == 51]
    assert len(whole) > 400
    for before, opening, *rest, closing in whole:
        bars = [event.bar for event in rest if event.bar is not None]
        daily = closing.bar
        assert daily is not None
        assert daily.interval == "1d"
        assert (before.quote.open, before.quote.volume, opening.quote.auction, closing.quote.auction) == (0, 0, True, True)
        assert daily.volume == opening.quote.print_volume + sum(bar.volume for bar in bars) + closing.quote.print_volume
        assert daily.open == opening.quote.last
        assert daily.close == closing.quote.last == bars[-1].close
        assert daily.high == max(opening.quote.last, *(bar.high for bar in bars)) == closing.quote.high
        assert daily.low == min(opening.quote.last, *(bar.low for bar in bars)) == closing.quote.low
        assert (closing.quote.volume, closing.quote.amount) == (daily.volume, daily.amount)
        assert daily.low * daily.volume <= daily.amount <= daily.high * daily.volume
        assert all(after.open == bar.close for bar, after in pairwise(bars))
        assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_the_reference_price_is_the_close_before(everything: list[TapeEvent]) -> None:
    closes: dict[str, int] = {}
    for event in everything:
        if isinstance(event, QuoteEvent):
            if event.quote.symbol in closes and not event.quote.open:
                assert event.quote.pre_close == closes[event.quote.symbol]
            if event.bar is not None and event.bar.interval == "1d":
                closes[event.quote.symbol] = event.bar.close


def test_shares_of_a_sector_move_together() -> None:
    """The mean correlation of daily returns inside a sector is well above that across sectors."""
    made = tape(size=200)
    snapshot = made.snapshot(beijing(made.sessions[-1], 16), symbols(made), history_days=60)
    change = pl.col("close") / pl.col("pre_close") - 1
    returns = snapshot.bars.filter(pl.col("interval") == "1d").select("trading_day", "symbol", change=change)
    sector = {item.symbol: item.industry for item in made.instruments()}
    wide = returns.pivot(on="symbol", index="trading_day", values="change").drop("trading_day").fill_null(0.0)
    found = wide.corr()
    names = wide.columns
    inside = [found[a][n] for n, b in enumerate(names) for a in names[:n] if sector[a] == sector[b]]
    across = [found[a][n] for n, b in enumerate(names) for a in names[:n] if sector[a] != sector[b]]
    assert sum(inside) / len(inside) > sum(across) / len(across) + 0.05 > 0.05


@settings(max_examples=12, deadline=None)
@given(place=st.integers(0, SESSIONS - 1), minute=st.integers(9 * 60 + 15, 23 * 60))
def test_a_snapshot_holds_what_the_tape_had_given_by_then(place: int, minute: int) -> None:
    made = MADE
    at = beijing(made.sessions[place], *divmod(minute, 60))
    snapshot = made.snapshot(at, symbols(made), history_days=10)
    newest = {e.quote.symbol: e.quote for e in GIVEN if isinstance(e, QuoteEvent) and e.at <= at}
    today = {s: q for s, q in newest.items() if q.trading_day == snapshot.trading_day}
    assert {quote.symbol: quote for quote in snapshot.quotes} == today
    assert {item.symbol for item in snapshot.instruments} == set(today)
    given_ = {(e.bar.symbol, e.bar.interval, e.bar.known_at): e.bar.close for e in GIVEN if isinstance(e, QuoteEvent) and e.bar}
    kept = snapshot.bars.filter(pl.col("trading_day") >= START)
    for symbol, interval, known_at, close in kept.select("symbol", "interval", "known_at", "close").iter_rows():
        assert given_[symbol, interval, known_at] == close
    assert snapshot.bars.filter(pl.col("interval") == "1d")["trading_day"].n_unique() <= 10


def test_a_snapshot_is_the_same_however_far_the_tape_has_run() -> None:
    fresh, run = tape(), tape()
    run.advance(END)
    at = beijing(date(2026, 7, 1), 10, 2)
    assert content_hash(fresh.snapshot(at, symbols(fresh), history_days=20)) == content_hash(
        run.snapshot(at, symbols(run), history_days=20)
    )


def test_before_the_first_event_nothing_is_known() -> None:
    with pytest.raises(DataError, match="nothing is known"):
        tape().snapshot(beijing(START, 9), symbols(tape()), history_days=5)
    with pytest.raises(DataError, match="has no"):
        tape().snapshot(beijing(START, 10), ["999999.SH"], history_days=5)


def test_a_quote_tells_its_turnover_rate(quotes: list[QuoteEvent]) -> None:
    """Volume over floating shares: nought before the open, rising through the day, plausible at its end."""
    assert {e.quote.turnover_ppm for e in quotes if not e.quote.open} == {0}
    closing = [e.quote.turnover_ppm for e in quotes if e.bar is not None and e.bar.interval == "1d"]
    assert 2_000 < sorted(closing)[len(closing) // 2] < 50_000
