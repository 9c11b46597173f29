"""Numbers from bars: indicators, features of a snapshot, screening."""

from engine.analysis.features import FEATURE_NAMES, Features, features
from engine.analysis.screening import screen, tradable

__all__ = ["FEATURE_NAMES", "Features", "features", "screen", "tradable"]
