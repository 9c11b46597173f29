"""The short ways in reading numbers find what the long ones find: numbers of a reasoning, figures in writing, nested brackets."""

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.units import from_units, plain
from engine.llm.evidence import _numbers
from engine.llm.strict_json import MAX_DEPTH, read

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d{1,12}(?:,\d{3})*(?:\.\d{1,8})?(?![\w.]*\d)")
COLUMN = re.compile(r"(?<![A-Za-z_])[A-Za-z_]++(?<=[A-Za-z_]_)\d+")


@given(st.text(alphabet="0123456789.,-+−_abR 日٣%", max_size=24))
@example("return_30-5")
@example("5.return_30")
@example("rsi_14 61.2, ma_20.5")
def test_a_reasoning_s_numbers_are_those_beside_the_names_of_columns(text: str) -> None:
    assert _numbers(text) == [match.group() for match in NUMBER.finditer(COLUMN.sub(" ", text))]


@given(st.integers(-(10**20), 10**20), st.sampled_from([1, 100, 10_000, 10**8]), st.sampled_from([None, 0, 2, 8]))
def test_units_in_writing_are_their_decimal_without_needless_zeros(units: int, scale: int, places: int | None) -> None:
    text, least = plain(units, scale, places=places), 2 if places is None else places
    assert Decimal(text) * scale == units
    assert len(text.partition(".")[2]) == max(least, len(f"{from_units(units, scale):f}".partition(".")[2].rstrip("0")))


@given(st.lists(st.sampled_from(['{"a":', "[", '"}]{["', '"\\"]"', "1"]), max_size=30))
def test_brackets_count_outside_of_strings_only(parts: list[str]) -> None:
    """Whatever is nested deeper than the bound is refused for it before anything else is wrong with it."""
    depth = sum(part in ('{"a":', "[") for part in parts)
    try:
        read("".join(parts))
    except ValueError as refused:
        assert ("nested deeper" in str(refused)) == (depth > MAX_DEPTH)
    else:
        assert depth <= MAX_DEPTH


@pytest.mark.parametrize("text", ['"', '{"a":"b', '{"a":1}"', '[]"x', '"' + '\\"' * 200_000])
def test_a_string_that_never_ends_is_found_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="never ends"):
        read(text)
