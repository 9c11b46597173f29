"""Torn and shortened WALs, full disks, a database held by another: the engine says so plainly and goes on from the same books."""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.errors import LedgerError
from engine.core.journal import CycleState
from engine.engine import Engine
from engine.store import Ledger, books
from engine.store.chain import ANCHOR
from engine.store.check import check
from engine.store.connect import DATABASE
from tests.cli.console_command import kanpan
from tests.engine.desk_harness import story
from tests.faults.test_threads_and_signals import broken

PROJECT = Path(__file__).resolve().parents[2]
WAL = f"{DATABASE}-wal"


def engine_on(home: Path) -> Engine:
    desk = DeskConfig(
        schedule="at 09:20, 13:00", history_days=30, replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 2, 7), speed=0)
    )
    return Engine(Config(desk={"demo": desk}), home, clock=SystemClock(), environ={}, speed=0.0)


def carried(home: Path) -> Engine:
    """The real engine on `home` to the end of its tape."""
    engine = engine_on(home)
    engine.start()
    assert engine.wait(timeout_s=60)
    assert engine.stop(10.0)
    return engine


def sound(home: Path) -> None:
    assert [finding for finding in check(home) if not finding.ok] == []


# Torn and shortened WALs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    """The files of a ledger at the moment a write returned."""

    seq: int
    database: bytes
    wal: bytes
    anchor: bytes

    def restore(self, home: Path, wal: bytes) -> None:
        """Lay the image out with another WAL."""
        home.mkdir(mode=0o700)
        for name, data in ((DATABASE, self.database), (WAL, wal), (ANCHOR, self.anchor)):
            (home / name).write_bytes(data)
            (home / name).chmod(0o600)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Image]]:
    """The home of an engine that ran to its end, and an image after each of its writes."""
    home, images, write = tmp_path_factory.mktemp("lived"), list[Image](), Ledger.write
    guard = threading.Lock()

    def remembering(self: Ledger, *args: object, **kwargs: object) -> int:
        with guard:
            seq = write(self, *args, **kwargs)  # type: ignore[arg-type]
            images.append(Image(seq, *((home / name).read_bytes() for name in (DATABASE, WAL, ANCHOR))))
        return seq

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "write", remembering)
        assert carried(home).failed == ""
    return home, images


def following(images: list[Image]) -> Iterator[tuple[Image, Image]]:
    """Neighbours between which the WAL only grew."""
    for image, after in itertools.pairwise(images):
        if image.database == after.database and after.wal.startswith(image.wal) and len(after.wal) > len(image.wal):
            yield image, after


def test_a_torn_write_costs_nothing_that_was_acknowledged(lived: tuple[Path, list[Image]], tmp_path: Path) -> None:
    """Power fails while the next commit is on its way to the disk: some of its frames are there, then zeros, rubbish or nothing."""
    chance, tried = random.Random(5), 0
    for image, after in following(lived[1]):
        cut = chance.randrange(len(image.wal), len(after.wal))
        tail = [b"", bytes(4096), chance.randbytes(4096)][tried % 3]
        home = tmp_path / str(tried)
        image.restore(home, after.wal[:cut] + tail)
        with Ledger.open(home, clock=SystemClock()) as ledger:
            assert ledger.head.seq in (image.seq, after.seq)
        if tried % 10 == 0:
            sound(home)
        shutil.rmtree(home)
        tried += 1
    assert tried > 60


def test_an_engine_on_a_torn_ledger_ends_with_the_same_books(lived: tuple[Path, list[Image]], tmp_path: Path) -> None:
    """A write after settling and before the next cycle, so that no cycle is cut off; the snapshots are on the disk."""
    whole, images = lived
    told = story(whole)
    with books(whole) as view:
        closes = {point.seq for point in view.equity("demo") if not point.cycle_id}
    settled = [pair for pair in following(images) if pair[0].seq in closes]
    assert len(settled) >= 2
    for number, (image, after) in enumerate(settled[:3]):
        home = tmp_path / str(number)
        image.restore(home, after.wal[: (len(image.wal) + len(after.wal)) // 2])
        shutil.copytree(whole / "snapshots", home / "snapshots")
        assert carried(home).failed == ""
        assert story(home) == told
        sound(home)


def test_a_wal_that_lost_acknowledged_entries_is_refused(lived: tuple[Path, list[Image]], tmp_path: Path) -> None:
    """A flipped bit or a disk that lied about fsync shortens history in silence; the anchor outside the database notices."""
    chance, pairs = random.Random(6), list(following(lived[1]))
    for number, (before, image) in enumerate(chance.sample(pairs, 20)):
        home = tmp_path / str(number)
        wal = bytearray(image.wal)
        if number % 2:
            wal = wal[: len(before.wal)]
        else:
            wal[len(before.wal) + chance.randrange(24, len(image.wal) - len(before.wal))] ^= 1 << chance.randrange(8)
        image.restore(home, bytes(wal))
        with pytest.raises(LedgerError, match="lost its last"):
            engine_on(home).start()


# A full disk -------------------------------------------------------------------------------------------------------------------


def test_a_ledger_without_room_halts_visibly_loses_nothing_and_goes_on_when_there_is_room() -> None:
    """RLIMIT_FSIZE at many sizes; the command takes --sizes 100 for the whole sweep."""
    command = [sys.executable, "-m", "tests.faults.disk_full", "--sizes", "4", "--seed", "4"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 sizes" in done.stdout and " 0 faults" in done.stdout


def test_a_snapshot_without_room_fails_its_cycle_and_no_other(tmp_path: Path) -> None:
    ended = broken("snapshots", tmp_path, "--cycles", "4")
    assert ended.returncode == 0, ended.stderr
    with books(tmp_path) as view:
        cycles = list(reversed(view.cycles("demo")))
        assert [cycle.state for cycle in cycles] == [CycleState.COMPLETED, CycleState.FAILED, *[CycleState.COMPLETED] * 2]
        assert "cannot be written" in cycles[1].reason and "File too large" in cycles[1].reason
        assert view.orders_of(cycles[1].cycle_id) == ()
    assert list(tmp_path.glob("snapshots/??/.*")) == [], "no half-written file stays"
    sound(tmp_path)


# A database held by somebody else ------------------------------------------------------------------------------------------------


@contextmanager
def held(home: Path, seconds: float) -> Iterator[None]:
    """Another process in a write transaction for so long."""
    text = (
        "import sqlite3, sys, time\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\n"
        "time.sleep(float(sys.argv[2]))\n"
        "connection.execute('ROLLBACK')\n"
    )
    command = [sys.executable, "-c", text, str(home / DATABASE), str(seconds)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    try:
        yield
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert kanpan(tmp_path, "--no-ui", "--cycles", "1").returncode == 0
    return tmp_path


def test_a_lock_held_for_a_moment_is_waited_for(home: Path) -> None:
    with held(home, 2.0):
        assert kanpan(home, "--no-ui", "--cycles", "2").returncode == 0
    sound(home)


def test_a_lock_held_for_long_stops_trading_with_a_reason_while_the_books_can_be_read(home: Path) -> None:
    """The wait of ten seconds is one here."""
    with held(home, 60.0):
        began = time.monotonic()
        with books(home) as view:
            assert len(view.cycles("demo")) == 1
        assert time.monotonic() - began < 0.5
        ended = broken("locked", home, "--cycles", "2")
        assert ended.returncode == 1
        assert len(ended.stderr.strip().splitlines()) == 1
        assert "the ledger is locked by another process" in ended.stderr
        with books(home) as view:
            assert len(view.cycles("demo")) == 1
    assert kanpan(home, "--no-ui", "--cycles", "1").returncode == 0
    sound(home)


def test_somebody_who_writes_to_the_ledger_is_noticed(home: Path) -> None:
    """Not the lock file's way in, but straight into the database."""
    engine = engine_on(home)
    connection = sqlite3.connect(home / DATABASE, isolation_level=None)
    try:
        row = connection.execute(
            "SELECT at, kind, desk, payload, prev_hash, hash FROM journal ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        connection.execute(
            "INSERT INTO journal (at, kind, desk, cycle_id, key, payload, prev_hash, hash) VALUES (?, ?, ?, '', '', ?, ?, ?)",
            (row[0], row[1], row[2], row[3], row[5], "f" * 64),
        )
    finally:
        connection.close()
    with pytest.raises(LedgerError, match=r"was altered|not the one"):
        engine.start()
