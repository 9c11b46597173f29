"""The acceptance gate: a strategy run by the desk's own cycle over the look-back, before it may touch the desk's account.

strategy + snapshot ──► look-back tape ──► the desk, following nothing but this strategy ──► Trial (after all costs)
The names were chosen with today's knowledge, and no gate can take that back: it refuses what did not even work there.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from engine.backtest.lookback import Lookback
from engine.backtest.run import backtest
from engine.core.strategy import strategy_of
from engine.core.units import Market
from engine.cycle import Mandate
from engine.store.snapshot import Snapshot
from engine.strategies import Trial

ONCE_A_SESSION = {Market.ASHARE: "at 09:20", Market.US: "at 09:35", Market.CRYPTO: "at 00:00"}
"""Its figures change with whole sessions only, so one cycle a session says all that more of them would."""


def try_strategy(mandate: Mandate, text: str, snapshot: Snapshot, cancelled: threading.Event) -> Trial:
    """Run the strategy (canonical JSON) under the mandate over the look-back of the snapshot; pure but for a scratch directory.

    Raises DataError where the snapshot holds no past to try it on, or the run was cancelled.
    """
    strategy = strategy_of(text)
    tape = Lookback(snapshot, strategy.symbols, mandate.gate.lookback)
    terms = replace(
        mandate,
        symbols=strategy.symbols,
        top=len(strategy.symbols),
        schedule=ONCE_A_SESSION[mandate.market],
        strategy="rules",
        pinned=text,
    )
    result = backtest(terms, tape, cancelled=cancelled)
    figures = result.figures
    return Trial(
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
