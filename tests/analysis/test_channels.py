"""The two channels: figures from whole bars of one interval, exact prices for levels, and nobody read from old data unmarked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from engine.analysis import fast_channel, length_of, slow_channel
from engine.core.instrument import Board, Instrument
from engine.core.units import UNITS, Market
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"
START = datetime(2025, 5, 10, tzinfo=UTC)
Path = Callable[[int], float]


def snapshot(paths: dict[str, Path], interval: str = "3m", bars: int = 80, late: int = 0, factor: Path = lambda n: 1.0) -> Snapshot:
    """Bars that follow `paths`, each one unit high and low around the close; the last of ETH `late` bars earlier."""
    length = length_of(interval)
    rows = []
    for symbol, path in paths.items():
        for n in range(bars - (late if symbol == ETH else 0)):
            close = round(path(n) * 10**8)
            known = START + (n + 1) * length
            prices = (close, close + 10**8, close - 10**8, close)
            rest = ((n + 1) * 10**8, 10**8, 0, round(factor(n) * 10**6))
            rows.append((symbol, interval, START.date(), known - length, known, *prices, *rest))
    frame = pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")
    listed = [Instrument(symbol, Market.CRYPTO, Board.SPOT, symbol, tick=10**6) for symbol in paths]
    as_of = START + bars * length
    return freeze(
        as_of=as_of, market=Market.CRYPTO, trading_day=date(2025, 5, 10), source="test", instruments=listed, quotes=[], bars=frame
    )


def rising(n: int) -> float:
    return 1_000.0 + 2 * n


def falling(n: int) -> float:
    return 1_000.0 - 2 * n


def test_the_slow_channel_tells_rising_from_falling_and_between_which_prices():
    channel = slow_channel(snapshot({BTC: rising, ETH: falling}, "4h"), "4h")
    up, down = channel.figures[BTC], channel.figures[ETH]
    assert (up["trend"], down["trend"]) == ("2", "-2")
    assert (up["rsi_14"], down["rsi_14"]) == ("100", "0")
    last = rising(79)
    assert up["return_6"] == f"{100 * (last / rising(73) - 1):.2f}"
    assert (up["support"], up["resistance"]) == ("1119.00", "1159.00")  # lowest low and highest high of bars 60 to 79


def test_the_fast_channel_tells_a_breakout_the_micro_trend_and_where_in_its_band_a_name_stands():
    channel = fast_channel(snapshot({BTC: rising, ETH: falling}), "3m")
    up, down = channel.figures[BTC], channel.figures[ETH]
    assert (up["breakout"], down["breakout"]) == ("1", "-1")
    assert (up["micro_trend"], down["micro_trend"]) == ("5", "-5")
    assert up["band"] is not None and down["band"] is not None
    assert float(up["band"]) > 50 > float(down["band"])
    assert up["volume_ratio"] == f"{80 / 69.5:.1f}"  # bar 80 over the mean of 60 to 79


def test_a_name_without_enough_bars_has_gaps_and_not_guesses():
    figures = slow_channel(snapshot({BTC: rising}, "4h", bars=10), "4h").figures[BTC]
    assert figures["return_6"] is not None and figures["return_30"] is None and figures["support"] is None


def test_one_bar_is_enough_to_know_nothing():
    one = snapshot({BTC: rising}, "4h", bars=1)
    assert set(slow_channel(one, "4h").figures[BTC].values()) == {None}
    assert fast_channel(snapshot({BTC: rising}, bars=1), "3m").figures[BTC]["breakout"] is None


def test_levels_lie_on_the_price_grid():
    found = slow_channel(snapshot({BTC: lambda n: 1_000 + n / 7}, "4h"), "4h").figures[BTC]
    assert isinstance(found["support"], str) and len(found["support"].partition(".")[2]) == 2


def test_a_split_is_no_fall():
    halved = snapshot({BTC: lambda n: 1_000.0 if n < 70 else 500.0}, "4h", factor=lambda n: 1.0 if n < 70 else 2.0)
    figures = slow_channel(halved, "4h").figures[BTC]
    assert figures["return_30"] == "0.00"


@pytest.mark.parametrize(("late", "stale"), [(0, False), (2, False), (3, True)])
def test_a_name_more_than_two_bars_behind_is_stale(late: int, stale: bool):
    channel = fast_channel(snapshot({BTC: rising, ETH: rising}, late=late), "3m")
    assert (ETH in channel.stale) is stale and BTC not in channel.stale


def test_without_bars_of_the_interval_everybody_is_stale_and_nothing_is_known():
    channel = fast_channel(snapshot({BTC: rising}, "4h"), "3m")
    assert channel.stale == {BTC} and channel.figures == {BTC: {}}


def test_the_order_of_names_and_the_prices_unit_do_not_matter():
    both = fast_channel(snapshot({BTC: rising, ETH: falling}), "3m")
    alone = fast_channel(snapshot({ETH: falling}), "3m")
    assert both.figures[ETH] == alone.figures[ETH]
    assert UNITS[Market.CRYPTO].price == 10**8


@pytest.mark.parametrize("text", ["", "3", "m", "0m", "3s", "-3m", "3m4h"])
def test_an_interval_that_is_none_is_refused(text: str):
    with pytest.raises(ValueError, match="not an interval"):
        length_of(text)


def test_intervals_have_lengths():
    assert [length_of(text) for text in ("3m", "4h", "1d")] == [timedelta(minutes=3), timedelta(hours=4), timedelta(days=1)]
