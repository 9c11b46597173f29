"""Strategies: from what a cycle sees and what its models said to one batch of decisions. They know weights, never quantities."""

from engine.strategies.baseline import BASELINES, buy_and_hold, equal_weight, leaving_ppm, momentum, random_names, trend
from engine.strategies.fusion import Fusion, Voice, fuse
from engine.strategies.gate import GatePolicy, Trial, in_words, missed
from engine.strategies.panel import Opinion, agree
from engine.strategies.rules import follow, rule_figures

__all__ = [
    "BASELINES",
    "Fusion",
    "GatePolicy",
    "Opinion",
    "Trial",
    "Voice",
    "agree",
    "buy_and_hold",
    "equal_weight",
    "follow",
    "fuse",
    "in_words",
    "leaving_ppm",
    "missed",
    "momentum",
    "random_names",
    "rule_figures",
    "trend",
]
