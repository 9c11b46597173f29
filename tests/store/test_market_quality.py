"""What may not enter the store: each kind of bad bar is refused with its reason and kept aside, and its neighbours go in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import RuleUnknown
from engine.core.instrument import Instrument
from engine.core.units import Market
from engine.exchange import board_of, calendar, price_limits, sessions_listed
from engine.store.market import SECURITIES, SECURITY_SCHEMA, Fault, MarketStore, Reason, check_market
from engine.store.market.price_bounds import price_bounds
from engine.store.market.securities import folded
from engine.store.snapshot import BAR_SCHEMA
from tests.store.market_worlds import FIRST_DAY, LAST_DAY, NOW, SHARES, daily_bars, pair_bars, security

DAY = date(2024, 2, 1)
ONE = ("600519.SH",)
ROW = daily_bars(ONE).filter(pl.col("trading_day") == DAY)


def refused(
    home: Path, bars: pl.DataFrame, interval: str = "1d", market: Market = Market.ASHARE, **more: str
) -> list[tuple[str, int]]:
    """Reasons and how often, of bars written to a new store."""
    store = MarketStore.open(home, market)
    written = store.write_bars(bars.cast(BAR_SCHEMA), interval, source="test", now=NOW, **more)
    assert written.kept + written.known + written.refused == bars.height, "no row is lost"
    quarantined = store.quarantined()
    assert quarantined.height == written.refused
    return sorted(quarantined["reason"].value_counts().iter_rows())


def changed(**figures: object) -> pl.DataFrame:
    """The good bar of one day with some figures changed, beside the good bars of the other days."""
    wrong = ROW.with_columns(**{name: pl.lit(value).cast(BAR_SCHEMA[name]) for name, value in figures.items()})
    return pl.concat([daily_bars(ONE).filter(pl.col("trading_day") != DAY), wrong])


def test_honest_bars_go_in(tmp_path: Path) -> None:
    assert refused(tmp_path, daily_bars()) == []


LOW, HIGH, VOLUME, AMOUNT, CLOSE = (ROW[name].item() for name in ("low", "high", "volume", "amount", "close"))


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"close": None}, Reason.EMPTY),
        ({"known_at": None}, Reason.EMPTY),
        ({"symbol": "BTCUSDT.BINANCE"}, Reason.SYMBOL),
        ({"symbol": "600519"}, Reason.SYMBOL),
        ({"open": 0}, Reason.PRICE),
        ({"low": -100}, Reason.PRICE),
        ({"high": LOW - 100}, Reason.PRICE),
        ({"low": HIGH + 100}, Reason.PRICE),
        ({"factor_ppm": 0}, Reason.PRICE),
        ({"pre_close": -1}, Reason.PRICE),
        ({"pre_close": 2**62}, Reason.PRICE),
        ({"volume": -1}, Reason.VOLUME),
        ({"amount": -1}, Reason.VOLUME),
        ({"volume": VOLUME // 100}, Reason.UNIT),
        ({"volume": VOLUME * 100}, Reason.UNIT),
        ({"amount": AMOUNT // 10_000}, Reason.UNIT),
        ({"trading_day": date(2024, 2, 3)}, Reason.OFF_CALENDAR),
        ({"trading_day": date(2099, 1, 5)}, Reason.OFF_CALENDAR),
        ({"start": datetime(2024, 2, 1, 23, tzinfo=UTC), "known_at": datetime(2024, 2, 2, tzinfo=UTC)}, Reason.OFF_CALENDAR),
        ({"known_at": datetime(2024, 1, 31, tzinfo=UTC)}, Reason.TIMES),
        ({"known_at": NOW + timedelta(days=1)}, Reason.FUTURE),
        ({"pre_close": CLOSE * 2}, Reason.BEYOND_LIMIT),
        ({"pre_close": CLOSE // 2}, Reason.BEYOND_LIMIT),
    ],
)
def test_a_bad_bar_is_refused_and_its_neighbours_are_not(tmp_path: Path, figures: dict[str, object], reason: Reason) -> None:
    assert refused(tmp_path, changed(**figures)) == [(reason.value, 1)]


def test_a_refused_row_can_be_read_with_its_reason_and_what_it_said(tmp_path: Path) -> None:
    refused(tmp_path, changed(high=LOW - 100))
    (row,) = MarketStore.open(tmp_path, Market.ASHARE).quarantined().to_dicts()
    assert (row["table"], row["symbol"], row["source"], row["reason"]) == ("1d", ONE[0], "test", "PRICE")
    assert json.loads(row["row"])["high"] == LOW - 100
    assert row["known_at"] == ROW["known_at"].item()


def test_an_unknown_amount_is_no_wrong_unit(tmp_path: Path) -> None:
    assert refused(tmp_path, changed(amount=0)) == []


def test_the_same_row_twice_is_kept_once_and_two_versions_are_both_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "same", pl.concat([daily_bars(ONE), ROW])) == [("DUPLICATE", 1)]
    other = ROW.with_columns(pl.col("volume") + 100, amount=pl.lit(0)).cast(BAR_SCHEMA)
    assert refused(tmp_path / "other", pl.concat([daily_bars(ONE), other])) == [("DUPLICATE", 2)]


def test_a_split_that_nothing_explains(tmp_path: Path) -> None:
    """A US share opens at a third of its close; with the reference price or the factor moved it is a split like any other."""
    known = calendar(Market.US)
    rows = []
    for number, day in enumerate(known.sessions(date(2024, 1, 2), date(2024, 1, 31))):
        session, price = known.session(day), 3_000_000 if number < 9 else 1_000_000
        figures = (price, price + 100, price - 100, price, 10**9, 0, 0, 1_000_000)
        rows.append(("AAPL.US", "1d", day, session.opens.astimezone(UTC), session.closes.astimezone(UTC), *figures))
    bars = pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")
    assert refused(tmp_path / "bare", bars, market=Market.US) == [("SPLIT", 1)]
    after = pl.col("trading_day") >= bars["trading_day"][9]
    factor = pl.when(after).then(3_000_000).otherwise(1_000_000)
    assert refused(tmp_path / "factor", bars.with_columns(factor_ppm=factor), market=Market.US) == []
    assert refused(tmp_path / "adjusted", bars, market=Market.US, basis="none of ours") == []
    pieces = MarketStore.open(tmp_path / "pieces", Market.US)
    pieces.write_bars(bars[:9], "1d", source="test", now=NOW)
    assert pieces.write_bars(bars[9:], "1d", source="test", now=NOW).refused == 1, "the bar before is the kept one"


def test_prices_off_the_grid_of_hours(tmp_path: Path) -> None:
    bars = pair_bars("1h", 2)
    late = bars.with_columns(known_at=pl.col("known_at") - pl.duration(minutes=1))
    assert refused(tmp_path, late, "1h", Market.CRYPTO) == [("TIMES", bars.height)]


# The price limits in columns, against the exchange room row by row ----------------------------------------------------------------

CODES = st.sampled_from(["600519.SH", "000001.SZ", "300750.SZ", "688981.SH", "920819.BJ", "600000.SH", "510300.SH", "113050.SH"])
DAYS = st.sampled_from(calendar(Market.ASHARE).sessions(date(2019, 1, 2), date(2026, 7, 31)))


@given(symbol=CODES, day=DAYS, pre_close=st.integers(60, 3_000_000), treated=st.booleans(), age=st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_limits_in_columns_are_those_of_the_exchange_room_for_a_share_without_marks(
    symbol: str, day: date, pre_close: int, treated: bool, age: int
) -> None:
    known = calendar(Market.ASHARE)
    opens = known.session(day).opens.astimezone(UTC)
    fact = security(symbol, opens - timedelta(days=60), listed=True, special_treatment=treated, list_date=day - timedelta(days=age))
    facts = pl.DataFrame([fact], schema=SECURITY_SCHEMA, orient="row")
    bar = ROW.with_columns(symbol=pl.lit(symbol), trading_day=pl.lit(day), start=pl.lit(opens), pre_close=pl.lit(pre_close))
    found = price_bounds(bar.cast(BAR_SCHEMA), folded(facts))
    board = board_of(symbol, Market.ASHARE)
    item = Instrument(symbol, Market.ASHARE, board, "", list_date=day - timedelta(days=age))
    try:
        expected = price_limits(item, day, pre_close, sessions_listed=sessions_listed(item, day))
    except RuleUnknown:
        expected = None
    if expected is None:
        assert found.is_empty()
    else:
        tick = 10 if board.value.startswith(("etf", "cb")) else 100
        assert found["limit_up"].item() == max(expected.up, pre_close + tick)
        assert found["limit_down"].item() == min(expected.down, pre_close - tick)


def test_a_first_day_has_no_limit_once_the_listing_is_known(tmp_path: Path) -> None:
    soared = changed(pre_close=CLOSE // 2)
    assert refused(tmp_path / "unknown", soared) == [("BEYOND_LIMIT", 1)]
    store = MarketStore.open(tmp_path / "known", Market.ASHARE)
    fact = security(ONE[0], datetime(2024, 1, 31, 16, tzinfo=UTC), list_date=DAY, listed=True)
    store.write_facts(SECURITIES, pl.DataFrame([fact], schema=SECURITY_SCHEMA, orient="row"), source="test", now=NOW)
    assert store.write_bars(soared, "1d", source="test", now=NOW).refused == 0


# check ----------------------------------------------------------------------------------------------------------------------------


def test_check_finds_holes_that_no_refusal_explains(tmp_path: Path) -> None:
    gone = daily_bars().filter(~((pl.col("symbol") == SHARES[1]) & (pl.col("trading_day").is_in([DAY, date(2024, 2, 2)]))))
    MarketStore.open(tmp_path, Market.ASHARE).write_bars(gone, "1d", source="test", now=NOW)
    (flaw,) = check_market(tmp_path, Market.ASHARE)
    assert (flaw.fault, flaw.symbol, flaw.count) == (Fault.GAP, SHARES[1], 2)


def test_a_hole_with_a_refused_row_in_it_is_told_once(tmp_path: Path) -> None:
    MarketStore.open(tmp_path, Market.ASHARE).write_bars(changed(high=LOW - 100), "1d", source="test", now=NOW)
    assert [flaw.fault for flaw in check_market(tmp_path, Market.ASHARE)] == [Fault.QUARANTINED]


def test_check_names_damaged_files(tmp_path: Path) -> None:
    MarketStore.open(tmp_path, Market.ASHARE).write_bars(daily_bars(), "1d", source="test", now=NOW)
    path = tmp_path / "market" / "ashare" / "1d" / "2024-02.bars"
    path.write_bytes(path.read_bytes()[:-7])
    (flaw,) = check_market(tmp_path, Market.ASHARE)
    assert flaw.fault is Fault.DAMAGED and "2024-02.bars" in flaw.detail


def test_check_finds_a_hole_in_an_endless_market(tmp_path: Path) -> None:
    bars = pair_bars("4h", 10).filter(pl.col("start") != datetime(2024, 1, 5, 8, tzinfo=UTC))
    MarketStore.open(tmp_path, Market.CRYPTO).write_bars(bars, "4h", source="test", now=NOW)
    assert {(flaw.fault, flaw.count) for flaw in check_market(tmp_path, Market.CRYPTO)} == {(Fault.GAP, 1)}


FIGURES = st.dictionaries(
    st.sampled_from(["open", "high", "low", "close", "volume", "amount", "pre_close", "factor_ppm"]),
    st.one_of(st.none(), st.integers(-(2**62), 2**62)),
    max_size=4,
)


@given(rows=st.lists(FIGURES, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_whatever_arrives_is_kept_or_refused_and_what_is_kept_is_sound(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    home = tmp_path_factory.mktemp("any")
    good = daily_bars(ONE).to_dicts()
    bad = pl.DataFrame([{**row, **figures} for row, figures in zip(good, rows, strict=False)], schema=BAR_SCHEMA, orient="row")
    store = MarketStore.open(home, Market.ASHARE)
    written = store.write_bars(bad, "1d", source="test", now=NOW)
    assert written.kept + written.refused == len(rows)
    kept = store.as_of(NOW).bars(ONE, "1d", first=FIRST_DAY, last=LAST_DAY)
    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    sound = (pl.col("high") >= pl.max_horizontal(prices)) & (pl.col("low") <= pl.min_horizontal(prices)) & (pl.col("low") > 0)
    assert kept.filter(~sound).is_empty() and not any(kept.null_count().row(0))
