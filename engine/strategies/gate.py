"""The acceptance gate's thresholds, and which of them a strategy's look-back missed.

Trial (what the desk's own cycle came to) × GatePolicy ──► codes of what failed; none means accepted
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CYCLES_FAILED = "GATE_CYCLES_FAILED"
UNTRIED = "GATE_UNTRIED"
"""There was no past to try the strategy on."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """`lookback` in sessions; fractions in ppm, Sharpe in thousandths, `max_turnover_ppm` of equity a year.

    `retry_days` calendar days pass after a refusal before a model is asked again; no strategy runs longer than `max_review_days`.
    """

    lookback: int = 60
    min_sessions: int = 20
    min_return_ppm: int = 0
    max_drawdown_ppm: int = 150_000
    min_sharpe_milli: int = 500
    min_hit_rate_ppm: int = 400_000
    min_trades: int = 1
    max_turnover_ppm: int = 30_000_000
    retry_days: int = 7
    max_review_days: int = 60


@dataclass(frozen=True, slots=True)
class Trial:
    """A strategy over its look-back, after costs: units as in GatePolicy, `costs` in money units. `cycles_failed` spoil a test."""

    first: date
    last: date
    sessions: int = 0
    return_ppm: int = 0
    max_drawdown_ppm: int = 0
    sharpe_milli: int = 0
    hit_rate_ppm: int = 0
    trades: int = 0
    turnover_ppm: int = 0
    costs: int = 0
    cycles_failed: int = 0


def missed(policy: GatePolicy, tested: Trial) -> tuple[str, ...]:
    """Every threshold that the look-back missed, as a code; the bounds themselves are good enough."""
    if not tested.sessions:
        return (UNTRIED,)
    checks = (
        (CYCLES_FAILED, tested.cycles_failed == 0),
        ("GATE_SESSIONS", tested.sessions >= policy.min_sessions),
        ("GATE_RETURN", tested.return_ppm >= policy.min_return_ppm),
        ("GATE_DRAWDOWN", tested.max_drawdown_ppm <= policy.max_drawdown_ppm),
        ("GATE_SHARPE", tested.sharpe_milli >= policy.min_sharpe_milli),
        ("GATE_TRADES", tested.trades >= policy.min_trades),
        ("GATE_HIT_RATE", tested.hit_rate_ppm >= policy.min_hit_rate_ppm),
        ("GATE_TURNOVER", tested.turnover_ppm <= policy.max_turnover_ppm),
    )
    return tuple(code for code, passed in checks if not passed)


def in_words(policy: GatePolicy) -> str:
    """The thresholds as a model is told them: it may know what it will be judged by."""

    def percent(ppm: int) -> str:
        return f"{(Decimal(ppm) / 10_000).normalize():f} %"

    return (
        f"over the last {policy.lookback} sessions: return at least {percent(policy.min_return_ppm)}, "
        f"drawdown at most {percent(policy.max_drawdown_ppm)}, Sharpe ratio at least {Decimal(policy.min_sharpe_milli) / 1000:f}, "
        f"at least {policy.min_trades} closed trades and {percent(policy.min_hit_rate_ppm)} of them won, "
        f"turnover at most {percent(policy.max_turnover_ppm)} of equity a year"
    )
