"""The outside world, read: tapes of market events, whatever the feed behind them."""

from engine.feeds.replay import ReplayTape
from engine.feeds.tape import DividendEvent, QuoteEvent, SessionEvent, SessionKind, Tape, TapeEvent

__all__ = ["DividendEvent", "QuoteEvent", "ReplayTape", "SessionEvent", "SessionKind", "Tape", "TapeEvent"]
