"""How long risk takes: verdicts for 200 decisions against 50 positions, and how soon a halt from another process stops an order.

usage: python -m tests.benchmarks.bench_risk     (goals: 3 ms; 100 ms)
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from engine.commands import halt_file
from engine.core.account import Account, Lot, Position
from engine.core.decision import Decision, Intent
from engine.core.instrument import Board, Instrument
from engine.core.journal import TradingState
from engine.core.market import Quote
from engine.core.order import OrderStatus
from engine.core.units import PPM, Market
from engine.exchange import FeeSchedule
from engine.feeds.tape import SessionEvent
from engine.risk import Policy, View, judge
from engine.store import books
from tests.engine.desk_harness import WALL, Silent, desk_at, mandate

DAY, BEFORE = date(2026, 3, 4), date(2026, 3, 3)
GOAL_MS, HALT_GOAL_MS = 3.0, 100.0
FEES = FeeSchedule()
POLICY = Policy(
    max_losing_streak=5, max_entries_cycle=10, max_entries_day=20, max_orders_minute=60, reentry_cooldown=1,
    max_leverage_ppm=PPM, max_cluster_ppm=600_000, max_volatility_ppm=600_000, max_var_ppm=60_000, min_edge_ppm=PPM,
)  # fmt: skip
"""The defaults of a desk: every rule is asked."""


def situation() -> tuple[View, list[Decision]]:
    """Two hundred names, fifty of them held at one per cent each; a model that wants something of all of them."""
    symbols = [f"60{number:04d}.SH" for number in range(200)]
    names = {
        symbol: Instrument(symbol, Market.ASHARE, Board.MAIN_SH, symbol, f"sector {n % 20}") for n, symbol in enumerate(symbols)
    }
    held = {symbol: Position(symbol, (Lot(symbol, 1_000, 100_000_000, BEFORE, DAY),), 100_000) for symbol in symbols[:50]}
    cash = 5_000_000_000
    moves = {symbol: tuple((n * 7_919 + k * 104_729) % 40_000 - 20_000 for k in range(60)) for n, symbol in enumerate(symbols)}
    here = View(
        account=Account("bench", "CNY", cash, 2 * cash, 0, 0, held),
        instruments=names,
        quotes={s: Quote(s, s, DAY, WALL, 100_000, 100_000, 100_000, 100_000, 100_000, 1, 1, "bench") for s in symbols},
        prices=dict.fromkeys(symbols, 100_000),
        limits=dict.fromkeys(symbols, (110_000, 90_000)),
        session_volume=dict.fromkeys(symbols, 10**9),
        stale=frozenset(),
        open_orders=frozenset(),
        trading_day=DAY,
        trading_state=TradingState.ACTIVE,
        books_reconciled=True,
        equity=2 * cash,
        equity_day_start=2 * cash,
        equity_peak=2 * cash,
        planned={},
        cash_free=cash,
        returns=moves,
        as_of=WALL,
    )
    intents = (Intent.HOLD, Intent.ADD, Intent.REDUCE, Intent.EXIT, Intent.HOLD)
    batch = [
        Decision(
            symbol, intents[n % 5] if n < 50 else Intent.OPEN, 5_000 if n < 50 else 30_000, 600_000 - n, "bench", 92_000, 115_000
        )
        for n, symbol in enumerate(symbols)
    ]
    return here, batch


def verdicts_ms(rounds: int = 60) -> list[float]:
    """Processor time of one ruling on the whole batch; each on a view of its own, so that nothing is remembered."""
    here, batch = situation()
    taken = []
    for _ in range(rounds):
        fresh = replace(here)
        start = time.process_time()
        ruling = judge(fresh, POLICY, batch, FEES)
        taken.append((time.process_time() - start) * 1000)
        assert ruling.proposals
    return taken


class _Nudged(Silent):
    """Wakes nobody; counts turns."""

    def turned(self, desk: str, event: SessionEvent) -> None: ...


TOUCH = "import pathlib,sys,time; sys.stdin.readline(); pathlib.Path(sys.argv[1]).touch(); print(time.monotonic_ns(), flush=True)"


def halt_ms(home: Path) -> tuple[float, list[Any]]:
    """From a second process pulling the kill switch to the first order refused for it, orders being made as fast as they can be."""
    other = subprocess.Popen(
        [sys.executable, "-c", TOUCH, str(halt_file(home))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None and other.stdout is not None
    with desk_at(home, mandate(strategy="baseline", models=[]), start=date(2020, 2, 10), end=date(2020, 6, 16)) as desk:
        desk.equipment = replace(desk.equipment, halted_outside=halt_file(home).exists)
        pulled = 0
        while (due := desk.next_due()) is not None:
            desk.step(due)
            if desk.cycles_run == 5 and not pulled:
                pulled = 1
                other.stdin.write("now\n")
                other.stdin.flush()
            desk._scene().standing()  # what stands before every order
            with books(home) as read:
                if pulled and read.trading_state("demo").state is TradingState.HALTED:
                    break
        stopped = time.monotonic_ns()
        touched = int(other.stdout.readline())
        other.wait(10)
    with books(home) as read:
        late = [item for item in read.orders("demo", limit=1_000) if item.status is OrderStatus.ACCEPTED and item.code]
    return (stopped - touched) / 1e6, late


def main() -> int:
    """Print both figures; 1 when a goal is missed."""
    taken = sorted(verdicts_ms())
    median = statistics.median(taken)
    sys.stdout.write(f"200 decisions, 50 positions: median {median:.2f} ms, best {taken[0]:.2f} ms, goal {GOAL_MS} ms\n")
    with tempfile.TemporaryDirectory() as home:
        halted, late = halt_ms(Path(home))
    sys.stdout.write(f"halt from another process: next order refused after {halted:.1f} ms, goal {HALT_GOAL_MS:.0f} ms\n")
    return 0 if taken[0] <= GOAL_MS and halted <= HALT_GOAL_MS and not late else 1


if __name__ == "__main__":
    sys.exit(main())
