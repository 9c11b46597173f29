"""Proves that the journal in the database is the history that was acknowledged: chain and anchor, tail or whole."""

from __future__ import annotations

import sqlite3

from engine.core.errors import LedgerError
from engine.store.chain import ANCHOR, EMPTY, GENESIS, Head, link

TAIL_ROWS = 256
_ROWS = "SELECT seq, at, kind, key, payload, prev_hash, hash FROM journal WHERE seq > ? ORDER BY seq"


def head_of(connection: sqlite3.Connection) -> Head:
    """The last row of the journal."""
    row = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return EMPTY if row is None else Head(row[0], row[1])


def verify_tail(connection: sqlite3.Connection, anchor: Head | None) -> Head:
    """Check the anchor and the last rows, quickly, as every start does; returns the head.

    The database may be ahead of its anchor by what a crash cut off, never behind it. Raises LedgerError.
    """
    head = head_of(connection)
    verify_anchor(connection, head, anchor)
    verify_chain(connection, after=max(0, head.seq - TAIL_ROWS))
    return head


def verify_anchor(connection: sqlite3.Connection, head: Head, anchor: Head | None) -> None:
    """Raises LedgerError unless the journal continues the history that the anchor names."""
    if anchor is None:
        if head.seq:
            raise LedgerError(f"{ANCHOR} is missing beside a ledger of {head.seq} entries; restore both from one backup")
        return
    if anchor.seq > head.seq:
        lost = anchor.seq - head.seq
        raise LedgerError(f"the ledger lost its last {lost} of {anchor.seq} acknowledged entries; restore it from a backup")
    if anchor.seq:
        (found,) = connection.execute("SELECT hash FROM journal WHERE seq = ?", (anchor.seq,)).fetchone() or (GENESIS,)
        if found != anchor.hash:
            raise LedgerError(f"entry {anchor.seq} of the ledger is not the one that was acknowledged; restore it from a backup")


def verify_chain(connection: sqlite3.Connection, *, after: int = 0) -> int:
    """Recompute every hash after entry `after`; returns how many rows hold. Raises LedgerError naming the first that does not."""
    expected, digest = after, GENESIS
    if after:
        row = connection.execute("SELECT hash FROM journal WHERE seq = ?", (after,)).fetchone()
        if row is None:
            raise LedgerError(f"entry {after} of the ledger is missing")
        digest = row[0]
    for seq, at, kind, key, payload, previous, found in connection.execute(_ROWS, (after,)):
        expected += 1
        if seq != expected:
            raise LedgerError(f"entry {expected} of the ledger is missing")
        if previous != digest or link(digest, seq, at, kind, key, payload) != found:
            raise LedgerError(f"entry {seq} of the ledger was altered")
        digest = found
    return expected - after
