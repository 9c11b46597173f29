"""Settings and desks, from kanpan.toml, the environment and the command line."""

from engine.config.desk import STRATEGIES, DeskConfig, ReplayConfig
from engine.config.live import FEEDS, LiveConfig
from engine.config.load import environment, load_config, secret
from engine.config.model import ModelConfig, ModelPrice
from engine.config.policy import FeePolicy, RiskPolicy
from engine.config.settings import Config, RetentionPolicy
from engine.config.universe import Universe

__all__ = [
    "FEEDS",
    "STRATEGIES",
    "Config",
    "DeskConfig",
    "FeePolicy",
    "LiveConfig",
    "ModelConfig",
    "ModelPrice",
    "ReplayConfig",
    "RetentionPolicy",
    "RiskPolicy",
    "Universe",
    "environment",
    "load_config",
    "secret",
]
