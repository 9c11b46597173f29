"""Screening a market: each filter by example, the two readings of it (snapshot, table of quotes) held to one answer."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis import (
    RANKINGS,
    Filters,
    features,
    screen,
    screen_market,
    screen_quotes,
    sessions_needed,
)
from engine.analysis.screening import best
from engine.core.errors import ConfigError
from engine.core.instrument import Board, Instrument
from engine.core.market import Quote
from engine.core.units import Market
from engine.exchange import board_of, name_flags
from engine.feeds.sim import SimTape
from engine.feeds.source import QUOTE_TABLE
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

TODAY = date(2026, 7, 8)
NOON = datetime(2026, 7, 8, 4, tzinfo=UTC)
OLD = date(2015, 1, 5)


def row(symbol: str, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "symbol": symbol,
        "name": "平安银行",
        "trading_day": TODAY,
        "known_at": NOON,
        "last": 101_000,
        "pre_close": 100_000,
        "open": 100_000,
        "high": 102_000,
        "low": 99_000,
        "volume": 1_000,
        "amount": 101_000_000,
        "bid": 100_900,
        "ask": 101_000,
        "bid_size": 100,
        "ask_size": 100,
        "limit_up": 110_000,
        "limit_down": 90_000,
        "suspended": False,
        "source": "test",
        "industry": "银行",
        "turnover_ppm": 10_000,
        "float_cap": 10**9,
        "list_date": OLD,
    }
    return made | changes


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=QUOTE_TABLE)


def pictured(quotes: pl.DataFrame) -> Snapshot:
    """The same market as a snapshot: instruments as the master would have them, no bars."""
    instruments, found = [], []
    for item in quotes.iter_rows(named=True):
        flags, board = name_flags(item["name"]), board_of(item["symbol"], Market.ASHARE)
        named = {"industry": item["industry"], "list_date": item["list_date"], "special_treatment": flags.special_treatment}
        instruments.append(Instrument(item["symbol"], Market.ASHARE, board, item["name"], delisting=flags.delisting, **named))
        kept = {k: v for k, v in item.items() if k not in ("industry", "float_cap", "list_date", "turnover_ppm")}
        found.append(Quote(**kept, turnover_ppm=item["turnover_ppm"] or 0))
    return freeze(
        as_of=NOON,
        market=Market.ASHARE,
        trading_day=TODAY,
        source="test",
        instruments=instruments,
        quotes=found,
        bars=pl.DataFrame(schema=BAR_SCHEMA),
    )


def both(quotes: pl.DataFrame, filters: Filters, *, top: int = 10) -> tuple[str, ...]:
    """What both readings choose by amount; they must agree."""
    from_table = screen_quotes(quotes, market=Market.ASHARE, day=TODAY, top=top, by="amount", filters=filters)
    amounts = dict(zip(quotes["symbol"].to_list(), map(float, quotes["amount"].to_list()), strict=True))
    assert best(pictured(quotes), amounts, top=top, order="largest", filters=filters) == from_table
    return from_table


KEPT = row("000001.SZ")


@pytest.mark.parametrize(
    ("other", "filters"),
    [
        (row("000002.SZ", name="*ST平安"), Filters()),
        (row("000002.SZ", name="XDST平安"), Filters()),
        (row("000002.SZ", name="平安退"), Filters(special_treatment=True)),
        (row("000002.SZ", name="退市平安"), Filters(special_treatment=True)),
        (row("000002.SZ", suspended=True), Filters()),
        (row("000002.SZ", last=0), Filters()),
        (row("000002.SZ", trading_day=TODAY - timedelta(days=1)), Filters()),
        (row("000002.SZ", list_date=TODAY - timedelta(days=89)), Filters()),
        (row("000002.SZ", list_date=date(2026, 6, 10)), Filters(listed_sessions=21)),
        (row("000002.SZ", last=110_000), Filters(locked=False)),
        (row("000002.SZ", last=90_000), Filters(locked=False)),
        (row("000002.SZ", last=110_000, limit_up=0, limit_down=0), Filters(locked=False)),
        (row("000002.SZ", last=100_999), Filters(lowest_price=101_000)),
        (row("000002.SZ", last=101_001), Filters(highest_price=101_000)),
        (row("688001.SH"), Filters(boards=frozenset({Board.MAIN_SZ}))),
        (row("000002.SZ", industry="地产"), Filters(industries=frozenset({"银行"}))),
    ],
)
def test_each_filter_leaves_out_its_own(other: dict[str, Any], filters: Filters) -> None:
    assert both(table(KEPT, other), filters) == ("000001.SZ",)


@pytest.mark.parametrize(
    ("other", "filters"),
    [
        (row("000002.SZ", name="*ST平安"), Filters(special_treatment=True)),
        (row("000002.SZ", name="NIO股份"), Filters()),
        (row("000002.SZ", last=110_000), Filters()),
        (row("000002.SZ", last=110_000, open=0), Filters(locked=False)),
        (row("000002.SZ", list_date=date(2026, 6, 10)), Filters(listed_sessions=20)),
        (row("000002.SZ", list_date=None), Filters()),
        (row("000002.SZ", list_date=TODAY - timedelta(days=90)), Filters()),
        (row("688001.SH"), Filters(boards=frozenset({Board.MAIN_SZ, Board.STAR}))),
    ],
)
def test_and_nothing_else(other: dict[str, Any], filters: Filters) -> None:
    assert len(both(table(KEPT, other), filters)) == 2


@given(
    rows=st.lists(
        st.builds(
            row,
            st.sampled_from(["000001.SZ", "000002.SZ", "300001.SZ", "600001.SH", "688001.SH", "920001.BJ"]),
            name=st.sampled_from(
                ["平安银行", "*ST平安", "SST平安", "XD平安", "N平安", "C平安", "XDN*ST安", "NIO", "平安退", "S T平安", "STAR"]
            ),
            last=st.sampled_from([0, 95_000, 101_000, 105_000, 110_000, 120_000, 130_000, 90_000]),
            open=st.sampled_from([0, 100_000]),
            amount=st.integers(0, 3),
            suspended=st.booleans(),
            list_date=st.sampled_from([None, OLD, TODAY, date(2026, 6, 10), TODAY - timedelta(days=90)]),
            industry=st.sampled_from(["", "银行", "地产"]),
            limit_up=st.sampled_from([0, 110_000]),
        ),
        unique_by=lambda made: made["symbol"],
        max_size=6,
    ),
    filters=st.builds(
        Filters,
        special_treatment=st.booleans(),
        locked=st.booleans(),
        listed_sessions=st.sampled_from([0, 1, 2, 20, 60]),
        lowest_price=st.sampled_from([0, 100_000]),
        highest_price=st.sampled_from([0, 110_000]),
        boards=st.frozensets(st.sampled_from([Board.MAIN_SZ, Board.STAR, Board.BSE])),
        industries=st.frozensets(st.sampled_from(["银行", "地产"])),
    ),
    top=st.integers(1, 6),
)
@settings(max_examples=300, deadline=None)
def test_a_snapshot_and_a_table_of_the_same_market_are_screened_alike(
    rows: list[dict[str, Any]], filters: Filters, top: int
) -> None:
    both(table(*rows), filters, top=top)


@pytest.mark.parametrize(
    ("by", "best_first"),
    [
        ("amount", ("000003.SZ", "000002.SZ", "000001.SZ")),
        ("volume", ("000001.SZ", "000002.SZ", "000003.SZ")),
        ("change", ("000002.SZ", "000001.SZ", "000003.SZ")),
        ("turnover_rate", ("000002.SZ", "000003.SZ")),
        ("float_cap", ("000001.SZ", "000002.SZ", "000003.SZ")),
    ],
)
def test_a_market_is_ranked_by_any_figure_its_quotes_have(by: str, best_first: tuple[str, ...]) -> None:
    quotes = table(
        row("000001.SZ", amount=1, volume=9, last=101_000, turnover_ppm=None),
        row("000002.SZ", amount=2, volume=8, last=102_000, turnover_ppm=9),
        row("000003.SZ", amount=3, volume=7, last=99_000, turnover_ppm=8),
    )
    options: dict[str, Any] = {"market": Market.ASHARE, "day": TODAY, "top": 3}
    assert screen_quotes(quotes, by=by, **options) == best_first
    if by != "float_cap":
        assert screen_quotes(quotes, by=by, order="smallest", **options) == tuple(reversed(best_first))


def test_a_figure_that_quotes_do_not_have_is_refused() -> None:
    for by in ("luck", "name", "rsi_14"):
        with pytest.raises(ConfigError, match="cannot rank by"):
            screen_quotes(table(KEPT), market=Market.ASHARE, day=TODAY, top=1, by=by)


# -- a whole snapshot --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market() -> Snapshot:
    tape = SimTape(seed=5, size=150, start=date(2026, 3, 2), sessions=1, history=80)
    noon = datetime(2026, 3, 2, 4, tzinfo=UTC)
    return tape.snapshot(noon, [item.symbol for item in tape.instruments()], history_days=80)


@pytest.mark.parametrize("by", [name for name in RANKINGS if name != "turnover_rate"])
@pytest.mark.parametrize("order", ["largest", "smallest"])
def test_the_one_figure_of_all_ranks_as_all_figures_of_all(market: Snapshot, by: str, order: Any) -> None:
    whole = screen(market, features(market), top=20, by=by, order=order)
    assert screen_market(market, top=20, by=by, order=order) == whole
    assert whole


@pytest.mark.parametrize("by", [name for name in RANKINGS if sessions_needed(name)])
def test_a_figure_needs_no_more_sessions_than_it_says(market: Snapshot, by: str) -> None:
    """With only so many sessions of each name the ranking is the same: a market can be screened before its history."""
    needed = sessions_needed(by)
    daily = market.bars.filter(pl.col("interval") == "1d")
    days = sorted(daily["trading_day"].unique())
    traded = daily.filter(pl.col("trading_day") >= days[-needed]).group_by("symbol").len().filter(pl.col("len") == needed)["symbol"]
    steady = replace(market, quotes=tuple(q for q in market.quotes if q.symbol in set(traded)))
    shallow = replace(steady, bars=market.bars.filter(pl.col("trading_day") >= days[-needed]))
    assert screen_market(shallow, top=30, by=by) == screen_market(steady, top=30, by=by)


def test_features_of_some_are_those_of_all(market: Snapshot) -> None:
    whole = features(market)
    some = [item.symbol for item in market.instruments[::7]]
    assert features(market, [*some, "999999.SH"]) == {symbol: whole[symbol] for symbol in some}


def test_a_market_without_any_history_yet_is_ranked_by_the_session_so_far(market: Snapshot) -> None:
    """A live desk on a new store has quotes and no bars; before the open, when nothing has traded, it has no candidates."""
    bare = replace(market, bars=market.bars.clear())
    traded = sorted(((q.amount, q.symbol) for q in bare.quotes), key=lambda pair: (-pair[0], pair[1]))
    filters = Filters(special_treatment=True)
    offered = screen_market(bare, top=200, by="amount", filters=filters)
    assert list(offered) == [symbol for _, symbol in traded if symbol in set(offered)]
    assert len(offered) > 100
    silent = replace(bare, quotes=tuple(replace(q, amount=0, volume=0) for q in bare.quotes))
    assert screen_market(silent, top=200, by="amount") == screen_market(silent, top=200, by="volume") == ()


def test_the_few_names_that_have_a_history_do_not_keep_all_others_out(market: Snapshot) -> None:
    """Bars come first to those a live desk has chosen: less than half of the names decide nothing, until the market has traded not
    at all today."""
    filters = Filters(special_treatment=True)
    by_session = screen_market(market, top=5, by="amount", order="smallest", filters=filters)
    few = replace(market, bars=market.bars.filter(pl.col("symbol").is_in(list(by_session))))
    chosen = screen_market(few, top=200, by="amount", filters=filters)
    assert chosen == screen_market(replace(market, bars=market.bars.clear()), top=200, by="amount", filters=filters)
    assert len(chosen) > 100
    silent = replace(few, quotes=tuple(replace(quote, amount=0, volume=0) for quote in few.quotes))
    assert set(screen_market(silent, top=200, by="amount", filters=filters)) == set(by_session)
