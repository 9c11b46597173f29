"""A desk's risk policy as exact numbers: fractions in ppm of equity, amounts in money units."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.errors import ConfigError
from engine.core.units import PPM


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of one desk. Every field bites; see RULES for the order in which they do."""

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

    def __post_init__(self) -> None:
        for name in ("max_position_ppm", "max_gross_ppm", "max_sector_ppm", "max_daily_loss_ppm", "max_drawdown_ppm"):
            if not 0 <= getattr(self, name) <= PPM:
                raise ConfigError(f"risk policy: {name} must be between 0 and {PPM} ppm")
        if self.cash_reserve < 0 or self.min_order < 0:
            raise ConfigError("risk policy: amounts cannot be negative")
