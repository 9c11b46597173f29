"""Every kind of bad configuration is one line that says what and where, and never repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import ModelConfig, environment, load_config, secret
from engine.core.errors import ConfigError

DESK = "[desk.demo]\n"


def refused(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    """The one line a configuration is refused with."""
    path = tmp_path / "kanpan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300
    return message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 1\n", "kanpan.toml:1 colour: unknown key"),
        (DESK + "cahs = 5\n", "kanpan.toml:2 desk.demo.cahs: unknown key"),
        (DESK + "[desk.demo.risk]\n\nmax_drawdown = 1.5\n", "kanpan.toml:4 desk.demo.risk.max_drawdown: must be between 0 and 1"),
        (DESK + "risk = { max_gross = -0.1 }\n", "kanpan.toml:2 desk.demo.risk.max_gross: must be between 0 and 1"),
        (DESK + 'market = "lse"\n', "kanpan.toml:2 desk.demo.market: input should be 'ashare', 'us' or 'crypto'"),
        (DESK + "cash = 0\n", "kanpan.toml:2 desk.demo.cash: input should be greater than 0"),
        (DESK + "cash = -1\n", "kanpan.toml:2 desk.demo.cash: input should be greater than"),
        (DESK + "cash = nan\n", "kanpan.toml:2 desk.demo.cash: input should be a finite number"),
        (DESK + "cash = inf\n", "kanpan.toml:2 desk.demo.cash: input should be a finite number"),
        (DESK + 'cash = "NaN"\n', "kanpan.toml:2 desk.demo.cash: input should be a finite number"),
        (DESK + 'cash = "1e30"\n', "kanpan.toml:2 desk.demo.cash: input should be less than or equal to 10000000000"),
        (DESK + 'cash = "lots"\n', "kanpan.toml:2 desk.demo.cash: input should be a valid decimal"),
        (DESK + 'cash = "1.00001"\n', "kanpan.toml:1 desk.demo: cash: 1.00001 is finer than 1/10000"),
        (DESK + "models = 5\n", "kanpan.toml:2 desk.demo.models: input should be a valid tuple"),
        (DESK + "models = []\n", "kanpan.toml:1 desk.demo: models: the strategy panel needs at least one"),
        (DESK + 'models = ["offline", "offline"]\n', "kanpan.toml:1 desk.demo: models: offline is named twice"),
        (DESK + 'models = ["gpt"]\n', "kanpan.toml:2 desk.demo.models: model gpt is not configured: add [model.gpt]"),
        (DESK + 'feed = ["bloomberg"]\n', "kanpan.toml:2 desk.demo.feed: unknown feed bloomberg; this version has: replay"),
        (DESK + "feed = []\n", "kanpan.toml:2 desk.demo.feed: unknown feed (none)"),
        (DESK + 'strategy = "magic"\n', "kanpan.toml:2 desk.demo.strategy: unknown strategy magic"),
        (DESK + 'mode = "live"\n', "kanpan.toml:2 desk.demo.mode: input should be 'auto' or 'confirm'"),
        (DESK + "confirm_s = 4\n", "kanpan.toml:2 desk.demo.confirm_s"),
        (DESK + 'market = "us"\n', "kanpan.toml:1 desk.demo: market us: the feed replay plays A-shares only"),
        (DESK + 'schedule = "at 25:00"\n', "kanpan.toml:2 desk.demo.schedule: 25:00 is not a time of day"),
        (DESK + 'schedule = "every 0m in session"\n', "kanpan.toml:2 desk.demo.schedule: every 0 minutes is not a schedule"),
        (DESK + 'schedule = "hourly"\n', 'kanpan.toml:2 desk.demo.schedule: must read "at 09:20'),
        (DESK + "deadline_s = inf\n", "kanpan.toml:2 desk.demo.deadline_s: input should be a finite number"),
        (
            "[desk.demo.replay]\nstart = 2020-05-01\nend = 2020-04-01\n",
            "kanpan.toml:1 desk.demo.replay: starts on 2020-05-01, after its end on 2020-04-01",
        ),
        ('[desk."Dr Evil"]\n', "kanpan.toml:1 desk.Dr Evil: a desk is named with a-z, 0-9, - and _"),
        ("desk = {}\n", "kanpan.toml:1 desk: dictionary should have at least 1 item"),
        ("desk = 3\n", "kanpan.toml:1 desk: input should be a valid dictionary"),
        (DESK + DESK, "kanpan.toml:2 Cannot declare ('desk', 'demo') twice"),
        (DESK + "cash = 1\ncash = 2\n", "kanpan.toml:3 Cannot overwrite a value"),
        (DESK + "cash = \n", "kanpan.toml:2 Invalid value"),
        ('theme = "dark', "kanpan.toml: Unterminated string (at the end of the file)"),
        ("x = " + "[" * 5_000, "kanpan.toml: nested too deeply"),
        (DESK + "cash = " + "9" * 5_000, "kanpan.toml: not readable as TOML (ValueError)"),
    ],
)
def test_each_fault_names_its_line_and_key(tmp_path: Path, text: str, line: str) -> None:
    assert refused(tmp_path, text).startswith(line)


def test_a_file_that_is_no_text_is_one_line_too(tmp_path: Path) -> None:
    path = tmp_path / "kanpan.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"^kanpan\.toml: cannot be read \(UnicodeDecodeError\)$"):
        load_config(path, {})
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match=r"^kanpan\.toml: cannot be read \(IsADirectoryError\)$"):
        load_config(path, {})


@pytest.mark.parametrize("written", ["sk-1234567890abcdef", "env:", "env:not a name", "ENV:NAME"])
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, written: str) -> None:
    line = refused(tmp_path, f'[model.m]\nprovider = "openai"\napi_key = "{written}"\n')
    assert line.startswith("kanpan.toml:3 model.m.api_key: a key is never written here")
    assert "1234567890" not in line


def test_a_missing_key_is_named_by_its_variable() -> None:
    model = ModelConfig(api_key="env:MY_KEY")
    for environ in ({}, {"MY_KEY": ""}, {"MY_KEY": "  "}):
        with pytest.raises(ConfigError, match=r"model\.m\.api_key: the variable MY_KEY is not set"):
            secret("m", model, environ)
    assert secret("m", model, {"MY_KEY": " s3cret\n"}) == "s3cret"


# -- the environment ----------------------------------------------------------------------------------------------------------


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kanpan.toml"
    path.write_text('[desk.my-desk]\ncash = 5\n[model.big-one]\nbase_url = "http://a"\n', encoding="utf-8")
    config = load_config(
        path,
        {
            "KANPAN_DESK__MY_DESK__CASH": "500000.5",
            "KANPAN_DESK__MY_DESK__RISK__ALLOW_ST": "true",
            "KANPAN_DESK__MY_DESK__UNIVERSE__SYMBOLS": '["600519.SH"]',
            "KANPAN_MODEL__BIG_ONE__MODEL": "x",
            "KANPAN_HOME": "/nowhere",
            "KANPAN_LANG": "zh",
            "OTHER": "1",
        },
    )
    desk = config.desk["my-desk"]
    assert (str(desk.cash), desk.risk.allow_st, desk.universe.symbols) == ("500000.5", True, ("600519.SH",))
    assert config.model["big-one"].model == "x"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("KANPAN_DESK__DEMO__CAHS", "5", "environment KANPAN_DESK__DEMO__CAHS desk.demo.cahs: unknown key"),
        ("KANPAN_TYPO", "5", "environment KANPAN_TYPO typo: unknown key"),
        ("KANPAN_DESK__DEMO__CASH", "nan", "environment KANPAN_DESK__DEMO__CASH desk.demo.cash: input should be a finite number"),
        ("KANPAN_DESK__DEMO__CASH__X", "5", "environment KANPAN_DESK__DEMO__CASH__X: desk.demo.cash is not a table"),
        ("KANPAN_DESK__DEMO__MODELS", "[oops", "environment KANPAN_DESK__DEMO__MODELS desk.demo.models: input should be a valid"),
        (
            "KANPAN_DESK__DEMO__RISK__MAX_GROSS",
            "2",
            "environment KANPAN_DESK__DEMO__RISK__MAX_GROSS desk.demo.risk.max_gross: must be between 0 and 1",
        ),
    ],
)
def test_a_bad_variable_is_named(tmp_path: Path, variable: str, value: str, line: str) -> None:
    assert refused(tmp_path, DESK + "cash = 5\n", {variable: value}).startswith(line)


def test_a_secret_in_a_misnamed_variable_is_not_repeated(tmp_path: Path) -> None:
    line = refused(tmp_path, DESK, {"KANPAN_API_KEY": "sk-canary-7", "KANPAN_MODEL__M__API_KEY": "sk-canary-8"})
    assert "canary" not in line


def test_dotenv_is_read_beside_the_configuration_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# keys\nexport A=\"one\"\nB = two # kept\n\nC='x=y'\n", encoding="utf-8")
    found = environment(tmp_path / "kanpan.toml", {"B": "mine"})
    assert (found["A"], found["B"], found["C"]) == ("one", "mine", "x=y")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"GOOD=1\nsk-canary secret\n", ".env:2: expected NAME=VALUE"),
        (b"9KEY=sk-canary\n", ".env:1: expected NAME=VALUE"),
        (b"\xff\xfecanary", ".env: cannot be read (UnicodeDecodeError)"),
    ],
)
def test_foreign_content_of_dotenv_is_never_printed(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        environment(tmp_path / "kanpan.toml", {})
    assert str(caught.value) == line


def test_no_file_is_the_demo_desk(tmp_path: Path) -> None:
    assert list(load_config(tmp_path / "kanpan.toml", {}).desk) == ["demo"]
    assert list(load_config(None, {}).desk) == ["demo"]
