"""Strategies: from what a cycle sees and what its models said to one batch of decisions. They know weights, never quantities."""

from engine.strategies.baseline import BASELINES, buy_and_hold, equal_weight, leaving_ppm, momentum, random_names
from engine.strategies.panel import Opinion, agree

__all__ = ["BASELINES", "Opinion", "agree", "buy_and_hold", "equal_weight", "leaving_ppm", "momentum", "random_names"]
