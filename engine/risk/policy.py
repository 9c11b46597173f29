"""A desk's risk policy as exact numbers: fractions in ppm of equity, amounts in money units, waiting times in sessions."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import ConfigError
from engine.core.units import PPM

SIZINGS = ("target", "fixed", "kelly", "atr", "volatility")
MOST_LEVERAGE = 125
MOVES = ("lock", "reduce", "halt")
_FRACTIONS = (
    "max_sector_ppm", "max_daily_loss_ppm", "max_weekly_loss_ppm", "max_drawdown_ppm",
    "cluster_correlation_ppm", "max_volume_share_ppm", "entry_band_ppm", "max_var_ppm", "stop_loss_ppm",
    "take_profit_ppm", "trailing_ppm", "give_back_ppm", "size_ppm", "kelly_cap_ppm", "risk_per_trade_ppm",
    "evidence_cap_ppm", "min_liquidation_distance_ppm",
)  # fmt: skip
_MULTIPLES = ("max_position_ppm", "max_gross_ppm", "max_cluster_ppm", "max_net_ppm")
_COUNTS = (
    "max_losing_streak", "cooling_off", "max_entries_cycle", "max_entries_day", "reentry_cooldown", "min_holding",
    "max_orders_minute", "time_stop", "cash_reserve", "min_order", "max_leverage_ppm", "max_volatility_ppm", "min_edge_ppm",
    "volatility_target_ppm", "max_funding_ppm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of one desk. Every field bites; see RULES for the order in which they do.

    0 switches a throttle, leverage, cluster, volatility, VaR, edge, the evidence cap or an exit off; a weekly loss of PPM is none.
    Waiting times (`cooling_off`, `reentry_cooldown`, `min_holding`, `time_stop`) are sessions. `max_volatility_ppm` and
    `volatility_target_ppm` are a year's, `max_var_ppm` a day's at 95 %. `min_edge_ppm` is a multiple of the round trip's cost.
    `max_position_ppm`, `max_gross_ppm` and `max_cluster_ppm` beyond PPM are for desks on margin; so are `max_net_ppm` (long less
    short), `min_liquidation_distance_ppm` (of the mark) and `max_funding_ppm` (a year's, as paid): 0 is off.
    `on_*` say what a lock does besides stopping entries: nothing (`lock`), REDUCING (`reduce`), HALTED (`halt`).
    """

    max_position_ppm: int = 300_000
    max_gross_ppm: int = 800_000
    max_sector_ppm: int = 400_000
    max_daily_loss_ppm: int = 50_000
    max_drawdown_ppm: int = 150_000
    cash_reserve: int = 100_000_000
    min_order: int = 10_000_000
    max_volume_share_ppm: int = 10_000
    entry_band_ppm: int = 20_000
    allow_st: bool = False
    blacklist: frozenset[str] = frozenset()
    max_weekly_loss_ppm: int = PPM
    max_losing_streak: int = 0
    cooling_off: int = 1
    max_entries_cycle: int = 0
    max_entries_day: int = 0
    reentry_cooldown: int = 0
    min_holding: int = 0
    max_orders_minute: int = 0
    max_leverage_ppm: int = 0
    max_cluster_ppm: int = 0
    cluster_correlation_ppm: int = 800_000
    max_volatility_ppm: int = 0
    max_var_ppm: int = 0
    min_edge_ppm: int = 0
    stop_loss_ppm: int = 0
    take_profit_ppm: int = 0
    trailing_ppm: int = 0
    give_back_ppm: int = 0
    time_stop: int = 0
    sizing: str = "target"
    size_ppm: int = 100_000
    kelly_cap_ppm: int = 250_000
    risk_per_trade_ppm: int = 10_000
    volatility_target_ppm: int = 150_000
    evidence_cap_ppm: int = 0
    max_net_ppm: int = 0
    min_liquidation_distance_ppm: int = 0
    max_funding_ppm: int = 0
    on_daily_loss: str = "lock"
    on_weekly_loss: str = "lock"
    on_drawdown: str = "lock"

    def __post_init__(self) -> None:
        if problem := self.problem(MOST_LEVERAGE):
            raise ConfigError(f"risk policy: {problem}")

    def problem(self, leverage: int = 1) -> str:
        """What makes it no policy, '' when it is one. Asked again before every ruling: a broken policy denies everything.

        `leverage` is how often a desk's equity may be at work: once, but where it trades on margin.
        """
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= PPM:
                return f"{name} must be between 0 and {PPM} ppm"
        for name in _MULTIPLES:
            if not 0 <= getattr(self, name) <= leverage * PPM:
                return f"{name} must be between 0 and {leverage * PPM} ppm"
        for name in _COUNTS:
            if getattr(self, name) < 0:
                return f"{name} cannot be negative"
        if self.sizing not in SIZINGS:
            return f"sizing must be one of {', '.join(SIZINGS)}"
        if not {self.on_daily_loss, self.on_weekly_loss, self.on_drawdown} <= set(MOVES):
            return f"on_daily_loss, on_weekly_loss and on_drawdown must be one of {', '.join(MOVES)}"
        return ""
