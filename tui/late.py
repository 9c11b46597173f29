"""A door that is there before its engine is: the console paints first, and the engine is imported and started behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.core.errors import KanpanError
from engine.state import State
from tui.door import Door


class EngineNotReady(KanpanError):
    """The engine is still starting; the command was not taken."""


class LateDoor:
    """Satisfies Door. `build` makes the engine around the given state, importing what it needs; it runs in `start`, once.

    Give `start` to KanpanApp as `on_ready`: it then runs on a thread of its own after the first paint. `stop` before or during
    the start is kept: the engine is stopped as soon as it stands.
    """

    def __init__(self, build: Callable[[State], Door]) -> None:
        self._state = State()
        self._build = build
        self._door: Door | None = None
        self._stopped = False
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """The state the engine will publish to."""
        return self._state

    @property
    def engine(self) -> Door | None:
        """The engine, once it was built."""
        return self._door

    def command(self, verb: str, desk: str, argument: str = "") -> str:
        """Pass a command on; raises EngineNotReady before there is an engine to take it."""
        if self._door is None:
            raise EngineNotReady("the engine is still starting")
        return self._door.command(verb, desk, argument)

    def start(self) -> None:
        """Build the engine and start it; raises what building or starting raises."""
        with self._lock:
            if self._stopped or self._door is not None:
                return
            door = self._build(self._state)
            door.start()
            self._door = door

    def stop(self, timeout_s: float) -> bool:
        """Stop the engine if there is one; False when it, or its start, would not end in time."""
        self._stopped = True
        if not self._lock.acquire(timeout=timeout_s):
            return False
        try:
            return self._door is None or self._door.stop(timeout_s)
        finally:
            self._lock.release()
