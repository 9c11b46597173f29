"""The batch of a desk without models: its mandate names the benchmark, the cycle's id is the seed of what is drawn by lot."""

from __future__ import annotations

from engine.core.account import Account
from engine.core.decision import Decision
from engine.core.errors import ConfigError
from engine.core.units import Market
from engine.cycle.mandate import Mandate
from engine.cycle.schedule import slots
from engine.cycle.steps import Seen, held_weights
from engine.exchange import calendar
from engine.store.snapshot import Snapshot
from engine.strategies import buy_and_hold, equal_weight, leaving_ppm, momentum, random_names, trend

SESSIONS_A_YEAR = {Market.ASHARE: 252, Market.US: 252, Market.CRYPTO: 365}


def benchmark(mandate: Mandate, cycle_id: str, snapshot: Snapshot, seen: Seen, account: Account) -> tuple[Decision, ...]:
    """What the mandate's baseline holds now; a pure function of its arguments, so that a replay comes to the same."""
    held = held_weights(account, snapshot, seen)
    gross = mandate.policy.max_gross_ppm
    match mandate.baseline:
        case "equal":
            return equal_weight(seen.candidates, held, gross_ppm=gross)
        case "momentum":
            returns = {symbol: figures.return_20 for symbol, figures in seen.features.items()}
            return momentum(seen.candidates, held, returns, gross_ppm=gross)
        case "trend":
            returns = {symbol: figures.return_20 for symbol, figures in seen.features.items()}
            return trend(seen.candidates, held, returns, gross_ppm=gross)
        case "random":
            a_day = len(slots(mandate.schedule, calendar(mandate.market), snapshot.trading_day)) or 1
            leaving = leaving_ppm(mandate.baseline_turnover_ppm, gross, SESSIONS_A_YEAR[mandate.market] * a_day)
            return random_names(seen.candidates, held, gross_ppm=gross, seed=cycle_id, leaving_ppm=leaving)
        case "hold":
            return buy_and_hold(seen.candidates, held, gross_ppm=gross)
        case other:
            raise ConfigError(f"desk.{mandate.desk}.baseline: there is none called {other}")
