"""Strategies: from what a cycle sees and what its models said to one batch of decisions. They know weights, never quantities."""

from engine.strategies.baseline import BASELINES, buy_and_hold, equal_weight, leaving_ppm, momentum, random_names
from engine.strategies.fusion import Fusion, Voice, fuse
from engine.strategies.panel import Opinion, agree

__all__ = [
    "BASELINES",
    "Fusion",
    "Opinion",
    "Voice",
    "agree",
    "buy_and_hold",
    "equal_weight",
    "fuse",
    "leaving_ppm",
    "momentum",
    "random_names",
]
