"""A state directory travels as one file and opens elsewhere; old texts go by age, the journal never."""

from __future__ import annotations

import io
import stat
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledger_stories import CASH, DESK, START, Story, Ticking, cycle_commits, opened

from engine.core.errors import LedgerError
from engine.core.ids import content_hash
from engine.core.journal import ConfigRecorded, Noted
from engine.store import Ledger, books, check, export_archive, import_archive

SNAPSHOT = "ab" * 32


def text_hash(text: str) -> str:
    return content_hash(text.encode())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    with Ledger.open(found, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000)])
        story = Story(cash=CASH * 1_000)
        for commit in cycle_commits(story):
            ledger.write(commit, blobs=["the prompt"])
    (found / "snapshots" / "ab").mkdir(parents=True)
    (found / "snapshots" / "ab" / f"{SNAPSHOT}.parquet").write_bytes(b"rows")
    (found / "kanpan.toml").write_text("[desk.demo]\n")
    (found / ".env").write_text("DEEPSEEK_API_KEY=sk-secret\n")
    (found / "kanpan.log").write_text("log\n")
    return found


def test_an_export_opens_elsewhere_with_the_same_history(home: Path, tmp_path: Path) -> None:
    with Ledger.open(home, clock=Ticking()) as running:
        assert export_archive(home, tmp_path / "state.tar.gz") == 4
        head = running.head
    assert stat.S_IMODE((tmp_path / "state.tar.gz").stat().st_mode) == 0o600
    assert import_archive(tmp_path / "state.tar.gz", tmp_path / "elsewhere" / "home") == 4
    there = tmp_path / "elsewhere" / "home"
    assert sorted(p.name for p in there.rglob("*") if p.is_file()) == [
        f"{SNAPSHOT}.parquet",
        "kanpan.toml",
        "ledger.db",
        "ledger.head",
    ]
    assert all(finding.ok for finding in check(there))
    with Ledger.open(there, clock=Ticking()) as ledger:
        assert ledger.head == head
        ledger.write([Noted(DESK, "MOVED")])
    with books(there) as view:
        assert view.blob(text_hash("the prompt")) == "the prompt"


def test_no_secret_travels(home: Path, tmp_path: Path) -> None:
    export_archive(home, tmp_path / "state.tar.gz")
    with tarfile.open(tmp_path / "state.tar.gz") as archive:
        names = archive.getnames()
        data = b"".join(member.read() for name in names if (member := archive.extractfile(name)) is not None)
    assert names == ["ledger.db", "ledger.head", "kanpan.toml", f"snapshots/ab/{SNAPSHOT}.parquet"]
    assert b"sk-secret" not in data


def test_nothing_is_overwritten_and_nothing_is_left_behind(home: Path, tmp_path: Path) -> None:
    export_archive(home, tmp_path / "state.tar.gz")
    with pytest.raises(LedgerError, match="never overwrites"):
        export_archive(home, tmp_path / "state.tar.gz")
    with pytest.raises(LedgerError, match="not empty"):
        import_archive(tmp_path / "state.tar.gz", home)
    with pytest.raises(LedgerError, match="no ledger"):
        export_archive(tmp_path / "nowhere", tmp_path / "other.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "state.tar.gz"]


def hostile(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname = kind, 0 if kind == tarfile.SYMTYPE else 4, "/etc/passwd"
        archive.addfile(member, io.BytesIO(b"evil") if member.size else None)
    return path


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "snapshots/../../evil", ".env", "snapshots/ab/x.parquet", "ledger.db/x"])
def test_an_archive_cannot_write_outside_its_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(LedgerError, match="which no export would write"):
        import_archive(hostile(tmp_path / "evil.tar.gz", name), tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.tar.gz"]


def test_links_foreign_files_and_cut_archives_are_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="which no export would write"):
        import_archive(hostile(tmp_path / "link.tar.gz", "ledger.db", tarfile.SYMTYPE), tmp_path / "new")
    with pytest.raises(LedgerError, match="sound ledger"):
        import_archive(hostile(tmp_path / "evil.tar.gz", "ledger.db"), tmp_path / "new")
    export_archive(home, tmp_path / "whole.tar.gz")
    whole = (tmp_path / "whole.tar.gz").read_bytes()
    for part in (0, 10, len(whole) // 2, len(whole) - 20):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:part])
        with pytest.raises(LedgerError):
            import_archive(tmp_path / "cut.tar.gz", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_old_texts_go_and_the_journal_configurations_and_young_texts_stay(tmp_path: Path) -> None:
    clock = Ticking(START)
    with Ledger.open(tmp_path / "home", clock=clock) as ledger:
        ledger.write([opened()], blobs=["old", "old but used again"])
        ledger.write([ConfigRecorded(DESK, "c" * 64, text_hash("config"))], blobs=["config"])
        clock._at += timedelta(days=90)
        ledger.write([Noted(DESK, "YOUNG")], blobs=["young", "old but used again"])
        head = ledger.head
        gone = ledger.forget(datetime(2020, 4, 1, tzinfo=UTC))
        assert gone.texts == 1 and ledger.head == head
        assert ledger.forget(datetime(2020, 4, 1, tzinfo=UTC)).texts == 0
        with ledger.reader() as view:
            assert view.blob(text_hash("old")) is None
            assert {view.blob(text_hash(text)) for text in ("old but used again", "config", "young")} == {
                "old but used again",
                "config",
                "young",
            }
    assert all(finding.ok for finding in check(tmp_path / "home"))


def test_nothing_is_forgotten_when_nothing_is_young(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "home", clock=Ticking()) as ledger:
        ledger.write([opened()], blobs=["a text"])
        assert ledger.forget(START + timedelta(days=3_650)).texts == 0
