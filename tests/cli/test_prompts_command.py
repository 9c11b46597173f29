"""`kanpan prompts`: list, save, put in force, compare, and go back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.cli import main


@pytest.fixture
def mine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["prompts", "show", "ashare-daily", "--lang", "en", "--home", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    path = tmp_path / "mine.md"
    path.write_text(text.replace("You are the analyst", "You are the careful analyst"), encoding="utf-8")
    return path


def say(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["prompts", *words, "--lang", "en", "--home", str(home)]) == 0
    return capsys.readouterr().out


def in_force(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    rows = json.loads(say(home, capsys, "list", "--json"))
    return next(row["in_force"] for row in rows if (row["id"], row["language"]) == ("ashare-daily", "en"))


def test_a_prompt_is_saved_compared_put_in_force_and_taken_back(tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]):
    assert in_force(tmp_path, capsys) == "1"
    assert "version 1" in say(tmp_path, capsys, "save", str(mine))
    changed = say(tmp_path, capsys, "diff", "ashare-daily")
    assert "-You are the analyst" in changed and "+You are the careful analyst" in changed
    assert in_force(tmp_path, capsys) == "1"
    say(tmp_path, capsys, "activate", "ashare-daily", "1")
    assert in_force(tmp_path, capsys) == "user-0001"
    assert "careful" in say(tmp_path, capsys, "show", "ashare-daily")
    assert "careful" not in say(tmp_path, capsys, "show", "ashare-daily", "0")
    say(tmp_path, capsys, "activate", "ashare-daily", "0")
    assert in_force(tmp_path, capsys) == "1"


def test_every_built_in_template_is_listed_in_both_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = json.loads(say(tmp_path, capsys, "list", "--json"))
    both = {(row["id"], row["language"]) for row in rows}
    names = {name for name, _ in both}
    assert {"ashare-daily", "us-daily", "crypto-daily", "fusion-slow", "fusion-fast"} <= names
    assert both == {(name, language) for name in names for language in ("en", "zh")}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["activate", "ashare-daily", "7"], "version 7"),
        (["activate", "ashare-daily"], "name a version"),
        (["show", "../../etc/passwd"], "not a prompt's name"),
        (["show", "nobody-wrote"], "no prompt template"),
        (["show"], "name a template"),
        (["save", "/nowhere.md"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["prompts", *words, "--lang", "en", "--home", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
