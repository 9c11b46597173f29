"""Opens SQLite connections the one right way: the writer's, and short read-only ones. Never shared between threads."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from engine.core.errors import LedgerError
from engine.store.schema import APPLICATION_ID, JOURNAL, SCHEMA_VERSION, TABLES, indexes_ddl, statements, tables_ddl

DATABASE = "ledger.db"
LOCK_WAIT_S = 10.0
WAL_BYTES_KEPT = 16 * 1024 * 1024


def prepare_home(home: Path) -> None:
    """Make the state directory (0700) or refuse one that others may write to or that is not ours."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = home.stat()
    except OSError as error:
        raise LedgerError(f"the state directory {home} cannot be used: {error.strerror}") from None
    if found.st_uid != os.geteuid():
        raise LedgerError(f"the state directory {home} belongs to another user; choose another with --home")
    if found.st_mode & 0o022:
        raise LedgerError(f"the state directory {home} can be written by others; run: chmod go-w {home}")


def writer(home: Path) -> sqlite3.Connection:
    """The write connection: WAL, synchronous FULL, foreign keys, triggers that `INSERT OR REPLACE` cannot step around.

    Must be used by the thread that opens it. Raises LedgerError when the file cannot be made, else sqlite3.Error as SQLite does.
    """
    path = home / DATABASE
    try:
        # SQLite gives -wal and -shm the mode of the database. Only ever made, never reopened: closing a second descriptor of an
        # open database would drop this process's locks on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise LedgerError(f"{path} cannot be made: {error.strerror}") from None
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None, cached_statements=512)
    try:
        _harden(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA secure_delete = OFF")  # nothing secret is inside, and zeroing freed pages costs writes
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
    except BaseException:
        connection.close()
        raise
    return connection


def reader(home: Path) -> sqlite3.Connection:
    """A read-only connection; raises LedgerError when there is no ledger. Close it soon: an open read keeps the WAL growing.

    An older ledger is read as it stands: a table it does not have yet is empty, here and nowhere else.
    """
    path = home / DATABASE
    if not path.exists():
        raise LedgerError(f"there is no ledger in {home} yet")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT_S, isolation_level=None)
    try:
        _harden(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if 0 < version < SCHEMA_VERSION:
            _complete(connection)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _harden(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")


def _complete(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA temp_store = MEMORY")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in TABLES.values():
        if table.name not in there:
            connection.execute(table.ddl.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def schema_version(connection: sqlite3.Connection) -> int:
    """The version of the file, 0 for an empty one; raises LedgerError for a file that is not ours or is newer than we are."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not version:
        return 0
    if application != APPLICATION_ID:
        raise LedgerError(f"{DATABASE} is not a kanpan ledger")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"{DATABASE} was written by a newer kanpan (schema {version}, this one knows {SCHEMA_VERSION}); upgrade kanpan"
        )
    return int(version)


def create_schema(connection: sqlite3.Connection) -> None:
    """Lay out an empty ledger in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements(JOURNAL + tables_ddl() + indexes_ddl()):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
