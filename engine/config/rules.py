"""`[desk.NAME.rules]`: what a strategy written by a model must have achieved over the look-back before it is traded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from engine.config.strict import Fraction, Multiple, Strict
from engine.core.units import PPM
from engine.strategies import GatePolicy

_Signed = Annotated[Decimal, Field(ge=-100, le=1_000, max_digits=12, decimal_places=3)]
_Return = Annotated[Decimal, Field(ge=-1, le=1_000, max_digits=12, decimal_places=6)]


class RulesPolicy(Strict):
    """Thresholds after all costs. `lookback` in sessions, `max_turnover` in times the equity a year, waiting times in days."""

    lookback: int = Field(default=60, ge=5, le=1_000)
    min_sessions: int = Field(default=20, ge=1, le=1_000)
    min_return: _Return = Decimal(0)
    max_drawdown: Fraction = Decimal("0.15")
    min_sharpe: _Signed = Decimal("0.5")
    min_hit_rate: Fraction = Decimal("0.40")
    min_trades: int = Field(default=1, ge=0, le=100_000)
    max_turnover: Multiple = Decimal(30)
    retry_days: int = Field(default=7, ge=1, le=366)
    max_review_days: int = Field(default=60, ge=1, le=366)

    def policy(self) -> GatePolicy:
        """The same in exact numbers."""
        return GatePolicy(
            lookback=self.lookback,
            min_sessions=self.min_sessions,
            min_return_ppm=int(self.min_return * PPM),
            max_drawdown_ppm=int(self.max_drawdown * PPM),
            min_sharpe_milli=int(self.min_sharpe * 1_000),
            min_hit_rate_ppm=int(self.min_hit_rate * PPM),
            min_trades=self.min_trades,
            max_turnover_ppm=int(self.max_turnover * PPM),
            retry_days=self.retry_days,
            max_review_days=self.max_review_days,
        )
