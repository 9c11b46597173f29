"""The hash chain of the journal and its anchor: the head kept outside the database, so that a shortened history is noticed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import LedgerError

GENESIS = "0" * 64
ANCHOR = "ledger.head"


@dataclass(frozen=True, slots=True)
class Head:
    """The last journal row: its number (0 = empty) and its hash."""

    seq: int
    hash: str


EMPTY = Head(0, GENESIS)


def link(prev_hash: str, seq: int, at: str, kind: str, key: str, payload: str) -> str:
    """SHA-256 in hex over the previous hash and everything the row says.

    The fields are parted by the unit separator, which canonical JSON always escapes and ids never hold.
    """
    return hashlib.sha256(f"{prev_hash}\x1f{seq}\x1f{at}\x1f{kind}\x1f{key}\x1f{payload}".encode()).hexdigest()


def read_anchor(home: Path) -> Head | None:
    """The anchored head, or None where none was ever written; raises LedgerError when the file is not an anchor."""
    try:
        text = (home / ANCHOR).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"{home / ANCHOR} cannot be read: {error}") from None
    number, _, digest = text.strip().partition(" ")
    if not number.isdigit() or len(digest) != 64:
        raise LedgerError(f"{home / ANCHOR} is damaged; restore it together with ledger.db from one backup")
    return Head(int(number), digest)


def write_anchor(home: Path, head: Head) -> None:
    """Replace the anchor: temporary file, fsync, rename. Raises OSError, and then the old anchor still stands.

    The directory is not synced: losing the rename leaves an older anchor, which a longer journal satisfies.
    """
    temporary = home / f"{ANCHOR}.tmp"
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            line = f"{head.seq} {head.hash}\n".encode()
            if os.write(descriptor, line) != len(line):
                raise OSError("the anchor was cut short")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(home / ANCHOR)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
