"""Projection rows in memory for the length of one transaction: read through on first touch, written back in one go.

The writer uses it for one commit, the rebuild for a long stretch of the journal, so both take exactly the same path.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from engine.core.errors import LedgerError
from engine.store.schema import Table

Key = tuple[Any, ...]
Row = list[Any]


class Rows:
    """The rows of one projection that this transaction has touched. Rows are lists in the table's column order."""

    def __init__(self, connection: sqlite3.Connection, table: Table) -> None:
        names = table.column_names
        self._connection = connection
        self._name = table.name
        self._keys = table.keys
        self._held: dict[Key, Row | None] = {}
        self._fresh: list[Key] = []
        self._new: dict[Key, Row] = {}
        self._dirty: dict[Key, bool] = {}
        self.column = {name: place for place, name in enumerate(names)}
        where = " AND ".join(f"{name} = ?" for name in names[: table.keys])
        self._select = f"SELECT {', '.join(names)} FROM {table.name} WHERE {where}"
        self._delete = f"DELETE FROM {table.name} WHERE {where}"
        self._insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        changed = ", ".join(f"{name} = excluded.{name}" for name in names[table.keys :])
        target = ", ".join(names[: table.keys])
        self._upsert = f"{self._insert} ON CONFLICT ({target}) DO UPDATE SET {changed}" if changed else self._insert

    def get(self, *key: Any) -> Row | None:
        """The row under `key` as this transaction sees it, or None."""
        try:
            return self._held[key]
        except KeyError:
            found = self._connection.execute(self._select, key).fetchone()
            row = self._held[key] = None if found is None else list(found)
            return row

    def add(self, *row: Any) -> None:
        """A row that nothing will touch again; a second one under the same key fails the whole transaction."""
        self._fresh.append(row)

    def new(self, *row: Any) -> None:
        """A row under a key that must not exist yet; it may change later. A second one fails at once or at the flush."""
        key = row[: self._keys]
        if self._held.get(key) is not None:
            raise self._twice(key)
        if key in self._dirty:  # dropped in this very transaction, so the database may still hold the old one
            self.put(*row)
        else:
            self._held[key] = self._new[key] = list(row)

    def put(self, *row: Any) -> None:
        """Insert or replace a row."""
        key = row[: self._keys]
        self._held[key] = list(row)
        self._dirty[key] = True

    def touch(self, *key: Any) -> None:
        """A row obtained from `get` was changed in place."""
        if key not in self._new:
            self._dirty[key] = True

    def drop(self, *key: Any) -> None:
        """Delete the row under `key`."""
        self._held[key] = None
        self._dirty[key] = True

    def dirty(self) -> Iterator[Key]:
        """Keys changed since the last flush."""
        yield from self._dirty

    def flush(self) -> None:
        """Write everything back and forget it; broken constraints surface here as sqlite3.IntegrityError."""
        if self._new:
            self._insert_all(list(self._new.values()))
        if self._dirty:
            gone = [key for key in self._dirty if self._held[key] is None]
            kept = [row for key in self._dirty if (row := self._held[key]) is not None]
            if gone:
                self._connection.executemany(self._delete, gone)
            if kept:
                self._connection.executemany(self._upsert, kept)
        if self._fresh:
            self._insert_all(self._fresh)
        self.discard()

    def discard(self) -> None:
        """Forget everything, as after a rollback."""
        self._held.clear()
        self._new.clear()
        self._dirty.clear()
        self._fresh.clear()

    def _insert_all(self, rows: Sequence[Sequence[Any]]) -> None:
        try:
            self._connection.executemany(self._insert, rows)
        except sqlite3.IntegrityError as error:
            if "UNIQUE" not in str(error):
                raise
            known = (row for row in rows if self._connection.execute(self._select, row[: self._keys]).fetchone())
            raise self._twice(tuple(next(known, rows[0])[: self._keys])) from None

    def _twice(self, key: Key) -> LedgerError:
        return LedgerError(f"already in {self._name}: {' '.join(map(str, key))}")
