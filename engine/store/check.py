"""Examines a ledger for `kanpan doctor`: the file, the chain, the anchor, the projections and the conservation of money."""

from __future__ import annotations

import os
import sqlite3
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.core.errors import KanpanError, LedgerError
from engine.core.ids import content_hash
from engine.store.chain import ANCHOR, read_anchor
from engine.store.connect import DATABASE, WAL_BYTES_KEPT, reader, schema_version
from engine.store.rebuild import derived_fingerprint, fingerprint
from engine.store.verify import head_of, verify_anchor, verify_chain

WAL_RESET_FIXED = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: a code, whether it is sound, and one plain line with figures."""

    code: str
    ok: bool
    detail: str


def check(home: Path) -> list[Finding]:
    """Every finding about the ledger of `home`; reads only, and may run beside an engine. Never raises for a damaged ledger."""
    findings = [_sqlite_version()]
    try:
        connection = reader(home)
    except (LedgerError, sqlite3.OperationalError, OSError) as error:
        return [*findings, Finding("LEDGER_PRESENT", False, str(error))]
    except sqlite3.DatabaseError as error:
        return [*findings, Finding("LEDGER_SCHEMA", False, str(error))]
    try:
        empty = _empty(connection)
        if empty is not None:
            return [*findings, empty]
        findings += [_permissions(home), _wal(home)]
        for code, look in _EXAMS.items():
            findings.append(_examine(code, partial(look, connection, home)))
    finally:
        connection.close()
    findings.append(_examine("LEDGER_PROJECTIONS", partial(_projections, home)))
    return findings


def _examine(code: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(code, True, look())
    except (KanpanError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
        return Finding(code, False, str(error))


def _empty(connection: sqlite3.Connection) -> Finding | None:
    """What is no ledger at all is one finding, not one for every table that is missing."""
    try:
        found = schema_version(connection)
    except (LedgerError, sqlite3.Error) as error:
        return Finding("LEDGER_SCHEMA", False, str(error))
    return None if found else Finding("LEDGER_SCHEMA", False, f"{DATABASE} is empty: it holds no table of a ledger")


def _sqlite_version() -> Finding:
    text = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        text += "; older than 3.51.3, which mended a WAL fault that needs two writing connections; kanpan only ever has one"
    return Finding("SQLITE_VERSION", True, text)


def _permissions(home: Path) -> Finding:
    open_to_others = [path.name for path in (home, *home.glob("ledger.*")) if stat.S_IMODE(path.stat().st_mode) & 0o022]
    readable = [path.name for path in home.glob("ledger.*") if stat.S_IMODE(path.stat().st_mode) & 0o044]
    foreign = [path.name for path in (home, *home.glob("ledger.*")) if path.stat().st_uid != os.geteuid()]
    faults = sorted({*open_to_others, *readable, *foreign})
    return Finding("LEDGER_PERMISSIONS", not faults, f"open to others: {', '.join(faults)}" if faults else "private to this user")


def _wal(home: Path) -> Finding:
    wal = home / f"{DATABASE}-wal"
    size = wal.stat().st_size if wal.exists() else 0
    return Finding("LEDGER_WAL", size <= WAL_BYTES_KEPT, f"{size} bytes; a reader that stays open lets it grow")


def _integrity(connection: sqlite3.Connection, home: Path) -> str:
    faults = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
    if faults != ["ok"]:
        raise LedgerError("; ".join(faults))
    orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise LedgerError(f"{len(orphans)} rows refer to nothing, first in {orphans[0][0]}")
    return f"schema {schema_version(connection)}, every page and reference sound"


def _chain(connection: sqlite3.Connection, home: Path) -> str:
    return f"{verify_chain(connection)} entries, every hash holds"


def _anchor(connection: sqlite3.Connection, home: Path) -> str:
    anchor = read_anchor(home)
    head = head_of(connection)
    verify_anchor(connection, head, anchor)
    return f"{ANCHOR} names entry {anchor.seq if anchor else 0} of {head.seq}"


def _blobs(connection: sqlite3.Connection, home: Path) -> str:
    count = 0
    for digest, size, data in connection.execute("SELECT hash, size, data FROM blobs"):
        try:
            text = zlib.decompress(data)
        except zlib.error:
            text = b""
        if content_hash(text) != digest or len(text) != size:
            raise LedgerError(f"text {digest[:12]} was altered")
        count += 1
    return f"{count} texts, every one what its hash says"


def _conservation(connection: sqlite3.Connection, home: Path) -> str:
    faults = [message for look in (_off_balance, _off_cost, _off_quantity) for message in look(connection)]
    if faults:
        raise LedgerError("; ".join(faults[:5]))
    (desks,) = connection.execute("SELECT count(*) FROM desks").fetchone()
    return f"{desks} desks, every book sums to zero, lots and margins agree with books and fills"


def _off_balance(connection: sqlite3.Connection) -> Iterator[str]:
    for desk, total in connection.execute("SELECT desk, sum(amount) FROM balances GROUP BY desk HAVING sum(amount) <> 0"):
        yield f"the books of {desk} are off by {total} units"


def _off_cost(connection: sqlite3.Connection) -> Iterator[str]:
    query = """
        SELECT desk, account, sum(amount) FROM (
            SELECT desk, account, amount FROM balances WHERE account LIKE 'position:%'
            UNION ALL SELECT desk, 'position:' || instrument, -cost FROM lots
            UNION ALL SELECT desk, account, amount FROM balances WHERE account LIKE 'margin:%'
            UNION ALL SELECT desk, 'margin:' || instrument, -margin FROM perps
        ) GROUP BY desk, account HAVING sum(amount) <> 0
    """
    for desk, account, difference in connection.execute(query):
        yield f"{desk} {account}: books and holdings differ by {difference} units"


def _off_quantity(connection: sqlite3.Connection) -> Iterator[str]:
    query = """
        SELECT desk, instrument, sum(quantity) FROM (
            SELECT desk, instrument, CASE side WHEN 'buy' THEN quantity - base ELSE -quantity END AS quantity FROM fills
            UNION ALL SELECT desk, instrument, quantity FROM adjusted_lots
            UNION ALL SELECT desk, instrument, -quantity FROM lots
            UNION ALL SELECT desk, instrument, -quantity FROM liquidations
            UNION ALL SELECT desk, instrument, -quantity FROM perps
        ) GROUP BY desk, instrument HAVING sum(quantity) <> 0
    """
    for desk, instrument, difference in connection.execute(query):
        yield f"{desk} {instrument}: fills and holdings differ by {difference} units"


def _projections(home: Path) -> str:
    connection = reader(home)
    try:
        connection.execute("BEGIN")
        (kept, rows), derived = fingerprint(connection), derived_fingerprint(connection)
    finally:
        connection.close()
    if (kept, rows) != derived:
        raise LedgerError("the projections are not what the journal says; run a rebuild")
    return f"{rows} rows, exactly what the journal says"


_EXAMS: dict[str, Callable[[sqlite3.Connection, Path], str]] = {
    "LEDGER_INTEGRITY": _integrity,
    "LEDGER_CHAIN": _chain,
    "LEDGER_ANCHOR": _anchor,
    "LEDGER_TEXTS": _blobs,
    "LEDGER_CONSERVATION": _conservation,
}
