"""Where the bars of a name lie: what plain slices of the table find is what a query over it would have found."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from engine.store.stretches import Stretch, cells, greatest, spans, stretches

START = datetime(2020, 1, 2, 7, tzinfo=UTC)
HELD = st.dictionaries(st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["1d", "5m", "60m"])), st.integers(1, 5))


def table(held: dict[tuple[str, str], int]) -> pl.DataFrame:
    rows = [
        (symbol, interval, date(2020, 1, 2) + timedelta(days=(7 * place) % 5), START + timedelta(days=place), 10 * place)
        for (symbol, interval), count in sorted(held.items())
        for place in range(count)
    ]
    return pl.DataFrame(rows, ("symbol", "interval", "trading_day", "known_at", "close"), orient="row")


def test_a_table_without_rows_has_no_stretch() -> None:
    found = stretches(pl.DataFrame(schema={"symbol": pl.String(), "interval": pl.String()}))
    assert found.runs == () and spans(found, "1d").symbols == [] and spans(found, "1d", {"A"}).ends.tolist() == []


def test_each_symbol_and_interval_is_a_stretch() -> None:
    found = stretches(table({("A", "1d"): 3, ("A", "5m"): 2, ("B", "1d"): 1}))
    assert found.runs == (Stretch("A", "1d", 3), Stretch("A", "5m", 2), Stretch("B", "1d", 1))


@given(HELD, st.sets(st.sampled_from("ABCXY")))
def test_a_span_holds_the_rows_of_its_name_and_interval(held: dict[tuple[str, str], int], wanted: set[str]) -> None:
    bars = table(held)
    found = spans(stretches(bars), "1d", wanted)
    assert found.symbols == sorted(symbol for symbol, interval in held if interval == "1d" and symbol in wanted)
    for symbol, start, end in zip(found.symbols, found.starts, found.ends, strict=True):
        own = bars.filter((pl.col("symbol") == symbol) & (pl.col("interval") == "1d"))
        assert cells(bars, "close")[start:end].tolist() == own["close"].to_list()
        assert cells(bars, "trading_day")[start:end].tolist() == own["trading_day"].to_list()


@given(HELD.filter(lambda held: any(interval == "1d" for _, interval in held)))
def test_the_greatest_of_each_span_is_of_its_own_rows(held: dict[tuple[str, str], int]) -> None:
    bars = table(held)
    own = bars.filter(pl.col("interval") == "1d").group_by("symbol", maintain_order=True).agg(pl.col("trading_day").max())
    found = greatest(spans(stretches(bars), "1d"), cells(bars, "trading_day"))
    assert found.tolist() == own["trading_day"].to_list() and found.dtype == np.dtype("datetime64[D]")
