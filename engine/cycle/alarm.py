"""The alarm clock: APScheduler rings once a second in its own thread, and a job that dies is never silent.

It knows nothing of slots; which were due, done or missed is read from the journal. Wall time against monotonic time shows a machine
that slept or a clock that was set (the scheduler itself sleeps through both: reliability.md T1).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from engine.core.clock import Clock

# Without a handler Python prints the library's complaints, a dead job's traceback among them, across the console.
logging.getLogger("apscheduler").addHandler(logging.NullHandler())


class Alarm:
    """Calls `beat(drift_s)` every `every_s` seconds; `fatal(reason)` when that call raised anything at all."""

    def __init__(self, beat: Callable[[float], None], fatal: Callable[[str], None], *, clock: Clock, every_s: float) -> None:
        self._beat = beat
        self._fatal = fatal
        self._clock = clock
        self._every_s = every_s
        self._scheduler = BackgroundScheduler(
            {"apscheduler.timezone": "UTC"}, executors={"default": ThreadPoolExecutor(1)}, daemon=True
        )
        self._last_wall = clock.now().timestamp()
        self._last_monotonic = time.monotonic()

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        job = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler.add_job(self._ring, "interval", seconds=self._every_s, id="heartbeat", **job)
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ringing; returns without waiting for a ring under way."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _ring(self) -> None:
        wall, monotonic = self._clock.now().timestamp(), time.monotonic()
        drift_s = (wall - self._last_wall) - (monotonic - self._last_monotonic)
        self._last_wall, self._last_monotonic = wall, monotonic
        self._beat(drift_s)

    def _failed(self, event: JobExecutionEvent) -> None:
        if event.exception is not None:
            self._fatal(f"heartbeat: {type(event.exception).__name__}: {event.exception}")
