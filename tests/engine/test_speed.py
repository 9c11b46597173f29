"""The same days at any speed, watched or not: the same orders, fills and cash."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from engine.config import Config
from engine.core.clock import SystemClock
from engine.engine import Engine
from tests.engine.desk_harness import story

DAYS = Config.model_validate({"desk": {"demo": {"replay": {"start": "2020-02-04", "end": "2020-02-06"}}}})


def lived(home: Path, speed: float, readers: int) -> dict[str, object]:
    """What three days came to, with `readers` threads polling every topic as fast as they can."""
    engine = Engine(DAYS, home, clock=SystemClock(), environ=os.environ, speed=speed)
    done = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while not done.is_set():
            topics = (engine.state.quotes, engine.state.orders, engine.state.events, engine.state.positions, engine.state.models)
            seen.append(sum(len(topic.view().rows) for topic in topics))
            done.wait(0.005)

    watchers = [threading.Thread(target=watch) for _ in range(readers)]
    engine.start()
    for watcher in watchers:
        watcher.start()
    assert engine.wait(timeout_s=60)
    done.set()
    assert engine.stop() and engine.failed == ""
    for watcher in watchers:
        watcher.join(5)
    assert not readers or max(seen) > 50
    return story(home)


def test_paced_and_watched_is_the_same_as_full_speed(tmp_path: Path) -> None:
    fast = lived(tmp_path / "fast", 0.0, 0)
    assert fast["fills"]
    assert lived(tmp_path / "paced", 100_000.0, 3) == fast
