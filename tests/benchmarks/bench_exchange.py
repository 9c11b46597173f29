"""Measure the exchange room: orders a second through submit, match and settle in memory, and what a bare call costs.

Run: python tests/benchmarks/bench_exchange.py

Medians of several rounds; nothing is asserted, figures belong in engine/exchange/README.md with the machine they were taken on.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "exchange")]

from engine.core.instrument import Board, Instrument  # noqa: E402
from engine.core.order import Fill, OrderType, Side  # noqa: E402
from engine.core.units import Market  # noqa: E402
from engine.exchange import (  # noqa: E402
    FeeSchedule,
    Request,
    apply_booking,
    book_fill,
    calendar,
    conserved,
    fees,
    floor_quantity,
    new_account,
    order_problem,
    price_limits,
    settles_on,
    worst_case_cost,
)
from engine.exchange.kernel import BUY, LIMIT, SELL, match_bar  # noqa: E402

STOCK = Instrument("600519.SH", Market.ASHARE, Board.MAIN_SH, "stock")
SCHEDULE = FeeSchedule()
DAYS = calendar(Market.ASHARE).sessions(date(2024, 1, 2), date(2025, 12, 31))


def orders_through(count: int) -> None:
    """`count` orders: admitted, reserved, matched against a bar, charged, booked, applied, and the books checked each time."""
    days = calendar(Market.ASHARE)
    at = datetime(2024, 1, 2, tzinfo=UTC)
    for number in range(count):
        if number % len(DAYS) == 0:
            account = new_account("bench", Market.ASHARE, 10**13)
        day = DAYS[number % len(DAYS)]
        side = Side.SELL if number % 2 else Side.BUY
        sellable = account.sellable(STOCK.symbol, day)
        limits = price_limits(STOCK, day, 100_000, sessions_listed=None)
        assert limits is not None
        quantity = floor_quantity(STOCK, side, 500, sellable, OrderType.LIMIT, day)
        if not quantity:
            side, quantity = Side.BUY, 500
        price = 100_500 if side is Side.BUY else 99_500
        request = Request(side, OrderType.LIMIT, quantity, price)
        phase = days.phase(datetime(day.year, day.month, day.day, 2, tzinfo=UTC), STOCK)
        problem = order_problem(
            STOCK, request, day, phase=phase, limits=limits, reference=100_000, cage_from=100_000, sellable=sellable
        )
        assert problem == "", problem
        if side is Side.BUY:
            assert worst_case_cost(STOCK, quantity, price, day, SCHEDULE) <= account.cash
        way = BUY if side is Side.BUY else SELL
        filled, paid, _ = match_bar(
            way, LIMIT, quantity, price, 0, 100_000, 101_000, 99_000, 100_200, 10_000, limits.up, limits.down, 100, 100
        )
        name = f"o{number}"
        charge = fees(STOCK, side, paid, filled, day, SCHEDULE)
        fill = Fill(name, name, "bench", "", STOCK.symbol, side, filled, paid, paid * filled, charge, day, at, "bench")
        account = apply_booking(account, book_fill(account, fill, sellable_on=settles_on(STOCK, day, days)))
        assert conserved(account) == 0


def kernel_calls(count: int) -> None:
    """The kernel alone, interpreted."""
    for _ in range(count):
        match_bar(BUY, LIMIT, 500, 100_500, 0, 100_000, 101_000, 99_000, 100_200, 10_000, 110_000, 90_000, 100, 100)


def limit_calls(count: int) -> None:
    """Price limits of one stock and day."""
    for _ in range(count):
        price_limits(STOCK, DAYS[0], 100_000, sessions_listed=None)


def fee_calls(count: int) -> None:
    """Fees of one fill."""
    for _ in range(count):
        fees(STOCK, Side.SELL, 100_000, 500, DAYS[0], SCHEDULE)


def rate(work: Callable[[int], None], count: int, rounds: int = 5) -> float:
    """Median calls a second."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work(count)
        times.append(time.perf_counter() - start)
    return count / statistics.median(times)


def column_rates() -> list[tuple[str, str]]:
    """Orders a second over columns, interpreted and compiled."""
    try:
        from fuzz_kernel import random_orders

        from engine.exchange.compiled import compiled_loop, interpreted_loop, match_orders, numba_present
    except ImportError:
        return [("columns", "numpy is not installed")]
    orders = random_orders(200_000, 1)
    found = [("columns, interpreted", f"{rate(lambda _: void(match_orders(orders, loop=interpreted_loop)), 200_000, 3):,.0f}/s")]
    if numba_present():
        start = time.perf_counter()
        match_orders(random_orders(10, 1), loop=compiled_loop())
        found.append(("compile once", f"{time.perf_counter() - start:.2f} s"))
        found.append(
            ("columns, compiled", f"{rate(lambda _: void(match_orders(orders, loop=compiled_loop())), 200_000, 5):,.0f}/s")
        )
    return found


def void(_: object) -> None:
    """Drop a result."""


def import_time(module: str) -> float:
    """Milliseconds a fresh process spends importing a module, beyond starting Python; median of five."""

    def spawn(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - start

    both = [(spawn(f"import {module}"), spawn("pass")) for _ in range(5)]
    return 1000 * statistics.median(loaded - bare for loaded, bare in both)


def main() -> None:
    """Print every figure."""
    rows = [
        ("submit, match, settle", f"{rate(orders_through, 5_000):,.0f} orders/s"),
        ("kernel, one bar, interpreted", f"{rate(kernel_calls, 100_000):,.0f}/s"),
        ("price limits", f"{rate(limit_calls, 50_000):,.0f}/s"),
        ("fees of a fill", f"{rate(fee_calls, 50_000):,.0f}/s"),
        *column_rates(),
        ("import engine.exchange", f"{import_time('engine.exchange'):.0f} ms"),
    ]
    for name, figure in rows:
        print(f"{name:32} {figure}")


if __name__ == "__main__":
    main()
