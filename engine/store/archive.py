"""A whole state directory as one file that opens elsewhere: the ledger, its anchor, the snapshots and the configuration.

Only what is named here travels: never keys, `.env` files, locks or logs.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
import tarfile
import zlib
from pathlib import Path

from engine.core.errors import LedgerError
from engine.store.chain import ANCHOR, create_anchor
from engine.store.check import check
from engine.store.connect import DATABASE, prepare_home, reader
from engine.store.verify import head_of

SNAPSHOTS = "snapshots"
_CARRIED = re.compile(
    rf"{re.escape(DATABASE)}|{re.escape(ANCHOR)}|kanpan\.toml|{SNAPSHOTS}(/[0-9a-f]{{2}})?/[0-9a-f]{{64}}(\.[a-z]{{1,8}})?"
)
MAX_FILES = 5_000_000
MAX_BYTES = 64 * 1024**3
_CHUNK = 1 << 20


def export_archive(home: Path, to: Path) -> int:
    """Write the state directory `home` to the file `to` (gzipped tar, 0600); returns how many files it holds.

    May run beside an engine: the ledger is copied as of one moment. Raises LedgerError when `to` exists or there is no ledger.
    """
    if to.exists():
        raise LedgerError(f"{to} already exists; an export never overwrites")
    partial = to.with_name(f".{to.name}.partial")
    work = to.with_name(f".{to.name}.work")
    try:
        work.mkdir(mode=0o700)
        _copy_ledger(home, work)
        partial.touch(mode=0o600)
        with tarfile.open(partial, "w:gz", compresslevel=6) as archive:
            count = 0
            for root, path in _contents(home, work):
                _add(archive, root, path)
                count += 1
        partial.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the export to {to} failed: {error}") from None
    finally:
        partial.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
    return count


def backup_ledger(home: Path, to: Path) -> None:
    """Copy the ledger of `home` and its anchor, as of one moment, into the new or empty directory `to`.

    May run beside an engine. Raises LedgerError when `to` holds a ledger already, or the disk refuses.
    """
    prepare_home(to)
    if (to / DATABASE).exists():
        raise LedgerError(f"{to} holds a ledger already; a backup never overwrites")
    try:
        _copy_ledger(home, to)
        (to / DATABASE).chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the backup to {to} failed: {error}") from None


def import_archive(archive: Path, home: Path) -> int:
    """Open an exported archive as the new state directory `home`, which must not exist or be empty; returns how many files came.

    Everything is examined before it takes its place: raises LedgerError for a foreign, damaged or altered archive.
    """
    if home.exists() and any(home.iterdir()):
        raise LedgerError(f"{home} is not empty; import into a new directory")
    partial = home.with_name(f".{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700, parents=True)
        with gzip.open(archive) as packed, tarfile.open(fileobj=packed, mode="r:") as source:
            count = _extract_all(source, partial)
            while packed.read(_CHUNK):  # to the end, where the checksum of the whole is
                pass
        faults = [finding.detail for finding in check(partial) if not finding.ok]
        if faults:
            raise LedgerError(f"{archive} does not hold a sound ledger: {faults[0]}")
        for leftover in partial.glob(f"{DATABASE}-*"):
            leftover.unlink()
        if home.exists():
            home.rmdir()
        partial.replace(home)
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise LedgerError(f"{archive} cannot be imported: {error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _copy_ledger(home: Path, work: Path) -> None:
    source = reader(home)
    target = sqlite3.connect(work / DATABASE, isolation_level=None)
    try:
        source.backup(target)  # in one step: stepwise copies of a busy database never end
        target.execute("PRAGMA journal_mode = WAL")
        create_anchor(work, head_of(target))
    finally:
        target.close()
        source.close()


def _contents(home: Path, work: Path) -> list[tuple[Path, Path]]:
    found = [(work, work / DATABASE), (work, work / ANCHOR)]
    found += [(home, path) for path in (home / "kanpan.toml",) if path.is_file()]
    found += [(home, path) for path in sorted((home / SNAPSHOTS).rglob("*")) if path.is_file() and not path.is_symlink()]
    return [(root, path) for root, path in found if _CARRIED.fullmatch(path.relative_to(root).as_posix())]


def _add(archive: tarfile.TarFile, root: Path, path: Path) -> None:
    member = tarfile.TarInfo(path.relative_to(root).as_posix())
    member.mode = 0o600
    member.size = path.stat().st_size
    with path.open("rb") as data:
        archive.addfile(member, data)


def _extract_all(source: tarfile.TarFile, folder: Path) -> int:
    count = total = 0
    for member in source:
        count, total = count + 1, total + member.size
        if not member.isfile() or not _CARRIED.fullmatch(member.name):
            raise LedgerError(f"the archive holds {member.name[:80]!r}, which no export would write")
        if count > MAX_FILES or total > MAX_BYTES:
            raise LedgerError("the archive is larger than any export")
        target = folder / member.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.touch(mode=0o600, exist_ok=False)
        data = source.extractfile(member)
        with target.open("wb") as file:
            if data is not None:
                shutil.copyfileobj(data, file)
    return count
