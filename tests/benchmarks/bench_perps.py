"""Measures perpetuals at the paper broker: orders through submit and match, fundings settled, margins watched, by process time.

Run: python tests/benchmarks/bench_perps.py [--orders 2000]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "brokers")]

from perp_bench import BTC, DAY, DESK, PERP, SYMBOL, at, e8, order, quote  # noqa: E402

from engine.brokers import Book, PaperBroker  # noqa: E402
from engine.core.market import Bar, Funding  # noqa: E402
from engine.core.order import Side  # noqa: E402
from engine.core.units import Market  # noqa: E402
from engine.exchange import FeeSchedule, PerpTerms, conserved, new_account  # noqa: E402

ROUNDS = 5


def broker() -> PaperBroker:
    """A broker with a million and a leverage of ten."""
    made = PaperBroker(DESK, Market.CRYPTO, FeeSchedule(), {SYMBOL: PERP}, PerpTerms(10, True, {SYMBOL: BTC}))
    made.load(Book(new_account(DESK, Market.CRYPTO, e8(10**6)), {}))
    made.see([quote("60000", at(0))])
    return made


def orders(count: int) -> None:
    """Buys and sales of a coin in turn, each met by a bar a second later."""
    desk, now = broker(), at(0)
    price = e8(60_000)
    for number in range(count):
        side = Side.SELL if number % 2 else Side.BUY
        limit = "59000" if side is Side.SELL else "61000"
        desk.adopt(desk.submit([order(f"o{number}", side, "1", limit, now)], now))
        begun, now = now, now + timedelta(seconds=1)
        bar = Bar(SYMBOL, "1s", DAY, begun, now, price, price, price, price, e8(1_000), 0, price)
        desk.adopt(desk.match([(quote("60000", now), bar)]))
    assert not desk.account().perps and conserved(desk.account()) == 0


def held() -> PaperBroker:
    """A broker that is long one coin."""
    desk = broker()
    price = e8(60_000)
    desk.adopt(desk.submit([order("o", Side.BUY, "1", "61000", at(0))], at(0)))
    bar = Bar(SYMBOL, "1s", DAY, at(0), at(0, 1), price, price, price, price, e8(1_000), 0, price)
    desk.adopt(desk.match([(quote("60000", at(0, 1)), bar)]))
    return desk


def fundings(count: int) -> None:
    """One position through so many settlements."""
    desk = held()
    for number in range(count):
        due = at(1) + timedelta(hours=8 * number)
        desk.adopt(desk.settle([Funding(SYMBOL, due, 10_000 * (-1) ** number, e8(60_000), 8, due, "bench")]))
    assert conserved(desk.account()) == 0


def marks(count: int) -> None:
    """One position held against so many marks."""
    desk = held()
    for number in range(count):
        desk.adopt(desk.watch_margins({SYMBOL: e8(60_000 + number % 100)}, at(2), DAY))
    assert desk.account().perps


def best(work: Callable[[int], None], count: int) -> float:
    """How many a second of this process's own time, in the best of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        before = time.process_time()
        work(count)
        taken.append(time.process_time() - before)
    return count / min(taken)


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000)
    count = parser.parse_args().orders
    print(f"orders submitted, matched and booked   {best(orders, count):10,.0f}/s")
    print(f"fundings settled                       {best(fundings, count):10,.0f}/s")
    print(f"marks held against a margin            {best(marks, count):10,.0f}/s")


if __name__ == "__main__":
    main()
