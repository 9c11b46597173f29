"""Whatever is said to `kanpan` on its command line, it ends with a code of the contract and at most one line of complaint."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.console_command import kanpan, one_line
from tui.arguments import parser
from tui.cli import main

CODES = frozenset({0, 1, 2, 3, 4})
VERBS = (
    "account",
    "alerts",
    "approve",
    "amend",
    "backup",
    "correct",
    "cycles",
    "data",
    "doctor",
    "export",
    "fills",
    "halt",
    "import",
)
VERBS += (
    "init",
    "league",
    "orders",
    "pause",
    "positions",
    "prompts",
    "refuse",
    "replay",
    "rerun",
    "resume",
    "show",
    "strategies",
    "why",
)
WORDS = (
    "demo",
    "ghost",
    "demo~twin",
    "last",
    "000001.SZ",
    "AAPL.US",
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "1e5",
    "nan",
    "rules:1",
)
WORDS += ("--json", "--all", "--lang", "zh", "--limit", "--desk", "--reason", "--yes", "--cash", "--cash=5", "--holding", "--price")
WORDS += (
    "--risk",
    "--from",
    "--to",
    "2020-03-02",
    "2020-02-30",
    "list",
    "check",
    "sync",
    "bars",
    "show",
    "diff",
    "save",
    "activate",
)
WORDS += ("ashare-daily", "--preset", "us", "--market", "ashare", "crypto", "--model", "offline", "--prompt", "--verify", "--test")
WORDS += (
    "20200204",
    "",
    " ",
    "/",
    ".",
    "..",
    "--",
    "-x",
    "--nope",
    "中文",
    "é",
    "\x1b[31m",
    "\udcff",
    "\ufeff",
    "a" * 5_000,
    "%s",
    "{}",
    "'; --",
)

lines = st.builds(
    lambda verb, words: [verb, *words],
    st.sampled_from(VERBS),
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=4),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("written") / "home"
    assert kanpan(home, "--no-ui", "--cycles", "2").returncode == 0
    return home


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty directory, with nobody to be asked outside of this machine."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("KANPAN_FEED_HOSTS", "http://127.0.0.1:9")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def said(here: Path, arguments: list[str]) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command line, in this process, into files as a shell would have it."""
    paths = here / "out", here / "err"
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(path.open("w", encoding="utf-8", errors="backslashreplace")) for path in paths)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(arguments)
            except SystemExit as left:
                code = int(left.code or 0)
    return code, *(path.read_text(encoding="utf-8") for path in paths)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(line=lines)
def test_a_line_of_anything_ends_with_a_code_of_the_contract(written: Path, here: Path, line: list[str]) -> None:
    home = here / "home"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(written, home)
    home.chmod(0o700)
    code, out, err = said(here, ["--home", str(home), *line])
    assert code in CODES, (line, code)
    assert "Traceback" not in out + err
    assert err.count("\n") <= 1 or "usage:" in err, (line, err)
    assert code in {0, 1} or err, (line, "refused without a word")


@settings(max_examples=60, deadline=None)
@given(line=st.lists(st.one_of(st.sampled_from([*WORDS, *VERBS]), st.text(max_size=8)), max_size=6))
def test_the_parser_alone_takes_a_line_or_refuses_it_with_two(line: list[str]) -> None:
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            parser().parse_args(line)
        except SystemExit as left:
            assert left.code in {0, 2}


def test_bytes_that_are_no_text_are_one_line(written: Path) -> None:
    result = kanpan(written, "show", os.fsdecode(b"\xff\xfe"))
    assert result.returncode == 2 and "is not valid Unicode" in one_line(result)


def test_a_terminal_that_knows_no_chinese_shows_escapes(written: Path) -> None:
    environ = {"PYTHONIOENCODING": "ascii", "LC_ALL": "POSIX", "PYTHONUTF8": "0"}
    result = kanpan(written, "--lang", "zh", "--no-ui", "--cycles", "1", env=environ)
    assert result.returncode == 0 and result.stderr == "" and r"\u6210\u4ea4" in result.stdout


def test_a_time_zone_that_is_none_is_one_line(written: Path) -> None:
    result = kanpan(written, "--no-ui", "--cycles", "1", env={"TZ": "UTC+25"})
    assert result.returncode == 2 and "environment TZ: 'UTC+25' is no time zone" in one_line(result)


def test_doctor_says_when_no_engine_could_keep_its_books_here(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = kanpan(tmp_path / "file", "doctor")
    assert result.returncode == 1 and "FAIL  state directory" in result.stdout
    assert kanpan(tmp_path / "not" / "yet", "doctor").returncode == 0
