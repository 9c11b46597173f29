"""Lets old prompts and replies go by age; the journal, and the hashes in it that name them, stay for ever."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_OLD = """
    FROM blobs WHERE seq < (SELECT coalesce(min(seq), 0) FROM journal WHERE at >= ?)
    AND hash NOT IN (SELECT text_hash FROM configs)
"""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many texts went and how many bytes they took in the ledger."""

    texts: int
    stored_bytes: int


def forget(connection: sqlite3.Connection, before: str) -> Forgotten:
    """Delete the texts last written before the instant `before` (ISO 8601 UTC), inside the caller's transaction.

    Configurations are kept, since every cycle under one needs it to be replayed. When no entry is that young, nothing goes.
    """
    texts, stored = connection.execute(f"SELECT count(*), coalesce(sum(length(data)), 0) {_OLD}", (before,)).fetchone()
    if texts:
        connection.execute(f"DELETE {_OLD}", (before,))
    return Forgotten(texts, stored)
