"""One Parquet file under a seal: two lines of text, then the bytes they vouch for, so that a torn file is refused by name.

`kanpan-market-1 SHA256(parquet) SHA256(summary)` · the summary as one line of JSON · the Parquet bytes.
The decoder never sees a byte that was not checked: on damaged input it may abort the process instead of raising. The summary has
its own checksum, so that a directory of years is listed without reading its bodies.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from engine.core.errors import DataError
from engine.store.durable import make_directory, replace_file

MAGIC = b"kanpan-market-1"
MAX_SUMMARY_BYTES = 4 << 20
_SEAL_BYTES = len(MAGIC) + 2 * 65 + 1
_MEND = "delete it and run `kanpan data sync` or `kanpan data import` again"


def write_sealed(path: Path, table: pl.DataFrame, summary: Mapping[str, Any]) -> None:
    """Put `table` at `path` whole or not at all, durable when this returns. Raises DataError when the disk refuses.

    A temporary file beside it is flushed and renamed over it, then the directory is flushed; files are 0600, directories 0700.
    """
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="lz4", statistics=False)
    body = buffer.getbuffer()
    line = json.dumps(summary, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    try:
        make_directory(path.parent)
        replace_file(path, (_seal(body, line), line, body))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}; nothing was changed") from error


def read_sealed(path: Path, columns: Sequence[str] | None = None) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The table at `path`, or the named columns of it, and its summary. Raises DataError naming a missing or damaged file."""
    try:
        with path.open("rb") as file:
            seal, line = _head(path, file)
            body = file.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if _seal(body, line) != seal:
        raise DataError(f"{path} is damaged (its checksum differs); {_MEND}")
    try:
        # Files are read side by side (shelf.py): each in one thread takes less of the processor than each in all.
        return pl.read_parquet(body, columns=None if columns is None else list(columns), parallel="none"), json.loads(line)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise DataError(f"{path} was not written by this program; {_MEND}") from error


def read_summary(path: Path) -> dict[str, Any]:
    """The summary of the file at `path` without its table. Raises DataError naming a missing or damaged file."""
    try:
        with path.open("rb") as file:
            return dict(json.loads(_head(path, file)[1]))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def file_stamp(path: Path) -> tuple[int, int, int]:
    """What changes when the file at `path` is replaced: inode, size, time in nanoseconds. Raises DataError when it is missing."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _head(path: Path, file: BinaryIO) -> tuple[bytes, bytes]:
    """The seal, and the line of the summary, which is checked. Raises DataError."""
    seal, line = file.read(_SEAL_BYTES), file.readline(MAX_SUMMARY_BYTES)
    words = seal.split()
    if len(words) != 3 or words[0] != MAGIC or words[2] != hashlib.sha256(line).hexdigest().encode():
        raise DataError(f"{path} is damaged (its first lines are not whole); {_MEND}")
    return seal, line


def _seal(body: bytes | memoryview, line: bytes) -> bytes:
    return b"%s %s %s\n" % (MAGIC, hashlib.sha256(body).hexdigest().encode(), hashlib.sha256(line).hexdigest().encode())
