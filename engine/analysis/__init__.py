"""Numbers from bars: indicators, features of a snapshot, channels of a time frame, screening."""

from engine.analysis.channels import Channel, fast_channel, length_of, slow_channel
from engine.analysis.features import FEATURE_NAMES, Features, features
from engine.analysis.screening import screen, tradable

__all__ = [
    "FEATURE_NAMES",
    "Channel",
    "Features",
    "fast_channel",
    "features",
    "length_of",
    "screen",
    "slow_channel",
    "tradable",
]
