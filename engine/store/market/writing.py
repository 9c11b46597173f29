"""One writer at a time on a market's files: a sync, an import and a live feed may run in different processes.

Every write reads a file, adds to it and replaces it; two at once would lose what the first one added. Readers never wait: a file is
whole before and after it is replaced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from engine.core.errors import DataError
from engine.core.units import Market
from engine.store.durable import make_directory
from engine.store.market.layout import MARKET_DIRECTORY

LOCK_WAIT_S = 60.0
_LOCK = ".lock"


@contextlib.contextmanager
def writing(home: Path, market: Market) -> Iterator[None]:
    """Hold the market's files for one write. Raises DataError when another process has held them for LOCK_WAIT_S."""
    directory = home / MARKET_DIRECTORY / market.value
    try:
        make_directory(directory)
        lock = FileLock(directory / _LOCK, timeout=LOCK_WAIT_S, mode=0o600, thread_local=False)
        lock.acquire()
    except Timeout:
        raise DataError(f"another process has been writing {directory} for {LOCK_WAIT_S:.0f} s; wait for its sync to end") from None
    except OSError as error:
        raise DataError(f"{directory} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def tidy(home: Path, market: Market) -> int:
    """Remove what a killed writer left half-written; returns how many files. Raises DataError."""
    with writing(home, market):
        left = [path for path in (home / MARKET_DIRECTORY / market.value).rglob(".*.tmp") if path.is_file()]
        for path in left:
            with contextlib.suppress(OSError):
                path.unlink()
    return len(left)
