"""What the ledger survives: kill -9, torn and rolled-back files, a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_stories import CASH, DESK, Story, Ticking, begun, cycle_commits, opened, sound

from engine.core.errors import LedgerError
from engine.core.journal import Noted
from engine.store import Ledger, check
from engine.store.chain import ANCHOR, SLOT_BYTES, read_anchor
from engine.store.connect import DATABASE

PROJECT = Path(__file__).resolve().parents[2]
WAL = f"{DATABASE}-wal"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


# Rolled back, cut off, replaced ------------------------------------------------------------------------------------------------


def test_an_older_copy_of_the_database_is_refused(home: Path, tmp_path: Path) -> None:
    begun(home, 10)
    shutil.copy(home / DATABASE, tmp_path / "old.db")
    begun(home, 5)
    shutil.copy(tmp_path / "old.db", home / DATABASE)
    with pytest.raises(LedgerError, match="lost its last 5 of 16 acknowledged entries"):
        Ledger.open(home, clock=Ticking())
    with pytest.raises(LedgerError, match="lost its last 5"):
        Ledger.open(home, clock=Ticking(), read_only=True)
    assert not next(finding for finding in check(home) if finding.code == "LEDGER_ANCHOR").ok


def test_a_database_that_vanished_is_refused(home: Path) -> None:
    begun(home, 3)
    (home / DATABASE).unlink()
    with pytest.raises(LedgerError, match="entries were acknowledged"):
        Ledger.open(home, clock=Ticking())


def test_another_history_of_the_same_length_is_refused(home: Path, tmp_path: Path) -> None:
    begun(home, 3)
    begun(tmp_path / "other", 2)
    with Ledger.open(tmp_path / "other", clock=Ticking()) as ledger:
        ledger.write([Noted(DESK, "FORK")])
    shutil.copy(tmp_path / "other" / DATABASE, home / DATABASE)
    with pytest.raises(LedgerError, match="entry 4 of the ledger is not the one that was acknowledged"):
        Ledger.open(home, clock=Ticking())


def test_a_crash_between_commit_and_anchor_is_no_loss(home: Path, tmp_path: Path) -> None:
    begun(home, 3)
    shutil.copy(home / ANCHOR, tmp_path / "anchor")
    begun(home, 1)
    shutil.copy(tmp_path / "anchor", home / ANCHOR)
    with Ledger.open(home, clock=Ticking()) as ledger:
        assert ledger.head.seq == 5
        assert read_anchor(home) == ledger.head


def test_a_missing_anchor_is_refused_but_not_beside_an_empty_journal(home: Path) -> None:
    Ledger.open(home, clock=Ticking()).close()
    (home / ANCHOR).unlink()
    begun(home)
    (home / ANCHOR).unlink()
    with pytest.raises(LedgerError, match="is missing beside a ledger of 1 entries"):
        Ledger.open(home, clock=Ticking())


def test_one_torn_slot_of_the_anchor_costs_one_commit_of_knowledge_and_two_are_refused(home: Path) -> None:
    begun(home, 4)
    data = bytearray((home / ANCHOR).read_bytes())
    newest = 0 if data[:20].split()[0] == b"5" else SLOT_BYTES
    data[newest + 1 : newest + 30] = b"\0" * 29
    (home / ANCHOR).write_bytes(data)
    found = read_anchor(home)
    assert found is not None and found.seq == 4
    sound(home)
    (home / ANCHOR).write_bytes(b"\0" * 2 * SLOT_BYTES)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger.open(home, clock=Ticking())


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int, bytes]]]:
    """A ledger as it stood in the middle of its life, and after each commit: WAL size, entries, anchor."""
    folder = tmp_path_factory.mktemp("living")
    home, image = folder / "home", folder / "image"
    begun(home)
    moments = []
    story = Story(cash=CASH * 1_000)
    with Ledger.open(home, clock=Ticking()) as ledger:
        for _ in range(3):
            for commit in cycle_commits(story):
                seq = ledger.write(commit)
                moments.append(((home / WAL).stat().st_size, seq, (home / ANCHOR).read_bytes()))
        subprocess.run(["cp", "-r", str(home), str(image)], check=True)  # our own open() would drop SQLite's locks
    assert moments[-1][0] == (image / WAL).stat().st_size, "the WAL was checkpointed; the images need it whole"
    return image, moments


def restored(image: Path, home: Path, wal: bytes, anchor: bytes) -> Path:
    """The ledger as a crash may have left it."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    shutil.copy(image / DATABASE, home / DATABASE)
    for name, data in ((WAL, wal), (ANCHOR, anchor)):
        (home / name).write_bytes(data)
        (home / name).chmod(0o600)
    return home


def test_no_torn_wal_loses_an_acknowledged_entry(living: tuple[Path, list[tuple[int, int, bytes]]], home: Path) -> None:
    image, moments = living
    wal, dice = (image / WAL).read_bytes(), random.Random(7)
    for n in range(200):
        cut = dice.randint(moments[0][0], len(wal))
        tail = (b"", bytes(dice.randint(1, 9_000)), dice.randbytes(dice.randint(1, 9_000)))[n % 3]
        acknowledged = [moment for moment in moments if moment[0] <= cut][-1]
        restored(image, home, wal[:cut] + tail, acknowledged[2])
        with Ledger.open(home, clock=Ticking()) as ledger:
            assert ledger.head.seq >= acknowledged[1]
        if n % 10 == 0:
            sound(home)


def test_a_wal_that_lost_synced_entries_is_always_noticed(living: tuple[Path, list[tuple[int, int, bytes]]], home: Path) -> None:
    image, moments = living
    wal, dice = (image / WAL).read_bytes(), random.Random(11)
    noticed = 0
    for _ in range(200):
        spoiled = bytearray(wal)
        spoiled[dice.randrange(len(wal))] ^= 1 << dice.randrange(8)
        restored(image, home, bytes(spoiled), moments[-1][2])
        try:
            with Ledger.open(home, clock=Ticking()) as ledger:
                assert ledger.head.seq == moments[-1][1]
        except LedgerError as error:
            assert "acknowledged" in str(error) or "gone" in str(error)
            noticed += 1
    assert noticed > 150


# Killed ------------------------------------------------------------------------------------------------------------------------


def live(home: Path, life: int, out: int) -> None:
    """A child's life: claim cycles and trade as fast as it can, naming each acknowledged entry on `out`."""
    story = Story(cash=CASH * 1_000_000, number=life * 10_000)
    with Ledger.open(home, clock=Ticking()) as ledger:
        while True:
            for commit in cycle_commits(story, (f"{life}-{story.number}.SH",)):
                os.write(out, f"{ledger.write(commit, blobs=['prompt ' * 100])}\n".encode())


def test_fifty_kills_lose_no_acknowledged_entry(home: Path) -> None:
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened(cash=CASH * 1_000_000)])
    dice = random.Random(3)
    kills = working = 0
    for life in range(50):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                live(home, life, write_end)
            finally:
                os._exit(99)
        os.close(write_end)
        if life % 5:  # most die at work, at any moment after their first entry; each fifth may die while it opens
            os.read(read_end, 1)
        time.sleep(dice.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        with os.fdopen(read_end, "rb") as acknowledged:
            numbers = [int(line) for line in acknowledged.read().split(b"\n")[1 if life % 5 else 0 : -1]]
        working += bool(numbers)
        with Ledger.open(home, clock=Ticking()) as ledger:
            assert not numbers or ledger.head.seq >= numbers[-1]
            with ledger.reader() as view:
                assert sum(view.balances(DESK).values()) == 0
    assert (kills, working >= 30) == (50, True)
    sound(home)


# Disk full ---------------------------------------------------------------------------------------------------------------------

FULL = """
import os, resource, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from ledger_stories import CASH, DESK, Story, Ticking, begun, cycle_commits, opened, sound
from engine.core.errors import LedgerError
from engine.store import Ledger

home, room = Path(sys.argv[1]), int(sys.argv[2])
story = Story(cash=CASH * 1_000)
with Ledger.open(home, clock=Ticking()) as ledger:
    ledger.write([opened(cash=CASH * 1_000)])
    biggest = max(path.stat().st_size for path in home.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (biggest + room, resource.RLIM_INFINITY))
    kept, refusals, commits = ledger.head.seq, 0, iter(())
    commit = None
    while refusals < 3:  # a first refusal may be healed by a checkpoint that empties the log; three in a row are not
        commit = commit or next(commits, None)
        if commit is None:
            commits = cycle_commits(story)
            continue
        try:
            kept, commit, refusals = ledger.write(commit), None, 0
        except LedgerError as error:
            refusals += 1
            assert "free some disk space" in str(error), error
            assert chr(10) not in str(error)
            assert ledger.head.seq == kept
    with ledger.reader() as books:
        assert books.head() == kept
        assert books.account(DESK).cash > 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert ledger.write(commit) == kept + len(commit)
print("ok")
"""


@pytest.mark.parametrize("room", [0, 1, 512, 4_096, 5_000, 24_000, 50_001, 100_000, 333_333])
def test_a_full_disk_refuses_writes_keeps_reads_and_heals_by_itself(home: Path, room: int) -> None:
    script = FULL.format(paths=[str(PROJECT), str(PROJECT / "tests" / "store")])
    command = [sys.executable, "-c", script, str(home), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("ok", "")
    sound(home)


def test_a_full_disk_for_the_anchor_stops_the_next_write_not_the_last(home: Path) -> None:
    with Ledger.open(home, clock=Ticking()) as ledger:
        ledger.write([opened()])
        anchor = ledger._anchor_file
        assert anchor is not None
        descriptor, anchor._descriptor = anchor._descriptor, os.open("/dev/full", os.O_RDWR)
        try:
            assert ledger.write([Noted(DESK, "KEPT")]) == 2
            with pytest.raises(LedgerError, match="anchor cannot be written: No space left on device; trading stops"):
                ledger.write([Noted(DESK, "REFUSED")])
        finally:
            os.close(anchor._descriptor)
            anchor._descriptor = descriptor
        assert ledger.write([Noted(DESK, "AGAIN")]) == 3
        assert read_anchor(home) == ledger.head
