"""One engine at a time on a state directory: a kernel lock that dies with its process, and the PID of who holds it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout

from engine.core.errors import AlreadyRunning

LOCK = "kanpan.lock"
PID = "kanpan.pid"


class InstanceLock:
    """Holds `home` for this process until `release`; the kernel frees it when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        """Take the lock at once or raise AlreadyRunning naming the PID that holds it."""
        self._pid = home / PID
        self._lock = FileLock(home / LOCK, timeout=0, mode=0o600, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise AlreadyRunning(f"another kanpan ({_holder(self._pid)}) holds {home}; stop it or use `kanpan attach`") from None
        with contextlib.suppress(OSError):  # a full disk costs the name, not the lock
            self._pid.unlink(missing_ok=True)
            self._pid.touch(mode=0o600)
            self._pid.write_text(f"{os.getpid()}\n", encoding="ascii")

    def release(self) -> None:
        """Let the next process in."""
        with contextlib.suppress(FileNotFoundError):
            self._pid.unlink()
        self._lock.release()


def holder(home: Path) -> int | None:
    """The PID written by the process that holds `home`, or None; a leftover of a killed process may be stale."""
    with contextlib.suppress(OSError, ValueError):
        return int((home / PID).read_text(encoding="ascii"))
    return None


def _holder(path: Path) -> str:
    found = holder(path.parent)
    return f"PID {found}" if found else "PID unknown"
