"""Features and screening of a snapshot: adjusted, point in time, and the tradable names best first."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from engine.analysis import FEATURE_NAMES, Features, features, screen
from engine.analysis import indicators as ind
from engine.core.errors import ConfigError
from engine.core.instrument import Board, Instrument
from engine.core.market import Quote
from engine.core.units import Market
from engine.feeds import ReplayTape
from engine.store.bars import BarStore
from engine.store.sample import sample_dir
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

TODAY = date(2020, 6, 16)
NOW = datetime(2020, 6, 16, 2, tzinfo=UTC)


def share(symbol: str, **other: object) -> Instrument:
    facts = {"board": Board.MAIN_SZ, "name": "平安银行", "list_date": date(1991, 4, 3), **other}
    return Instrument(symbol=symbol, market=Market.ASHARE, **facts)  # type: ignore[arg-type]


def quote(symbol: str, **other: object) -> Quote:
    facts = {"name": "", "trading_day": TODAY, "known_at": NOW, "last": 100_000, "pre_close": 100_000, "open": 100_000}
    facts |= {"high": 100_000, "low": 100_000, "volume": 0, "amount": 0, "source": "test", **other}
    return Quote(symbol=symbol, **facts)  # type: ignore[arg-type]


def days(symbol: str, closes: list[int], *, factors: list[int] | None = None, volume: int = 1_000) -> list[dict[str, object]]:
    """Bars on consecutive days up to yesterday, high and low one cent around the close."""
    rows = []
    for place, close in enumerate(closes):
        day = TODAY - timedelta(days=len(closes) - place)
        known_at = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
        rows.append(
            {
                "symbol": symbol,
                "interval": "1d",
                "trading_day": day,
                "start": known_at - timedelta(hours=5),
                "known_at": known_at,
                "open": close,
                "high": close + 100,
                "low": close - 100,
                "close": close,
                "volume": volume,
                "amount": close * volume,
                "pre_close": close,
                "factor_ppm": (factors or [1_000_000] * len(closes))[place],
            }
        )
    return rows


def picture(instruments: list[Instrument], quotes: list[Quote], bars: list[dict[str, object]]) -> Snapshot:
    return freeze(
        as_of=NOW,
        market=Market.ASHARE,
        trading_day=TODAY,
        source="test",
        instruments=instruments,
        quotes=quotes,
        bars=pl.DataFrame(bars, schema=BAR_SCHEMA),
    )


def test_figures_are_those_of_the_indicators() -> None:
    rising = [100_000 + 100 * place**2 for place in range(70)]
    found = features(picture([share("A.SZ")], [quote("A.SZ", pre_close=rising[-1])], days("A.SZ", rising)))["A.SZ"]
    closes = np.array([rising]) / 10_000
    assert found.sessions == 70
    assert found.rsi_14 == pytest.approx(ind.rsi(closes, 14)[0, -1])
    assert found.sma_60 == pytest.approx(closes[0, -60:].mean())
    assert found.macd_signal == pytest.approx(ind.macd(closes).signal[0, -1])
    assert found.return_20 == pytest.approx(100 * (closes[0, -1] / closes[0, -21] - 1))
    assert (found.high_20, found.low_20) == (pytest.approx(closes[0, -1] + 0.01), pytest.approx(closes[0, -20] - 0.01))
    assert (found.breakout_20, found.volume_ratio) == (1.0, pytest.approx(1.0))
    assert (found.last_amount, found.last_volume) == (pytest.approx(closes[0, -1] * 1_000), 1_000.0)


def test_a_short_history_leaves_figures_empty() -> None:
    found = features(picture([share("A.SZ")], [], days("A.SZ", [100_000, 101_000])))["A.SZ"]
    assert (found.sessions, found.return_1) == (2, pytest.approx(1.0))
    assert (found.return_5, found.rsi_14, found.sma_5, found.breakout_20) == (None, None, None, None)


def test_a_share_without_bars_has_no_figures() -> None:
    assert features(picture([share("A.SZ")], [], [])) == {"A.SZ": Features(0)}


def test_a_dividend_is_not_a_loss() -> None:
    """Close 10.00, then ex 10派5元 at 9.50: the factor says that nothing was lost."""
    factors = [1_000_000] * 5 + [1_052_632]
    found = features(picture([share("A.SZ")], [], days("A.SZ", [100_000] * 5 + [95_000], factors=factors)))["A.SZ"]
    assert found.return_1 == pytest.approx(0.0, abs=1e-4)
    assert found.return_5 == pytest.approx(0.0, abs=1e-4)
    assert found.sma_5 == pytest.approx(9.5, rel=1e-5)


def test_on_the_morning_of_an_ex_date_levels_are_on_today_s_basis() -> None:
    found = features(picture([share("A.SZ")], [quote("A.SZ", pre_close=95_000)], days("A.SZ", [100_000] * 6)))["A.SZ"]
    assert found.sma_5 == pytest.approx(9.5)
    assert found.return_5 == pytest.approx(0.0)


def test_a_missing_day_is_not_taken_for_an_ex_date() -> None:
    """B has a bar of yesterday and A has none: A's reference price against its older close holds a day's move as well."""
    bars = days("A.SZ", [100_000] * 7)[:-1] + days("B.SZ", [100_000] * 7)
    found = features(picture([share("A.SZ"), share("B.SZ")], [quote("A.SZ", pre_close=90_000)], bars))["A.SZ"]
    assert found.sma_5 == pytest.approx(10.0)


def test_features_see_whole_sessions_only() -> None:
    tape = ReplayTape(BarStore.load(sample_dir()))
    symbols = [item.symbol for item in tape.instruments()]
    morning, noon = (datetime(2020, 3, 2, hour, 40, tzinfo=UTC) for hour in (1, 4))
    assert features(tape.snapshot(morning, symbols, history_days=60)) == features(tape.snapshot(noon, symbols, history_days=60))


def test_every_name_of_the_sample_has_every_figure_by_june() -> None:
    tape = ReplayTape(BarStore.load(sample_dir()))
    symbols = [item.symbol for item in tape.instruments()]
    found = features(tape.snapshot(datetime(2020, 6, 16, 6, tzinfo=UTC), symbols, history_days=120))
    assert set(found) == set(symbols)
    for symbol, row in found.items():
        assert None not in [getattr(row, name) for name in FEATURE_NAMES], symbol


# -- screening ---------------------------------------------------------------------------------------------------------------


def three() -> Snapshot:
    symbols = ("A.SZ", "B.SZ", "C.SZ")
    bars = [row for place, symbol in enumerate(symbols) for row in days(symbol, [100_000] * 3, volume=1_000 * (place + 1))]
    moves = {"A.SZ": 105_000, "B.SZ": 99_000, "C.SZ": 101_000}
    return picture([share(symbol) for symbol in symbols], [quote(symbol, last=moves[symbol]) for symbol in symbols], bars)


@pytest.mark.parametrize(
    ("by", "best"),
    [
        ("amount", ("C.SZ", "B.SZ", "A.SZ")),
        ("volume", ("C.SZ", "B.SZ", "A.SZ")),
        ("change", ("A.SZ", "C.SZ", "B.SZ")),
        ("return_1", ("A.SZ", "B.SZ", "C.SZ")),
    ],
)
def test_names_are_ranked_best_first_and_equals_by_symbol(by: str, best: tuple[str, ...]) -> None:
    snapshot = three()
    assert screen(snapshot, features(snapshot), top=3, by=by) == best
    assert screen(snapshot, features(snapshot), top=2, by=by) == best[:2]


def test_an_unknown_figure_is_refused_by_name() -> None:
    snapshot = three()
    with pytest.raises(ConfigError, match="cannot rank by 'luck'; known figures: amount, volume, change"):
        screen(snapshot, features(snapshot), top=3, by="luck")


@pytest.mark.parametrize(
    ("instrument", "changes"),
    [
        (share("A.SZ", special_treatment=True), {}),
        (share("A.SZ", delisting=True), {}),
        (share("A.SZ", list_date=TODAY - timedelta(days=89)), {}),
        (share("A.SZ"), {"suspended": True}),
        (share("A.SZ"), {"last": 0}),
        (share("A.SZ"), {"trading_day": TODAY - timedelta(days=1)}),
    ],
)
def test_what_cannot_be_traded_is_not_offered(instrument: Instrument, changes: dict[str, object]) -> None:
    bars = days("A.SZ", [100_000] * 3)
    barred = picture([instrument], [quote("A.SZ", **changes)], bars)
    assert screen(barred, features(barred), top=3, by="amount") == ()
    plain = picture([share("A.SZ")], [quote("A.SZ")], bars)
    assert screen(plain, features(plain), top=3, by="amount") == ("A.SZ",)


def test_a_name_without_the_figure_or_without_a_quote_is_not_offered() -> None:
    snapshot = three()
    assert screen(snapshot, features(snapshot), top=3, by="rsi_14") == ()
    silent = dataclasses.replace(snapshot, quotes=snapshot.quotes[1:])
    assert screen(silent, features(silent), top=3, by="amount") == ("C.SZ", "B.SZ")
