"""A state directory as one file, taken from a stopped or a running engine without a secret: every cycle replays equal elsewhere."""

from __future__ import annotations

import json
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store import books
from engine.store.check import check
from tests.cli.console_command import Result, one_line, started
from tests.cli.console_command import kanpan as process
from tui.cli import main

Kanpan = Callable[..., Result]
CANARY = "sk-canary-3f9d0c1b7a"


@pytest.fixture
def kanpan(capsys: pytest.CaptureFixture[str]) -> Kanpan:
    """The command in this process: most of these only read, and a process a command would take a minute."""

    def run(home: Path, *arguments: str) -> Result:
        code = main(["--home", str(home), *arguments])
        return Result(arguments, code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cycles, a configuration, and a key beside it."""
    made = tmp_path_factory.mktemp("state") / "home"
    assert process(made, "init").returncode == 0
    (made / ".env").write_text(f"DEEPSEEK_API_KEY={CANARY}\n", encoding="utf-8")
    assert process(made, "--no-ui", "--cycles", "6").returncode == 0
    return made


def replays_equal(kanpan: Kanpan, home: Path, cycles: int) -> None:
    replayed = kanpan(home, "replay", "--all")
    assert replayed.returncode == 0, replayed.stdout
    assert f"{cycles} cycles replayed, 0 differ, 0 had nothing to compute" in replayed.stdout


def test_an_export_opens_elsewhere_and_every_cycle_of_it_replays_equal(kanpan: Kanpan, home: Path, tmp_path: Path) -> None:
    file, there = tmp_path / "state.tar.gz", tmp_path / "another" / "place"
    told = json.loads(kanpan(home, "export", str(file), "--json").stdout)
    assert told["path"] == str(file) and told["files"] >= 9
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kanpan(there, "import", str(file)).returncode == 0
    assert [finding for finding in check(there) if not finding.ok] == []
    replays_equal(kanpan, there, 6)
    for command in ("orders", "fills", "positions", "account", "cycles"):
        assert kanpan(there, command, "--json").stdout == kanpan(home, command, "--json").stdout
    assert process(there, "--no-ui", "--cycles", "2").returncode == 0, "and it goes on from there"
    replays_equal(kanpan, there, 8)
    replays_equal(kanpan, home, 6)


def test_a_ledger_copied_while_nothing_runs_replays_equal_too(kanpan: Kanpan, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "copy")
    replays_equal(kanpan, tmp_path / "copy", 6)


def test_no_key_is_in_the_archive(kanpan: Kanpan, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.tar.gz"
    assert kanpan(home, "export", str(file)).returncode == 0
    with tarfile.open(file) as archive:
        names = archive.getnames()
        texts = [archive.extractfile(member) for member in archive.getmembers()]
        assert not any(CANARY.encode() in text.read() for text in texts if text is not None)
    assert not any(".env" in name or "lock" in name or "pid" in name for name in names)
    assert "kanpan.toml" in names and "ledger.db" in names


def test_an_export_beside_a_running_engine_is_of_one_moment(kanpan: Kanpan, tmp_path: Path) -> None:
    running = started(tmp_path / "home", "--no-ui", "--json", "--speed", "60000")
    try:
        assert running.stdout is not None
        for _ in range(40):
            running.stdout.readline()
        assert kanpan(tmp_path / "home", "export", str(tmp_path / "state.tar.gz")).returncode == 0
        assert kanpan(tmp_path / "home", "backup", str(tmp_path / "backup")).returncode == 0
        assert running.poll() is None
    finally:
        running.terminate()
        running.communicate(timeout=10)
    assert kanpan(tmp_path / "there", "import", str(tmp_path / "state.tar.gz")).returncode == 0
    for place in ("there", "backup"):
        assert [finding for finding in check(tmp_path / place) if not finding.ok] == []
        with books(tmp_path / place) as view:
            assert view.head() > 0
    assert kanpan(tmp_path / "there", "replay", "--all").returncode == 0


def test_what_cannot_be_done_is_said_in_one_line(kanpan: Kanpan, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.tar.gz"
    assert kanpan(home, "export", str(file)).returncode == 0
    again = kanpan(home, "export", str(file))
    assert again.returncode == 1 and "never overwrites" in one_line(again)
    onto = kanpan(home, "import", str(file))
    assert onto.returncode == 1 and "is not empty" in one_line(onto)
    absent = kanpan(tmp_path / "new", "import", str(tmp_path / "absent.tar.gz"))
    assert absent.returncode == 2 and "no such file" in one_line(absent)
    nothing = kanpan(tmp_path / "new", "export", str(tmp_path / "nothing.tar.gz"))
    assert nothing.returncode == 2 and "nothing has run yet" in one_line(nothing)
    file.write_bytes(file.read_bytes()[:-200])
    torn = kanpan(tmp_path / "torn", "import", str(file))
    assert torn.returncode == 1 and "cannot be imported" in one_line(torn)
    assert not (tmp_path / "torn").exists()
    assert kanpan(home, "backup", str(tmp_path / "copy")).returncode == 0
    twice = kanpan(home, "backup", str(tmp_path / "copy"))
    assert twice.returncode == 1 and "holds a ledger already" in one_line(twice)
