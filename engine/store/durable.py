"""Files that are there whole or not at all, and directories whose names outlive a power cut."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path


def replace_file(target: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Put `parts` at `target` whole or not at all: a temporary file beside it, flushed, then renamed. Mode 0600. Raises OSError."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(handle)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def make_directory(directory: Path) -> None:
    """Make `directory` and its parents with mode 0700, each durable in its own parent. Raises OSError."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for new in reversed(missing):
        new.mkdir(mode=0o700, exist_ok=True)
        sync_directory(new.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
