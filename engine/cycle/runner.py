"""The thread that carries a desk through market time: at a chosen speed, or as fast as it can.

next_due ──► wait (market seconds / speed, gaps shortened) ──► desk.step ──► … ; what a person asks for is done between two steps
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from datetime import date, datetime

from engine.core.errors import KanpanError
from engine.cycle.desk import Desk

LONGEST_WAIT_S = 0.8
"""A night or a lunch break of a replay passes in at most this."""
MAX_JOBS = 64

Job = Callable[[Desk], object]


class Runner:
    """Owns the desk's thread. Public methods may be called from any thread and return at once.

    `speed` is market seconds per real second, 0 for as fast as it can. With `cycles` the desk stops after so many cycles, once
    their orders have filled or expired. `ended(reason)` is called from the thread as it ends, '' when all is well; `drained()` when
    the tape or the number of cycles has run out.
    """

    def __init__(
        self, desk: Desk, *, speed: float, cycles: int | None, ended: Callable[[str], None], drained: Callable[[], None]
    ) -> None:
        self.desk = desk
        self.beat = time.monotonic()
        self._speed = speed
        self._cycles = cycles
        self._ended = ended
        self._drained = drained
        self._jobs: queue.Queue[Job] = queue.Queue(MAX_JOBS)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"desk-{desk.mandate.desk}", daemon=True)

    def start(self) -> None:
        """Begin: the desk opens its books in its own thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after the step it is in."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended within `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def post(self, job: Job) -> bool:
        """Have `job` done between two steps; False when too much is waiting already."""
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        self._wake.set()
        return True

    def _run(self) -> None:
        reason = ""
        try:
            self.desk.open()
            self._carry()
        except KanpanError as error:
            reason = str(error)
        except BaseException as error:  # noqa: BLE001 - a dead desk must never go unnoticed
            reason = f"{type(error).__name__}: {error}"
        self._ended(reason)

    def _carry(self) -> None:
        told = False
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            job = self._next_job()
            if job is not None:
                job(self.desk)
                continue
            enough = self._cycles is not None and self.desk.cycles_run >= self._cycles
            # Once there were enough cycles the tape alone says what is due: a slot would be due for ever.
            due = self.desk.equipment.tape.next_at() if enough else self.desk.next_due()
            if due is None or (enough and not self.desk.broker.working()):
                if not told:
                    told = True
                    self._drained()
                self._wait(1.0)
            elif self._waited_until(due):
                (self.desk.follow if enough else self.desk.step)(due)

    def _next_job(self) -> Job | None:
        if self.desk.trading_day == date.min:
            return None  # the tape has not begun: there is nothing to look at yet
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            return None

    def _waited_until(self, due: datetime) -> bool:
        """Wait as long as the speed says; False when something woke us first."""
        if self._speed <= 0:
            return True
        market_s = (due - self.desk.now).total_seconds()
        return not self._wait(min(max(0.0, market_s) / self._speed, LONGEST_WAIT_S))

    def _wait(self, seconds: float) -> bool:
        woken = self._wake.wait(seconds)
        self._wake.clear()
        return woken
