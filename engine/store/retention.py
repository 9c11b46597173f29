"""Lets old prompts and replies go by age; the journal, and the hashes in it that name them, stay for ever."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_FIRST_YOUNG = "(SELECT min(seq) FROM journal WHERE at >= ?)"
_OLD = "FROM blobs WHERE seq < coalesce({first_young}, {otherwise}) AND hash NOT IN (SELECT text_hash FROM configs)"
_NOW_OLD = _OLD.format(first_young=_FIRST_YOUNG, otherwise="0")
_SOON_OLD = _OLD.format(first_young=_FIRST_YOUNG, otherwise="(SELECT max(seq) + 1 FROM journal)")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many texts went and how many bytes they took in the ledger."""

    texts: int
    stored_bytes: int


def old_texts(connection: sqlite3.Connection, before: str) -> int:
    """How many texts `forget` would delete once an entry younger than the instant `before` has been written."""
    (texts,) = connection.execute(f"SELECT count(*) {_SOON_OLD}", (before,)).fetchone()
    return int(texts)


def forget(connection: sqlite3.Connection, before: str) -> Forgotten:
    """Delete the texts last written before the instant `before` (ISO 8601 UTC), inside the caller's transaction.

    Configurations are kept, since every cycle under one needs it to be replayed. When no entry is that young, nothing goes.
    """
    texts, stored = connection.execute(f"SELECT count(*), coalesce(sum(length(data)), 0) {_NOW_OLD}", (before,)).fetchone()
    if texts:
        connection.execute(f"DELETE {_NOW_OLD}", (before,))
    return Forgotten(texts, stored)
