"""The proof of prove_limits.py over a few hundred random desks with each run; the command does a hundred thousand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.risk.prove_limits import prove


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_no_order_breaks_a_limit_and_no_exit_meets_a_rule_for_entries(seed: int) -> None:
    assert prove(10, seed) == ""
