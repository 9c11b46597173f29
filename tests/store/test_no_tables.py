"""A file that is no ledger is one finding of the doctor's, in one line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.store.check import check
from tests.cli.console_command import kanpan


def failing(home: Path) -> list[str]:
    return [finding.code for finding in check(home) if not finding.ok]


def test_an_empty_file_and_a_database_of_someone_else_fail_once_each(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "ledger.db").touch(mode=0o600)
    assert failing(tmp_path) == ["LEDGER_SCHEMA"]
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    assert failing(tmp_path) == ["LEDGER_SCHEMA"]
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to be taken for one" * 40)
    assert failing(tmp_path) == ["LEDGER_SCHEMA"]


def test_the_doctor_says_so_in_one_failing_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "ledger.db").touch(mode=0o600)
    result = kanpan(tmp_path, "doctor")
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("FAIL") and "ledger" in line]
    assert result.returncode == 1 and "holds no table" in line
