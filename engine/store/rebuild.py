"""Derives every projection from the journal again: the same code, the same rows, the same bytes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from engine.store.connect import reader, writer
from engine.store.lock import InstanceLock
from engine.store.projections import Projector
from engine.store.schema import TABLES, VIEWS, projections_ddl, statements

FLUSH_EVERY = 20_000
_ROWS = "SELECT kind, seq, at, payload FROM journal ORDER BY seq"


def rebuild(home: Path) -> int:
    """Throw the projections of `home` away and derive them again, in one transaction; returns how many entries were read.

    Takes the instance lock. Raises AlreadyRunning, LedgerError or IllegalTransition, and then the old projections stand.
    """
    lock = InstanceLock(home)
    connection = writer(home)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            count = refill(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return count
    finally:
        connection.close()
        lock.release()


def refill(connection: sqlite3.Connection) -> int:
    """Lay out the projections anew and fill them from the journal, inside the caller's transaction."""
    connection.execute(f"DROP VIEW IF EXISTS {VIEWS.split()[2]}")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for name in reversed(TABLES):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for statement in statements(projections_ddl()):
        connection.execute(statement)
    return derive(connection, connection)


def derive(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Replay the journal of `source` into the empty projections of `target`; returns how many entries were read."""
    projector = Projector(target)
    count = 0
    cursor = source.execute(_ROWS)
    while batch := cursor.fetchmany(FLUSH_EVERY):
        for kind, seq, at, payload in batch:
            projector.apply(kind, seq, at, json.loads(payload))
        projector.flush()
        count += len(batch)
    return count


def dump(connection: sqlite3.Connection) -> bytes:
    """Every projection row in key order as canonical JSON lines: two ledgers agree exactly when these bytes do."""
    lines: list[str] = []
    for table in TABLES.values():
        order = ", ".join(table.column_names[: table.keys])
        for row in connection.execute(f"SELECT {', '.join(table.column_names)} FROM {table.name} ORDER BY {order}"):
            lines.append(json.dumps([table.name, *row], ensure_ascii=False, separators=(",", ":")))
    return "\n".join(lines).encode()


def derived_dump(home: Path) -> bytes:
    """What `dump` should say, derived from the journal of `home` in memory without touching the ledger."""
    source = reader(home)
    memory = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in statements(projections_ddl()):
            memory.execute(statement)
        memory.execute("BEGIN")
        derive(source, memory)
        return dump(memory)
    finally:
        memory.close()
        source.close()
