"""Each command as a script sees it: exit codes, one JSON document on standard output and nothing else, one line for an error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.store.check import check
from tests.cli.console_command import COMMAND, ROOT, environment, kanpan, one_line, started

ENDLESS = ("--no-ui", "--speed", "20000")
"""Slow enough to be under way for minutes."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a demo desk after six cycles."""
    home = tmp_path_factory.mktemp("ran")
    result = kanpan(home, "--no-ui", "--cycles", "6", "--json")
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["number"] for event in events] == sorted({event["number"] for event in events})
    assert [event["code"] for event in events].count("CYCLE_STARTED") == 6
    assert {"ORDER", "FILL"} <= {event["code"] for event in events}, "an order's own code hides no event's"
    assert result.stderr == ""
    return home


# -- what a script may rely on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["cycles", "orders", "fills", "positions", "account", "alerts"])
def test_a_listing_is_one_json_document(ran: Path, command: str) -> None:
    result = kanpan(ran, command, "--json")
    found: Any = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert isinstance(found, dict if command == "account" else list)
    assert kanpan(ran, command).returncode == 0


def test_a_cycle_record_has_the_keys_of_the_contract(ran: Path) -> None:
    record = json.loads(kanpan(ran, "show", "last", "--json").stdout)
    keys = "cycle_id desk trigger scheduled_at started_at finished_at as_of state reason snapshot candidates models decisions"
    assert set(keys.split()) | {"verdicts", "orders", "account"} <= set(record)
    assert {"hash", "source", "instruments", "stale"} == set(record["snapshot"])
    model = "model provider prompt_id prompt_version latency_ms tokens_in tokens_out tokens_cached cost currency outcome"
    assert set(model.split()) <= set(record["models"][0])
    account = "cash equity market_value realized_pnl unrealized_pnl fees positions"
    assert set(account.split()) <= set(record["account"])


def test_one_cycle_now_prints_its_record_and_a_restart_prints_no_history(ran: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(ran, home)
    before = json.loads(kanpan(home, "cycles", "--json").stdout)
    record = json.loads(kanpan(home, "cycle", "--json").stdout)
    assert record["state"] == "COMPLETED" and record["cycle_id"] not in {item["cycle_id"] for item in before}
    again = kanpan(home, "--no-ui", "--cycles", "1", "--json")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert [event["code"] for event in events].count("CYCLE_STARTED") == 1


def test_a_desk_run_by_hand_waits_for_an_open_market(tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text('[desk.demo]\nschedule = "manual"\n', encoding="utf-8")
    records = [json.loads(kanpan(tmp_path, "cycle", "--json").stdout) for _ in range(2)]
    assert [record["state"] for record in records] == ["COMPLETED", "COMPLETED"]
    assert {record["trigger"] for record in records} == {"manual"}


def test_an_empty_home_has_nothing_to_show(tmp_path: Path) -> None:
    assert json.loads(kanpan(tmp_path, "orders", "--json").stdout) == []
    assert kanpan(tmp_path, "orders").stdout.startswith("nothing yet")
    assert not (tmp_path / "ledger.db").exists()


def test_doctor_says_all_is_well(ran: Path) -> None:
    result = kanpan(ran, "doctor", "--json")
    assert all(line["ok"] for line in json.loads(result.stdout)), result.stdout
    assert result.returncode == 0


def test_doctor_names_a_missing_key_and_how_to_mend_it(tmp_path: Path) -> None:
    assert kanpan(tmp_path, "init", "--preset", "deepseek").returncode == 0
    result = kanpan(tmp_path, "doctor", env={"OTHER_KEY": "sk-canary"})
    assert result.returncode == 1
    assert "DEEPSEEK_API_KEY is not set" in result.stdout and "mend:" in result.stdout and "canary" not in result.stdout


def test_halt_resume_and_pause_work_without_an_engine(tmp_path: Path) -> None:
    answer = json.loads(kanpan(tmp_path, "halt", "--reason", "lunch \x1b[31m", "--json").stdout)
    assert answer == {"command": "halt", "desk": "demo", "outcome": "done"}
    assert json.loads(kanpan(tmp_path, "cycle", "--json").stdout)["reason"] == "STATE_HALTED"
    assert kanpan(tmp_path, "resume").returncode == 0
    assert json.loads(kanpan(tmp_path, "cycle", "--json").stdout)["state"] == "COMPLETED"
    assert kanpan(tmp_path, "pause").returncode == 0
    assert json.loads(kanpan(tmp_path, "cycle", "--json").stdout)["reason"] == "PAUSED"


# -- what is wrong with the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "no 'nonsense'"),
        (["--cycles", "0"], "--cycles: must be between 1 and 1000000"),
        (["--cycles", "many"], "--cycles: must be between 1 and 1000000"),
        (["--speed", "nan"], "--speed: must be between 0 and 1000000"),
        (["orders", "--limit", "-1"], "--limit: must be between"),
        (["--lang", "fr"], "--lang: no 'fr'; there are: en, zh"),
        (["--no-ui", "--desk", "ghost"], "no desk ghost in the configuration; there are: demo"),
        (["orders", "ghost"], "no desk ghost in the configuration; there are: demo"),
        (["show", "nothing"], "nothing has run yet"),
        (["--config", "/nowhere/kanpan.toml", "doctor"], "/nowhere/kanpan.toml: no such file"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    result = kanpan(tmp_path, *arguments)
    assert result.returncode == 2 and result.stdout == ""
    assert said in one_line(result)


def test_a_bad_configuration_is_exit_2_for_every_command(tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text("[desk.demo.risk]\nmax_drawdown = 7\n", encoding="utf-8")
    for arguments in (["--no-ui"], ["orders"], ["halt"], ["doctor"]):
        result = kanpan(tmp_path, *arguments)
        assert result.returncode == 2
        assert one_line(result) == "kanpan: kanpan.toml:2 desk.demo.risk.max_drawdown: must be between 0 and 1"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('universe = { symbols = ["600519.SH"] }', "desk.demo.universe.symbols: replay has no 600519.SH"),
        ('prompt = "ode"', "desk.demo.prompt: no prompt template 'ode'"),
        ('models = ["m"]\n[model.m]\nprovider = "openai"\nmodel = "x"\napi_key = "env:NO_SUCH"', "the variable NO_SUCH is not set"),
    ],
)
def test_what_only_the_engine_can_find_wrong_is_exit_2_too(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "kanpan.toml").write_text(f"[desk.demo]\n{lines}\n", encoding="utf-8")
    result = kanpan(tmp_path, "--no-ui", "--cycles", "1")
    assert result.returncode == 2 and said in one_line(result)


def test_init_writes_once(tmp_path: Path) -> None:
    assert kanpan(tmp_path, "init").stdout.strip() == str(tmp_path / "kanpan.toml")
    assert "exists already" in one_line(kanpan(tmp_path, "init"))


# -- signals, pipes, terminals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_within_three_seconds(tmp_path: Path, number: int, code: int) -> None:
    child = started(tmp_path, *ENDLESS)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(number)
    begun = time.monotonic()
    _, errors = child.communicate(timeout=10)
    assert time.monotonic() - begun < 3
    assert (child.returncode, errors) == (code, "")
    assert all(finding.ok for finding in check(tmp_path))


def test_without_a_terminal_it_says_so_and_goes_on(tmp_path: Path) -> None:
    child = started(tmp_path, "--speed", "20000")
    assert child.stdout is not None
    assert child.stdout.readline() != ""
    child.terminate()
    _, errors = child.communicate(timeout=10)
    assert errors == "kanpan: not a terminal, running without the console (--no-ui)\n"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    text = line.replace("kanpan", " ".join(COMMAND))
    return subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=60, check=False
    )


def test_a_closed_pipe_is_no_error(ran: Path, tmp_path: Path) -> None:
    for line in (f"kanpan --home {tmp_path} --no-ui --cycles 3 | head -1", f"kanpan --home {ran} fills --limit 9 | true"):
        result = shell(f"set -o pipefail; {line}")
        assert (result.returncode, result.stderr) == (0, ""), line


def test_a_full_or_closed_standard_output_is_one_line(ran: Path, tmp_path: Path) -> None:
    for arguments in (f"--home {ran} orders", f"--home {tmp_path} --no-ui --cycles 1"):
        result = shell(f"kanpan {arguments} > /dev/full")
        assert (result.returncode, result.stderr) == (1, "kanpan: standard output: No space left on device\n")
    assert shell(f"kanpan --home {ran} orders >&-").stderr == ""


# -- what is imported -----------------------------------------------------------------------------------------------------------


def imported(code: str) -> set[str]:
    text = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=ROOT, env=environment(), check=True)
    return set(result.stdout.split())


def test_no_ui_never_imports_textual(tmp_path: Path) -> None:
    modules = imported(f"from tui.cli import main\nassert main(['--home', {str(tmp_path)!r}, '--no-ui', '--cycles', '1']) == 0")
    assert "engine.engine" in modules and "textual" not in modules


def test_the_engine_imports_neither_textual_nor_rich() -> None:
    modules = imported("import engine.engine, engine.reports, engine.store.check")
    assert not modules & {"textual", "rich", "tui"}


# -- the sample market ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program whose sample market may be broken."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("engine", "tui", "data", "themes"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize(
    ("harm", "said"), [("empty", "is empty"), ("garbage", "is corrupt"), ("truncated", "is corrupt"), ("missing", "is missing")]
)
def test_a_broken_sample_market_is_one_line(checkout: Path, tmp_path: Path, harm: str, said: str) -> None:
    path = checkout / "data" / "ashare_dividends.parquet"
    whole = path.read_bytes()
    try:
        if harm == "missing":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "garbage": b"PAR1" + os.urandom(900), "truncated": whole[: len(whole) // 2]}[harm])
        result = kanpan(tmp_path, "--no-ui", "--cycles", "1", root=checkout)
        assert result.returncode == 1
        line = one_line(result)
        assert said in line and "ashare_dividends.parquet" in line
        doctor = kanpan(tmp_path, "doctor", root=checkout)
        assert doctor.returncode == 1 and said in doctor.stdout
    finally:
        path.write_bytes(whole)
