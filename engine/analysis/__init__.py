"""Numbers from bars: indicators, features of a snapshot, channels of a time frame, screening."""

from engine.analysis.channels import Channel, fast_channel, length_of, slow_channel
from engine.analysis.features import FEATURE_NAMES, Features, features, last_session
from engine.analysis.quote_screen import screen_quotes
from engine.analysis.screening import ORDINARY, RANKINGS, Extreme, Filters, screen, screen_market, sessions_needed, tradable

__all__ = [
    "FEATURE_NAMES",
    "ORDINARY",
    "RANKINGS",
    "Channel",
    "Extreme",
    "Features",
    "Filters",
    "fast_channel",
    "features",
    "last_session",
    "length_of",
    "screen",
    "screen_market",
    "screen_quotes",
    "sessions_needed",
    "slow_channel",
    "tradable",
]
