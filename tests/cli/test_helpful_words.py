"""What a person typed nearly right is answered with what was probably meant, in one line and with the contract's exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import Config
from engine.core.clock import SystemClock
from engine.engine import Engine
from tests.cli.console_command import kanpan, one_line
from tui.arguments import parser
from tui.naming import meant, nearest

KNOWN = ("600519.SH", "000001.SZ", "000001.SH", "BTCUSDT.BINANCE")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["ordrs"], "no 'ordrs'; did you mean 'orders'?"),
        (["frobnicate"], "COMMAND: no 'frobnicate'; see kanpan --help"),
        (["init", "--preset", "crypto"], "did you mean 'crypto-fusion'?"),
        (["orders", "--lang", "fr"], "there are: en, zh"),
        (["orders", "--limit", "0"], "must be between 1 and 1000000"),
    ],
)
def test_a_word_that_is_none_is_answered_with_the_one_that_was_meant(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args(typed)
    told = capsys.readouterr().err
    assert left.value.code == 2 and said in told and told.count("\n") == 1 and len(told) < 200


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("600519.SH", "600519.SH"),
        ("600519.sh", "600519.SH"),
        (" 600519 ", "600519.SH"),
        ("btcusdt", "BTCUSDT.BINANCE"),
        ("000001", ""),
        ("60051X.SH", ""),
        ("", ""),
    ],
)
def test_a_name_is_found_by_its_code_where_only_one_has_it(typed: str, found: str) -> None:
    assert meant(typed, KNOWN) == found


def test_the_nearest_names_are_offered() -> None:
    assert nearest("60051X.SH", KNOWN)[0] == "600519.SH"
    assert nearest("moutai", KNOWN) == ()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("words")
    engine = Engine(Config(), place, clock=SystemClock(), environ={}, speed=0.0, cycles=2)
    engine.start()
    try:
        assert engine.wait(timeout_s=60) and not engine.failed
    finally:
        assert engine.stop(10.0)
    return place


def test_why_takes_the_code_alone_and_says_in_words_what_risk_did(home: Path) -> None:
    shown = kanpan(home, "why", "601318", "--lang", "en")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("601318.SH:") and "verdicts" in shown.stdout
    record = json.loads(kanpan(home, "why", "601318", "--json").stdout)
    assert record["symbol"] == "601318.SH" and record["chain"][0]["verdicts"][0]["rule"]


def test_why_names_the_nearest_of_what_the_desk_knows(home: Path) -> None:
    missed = kanpan(home, "why", "60131B.SH")
    assert missed.returncode == 1 and "did you mean 601318.SH" in one_line(missed)
    strange = kanpan(home, "why", "moutai")
    assert strange.returncode == 1 and "it knows 000001.SZ" in one_line(strange)
