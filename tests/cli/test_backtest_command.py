"""`kanpan backtest` and `kanpan strategies` as a script sees them: one document, exit codes, one line for what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.console_command import kanpan, one_line

PERIOD = ("--from", "2020-02-20", "--to", "2020-02-26")
RULES = """
[desk.demo]
strategy = "rules"
[desk.demo.replay]
end = 2020-02-13
[desk.demo.rules]
min_sharpe = 0.4
"""


def test_a_backtest_is_one_document_and_leaves_nothing_behind(tmp_path: Path) -> None:
    result = kanpan(tmp_path, "backtest", *PERIOD, "--json")
    record = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert (record["desk"], record["from"], record["to"], record["sessions"]) == ("demo", "2020-02-20", "2020-02-26", 5)
    assert {"return", "max_drawdown", "sharpe", "hit_rate", "turnover", "costs", "trades", "fills", "curve"} <= set(record)
    assert record["curve"][-1]["equity"] == record["equity"]
    assert not (tmp_path / "ledger.db").exists()


def test_a_desk_stands_beside_the_four_baselines(tmp_path: Path) -> None:
    result = kanpan(tmp_path, "backtest", *PERIOD, "--strategy", "hold", "--against", "--json")
    record = json.loads(result.stdout)
    assert result.returncode == 0 and record["strategy"] == "hold"
    assert [one["strategy"] for one in record["against"]] == ["equal", "momentum", "random", "hold"]
    assert record["against"][3]["equity"] == record["equity"]
    assert "momentum" in kanpan(tmp_path, "backtest", *PERIOD, "--against").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "2020-02-30"), "--from 2020-02-30: a day is written 2020-02-04"),
        (("--from", "2020-03-04", "--to", "2020-02-20"), "--from 2020-03-04 is after --to 2020-02-20"),
        (("--strategy", "best"), "--strategy best: there are equal, momentum, random, hold"),
        (("nobody",), "no desk nobody in the configuration; there are: demo"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    result = kanpan(tmp_path, "backtest", *arguments)
    assert result.returncode == 2 and one_line(result) == f"kanpan: {told}"


def test_models_outside_are_never_called_and_recorded_decisions_are_taken_instead(tmp_path: Path) -> None:
    """The desk asks a model at an address where nobody listens; its six cycles were decided by `offline` before."""
    assert kanpan(tmp_path, "--no-ui", "--cycles", "6", "--json").returncode == 0
    asks = '[desk.demo]\nmodels = ["far"]\n[model.far]\nbase_url = "http://127.0.0.1:9"\nmodel = "far"\n'
    (tmp_path / "kanpan.toml").write_text(asks)
    played = json.loads(kanpan(tmp_path, "fills", "--json").stdout)
    days = ("--from", "2020-02-04", "--to", "2020-02-11")
    result = kanpan(tmp_path, "backtest", *days, "--json")
    record = json.loads(result.stdout)
    assert result.returncode == 0 and record["fills"] == len(played) > 0
    nothing = kanpan(tmp_path / "empty", "--config", str(tmp_path / "kanpan.toml"), "backtest", *days)
    assert nothing.returncode == 2 and "a backtest asks none" in one_line(nothing)


def test_the_rules_that_were_written_are_listed_ruled_on_again_and_run_again(tmp_path: Path) -> None:
    assert kanpan(tmp_path, "strategies").stdout.startswith("nothing yet")
    (tmp_path / "kanpan.toml").write_text(RULES)
    ran = kanpan(tmp_path, "--no-ui", "--cycles", "20")
    assert ran.returncode == 0 and re.search(r"Strategy \d+ refused, [a-z]", ran.stdout) and "accepted until" in ran.stdout
    result = kanpan(tmp_path, "strategies", "--verify", "--json")
    written = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert {one["state"] for one in written} == {"refused", "in force"} and all(one["verified"] for one in written)
    assert "in force" in kanpan(tmp_path, "strategies").stdout
    again = json.loads(kanpan(tmp_path, "backtest", "--strategy", "rules:1", *PERIOD, "--json").stdout)
    assert again["strategy"] == "rules" and again["sessions"] == 5
    assert kanpan(tmp_path, "replay", "--all").returncode == 0
