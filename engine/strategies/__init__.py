"""Strategies: from what a cycle sees and what its models said to one batch of decisions. They know weights, never quantities."""

from engine.strategies.baseline import equal_weight
from engine.strategies.panel import Opinion, agree

__all__ = ["Opinion", "agree", "equal_weight"]
