"""Derives every projection from the journal again: the same code, the same rows, the same bytes."""

from __future__ import annotations

import gc
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.core.errors import LedgerError
from engine.store.connect import writer
from engine.store.lock import InstanceLock
from engine.store.projections import Projector
from engine.store.schema import TABLES, VIEWS, indexes_ddl, statements, tables_ddl

FLUSH_EVERY = 20_000
_ROWS = "SELECT kind, seq, at, payload FROM journal ORDER BY seq"


def rebuild(home: Path) -> int:
    """Throw the projections of `home` away and derive them again, in one transaction; returns how many entries were read.

    Takes the instance lock. Raises AlreadyRunning, LedgerError or IllegalTransition, and then the old projections stand.
    """
    lock = InstanceLock(home)
    connection = writer(home)
    try:
        connection.execute("PRAGMA foreign_keys = OFF")  # checked at the end instead of row by row
        connection.execute("PRAGMA cache_size = -65536")
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
    for name in reversed(TABLES):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for statement in statements(tables_ddl()):
        connection.execute(statement)
    count = derive(connection, connection)
    for statement in statements(indexes_ddl()):
        connection.execute(statement)
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise LedgerError("the rebuilt projections refer to rows that do not exist")
    return count


def derive(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Replay the journal of `source` into the empty projections of `target`; returns how many entries were read."""
    from pydantic_core import from_json  # twice as fast as json; imported here to keep the ledger's own import light

    projector = Projector(target)
    apply = projector.apply
    count = 0
    cursor = source.execute(_ROWS)
    with _uncollected():
        while batch := cursor.fetchmany(FLUSH_EVERY):
            for kind, seq, at, payload in batch:
                apply(kind, seq, at, from_json(payload))
            projector.flush()
            count += len(batch)
    return count


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the cycle collector from searching rows, which hold no cycles, over and over: it took a sixth of a rebuild."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def dump(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Every projection row in key order as one line of JSON: two ledgers agree exactly when these bytes do."""
    for table in TABLES.values():
        order = ", ".join(table.column_names[: table.keys])
        for row in connection.execute(f"SELECT {', '.join(table.column_names)} FROM {table.name} ORDER BY {order}"):
            yield json.dumps([table.name, *row], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def fingerprint(connection: sqlite3.Connection) -> tuple[str, int]:
    """SHA-256 of `dump` and its number of rows."""
    digest, rows = hashlib.sha256(), 0
    for line in dump(connection):
        digest.update(line)
        rows += 1
    return digest.hexdigest(), rows


def derived_fingerprint(source: sqlite3.Connection) -> tuple[str, int]:
    """What `fingerprint` should say, derived from the journal of `source`, which is only read, into a temporary database."""
    scratch = sqlite3.connect("", isolation_level=None)
    try:
        for statement in statements(tables_ddl()):
            scratch.execute(statement)
        scratch.execute("BEGIN")
        derive(source, scratch)
        return fingerprint(scratch)
    finally:
        scratch.close()
