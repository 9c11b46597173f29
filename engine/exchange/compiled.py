"""The matching kernel's own source, compiled by numba where `kanpan[fast]` is installed, and the loop over many orders around it.

Nothing is rewritten: the functions of kernel.py are compiled as they stand, so paper trading and backtests share one rule set. What
Python computes exactly a 64-bit machine would wrap without a word, so every array passes the door (`check_bounds`) first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from engine.core.errors import DataError
from engine.exchange import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OrderColumns:
    """Orders and the bars they meet, one row each, all int64: the arguments of kernel.match_bar by name."""

    side: Column
    kind: Column
    remaining: Column
    limit: Column
    stop: Column
    open_: Column
    high: Column
    low: Column
    close: Column
    available: Column
    up: Column
    down: Column
    slippage: Column
    lot: Column

    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of match_bar's parameters."""
        return tuple(getattr(self, column.name) for column in fields(self))


@dataclass(frozen=True, slots=True)
class MatchColumns:
    """The answers, row by row: quantity, price, code."""

    quantity: Column
    price: Column
    code: Column


def numba_present() -> bool:
    """Whether the compiled form can be had; importing numba takes half a second, so this only looks."""
    return find_spec("numba") is not None


def check_bounds(orders: OrderColumns) -> None:
    """Raises DataError unless every value lies within ±kernel.MAX_UNITS, is int64, and columns are of one length."""
    lengths = {len(column) for column in orders.columns()}
    if len(lengths) > 1:
        raise DataError(f"order columns of different lengths: {sorted(lengths)}")
    for name, column in zip((entry.name for entry in fields(orders)), orders.columns(), strict=True):
        if str(column.dtype) != "int64":
            raise DataError(f"order column {name} is {column.dtype}, not int64")
        if len(column) and (int(column.max()) > kernel.MAX_UNITS or int(column.min()) < -kernel.MAX_UNITS):
            raise DataError(f"order column {name} holds a value beyond ±{kernel.MAX_UNITS}: the compiled kernel would overflow")


def match_orders(orders: OrderColumns, *, loop: Callable[..., None] | None = None) -> MatchColumns:
    """Match every row by kernel.match_bar: compiled where numba is present, interpreted otherwise, with the same answers."""
    import numpy as np

    check_bounds(orders)
    size = len(orders.side)
    answer = MatchColumns(np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64))
    run = loop or (compiled_loop() if numba_present() else interpreted_loop)
    run(*orders.columns(), answer.quantity, answer.price, answer.code)
    return answer


def interpreted_loop(*columns: Any) -> None:
    """The loop in plain Python: the last three columns receive quantity, price and code."""
    *given, quantity, price, code = columns
    rows = zip(*(column.tolist() for column in given), strict=True)
    for index, row in enumerate(rows):
        quantity[index], price[index], code[index] = kernel.match_bar(*row)


@lru_cache(maxsize=1)
def compiled_loop() -> Callable[..., None]:
    """The same loop over the same functions, compiled once a process (nogil). Raises ImportError without numba."""
    import numba

    compiled = compiled_kernel()
    match_bar = compiled["match_bar"]

    def loop(
        side: Any,
        kind: Any,
        remaining: Any,
        limit: Any,
        stop: Any,
        open_: Any,
        high: Any,
        low: Any,
        close: Any,
        available: Any,
        up: Any,
        down: Any,
        slippage: Any,
        lot: Any,
        quantity: Any,
        price: Any,
        code: Any,
    ) -> None:
        for i in range(side.shape[0]):
            quantity[i], price[i], code[i] = match_bar(
                side[i],
                kind[i],
                remaining[i],
                limit[i],
                stop[i],
                open_[i],
                high[i],
                low[i],
                close[i],
                available[i],
                up[i],
                down[i],
                slippage[i],
                lot[i],
            )

    fast: Callable[..., None] = numba.njit(nogil=True)(loop)
    return fast


@lru_cache(maxsize=1)
def compiled_kernel() -> dict[str, Any]:
    """kernel.py's functions compiled from their own bytecode, by name; calls between them go to the compiled forms."""
    import types

    import numba

    space: dict[str, Any] = dict(vars(kernel))
    for name in ("participation_cap", "take", "match_bar", "match_print", "match_quote"):
        plain = getattr(kernel, name)
        copy = types.FunctionType(plain.__code__, space, plain.__name__, plain.__defaults__)
        space[name] = numba.njit(nogil=True)(copy)
    return space
