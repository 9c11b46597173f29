"""The pump: a few times a second, hand each visible consumer what changed in its topic since it last looked.

engine threads ──put()──► Topic ──version──► Pump.tick ──(view, changed keys)──► visible panels
A quote storm costs nothing here: only the latest version is ever read, and only for what is on the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.state import State, Topic, TopicView

TICK_S = 0.25
STREAMING_TICK_S = 0.1
BLURRED_TICK_S = 1.0
EDGE_SPACING_S = 0.05

Consumer = Callable[[TopicView[Any], frozenset[str] | None], None]


class _Feed:
    __slots__ = ("consume", "seen", "topic", "wanted")

    def __init__(self, topic: Topic[Any], consume: Consumer, wanted: Callable[[], bool]) -> None:
        self.topic = topic
        self.consume = consume
        self.wanted = wanted
        self.seen = -1

    def tick(self) -> bool:
        if self.topic.version == self.seen or not self.wanted():
            return False
        view = self.topic.view()
        changed = None if self.seen < 0 else view.changed_since(self.seen)
        self.seen = view.version
        self.consume(view, changed)
        return True


class Pump:
    """Consumers of an engine's topics, served only while they are wanted. Runs in the console's thread only."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._feeds: list[_Feed] = []

    def feed(self, topic: Topic[Any], consume: Consumer, wanted: Callable[[], bool]) -> None:
        """Call `consume(view, changed)` when `topic` has changed and `wanted()`; `changed` None means read everything."""
        self._feeds.append(_Feed(topic, consume, wanted))

    def tick(self) -> int:
        """Serve every consumer that has something new; returns how many were served."""
        return sum(feed.tick() for feed in self._feeds)

    def streaming(self) -> bool:
        """Whether a model's reply is growing now: the last few calls are the only ones that can be."""
        rows = self._state.models.view().rows
        return any(rows[key].streaming for key in list(rows)[-8:])


def interval(*, blurred: bool, streaming: bool) -> float:
    """Seconds until the next tick: 1 when nobody looks, 0.1 while a reply streams, else 0.25."""
    if blurred:
        return BLURRED_TICK_S
    return STREAMING_TICK_S if streaming else TICK_S
