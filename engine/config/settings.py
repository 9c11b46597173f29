"""The whole of kanpan.toml: desks, models and the few settings of the engine itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.alerts import AlertsConfig
from engine.config.desk import DeskConfig
from engine.config.feeds import FeedsConfig
from engine.config.model import ModelConfig
from engine.config.strict import Strict
from engine.core.errors import ConfigError


class RetentionPolicy(Strict):
    """For how many days texts and snapshots are kept, by the machine's clock; 0 keeps them for ever. The journal always stays."""

    prompts_days: int = Field(default=365, ge=0, le=36_500)
    snapshots_days: int = Field(default=365, ge=0, le=36_500)


class Config(Strict):
    """Everything a person set: desks, models and the few settings of the engine itself."""

    desk: dict[str, DeskConfig] = Field(default_factory=lambda: {"demo": DeskConfig()}, min_length=1)
    model: dict[str, ModelConfig] = Field(default_factory=dict)
    alerts: AlertsConfig = AlertsConfig()
    feeds: FeedsConfig = FeedsConfig()
    language: Literal["en", "zh", ""] = ""
    theme: str = "dark"
    colours: Literal["market", "red-up", "green-up"] = "market"
    on_hangup: Literal["stop-after-cycle", "continue-headless"] = "stop-after-cycle"
    ascii: bool = False
    retention: RetentionPolicy = RetentionPolicy()

    def model_named(self, name: str) -> ModelConfig:
        """The configuration of a model; `offline` exists without any."""
        if name in self.model:
            return self.model[name]
        if name == "offline":
            return ModelConfig(provider="offline", model="offline")
        if name == "local":
            return ModelConfig(provider="local", model="local", timeout_s=300)
        raise ConfigError(f"model {name} is not configured: add [model.{name}] to kanpan.toml")
