"""The acceptance gate: a strategy run by the desk's own cycle over the look-back, before it may touch the desk's account.

strategy + snapshot ──► look-back tape ──► the desk, following nothing but this strategy ──► Tested (after all costs)
The names were chosen with today's knowledge, and no gate can take that back: it refuses what did not even work there.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from engine.backtest.lookback import lookback
from engine.backtest.run import backtest
from engine.core.strategy import strategy_of
from engine.cycle import Mandate
from engine.store.snapshot import Snapshot
from engine.strategies import Tested

ONCE_A_SESSION = "at 09:20"
"""Its figures change with whole sessions only, so one cycle a session says all that more of them would."""


def try_strategy(mandate: Mandate, text: str, snapshot: Snapshot, cancelled: threading.Event) -> Tested:
    """Run the strategy (canonical JSON) under the mandate over the look-back of the snapshot; pure but for a scratch directory.

    Raises DataError where the snapshot holds no past to try it on, or the run was cancelled.
    """
    strategy = strategy_of(text)
    tape = lookback(snapshot, strategy.symbols, mandate.gate.lookback)
    terms = replace(
        mandate, symbols=strategy.symbols, top=len(strategy.symbols), schedule=ONCE_A_SESSION, strategy="rules", pinned=text
    )
    result = backtest(terms, tape, cancelled=cancelled)
    figures = result.figures
    return Tested(
        first=result.closes[0].trading_day,
        last=result.closes[-1].trading_day,
        sessions=len(result.closes),
        return_ppm=figures.return_ppm,
        max_drawdown_ppm=figures.max_drawdown_ppm,
        sharpe_milli=figures.sharpe_milli,
        hit_rate_ppm=figures.hit_rate_ppm,
        trades=figures.trades,
        turnover_ppm=figures.turnover_ppm,
        costs=figures.costs,
        cycles_failed=result.failed,
    )
