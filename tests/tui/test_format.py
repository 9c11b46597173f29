"""Numbers and text as a person reads them, measured in cells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.charts.spark import spark
from tui.format import (
    age,
    cents,
    compact,
    countdown,
    fit,
    money,
    percent,
    price,
    reflow_json,
    sign_of,
    signed_cents,
    signed_money,
    stamp,
    tokens,
    trimmed,
    weight,
    wrap,
)

WORDS = st.text(alphabet=st.sampled_from("ab 贵州茅台，1.é"), max_size=60)


def test_prices_keep_their_places_and_show_a_dash_where_there_was_no_print() -> None:
    assert price(119_800, 10_000, 2) == "11.98"
    assert price(16_880_000, 10_000, 2) == "1688.00"
    assert price(0, 10_000, 2) == "-"


@pytest.mark.parametrize(
    ("ppm", "shown"),
    [(12_345, "+1.23"), (-3_700, "-0.37"), (0, "0.00"), (49, "0.00"), (50, "+0.01"), (-50, "-0.01"), (100_000, "+10.00")],
)
def test_percentages_are_signed_and_rounded_half_up(ppm: int, shown: str) -> None:
    assert percent(ppm) == shown


def test_large_numbers_are_counted_in_wan_and_yi_or_in_thousands_and_millions() -> None:
    assert compact(35_400_000_000 * 10_000 // 10, 10_000, "zh") == "35.4亿"
    assert compact(21_000, 1, "zh") == "2.1万"
    assert compact(48_123_400, 1, "zh") == "4812万"
    assert compact(9_999, 1, "zh") == "9999"
    assert compact(48_123_400, 1, "en") == "48.1M"
    assert compact(1_500, 1, "en") == "1.5K"
    assert compact(3_540_000_000, 1, "en") == "3.5B"


@given(st.integers(min_value=0, max_value=10**15), st.sampled_from(["en", "zh"]))
def test_a_compact_number_is_at_most_seven_cells(units: int, language: str) -> None:
    assert cell_len(compact(units, 1, language)) <= 8


def test_tables_round_coins_to_cents_and_never_show_less_than_nothing() -> None:
    assert cents("96751.49294232") == "96,751.49"
    assert cents("0.005") == "0.01"
    assert cents("-0.004") == "0.00"
    assert cents("no figure") == "no figure"
    assert signed_cents("1002.05573") == "+1,002.06"
    assert signed_cents("-3190.895") == "-3,190.90"
    assert signed_cents("0.00000001") == "0.00"


def test_money_is_grouped_and_gains_carry_a_plus() -> None:
    assert money("1012345.67") == "1,012,345.67"
    assert money("-1012345.67") == "-1,012,345.67"
    assert money("not a number") == "not a number"
    assert signed_money("4231.20") == "+4,231.20"
    assert signed_money("0.00") == "0.00"
    assert signed_money("-0.50") == "-0.50"


def test_the_sign_of_a_decimal_string() -> None:
    assert [sign_of(text) for text in ("0.00", "-0.00", "0.01", "-3")] == [0, 0, 1, -1]


def test_quantities_lose_only_zeros_after_the_point() -> None:
    assert [trimmed(text) for text in ("500", "0.500000", "1.0", "0.0")] == ["500", "0.5", "1", "0"]


def test_ages_countdowns_tokens_and_weights() -> None:
    assert [age(seconds) for seconds in (0.12, 3, 75, 7_300, 200_000)] == ["120ms", "3s", "1m", "2h", "2d"]
    assert [countdown(seconds) for seconds in (192, 3_792, -5, 90_000)] == ["03:12", "1h03m", "00:00", "1d01h"]
    assert [tokens(count) for count in (640, 41_200, 3_100_000)] == ["640", "41.2k", "3.1M"]
    assert [weight(ppm) for ppm in (125_000, 0, 1_000_000)] == ["12.5%", "0.0%", "100.0%"]


def test_instants_are_read_on_the_markets_own_clock() -> None:
    at = datetime(2019, 6, 17, 2, 31, 5, tzinfo=UTC)
    assert stamp(at, "ashare") == "06-17 10:31:05"
    assert stamp(at, "us") == "06-16 22:31:05"
    assert stamp(at, "crypto") == "06-17 02:31:05"


@given(WORDS, st.integers(min_value=1, max_value=40), st.sampled_from(["left", "right"]))
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int, align: str) -> None:
    assert cell_len(fit(text, width, align=align)) == width


def test_a_name_is_never_cut_through_a_character() -> None:
    assert fit("华兴源创科技", 8) == "华兴源… "
    assert fit("华兴源创科技", 7) == "华兴源…"
    assert fit("茅台", 6, align="right") == "  茅台"


@given(WORDS, st.integers(min_value=2, max_value=30))
def test_wrapped_lines_fit_and_lose_nothing_but_the_spaces_they_break_at(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert all(cell_len(text[start:end]) <= width for start, end in pieces)
    assert "".join(text[start:end] for start, end in pieces).replace(" ", "") == text.replace(" ", "")


def test_wrapping_breaks_at_new_lines_and_at_late_spaces() -> None:
    text = "one two three\nfour"
    assert [text[start:end] for start, end in wrap(text, 9)] == ["one two", "three", "four"]
    with pytest.raises(ValueError, match="cannot wrap"):
        wrap("text", 1)


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), max_size=200), st.integers(1, 60), st.integers(1, 6))
def test_a_curve_fills_exactly_its_rows_and_columns(values: list[float], width: int, rows: int) -> None:
    drawn = spark(values, width, rows)
    assert len(drawn) == rows
    assert {len(row) for row in drawn} == {width}


def test_a_rising_curve_rises_and_a_flat_one_lies_at_half_height() -> None:
    assert spark([1, 2, 3, 4, 5, 6, 7, 8], 8, 1) == ["▁▂▃▄▅▆▇█"]
    assert spark([5, 5, 5, 5], 4, 2) == ["    ", "████"]
    assert spark([1, 2], 6, 1) == ["▁▁██  "]


def test_a_reply_on_one_line_breaks_between_its_objects_and_never_inside_a_string() -> None:
    reply = '{"decisions":[{"why":"a},{b [{"},{"why":"c"}]}'
    assert reflow_json(reply) == '{"decisions":[\n {"why":"a},{b [{"},\n {"why":"c"}\n]}'
    assert reflow_json("no json },{") == "no json },{"
    assert reflow_json('{\n"a":[{},{}]}') == '{\n"a":[{},{}]}'
