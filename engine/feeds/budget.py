"""How many requests each wall of hosts was sent on this UTC day, counted over restarts and by every process of a state directory.

take(family) ──► the count of today ──► every FLUSHED_EACH requests added to HOME/feeds/requests.json, under its lock
Who counts adds only what it sent itself since it last wrote, so that an engine and a sync beside it count each other's.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from engine.store.durable import make_directory, replace_file

NEAR_PPM = 800_000
"""From this part of a budget on, a person hears of it once."""
FLUSHED_EACH = 20
"""A process that is killed forgets fewer requests than this."""
FILE = "feeds/requests.json"
_LOCK_S = 2.0


class Spent:
    """Requests of today by family. Safe from any thread; `path` None counts in memory alone, `now` is an aware clock."""

    def __init__(self, path: Path | None, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._day = self._today()
        self._known, self._said = self._read()
        self._own: Counter[str] = Counter()

    def take(self, family: str) -> int:
        """Count one more request; how many there were today, this one among them."""
        with self._lock:
            self._turn()
            self._own[family] += 1
            count = self._known[family] + self._own[family]
            if self._own.total() >= FLUSHED_EACH:
                self._flush()
            return count

    def of(self, family: str) -> int:
        """How many requests there were today."""
        with self._lock:
            self._turn()
            return self._known[family] + self._own[family]

    def counts(self) -> Mapping[str, int]:
        """All families asked today."""
        with self._lock:
            self._turn()
            return self._known + self._own

    def heard(self, family: str, code: str) -> bool:
        """Whether a person was told `code` of this family today, by any process; from now on they were."""
        with self._lock:
            if f"{family} {code}" in self._said:
                return True
            self._said.add(f"{family} {code}")
            self._flush()
            return False

    def until_tomorrow_s(self) -> float:
        """Seconds until everybody begins anew."""
        now = self._now()
        midnight = datetime.combine(self._today() + timedelta(days=1), time(), now.tzinfo)
        return max(1.0, (midnight - now).total_seconds())

    def close(self) -> None:
        """Write down what was not written yet."""
        with self._lock:
            self._turn()
            if self._own:
                self._flush()

    def _today(self) -> date:
        return self._now().date()

    def _turn(self) -> None:
        if self._today() != self._day:
            self._day = self._today()
            self._known, self._said = self._read()
            self._own = Counter()

    def _flush(self) -> None:
        """A disk that refuses is for the ledger to halt on: counting goes on in memory."""
        if self._path is None:
            return
        with contextlib.suppress(OSError, Timeout):
            make_directory(self._path.parent)
            with FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_S, mode=0o600):
                known, said = self._read()
                total, self._said = known + self._own, self._said | said
                told = {"day": self._day.isoformat(), "requests": dict(sorted(total.items())), "told": sorted(self._said)}
                replace_file(self._path, [json.dumps(told, indent=1).encode()])
            self._known, self._own = total, Counter()

    def _read(self) -> tuple[Counter[str], set[str]]:
        """What is written of today, and what was told; nothing where the file is missing, damaged or of another day."""
        nothing: tuple[Counter[str], set[str]] = (Counter(), set())
        if self._path is None:
            return nothing
        try:
            told = json.loads(self._path.read_bytes())
            if told["day"] != self._day.isoformat():
                return nothing
            counts = {str(family): max(0, int(count)) for family, count in told["requests"].items()}
            return Counter(counts), {str(code) for code in told["told"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return nothing
