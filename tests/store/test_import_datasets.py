"""Real datasets of every market go into the store with every row accounted for, and come out figure by figure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from engine.core.instrument import Board
from engine.core.units import UNITS, Market
from engine.store.importing import Plan, import_file
from engine.store.market import Fault, MarketStore, Reason, check_market
from tests.store.market_worlds import NOW

DATASETS = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
ASHARE, CRYPTO, US = Market.ASHARE, Market.CRYPTO, Market.US
PAIRS = ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE"]


def dataset(name: str) -> Path:
    path = DATASETS / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"the shared dataset {name} is not on this machine")
    return path


FILES = [
    ("ashare_5m", ASHARE, "5m", {}, {}),
    ("ashare_15m", ASHARE, "15m", {}, {}),
    ("ashare_1m_600519", ASHARE, "1m", {"EMPTY": 964}, {}),
    ("index_daily", ASHARE, "1d", {"PRICE": 11}, {}),
    ("ashare_security_master", ASHARE, "securities", {}, {"as_of": date(2026, 5, 31), "taxonomy": "tushare"}),
    ("crypto_perp_5m", CRYPTO, "5m", {}, {}),
    ("crypto_perp_15m", CRYPTO, "15m", {}, {}),
    ("crypto_perp_1h", CRYPTO, "1h", {}, {}),
    ("crypto_perp_4h", CRYPTO, "4h", {}, {}),
    ("crypto_perp_1d", CRYPTO, "1d", {}, {}),
    ("crypto_funding_8h", CRYPTO, "funding", {}, {}),
    ("crypto_open_interest_1h_bybit", CRYPTO, "open_interest", {}, {}),
    ("crypto_open_interest_4h_binance", CRYPTO, "open_interest", {}, {}),
    ("us_daily_adj", US, "1d", {}, {"basis": "split+dividend"}),
    ("us_60m_ndx100", US, "1h", {}, {}),
]


@pytest.mark.parametrize(("name", "market", "table", "refused", "more"), FILES, ids=[entry[0] for entry in FILES])
def test_every_row_is_kept_or_told(
    tmp_path: Path, name: str, market: Market, table: str, refused: dict[str, int], more: dict[str, object]
) -> None:
    path = dataset(name)
    done = import_file(path, tmp_path, Plan(market, name, **more), now=NOW.replace(year=2027))  # type: ignore[arg-type]
    assert (done.table, done.rows) == (table, pl.scan_parquet(path).select(pl.len()).collect().item())
    assert done.kept + done.refused == done.rows and done.known == 0
    store = MarketStore.open(tmp_path, market)
    assert dict(store.quarantined()["reason"].value_counts().iter_rows()) == refused
    if table != "securities":
        (line,) = [line for line in store.inventory() if line.name == table]
        assert line.rows == done.kept


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The security master, then three years of daily bars."""
    home = tmp_path_factory.mktemp("shares")
    plan = Plan(ASHARE, "master", as_of=date(2026, 8, 1), taxonomy="tushare")
    import_file(dataset("ashare_security_master"), home, plan, now=NOW.replace(year=2027))
    done = import_file(dataset("ashare_daily"), home, Plan(ASHARE, "daily"), now=NOW)
    assert (done.rows, done.kept + done.refused) == (239_115, 239_115)
    return home


def test_of_three_years_of_shares_only_suspended_days_and_special_days_are_refused(shares: Path) -> None:
    refused = MarketStore.open(shares, ASHARE).quarantined()
    counted = dict(refused["reason"].value_counts().iter_rows())
    assert counted.pop(Reason.SUSPENDED) == 324
    assert set(counted) <= {Reason.BEYOND_LIMIT.value} and sum(counted.values()) <= 3, "first days are known from the master"
    flaws = check_market(shares, ASHARE)
    assert not [flaw for flaw in flaws if flaw.fault in (Fault.DAMAGED, Fault.GAP)]


def test_shares_come_out_figure_by_figure(shares: Path) -> None:
    source = pl.read_parquet(dataset("ashare_daily")).filter(
        pl.col("symbol").is_in(["600519.SH", "300750.SZ"]), ~pl.col("suspended")
    )
    read = (
        MarketStore.open(shares, ASHARE)
        .as_of(NOW)
        .bars(["600519.SH", "300750.SZ"], "1d", first=date(2022, 1, 1), last=date(2025, 12, 31))
    )
    assert read.height == source.height
    both = source.sort("symbol", "date")
    for name in ("open", "high", "low", "close", "pre_close", "amount"):
        assert (read[name] == (both[name] * 10_000).round(0).cast(pl.Int64)).all(), name
    assert (read["volume"] == both["volume"]).all()
    assert (read["factor_ppm"] == (both["adj_factor"] * 1_000_000).round(0).cast(pl.Int64)).all()


def test_marks_of_shares_are_those_of_their_day(shares: Path) -> None:
    flags = pl.read_parquet(dataset("ashare_daily")).filter(pl.col("is_st").is_not_null())
    day = flags.filter(pl.col("is_st"))["date"].max()
    if not isinstance(day, date):
        pytest.skip("no share of the dataset is flagged")
    treated = set(flags.filter((pl.col("date") == day) & pl.col("is_st"))["symbol"])
    named = {
        item.symbol: item
        for item in MarketStore.open(shares, ASHARE).as_of(datetime(day.year, day.month, day.day, 3, tzinfo=UTC)).instruments()
    }
    assert treated and all(named[symbol].special_treatment for symbol in treated)


def test_three_minutes_are_made_of_three_whole_minutes(tmp_path: Path) -> None:
    path = dataset("crypto_perp_1m")
    done = import_file(path, tmp_path, Plan(CRYPTO, "1m", board=Board.PERP, resample=("3m", "15m", "4h")), now=NOW)
    assert (done.rows, done.kept, done.refused) == (146_590, 146_590, 0)
    known = MarketStore.open(tmp_path, CRYPTO).as_of(NOW)
    scale = UNITS[CRYPTO].price
    source = pl.read_parquet(path).with_columns(
        symbol=pl.col("symbol") + ".BINANCE",
        **{name: (pl.col(name) * scale).round(0).cast(pl.Int64) for name in ("open", "high", "low", "close")},
    )
    for interval, minutes in (("3m", 3), ("15m", 15), ("4h", 240)):
        groups = (
            source.sort("symbol", "ts")
            .group_by_dynamic("ts", every=f"{minutes}m", group_by="symbol")
            .agg(pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.len())
            .filter(pl.col("len") == minutes)
        )
        read = known.bars(PAIRS, interval, first=date(2025, 5, 1), last=date(2025, 6, 30))
        assert read.height == groups.height
        assert (
            read.select("symbol", "open", "high", "low", "close").rows()
            == groups.select("symbol", "open", "high", "low", "close").rows()
        )
        written = dict(done.made)[interval]
        assert written.kept == groups.height and written.refused >= 1, "the first and last group are cut"


def test_five_minutes_make_the_fifteen_minutes_of_the_vendor(tmp_path: Path) -> None:
    import_file(dataset("crypto_perp_5m"), tmp_path / "made", Plan(CRYPTO, "5m", resample=("15m",)), now=NOW.replace(year=2027))
    import_file(dataset("crypto_perp_15m"), tmp_path / "told", Plan(CRYPTO, "15m"), now=NOW.replace(year=2027))
    span = {"first": date(2025, 12, 28), "last": date(2026, 1, 28)}
    made, told = (
        MarketStore.open(tmp_path / name, CRYPTO).as_of(NOW.replace(year=2027)).bars(PAIRS, "15m", **span)
        for name in ("made", "told")
    )
    columns = ["symbol", "start", "known_at", "open", "high", "low", "close", "volume"]
    assert made.height > 9_000 and made.select(columns).equals(told.select(columns))


def test_adjusted_prices_say_so(tmp_path: Path) -> None:
    import_file(dataset("us_daily_adj"), tmp_path, Plan(US, "us", basis="split+dividend"), now=NOW)
    store = MarketStore.open(tmp_path, US)
    assert store.as_of(NOW).basis(["AAPL.US"], "1d") == {"AAPL.US": "split+dividend"}
    assert store.inventory()[0].adjusted == 87
    assert store.as_of(NOW).daily(["AAPL.US"], 5).height == 5
