"""The ledger: an append-only journal in SQLite with its projections, written by one thread, one transaction a call.

write(records) ──► encode (caller's thread) ──► BEGIN IMMEDIATE · journal rows · projections · blobs · COMMIT ──► anchor ──► seq

A call returns when its transaction is on the disk and the anchor outside the database names its last row. A refused or failed call
leaves nothing behind; the ledger stays readable and becomes writable again when the disk does.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from engine.core.clock import Clock
from engine.core.errors import LedgerError
from engine.core.ids import content_hash
from engine.core.journal import Record
from engine.store import chain
from engine.store.books import Books
from engine.store.chain import EMPTY, Head
from engine.store.codec import Encoded, encode, stamp
from engine.store.connect import DATABASE, create_schema, prepare_home, reader, schema_version, writer
from engine.store.lock import InstanceLock
from engine.store.migrations import migrate
from engine.store.projections import Projector
from engine.store.retention import Forgotten, forget
from engine.store.schema import SCHEMA_VERSION
from engine.store.verify import head_of, verify_tail

T = TypeVar("T")

_INSERT = "INSERT INTO journal (seq, at, kind, desk, cycle_id, key, payload, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RECORDED = "SELECT seq FROM journal WHERE key = ? AND key <> ''"
_BLOB = "INSERT INTO blobs (hash, size, seq, data) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET seq = excluded.seq"


class Ledger:
    """The one door to the journal of a state directory. Any thread may call `write` and `reader`."""

    def __init__(self, home: Path, clock: Clock, lock: InstanceLock | None) -> None:
        self._home = home
        self._clock = clock
        self._lock = lock
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._projector: Projector | None = None
        self._head = EMPTY
        self._anchored = self._placed = EMPTY
        self._anchor_file: chain.Anchor | None = None
        self._busy_since: float | None = None

    @classmethod
    def open(cls, home: Path, *, clock: Clock, read_only: bool = False) -> Ledger:
        """Open the ledger of `home`, making it if there is none; `read_only` opens an existing one beside a running engine.

        Opening for writing takes the instance lock of `home` until `close`. Raises AlreadyRunning when another process holds it,
        and LedgerError when the directory is unsafe, the file is newer, damaged, or shorter than its anchor says.
        """
        if read_only:
            ledger = cls(home, clock, None)
            ledger._head = ledger._inspect()
            return ledger
        prepare_home(home)
        ledger = cls(home, clock, InstanceLock(home))
        ledger._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        try:
            ledger._on_writer(ledger._prepare)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def home(self) -> Path:
        """The state directory."""
        return self._home

    @property
    def head(self) -> Head:
        """The last journal row as this ledger knows it: (seq, hash)."""
        return self._inspect() if self._lock is None else self._head

    @property
    def busy_s(self) -> float:
        """For how long the writer's thread has been at its present job; 0 while it rests."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def write(self, records: Sequence[Record], *, key: str = "", blobs: Sequence[str] = ()) -> int:
        """Append `records` and texts in one transaction and return the last journal number; blocks until it is durable.

        A non-empty `key` that was used before makes the call a no-op that returns the number recorded then. Raises
        IllegalTransition or LedgerError, and then nothing was written.
        """
        if not records:
            raise LedgerError("nothing to write: a transaction needs at least one record")
        batch = [encode(record) for record in records]
        texts = [_pack(text) for text in blobs]
        at = stamp(self._clock.now())
        return self._on_writer(lambda: self._commit(batch, texts, key, at))

    @contextmanager
    def reader(self) -> Iterator[Books]:
        """A consistent view of the books on its own read-only connection. Leave the block soon."""
        with books(self._home) as view:
            yield view

    def backup(self, to: Path) -> Path:
        """A sound copy of the ledger and its anchor in the directory `to`, taken between two transactions; returns its path."""
        return self._on_writer(lambda: self._copy(to))

    def forget(self, before: datetime) -> Forgotten:
        """Delete the prompts and replies last written before an instant; the journal is never touched."""
        instant = stamp(before)
        return self._on_writer(lambda: self._forget(instant))

    def close(self) -> None:
        """Finish what was asked, close the files and let the next process in. May be called twice."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            thread.submit(self._shut)
            thread.shutdown(wait=True)
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # On the writer's thread ----------------------------------------------------------------------------------------------------

    def _on_writer(self, work: Callable[[], T]) -> T:
        if self._lock is None:
            raise LedgerError("the ledger was opened read-only")
        if self._thread is None:
            raise LedgerError("the ledger is closed")
        done = self._thread.submit(self._timed, work)
        with suppress(RuntimeError):  # closed meanwhile; the next start anchors what was committed
            self._thread.submit(self._timed, self._settle_anchor)
        return done.result()

    def _timed(self, work: Callable[[], T]) -> T:
        self._busy_since = time.monotonic()
        try:
            return work()
        finally:
            self._busy_since = None

    def _prepare(self) -> None:
        try:
            self._open_files()
        except OSError as error:
            raise LedgerError(f"the ledger in {self._home} cannot be opened for writing: {error.strerror}") from None

    def _open_files(self) -> None:
        with _plainly():
            connection = writer(self._home)
            self._connection = connection
            version = schema_version(connection)
            if version == 0:
                if chain.read_anchor(self._home) not in (None, EMPTY):
                    raise LedgerError(f"{DATABASE} is gone or empty but entries were acknowledged; restore it from a backup")
                create_schema(connection)
            elif version < SCHEMA_VERSION:
                migrate(connection, self._home, version)
            self._adopt(connection)
        if chain.read_anchor(self._home) is None:
            chain.create_anchor(self._home, self._head)
        self._anchor_file = chain.Anchor(self._home)
        self._anchor()

    def _adopt(self, connection: sqlite3.Connection) -> None:
        anchor = chain.read_anchor(self._home)
        self._head = verify_tail(connection, anchor)
        self._anchored = self._placed = anchor if anchor is not None else EMPTY

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = writer(self._home)
            try:
                self._adopt(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _commit(self, batch: list[Encoded], texts: list[tuple[str, int, bytes]], key: str, at: str) -> int:
        with _plainly():
            connection = self._connected()
            self._anchor_before_more()
            try:
                connection.execute("BEGIN IMMEDIATE")
                recorded = connection.execute(_RECORDED, (key,)).fetchone() if key else None
                if recorded is not None:
                    connection.execute("ROLLBACK")
                    return int(recorded[0])
                head = self._append(connection, batch, key, at)
                connection.executemany(_BLOB, [(digest, size, head.seq, data) for digest, size, data in texts])
                connection.execute("COMMIT")
            except BaseException as error:
                self._undo(connection, error)
                raise
        self._head = head
        if self._anchor_file is not None:
            with suppress(OSError):  # the commit stands; the next write must anchor it first or fail
                self._anchor_file.place(head)
                self._placed = head
        return head.seq

    def _append(self, connection: sqlite3.Connection, batch: list[Encoded], key: str, at: str) -> Head:
        seq, digest = self._head.seq, self._head.hash
        if head_of(connection) != self._head:
            raise LedgerError("another process wrote to the ledger; restart to adopt its history")
        if self._projector is None:
            self._projector = Projector(connection)
        projector = self._projector
        rows = []
        for place, item in enumerate(batch):
            seq += 1
            mark = key if place == len(batch) - 1 else ""
            previous, digest = digest, chain.link(digest, seq, at, item.kind, mark, item.text)
            rows.append((seq, at, item.kind, item.desk, item.cycle_id, mark, item.text, previous, digest))
            projector.apply(item.kind, seq, at, item.payload)
        connection.executemany(_INSERT, rows)
        projector.flush()
        return Head(seq, digest)

    def _undo(self, connection: sqlite3.Connection, error: BaseException) -> None:
        """After a failed commit the transaction may already be gone. After an I/O error the next write gets a new
        connection: closing this one checkpoints the WAL, which frees space, and the head is read and held against the anchor again.
        """
        if self._projector is not None:
            self._projector.discard()
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
            self._disconnect()

    def _anchor(self) -> None:
        if self._anchored != self._head and self._anchor_file is not None:
            self._anchor_file.place(self._head)
            self._placed = self._head
            self._anchor_file.settle()
            self._anchored = self._head

    def _settle_anchor(self) -> None:
        """Flush the anchor of the last commit while the caller already goes on; no other commit begins before."""
        if self._placed == self._head and self._anchored != self._head and self._anchor_file is not None:
            with suppress(OSError):  # the next write tries again or fails
                self._anchor_file.settle()
                self._anchored = self._head

    def _anchor_before_more(self) -> None:
        try:
            self._anchor()
        except OSError as error:
            raise LedgerError(f"the ledger's anchor cannot be written: {error.strerror}; trading stops") from None

    def _copy(self, to: Path) -> Path:
        target = to / DATABASE
        prepare_home(to)
        if target.exists():
            raise LedgerError(f"{target} already exists; a backup never overwrites")
        try:
            with _plainly():
                self._connected().execute("VACUUM INTO ?", (str(target),))
            target.chmod(0o600)
            chain.create_anchor(to, self._head)
        except OSError as error:
            raise LedgerError(f"the backup in {to} failed: {error.strerror}") from None
        return target

    def _forget(self, before: str) -> Forgotten:
        with _plainly():
            connection = self._connected()
            try:
                connection.execute("BEGIN IMMEDIATE")
                forgotten = forget(connection, before)
                connection.execute("COMMIT")
            except BaseException as error:
                self._undo(connection, error)
                raise
        return forgotten

    def _disconnect(self) -> None:
        connection, self._connection, self._projector = self._connection, None, None
        if connection is not None:
            connection.close()

    def _shut(self) -> None:
        self._disconnect()
        if self._anchor_file is not None:
            self._anchor_file.close()
            self._anchor_file = None

    def _inspect(self) -> Head:
        anchor = chain.read_anchor(self._home)  # before the database, which may only grow meanwhile
        with _plainly():
            connection = reader(self._home)
            try:
                schema_version(connection)
                return verify_tail(connection, anchor)
            finally:
                connection.close()


@contextmanager
def books(home: Path) -> Iterator[Books]:
    """The books of a state directory as of now, read-only; raises LedgerError when there are none or they cannot be read."""
    with _plainly():
        connection = reader(home)
        try:
            connection.execute("BEGIN")
            yield Books(connection)
        finally:
            connection.close()


@contextmanager
def _plainly() -> Iterator[None]:
    """SQLite's and the system's errors as one plain line."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise LedgerError(f"the ledger refused the entry: {error}") from None
    except sqlite3.Error as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise LedgerError("the ledger is locked by another process (waited 10 s)") from None
        if "full" in text or "I/O" in text:
            raise LedgerError(f"the ledger cannot be written: {text}; free some disk space, nothing was lost") from None
        if "readonly" in text or "unable to open" in text:
            raise LedgerError(f"the ledger cannot be opened or written: {text}") from None
        raise LedgerError(f"the ledger cannot be trusted: {text}; run kanpan doctor") from None
    except OverflowError:
        raise LedgerError("an amount does not fit into 64 bits") from None


def _pack(text: str) -> tuple[str, int, bytes]:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise LedgerError("a text to keep is not valid Unicode") from None
    return content_hash(data), len(data), zlib.compress(data, 6)
