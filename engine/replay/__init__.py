"""Replay: any past cycle computed again from what it froze, and compared with what was recorded."""

from engine.replay.past import Difference, Replayed
from engine.replay.sources import MandateOf, VersionOf
from engine.replay.walk import Replay

__all__ = ["Difference", "MandateOf", "Replay", "Replayed", "VersionOf"]
