"""`[desk.NAME.risk]` and `[desk.NAME.fees]`: the limits of a desk and its broker's terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from engine.config.strict import Amount, Fraction, Multiple, Sessions, Strict
from engine.core.units import PPM


class RiskPolicy(Strict):
    """Limits no model can talk to; fractions of equity, amounts in the desk's currency, waiting times in sessions; 0 is off.

    `max_position` left out is 30 % of equity, and 10 % where the market is crypto. `max_position`, `max_gross` and `max_cluster`
    beyond 1 are for desks of perpetuals (desk.py refuses them elsewhere), whose `max_leverage` left out is that of their positions;
    `max_net`, `min_liquidation_distance` (of the mark) and `max_funding` (a year's, as an entry would pay it) are theirs alone.
    """

    max_position: Multiple = Decimal("0.30")
    max_gross: Multiple = Decimal("0.80")
    max_sector: Fraction = Decimal("0.40")
    max_daily_loss: Fraction = Decimal("0.05")
    max_drawdown: Fraction = Decimal("0.15")
    cash_reserve: Amount = Decimal(10_000)
    stop_loss: Fraction = Decimal("0.08")
    min_order: Amount = Decimal(1_000)
    max_volume_share: Fraction = Decimal("0.01")
    allow_st: bool = False
    blacklist: tuple[str, ...] = ()
    max_weekly_loss: Fraction = Decimal("0.10")
    max_losing_streak: int = Field(default=5, ge=0, le=1_000)
    cooling_off: Sessions = 1
    max_entries_cycle: int = Field(default=10, ge=0, le=10_000)
    max_entries_day: int = Field(default=20, ge=0, le=10_000)
    reentry_cooldown: Sessions = 1
    min_holding: Sessions = 0
    max_orders_minute: int = Field(default=60, ge=0, le=10_000)
    max_leverage: Multiple = Decimal(1)
    max_cluster: Multiple = Decimal("0.60")
    cluster_correlation: Fraction = Decimal("0.80")
    max_volatility: Multiple = Decimal("0.60")
    max_var: Fraction = Decimal("0.06")
    min_edge: Multiple = Decimal(1)
    take_profit: Fraction = Decimal(0)
    trailing: Fraction = Decimal(0)
    give_back: Fraction = Decimal(0)
    time_stop: Sessions = 0
    sizing: Literal["target", "fixed", "kelly", "atr", "volatility"] = "target"
    size: Fraction = Decimal("0.10")
    kelly_cap: Fraction = Decimal("0.25")
    risk_per_trade: Fraction = Decimal("0.01")
    volatility_target: Multiple = Decimal("0.15")
    evidence_cap: Fraction = Decimal("0.05")
    max_net: Multiple = Decimal(1)
    min_liquidation_distance: Fraction = Decimal("0.05")
    max_funding: Multiple = Decimal("0.50")
    on_daily_loss: Literal["lock", "reduce", "halt"] = "reduce"
    on_weekly_loss: Literal["lock", "reduce", "halt"] = "lock"
    on_drawdown: Literal["lock", "reduce", "halt"] = "reduce"

    def ppm(self, name: str) -> int:
        """A fraction of the policy in parts per million."""
        return int(getattr(self, name) * PPM)


class FeePolicy(Strict):
    """The broker's own terms; what the exchange and the state take follows from market and date."""

    commission_rate: Fraction = Decimal("0.00025")
    commission_min: Amount = Decimal(5)
    all_in: bool = True
