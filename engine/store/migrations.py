"""Brings an older ledger up to date: a backup first, then each step in its own transaction, then the projections anew.

The journal is never rewritten, only laid out differently; projections are not migrated at all but derived again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import LedgerError
from engine.store.rebuild import refill

BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class Migration:
    """From schema `version - 1` to `version`; `apply` gets a sqlite-utils Database inside an open transaction."""

    version: int
    apply: Callable[[Any], None]


def _projections_only(database: Any) -> None:
    """The journal stays as it is; the tables that are new are derived with all the others."""


MIGRATIONS: tuple[Migration, ...] = (Migration(2, _projections_only),)
"""2: perpetuals, their fundings and liquidations."""


def migrate(connection: sqlite3.Connection, home: Path, version: int, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """Run every step after `version`, under the caller's instance lock; a step that raises leaves the last one's file."""
    from sqlite_utils import Database  # 0.4 s to import, and only an upgrade needs it

    for step in steps:
        if step.version <= version:
            continue
        _back_up(connection, home, version)
        connection.execute("BEGIN IMMEDIATE")
        try:
            step.apply(Database(connection))
            if not connection.in_transaction:
                raise LedgerError(f"migration {step.version} committed half-way")
            refill(connection)
            connection.execute(f"PRAGMA user_version = {step.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        version = step.version


def _back_up(connection: sqlite3.Connection, home: Path, version: int) -> None:
    folder = home / BACKUPS
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"ledger-v{version}.db"
    target.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)
