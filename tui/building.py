"""The engine of a command line, built in one place; importing it costs more than painting the console, so it is imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.clock import SystemClock
from engine.engine import Engine

if TYPE_CHECKING:
    from engine.state import State
    from engine.watching import Voice
    from tui.cli import Settings


def build_engine(
    settings: Settings,
    *,
    speed: float | None,
    cycles: int | None,
    only: str,
    voice: Voice | None = None,
    state: State | None = None,
) -> Engine:
    """The engine over `settings`, not yet started: `speed` in market seconds a second (0 as fast as it can, None as configured).

    `cycles` is after how many it stops (None for never), `only` the one desk that runs ('' for all). Raises KanpanError.
    """
    return Engine(
        settings.config,
        settings.home,
        clock=SystemClock(),
        environ=settings.environ,
        language=settings.language,
        speed=speed,
        cycles=cycles,
        only=only,
        voice=voice,
        state=state,
    )
