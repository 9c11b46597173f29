"""Where two threads meet over a person's yes: the desk waits, the commands' thread brings answers once they are durable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

POLL_S = 0.05
"""A halt, also one from another process, ends the wait within this."""


class Approvals:
    """Which orders wait for a person now. The desk's thread waits; the commands' thread claims, writes, and lets go."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._open: set[str] = set()
        self._claimed: set[str] = set()

    def waiting(self) -> frozenset[str]:
        """The orders that may still be answered."""
        with self._condition:
            return frozenset(self._open - self._claimed)

    def open(self, orders: Iterable[str]) -> None:
        """These orders are about to be shown: from now on they may be answered, also before the desk begins to wait."""
        with self._condition:
            self._open |= set(orders)

    def wait(self, orders: Iterable[str], within_s: float, stopped: Callable[[], bool]) -> None:
        """Return when every order has its answer, when `within_s` real seconds are over, or soon after `stopped` says so."""
        asked, until = set(orders), time.monotonic() + within_s
        with self._condition:
            while self._open & asked:
                left_s = until - time.monotonic()
                if not self._claimed & asked and (left_s <= 0 or stopped()):
                    break
                self._condition.wait(min(POLL_S, max(left_s, 0.001)))
            self._open -= asked

    def claim(self, order: str) -> bool:
        """An answer is about to be written: the wait does not end under it. False when the order waits no more."""
        with self._condition:
            if order not in self._open or order in self._claimed:
                return False
            self._claimed.add(order)
            return True

    def release(self, order: str, *, answered: bool) -> None:
        """The answer is durable, or could not be written."""
        with self._condition:
            self._claimed.discard(order)
            if answered:
                self._open.discard(order)
            self._condition.notify_all()
