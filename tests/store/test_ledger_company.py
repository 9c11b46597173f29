"""The ledger among others: a locked database, a second engine, newer and foreign files, migrations, backups."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_stories import CASH, DESK, Story, Ticking, begun, cycle_commits, sound

from engine.core.errors import AlreadyRunning, LedgerError
from engine.core.journal import Noted
from engine.store import Ledger, connect
from engine.store.connect import DATABASE
from engine.store.migrations import Migration, migrate
from engine.store.rebuild import fingerprint
from engine.store.schema import SCHEMA_VERSION

NEXT = SCHEMA_VERSION + 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def stranger(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the database's write lock until told to end."""
    begun(home)
    script = f"""
        import sqlite3, sys
        connection = sqlite3.connect({str(home / DATABASE)!r}, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        print("held", flush=True)
        sys.stdin.readline()
        connection.execute("ROLLBACK")
        print("freed", flush=True)
        sys.stdin.readline()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_a_locked_database_is_waited_for_then_refused_and_still_read(
    home: Path, stranger: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LOCK_WAIT_S", 0.3)
    assert stranger.stdout is not None and stranger.stdin is not None
    with Ledger.open(home, clock=Ticking()) as ledger:
        assert stranger.stdout.readline() == "held\n"
        before = time.monotonic()
        with pytest.raises(LedgerError, match="locked by another process"):
            ledger.write([Noted(DESK, "X")])
        assert 0.25 < time.monotonic() - before < 3
        with ledger.reader() as view:
            assert view.head() == 1
        stranger.stdin.write("\n")
        stranger.stdin.flush()
        assert stranger.stdout.readline() == "freed\n"
        assert ledger.write([Noted(DESK, "X")]) == 2


def test_the_product_waits_ten_seconds_for_a_lock() -> None:
    assert connect.LOCK_WAIT_S == 10.0


def test_a_second_engine_is_refused_within_a_second_until_the_first_is_killed(home: Path) -> None:
    begun(home)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with Ledger.open(home, clock=Ticking()):
                os.write(write_end, b"!")
                time.sleep(60)
        finally:
            os._exit(99)
    try:
        assert os.read(read_end, 1) == b"!"
        before = time.monotonic()
        with pytest.raises(AlreadyRunning, match=f"PID {child}") as refusal:
            Ledger.open(home, clock=Ticking())
        assert time.monotonic() - before < 1.0
        assert refusal.value.exit_code == 4
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read_end)
        os.close(write_end)
    before = time.monotonic()
    sound(home)
    assert time.monotonic() - before < 1.0


def test_an_entry_written_behind_our_back_stops_the_ledger(home: Path) -> None:
    begun(home)
    with Ledger.open(home, clock=Ticking()) as ledger:
        entry = "2, '', 'Noted', '', '', '', '{}', printf('%064d', 0), printf('%064d', 1)"
        script = (
            f'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute("INSERT INTO journal VALUES ({entry})"); c.commit()'
        )
        subprocess.run([sys.executable, "-c", script, str(home / DATABASE)], check=True)
        with pytest.raises(LedgerError, match="another process wrote to the ledger"):
            ledger.write([Noted(DESK, "X")])
    with pytest.raises(LedgerError, match="entry 2 of the ledger was altered"):
        Ledger.open(home, clock=Ticking())


def _altered(home: Path, statement: str) -> None:
    connection = sqlite3.connect(home / DATABASE)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_newer_ledger_is_refused(home: Path) -> None:
    begun(home)
    _altered(home, "PRAGMA user_version = 99")
    for read_only in (False, True):
        with pytest.raises(LedgerError, match="newer kanpan"):
            Ledger.open(home, clock=Ticking(), read_only=read_only)


def test_another_programs_database_is_refused(home: Path) -> None:
    home.mkdir(mode=0o700)
    _altered(home, "CREATE TABLE t (x)")
    with pytest.raises(LedgerError, match="not a kanpan ledger"):
        Ledger.open(home, clock=Ticking())
    (home / DATABASE).write_bytes(b"not a database " * 1_000)
    with pytest.raises(LedgerError, match="cannot be trusted"):
        Ledger.open(home, clock=Ticking())


def test_a_migration_backs_up_first_and_derives_the_projections_anew(home: Path) -> None:
    begun(home, 3)
    with Ledger.open(home, clock=Ticking()) as ledger:
        for commit in cycle_commits(Story(cash=CASH * 1_000)):
            ledger.write(commit)
    connection = connect.writer(home)
    before = fingerprint(connection)
    try:
        step = Migration(NEXT, lambda database: database["notes"].create({"id": int, "text": str}, pk="id", strict=True))
        migrate(connection, home, SCHEMA_VERSION, [step])
        assert connection.execute("PRAGMA user_version").fetchone() == (NEXT,)
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        assert fingerprint(connection) == before
        failing = Migration(NEXT + 1, lambda database: database["journal"].insert({"no": "such column"}))
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, home, NEXT, [step, failing])
        assert connection.execute("PRAGMA user_version").fetchone() == (NEXT,)
    finally:
        connection.close()
    backup = sqlite3.connect(home / "backups" / f"ledger-v{SCHEMA_VERSION}.db")
    assert backup.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert fingerprint(backup) == before
    backup.close()


# Backups -----------------------------------------------------------------------------------------------------------------------


def test_a_backup_taken_while_writing_opens_elsewhere_and_is_sound(home: Path, tmp_path: Path) -> None:
    begun(home)
    story = Story(cash=CASH * 1_000)
    with Ledger.open(home, clock=Ticking()) as ledger:
        for n, commit in enumerate(cycle_commits(story)):
            ledger.write(commit)
            ledger.backup(tmp_path / f"copy{n}")
        with pytest.raises(LedgerError, match="never overwrites"):
            ledger.backup(tmp_path / "copy0")
    for n in range(8):
        sound(tmp_path / f"copy{n}")
