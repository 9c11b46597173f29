"""One rule set in two forms: the kernel interpreted and the same source compiled."""

from __future__ import annotations

from collections import Counter

import pytest
from fuzz_kernel import first_difference, random_orders

from engine.core.errors import DataError
from engine.exchange.compiled import OrderColumns, check_bounds, interpreted_loop, match_orders, numba_present
from engine.exchange.kernel import CODES, MAX_UNITS

numpy = pytest.importorskip("numpy")


@pytest.mark.skipif(not numba_present(), reason="the extra kanpan[fast] is not installed")
def test_interpreted_and_compiled_agree_on_20000_random_orders() -> None:
    assert first_difference(20_000, seed=7) == ""


def test_the_fuzz_reaches_every_outcome() -> None:
    answer = match_orders(random_orders(5_000, 3), loop=interpreted_loop)
    seen = Counter(CODES[code] for code in answer.code.tolist())
    assert set(seen) == set(CODES)
    assert min(seen.values()) > 20, seen


def test_values_that_would_wrap_are_refused_at_the_door() -> None:
    orders = random_orders(10, 1)
    for column in ("open_", "remaining", "slippage"):
        for value in (MAX_UNITS + 1, -MAX_UNITS - 1):
            columns = {name: getattr(orders, name).copy() for name in orders.__dataclass_fields__}
            columns[column][3] = value
            with pytest.raises(DataError, match=f"{column} holds a value beyond"):
                match_orders(OrderColumns(**columns))


def test_columns_of_the_wrong_kind_or_length_are_refused() -> None:
    orders = random_orders(10, 1)
    columns = {name: getattr(orders, name) for name in orders.__dataclass_fields__}
    with pytest.raises(DataError, match="not int64"):
        check_bounds(OrderColumns(**{**columns, "limit": columns["limit"].astype(float)}))
    with pytest.raises(DataError, match="different lengths"):
        check_bounds(OrderColumns(**{**columns, "limit": columns["limit"][:5]}))
    empty = {name: column[:0] for name, column in columns.items()}
    assert len(match_orders(OrderColumns(**empty), loop=interpreted_loop).price) == 0
