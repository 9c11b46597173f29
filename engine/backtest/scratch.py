"""Where a simulation keeps the books it throws away: in memory where the machine offers a directory there, else on the disk.

A ledger flushes to the disk several times a cycle, which is right for books and three quarters of the time of a backtest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 256 * 1024 * 1024
"""Bytes that must be free there: a container may be given very little of it."""


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A private temporary directory, gone when it is left."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    return tempfile.TemporaryDirectory(prefix="kanpan-backtest-", dir=MEMORY if roomy else None)
