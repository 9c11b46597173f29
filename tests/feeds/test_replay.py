"""The replay tape: past sessions in the order in which they could be known, and nothing that was not printed."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import DataError
from engine.feeds import DividendEvent, QuoteEvent, ReplayTape, SessionEvent, SessionKind, Tape, TapeEvent
from engine.feeds.replay import FIRST_DAY, LAST_DAY
from engine.store.bars import BarStore
from engine.store.sample import sample_dir
from engine.store.snapshot import content_hash

END = datetime(2020, 7, 1, tzinfo=UTC)
MONTH = date(2020, 1, 31)
STORE = BarStore.load(sample_dir())


def beijing(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture(scope="module")
def store() -> BarStore:
    return STORE


@pytest.fixture(scope="module")
def everything(store: BarStore) -> list[TapeEvent]:
    return ReplayTape(store).advance(END)


def quotes_of(events: list[TapeEvent], day: date, symbol: str) -> list[QuoteEvent]:
    return [e for e in events if isinstance(e, QuoteEvent) and e.quote.trading_day == day and e.quote.symbol == symbol]


def test_it_is_a_tape(store: BarStore) -> None:
    tape: Tape = ReplayTape(store)
    assert tape.source == "replay"
    assert [item.symbol for item in tape.instruments()] == sorted(item.symbol for item in tape.instruments())
    assert len(tape.instruments()) == 8


def test_the_default_window_holds_every_session_of_the_half_year(store: BarStore) -> None:
    tape = ReplayTape(store)
    assert (tape.sessions[0], tape.sessions[-1], len(tape.sessions)) == (FIRST_DAY, LAST_DAY, 109)


def test_events_come_in_the_order_in_which_they_were_known(everything: list[TapeEvent]) -> None:
    assert all(before.at <= after.at for before, after in pairwise(everything))


def test_quotes_of_one_instant_come_by_symbol(everything: list[TapeEvent]) -> None:
    opening = [e.quote.symbol for e in everything if isinstance(e, QuoteEvent) and e.at == beijing(date(2020, 2, 3), 9, 25)]
    assert opening == sorted(opening)


def test_a_session_turns_five_times(everything: list[TapeEvent]) -> None:
    turns = [(e.kind, e.at) for e in everything if isinstance(e, SessionEvent) and e.day == date(2020, 2, 3)]
    assert turns == [
        (SessionKind.PRE_OPEN, beijing(date(2020, 2, 3), 9, 15)),
        (SessionKind.OPEN, beijing(date(2020, 2, 3), 9, 30)),
        (SessionKind.LUNCH, beijing(date(2020, 2, 3), 11, 30)),
        (SessionKind.AFTERNOON, beijing(date(2020, 2, 3), 13)),
        (SessionKind.CLOSE, beijing(date(2020, 2, 3), 15)),
    ]


def test_a_day_begins_with_its_pre_open_and_ends_with_its_close(everything: list[TapeEvent]) -> None:
    assert isinstance(everything[0], SessionEvent)
    assert everything[0].kind is SessionKind.PRE_OPEN
    for before, after in pairwise(everything):
        if isinstance(after, SessionEvent) and after.kind is SessionKind.PRE_OPEN:
            assert isinstance(before, SessionEvent)
            assert before.kind is SessionKind.CLOSE


def test_before_the_open_only_yesterday_and_the_reference_price_are_known(everything: list[TapeEvent]) -> None:
    """平安银行 closed at 16.87 on 2020-01-02."""
    before = quotes_of(everything, date(2020, 1, 3), "000001.SZ")[0]
    quote = before.quote
    assert (before.at, before.bar) == (beijing(date(2020, 1, 3), 9, 15), None)
    assert (quote.last, quote.pre_close) == (168_700, 168_700)
    assert (quote.open, quote.high, quote.low, quote.volume, quote.amount) == (0, 0, 0, 0, 0)
    assert (quote.limit_up, quote.limit_down, quote.auction) == (0, 0, False)


def test_a_share_with_daily_bars_is_silent_between_its_two_auctions(everything: list[TapeEvent]) -> None:
    day = date(2020, 2, 3)
    before, opening, closing = quotes_of(everything, day, "300027.SZ")
    assert [before.at, opening.at, closing.at] == [beijing(day, 9, 15), beijing(day, 9, 25), beijing(day, 15)]
    assert opening.quote.auction
    assert opening.quote.last == opening.quote.open == opening.quote.high == opening.quote.low
    assert (opening.quote.volume, opening.quote.print_volume, opening.bar) == (0, 0, None)
    assert closing.quote.auction
    assert closing.bar is not None
    assert closing.bar.interval == "1d"
    assert (closing.quote.last, closing.quote.high, closing.quote.volume) == (
        closing.bar.close,
        closing.bar.high,
        closing.bar.volume,
    )


def test_after_the_long_holiday_the_market_fell_to_its_limit(everything: list[TapeEvent]) -> None:
    """2020-02-03: 华谊兄弟 opened and closed at -10 %, 4.05 after 4.50."""
    closing = quotes_of(everything, date(2020, 2, 3), "300027.SZ")[-1].quote
    assert closing.pre_close - closing.last == pytest.approx(closing.pre_close / 10, abs=100)


def test_five_minute_bars_move_the_quote_as_they_become_known(everything: list[TapeEvent]) -> None:
    day = date(2020, 2, 3)
    events = quotes_of(everything, day, "000338.SZ")
    bars = [e for e in events if e.bar is not None and e.bar.interval == "5m"]
    assert len(events) == 2 + 48 + 1
    assert [e.at for e in bars[:2]] == [beijing(day, 9, 35), beijing(day, 9, 40)]
    volume = amount = 0
    high = low = events[1].quote.open
    for event in bars:
        bar = event.bar
        assert bar is not None
        volume, amount, high, low = volume + bar.volume, amount + bar.amount, max(high, bar.high), min(low, bar.low)
        quote = event.quote
        assert (quote.last, quote.high, quote.low, quote.volume, quote.amount) == (bar.close, high, low, volume, amount)
        assert not quote.auction


def test_the_closing_print_follows_the_last_bar(everything: list[TapeEvent]) -> None:
    last, closing = quotes_of(everything, date(2020, 2, 3), "000338.SZ")[-2:]
    assert (last.bar is not None and last.bar.interval, closing.bar is not None and closing.bar.interval) == ("5m", "1d")
    assert last.at == closing.at


def test_dividends_go_ex_before_the_open_with_exact_amounts(everything: list[TapeEvent]) -> None:
    found = {e.symbol: e for e in everything if isinstance(e, DividendEvent)}
    assert {symbol: (e.ex_date, e.cash_per_10, e.bonus_per_10, e.transfer_per_10) for symbol, e in found.items()} == {
        "000001.SZ": (date(2020, 5, 28), 21_800, 0, 0),
        "000783.SZ": (date(2020, 6, 2), 15_000, 0, 0),
        "002572.SZ": (date(2020, 4, 24), 55_000, 0, 0),
        "601318.SH": (date(2020, 5, 8), 130_000, 0, 0),
    }
    for event in found.values():
        place = everything.index(event)
        opening = next(n for n, e in enumerate(everything) if isinstance(e, SessionEvent) and e.day == event.ex_date)
        prints = next(n for n, e in enumerate(everything) if isinstance(e, QuoteEvent) and e.quote.trading_day == event.ex_date)
        assert opening < place < prints
        assert event.record_date < event.ex_date


def test_on_the_ex_date_the_reference_price_is_lower_than_the_last_close(everything: list[TapeEvent]) -> None:
    """平安银行 on 2020-05-28: 13.00 less 0.218."""
    quote = quotes_of(everything, date(2020, 5, 28), "000001.SZ")[0].quote
    assert (quote.last, quote.pre_close) == (130_000, 127_800)


def test_a_day_whose_prices_are_uncertain_gives_no_quote(everything: list[TapeEvent]) -> None:
    assert quotes_of(everything, date(2020, 4, 28), "000783.SZ") == []


@given(hours=st.lists(st.integers(1, 400), max_size=40))
@settings(max_examples=25, deadline=None)
def test_however_it_is_cut_the_tape_is_the_same(hours: list[int]) -> None:
    tape, whole = ReplayTape(STORE, end=MONTH), ReplayTape(STORE, end=MONTH).advance(END)
    got: list[TapeEvent] = []
    at = beijing(FIRST_DAY, 9)
    for step in hours:
        promised = tape.next_at()
        at += timedelta(hours=step) / 7
        given_now = tape.advance(at)
        assert all(event.at <= at for event in given_now)
        assert bool(given_now) == (promised is not None and promised <= at)
        got += given_now
    assert got == whole[: len(got)]
    assert got + tape.advance(END) == whole
    assert tape.next_at() is None


def test_next_at_never_goes_back(store: BarStore) -> None:
    tape, latest = ReplayTape(store, end=MONTH), datetime(2019, 1, 1, tzinfo=UTC)
    while (following := tape.next_at()) is not None:
        assert following >= latest
        latest = following
        assert tape.advance(following)


def test_it_runs_dry_and_stays_dry(store: BarStore) -> None:
    tape = ReplayTape(store, start=date(2020, 6, 16))
    assert tape.advance(END)
    assert (tape.next_at(), tape.advance(END)) == (None, [])


@pytest.mark.parametrize("hour", [9, 10, 12, 14])
def test_no_event_depends_on_what_comes_later(store: BarStore, hour: int) -> None:
    """Other prices after an instant: every event up to it stays the same, and so does the snapshot."""
    day = date(2020, 3, 2)
    at = beijing(day, hour, 20)
    columns = ("close", "high", "low", "volume", "amount")
    unknown = {name: pl.when(pl.col("known_at") > at).then(pl.col(name) * 3).otherwise(pl.col(name)) for name in columns}
    poisoned = BarStore(
        daily=store._daily.with_columns(**unknown),
        minutes=store._minutes.with_columns(**unknown),
        dividends=store._dividends,
        instruments=store._instruments,
    )
    truth, other = ReplayTape(store, start=day), ReplayTape(poisoned, start=day)
    symbols = [item.symbol for item in truth.instruments()]
    assert truth.advance(at) == other.advance(at)
    pictures = [content_hash(tape.snapshot(at, symbols, history_days=60)) for tape in (truth, other)]
    assert pictures[0] == pictures[1]


def test_a_snapshot_is_the_same_however_far_the_tape_has_run(store: BarStore) -> None:
    at = beijing(date(2020, 3, 2), 10)
    fresh, ahead = ReplayTape(store), ReplayTape(store)
    ahead.advance(END)
    assert content_hash(fresh.snapshot(at, ["000338.SZ"], history_days=60)) == content_hash(
        ahead.snapshot(at, ["000338.SZ"], history_days=60)
    )


def test_a_snapshot_holds_the_history_asked_for_and_the_session_so_far(store: BarStore) -> None:
    at = beijing(date(2020, 3, 2), 10)
    taken = ReplayTape(store).snapshot(at, ["000338.SZ", "300027.SZ"], history_days=60)
    counts = dict(taken.bars.group_by("symbol", "interval").len().select(pl.concat_str("symbol", "interval"), "len").iter_rows())
    assert counts == {"000338.SZ1d": 60, "000338.SZ5m": 6, "300027.SZ1d": 60}
    assert [quote.symbol for quote in taken.quotes] == ["000338.SZ", "300027.SZ"]
    assert {quote.trading_day for quote in taken.quotes} == {date(2020, 3, 2)}


def test_a_name_without_a_quote_today_keeps_its_last_close_and_its_age(store: BarStore) -> None:
    taken = ReplayTape(store).snapshot(beijing(date(2020, 4, 28), 10), ["000783.SZ"], history_days=5)
    assert [(quote.trading_day, quote.last) for quote in taken.quotes] == [(date(2020, 4, 27), 61_700)]


def test_before_the_first_session_there_is_no_snapshot(store: BarStore) -> None:
    with pytest.raises(DataError, match="nothing is known yet"):
        ReplayTape(store).snapshot(beijing(date(2020, 1, 1), 10), ["000338.SZ"], history_days=5)


def test_an_unknown_name_is_refused(store: BarStore) -> None:
    with pytest.raises(DataError, match=r"has no 600519\.SH"):
        ReplayTape(store).snapshot(beijing(date(2020, 3, 2), 10), ["600519.SH"], history_days=5)


def test_a_window_without_sessions_is_refused(store: BarStore) -> None:
    with pytest.raises(DataError, match="no session between 2030"):
        ReplayTape(store, start=date(2030, 1, 1), end=date(2030, 2, 1))
