"""Old prompts, replies and snapshots go by policy; the journal stays, and a replay says plainly what it can no longer compute."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import Config, DeskConfig, ReplayConfig, RetentionPolicy
from engine.core.clock import SimulatedClock
from engine.core.journal import Noted
from engine.engine import Engine
from engine.replay import Replay, Replayed
from engine.store import books
from engine.store.check import check
from tests.cli.console_command import kanpan

THEN = datetime(2025, 1, 6, 12, tzinfo=UTC)
LATER = THEN + timedelta(days=400)
CYCLES = 3


@contextmanager
def engine_at(home: Path, clock: SimulatedClock, cycles: int, policy: RetentionPolicy) -> Iterator[Engine]:
    desk = DeskConfig(replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 6, 16), speed=0), history_days=30)
    engine = Engine(Config(desk={"demo": desk}, retention=policy), home, clock=clock, environ={}, speed=0.0, cycles=cycles)
    engine.start()
    try:
        assert engine.wait(timeout_s=60)
        yield engine
    finally:
        assert engine.stop(5.0) and engine.failed == ""


def ran(home: Path, at: datetime, *, cycles: int = CYCLES, policy: RetentionPolicy | None = None) -> None:
    """Some cycles on a day of the machine's clock, its snapshot files dated as they would be."""
    known = set(home.glob("snapshots/??/*"))
    with engine_at(home, SimulatedClock(at), cycles, policy or RetentionPolicy()):
        pass
    for path in set(home.glob("snapshots/??/*")) - known:
        os.utime(path, (at.timestamp(), at.timestamp()))


def replayed(home: Path) -> list[Replayed]:
    with books(home) as view:
        mandate = lambda desk, text: mandate_of(desk, DeskConfig.model_validate_json(text), "en")  # noqa: E731
        return list(Replay(view, home / "snapshots", "demo", mandate).run())


def told(home: Path) -> list[Noted]:
    with books(home) as view:
        records = [entry.record for entry in view.events_since(0)]
    return [record for record in records if isinstance(record, Noted) and record.code == "RETENTION"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three cycles of long ago."""
    ran(tmp_path, THEN)
    return tmp_path


def test_what_is_older_than_the_policy_goes_at_the_next_start_and_the_journal_says_so(home: Path) -> None:
    with books(home) as view:
        entries = view.entries(limit=10_000)
    ran(home, LATER, cycles=CYCLES + 1)
    assert len(list(home.glob("snapshots/??/*.snapshot"))) == CYCLES + 1
    (event,) = told(home)
    params = dict(event.params)
    assert params["snapshots"] == str(CYCLES)
    assert params["texts"] == str(2 * CYCLES), "a prompt and a reply a cycle"
    assert datetime.fromisoformat(params["texts_before"]) == LATER - timedelta(days=365)
    with books(home) as view:
        assert view.entries(limit=10_000)[: len(entries)] == entries
    assert [finding for finding in check(home) if not finding.ok] == []


def test_a_replay_of_such_a_cycle_says_so_and_the_others_are_equal(home: Path) -> None:
    ran(home, LATER, cycles=CYCLES + 1)
    results = replayed(home)
    assert [result.skipped for result in results] == ["its snapshot was let go (retention)"] * CYCLES + [""] * (CYCLES + 1)
    assert not any(result.differences for result in results)
    spoken = kanpan(home, "replay", "--all")
    assert spoken.returncode == 0
    assert f"{CYCLES} not computed: its snapshot was let go (retention)" in spoken.stdout


def test_a_snapshot_that_is_missing_for_no_such_reason_is_a_difference(home: Path) -> None:
    ran(home, LATER, policy=RetentionPolicy(prompts_days=0, snapshots_days=0))
    for path in home.glob("snapshots/??/*.snapshot"):
        path.unlink()
    assert all(result.differences for result in replayed(home))


def test_texts_alone_may_go(home: Path) -> None:
    ran(home, LATER, policy=RetentionPolicy(snapshots_days=0))
    assert len(list(home.glob("snapshots/??/*.snapshot"))) == 2 * CYCLES
    assert [result.skipped for result in replayed(home)][:CYCLES] == ["its replies were let go (retention)"] * CYCLES
    with books(home) as view:
        oldest = view.cycles("demo")[-1].cycle_id
        assert view.blob(view.model_calls(oldest)[0].asked.prompt_hash) is None
    assert kanpan(home, "show", oldest, "--json").returncode == 0


def test_nought_keeps_everything_for_ever_and_a_second_start_says_nothing(home: Path) -> None:
    ran(home, LATER, policy=RetentionPolicy(prompts_days=0, snapshots_days=0))
    assert told(home) == []
    ran(home, LATER + timedelta(days=1), cycles=1)
    assert len(told(home)) == 1
    ran(home, LATER + timedelta(days=1, hours=1), cycles=1)
    assert len(told(home)) == 1


def test_what_a_crash_left_half_written_goes_too(home: Path) -> None:
    (folder,) = list(home.glob("snapshots/??"))[:1]
    torn = folder / ".0123.45.67.tmp"
    torn.write_bytes(b"half")
    os.utime(torn, (THEN.timestamp(), THEN.timestamp()))
    ran(home, LATER, cycles=1)
    assert not torn.exists()


def test_a_running_engine_tidies_when_the_day_changes(home: Path) -> None:
    clock = SimulatedClock(THEN + timedelta(hours=1))
    with engine_at(home, clock, 1, RetentionPolicy()):
        assert told(home) == []
        clock.advance_to(LATER)
        give_up = time.monotonic() + 10
        while not told(home) and time.monotonic() < give_up:
            time.sleep(0.05)
        assert len(told(home)) == 1


def test_the_policy_is_read_from_the_file(home: Path) -> None:
    (home / "kanpan.toml").write_text("[retention]\nsnapshots_days = 1\n", encoding="utf-8")
    assert kanpan(home, "--no-ui", "--cycles", "1").returncode == 0
    assert told(home), "the cycles of 2025 are more than a day old"
    (home / "kanpan.toml").write_text("[retention]\nprompts_days = -1\n", encoding="utf-8")
    refused = kanpan(home, "--no-ui", "--cycles", "1")
    assert refused.returncode == 2
    assert "kanpan.toml:2 retention.prompts_days" in refused.stderr


def test_the_event_is_worded_for_people(home: Path) -> None:
    (home / "kanpan.toml").write_text("[retention]\nsnapshots_days = 1\nprompts_days = 0\n", encoding="utf-8")
    shown = kanpan(home, "--no-ui", "--cycles", "1", "--json").stdout
    codes = [json.loads(line)["code"] for line in shown.splitlines()]
    assert "RETENTION" in codes
