"""A ledger of schema 1, written by the code before perpetuals were in the books: read as it stands, migrated when it is written to.

`ledger_schema_1.tar.gz` is the export of four cycles of the demo.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_stories import Ticking

from engine.core.bookkeeping import Filled
from engine.store import Ledger, books, check, connect, export_archive, import_archive, rebuild
from engine.store.codec import encode
from engine.store.connect import DATABASE
from engine.store.rebuild import dump
from engine.store.schema import SCHEMA_VERSION

ARCHIVE = Path(__file__).with_name("ledger_schema_1.tar.gz")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The old state directory, opened from its export."""
    folder = tmp_path / "old"
    import_archive(ARCHIVE, folder)
    return folder


def version(home: Path) -> int:
    connection = sqlite3.connect(home / DATABASE)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def projected(home: Path) -> list[bytes]:
    connection = connect.reader(home)
    try:
        return list(dump(connection))
    finally:
        connection.close()


def kanpan(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui", arguments[0], "--home", str(home), *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


def test_reading_leaves_it_as_it_is_and_finds_no_perpetuals(home: Path) -> None:
    assert version(home) == 1
    assert [finding for finding in check(home) if not finding.ok] == []
    with books(home) as view:
        account = view.account("demo")
        assert account.perps == {} and account.margin == 0 and account.realized > 0
        assert view.fundings("demo") == () and view.liquidations("demo") == () and view.funded_until("demo") == {}
    with Ledger.open(home, clock=Ticking(), read_only=True) as ledger, ledger.reader() as view:
        assert view.account("demo") == account
    assert version(home) == 1


def test_a_cycle_of_it_replays_equal_before_it_is_migrated_and_after(home: Path) -> None:
    for _ in range(2):
        replayed = kanpan(home, "replay", "--all", "--json")
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        assert [cycle["differences"] for cycle in json.loads(replayed.stdout)] == [[]] * 4
        Ledger.open(home, clock=Ticking()).close()
    assert version(home) == SCHEMA_VERSION


def test_writing_to_it_backs_it_up_and_lays_it_out_anew_without_touching_the_journal(home: Path) -> None:
    before = projected(home)
    with Ledger.open(home, clock=Ticking(), read_only=True) as ledger:
        head = ledger.head
    with Ledger.open(home, clock=Ticking()) as ledger:
        assert ledger.head == head
    assert version(home) == SCHEMA_VERSION
    assert projected(home) == before
    assert [finding for finding in check(home) if not finding.ok] == []
    backup = sqlite3.connect(home / "backups" / "ledger-v1.db")
    assert backup.execute("PRAGMA user_version").fetchone() == (1,)
    assert backup.execute("SELECT hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone() == (head.hash,)
    backup.close()
    rebuild(home)
    assert projected(home) == before


def test_its_fills_are_written_today_as_they_were_then(home: Path) -> None:
    connection = connect.reader(home)
    texts = [text for (text,) in connection.execute("SELECT payload FROM journal WHERE kind = 'Filled'")]
    connection.close()
    with books(home) as view:
        fills = [entry.record for entry in view.entries(limit=10_000) if isinstance(entry.record, Filled)]
    assert len(fills) > 3
    assert [encode(fill).text for fill in fills] == texts
    assert all(fill.perps == () for fill in fills)


def test_the_demo_goes_on_where_the_old_one_stopped(home: Path) -> None:
    ran = kanpan(home, "--no-ui", "--cycles", "2")
    assert ran.returncode == 0, ran.stderr
    assert version(home) == SCHEMA_VERSION
    replayed = kanpan(home, "replay", "--all", "--json")
    assert replayed.returncode == 0, replayed.stdout
    assert len(json.loads(replayed.stdout)) == 6


def test_an_archive_of_it_travels_as_it_is(home: Path, tmp_path: Path) -> None:
    export_archive(home, tmp_path / "again.tar.gz")
    import_archive(tmp_path / "again.tar.gz", tmp_path / "elsewhere")
    assert version(tmp_path / "elsewhere") == 1


def test_a_rebuild_of_it_is_no_migration_and_does_no_harm(home: Path) -> None:
    before = projected(home)
    rebuild(home)
    assert version(home) == 1 and projected(home) == before
    assert [finding for finding in check(home) if not finding.ok] == []
    Ledger.open(home, clock=Ticking()).close()
    assert version(home) == SCHEMA_VERSION and projected(home) == before
