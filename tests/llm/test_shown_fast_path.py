"""A figure already in writing is shown as it stands exactly where the long way would leave it as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.llm.prompts import MAX_NAME, _plain, shown


@given(st.text(alphabet="+-.0123456789|\n ", max_size=40))
def test_the_short_way_and_the_long_one_come_to_the_same(text: str):
    assert shown(text) == _plain(text, MAX_NAME)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda value: f"{value:f}"))
def test_every_decimal_too_is_cut_where_the_long_way_cuts_it(text: str):
    assert shown(text) == _plain(text, MAX_NAME)
