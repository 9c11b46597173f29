"""The few messages that cross into the console's thread."""

from __future__ import annotations

from textual.message import Message


class EngineEdge(Message):
    """Something worth an early look happened in the engine; `kind` is order, alert, cycle, streaming or stopped."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def can_replace(self, message: Message) -> bool:
        """A later edge stands for an earlier one that was not yet read."""
        return isinstance(message, EngineEdge)


class TerminalLost(Message):
    """The terminal can be neither read nor written any more."""


class EngineStopped(Message):
    """The engine has stopped, or would not within its time; the console may leave."""

    def __init__(self, clean: bool) -> None:
        super().__init__()
        self.clean = clean
