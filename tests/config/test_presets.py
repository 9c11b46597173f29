"""Each preset of `kanpan init` is a configuration this version accepts, written once, privately, and never over another file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import DeskConfig, load_config
from engine.core.errors import ConfigError
from tui.presets import PRESETS, write_preset


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_loads_and_makes_a_mandate(tmp_path: Path, preset: str) -> None:
    path = write_preset(tmp_path, tmp_path / "kanpan.toml", preset)
    config = load_config(path, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for name, desk in config.desk.items():
        assert mandate_of(name, desk, "en").cash > 0


def test_the_demo_preset_says_what_the_demo_does_without_a_file(tmp_path: Path) -> None:
    written = load_config(write_preset(tmp_path, tmp_path / "kanpan.toml", "demo"), {}).desk["demo"]
    assert written.model_copy(update={"universe": DeskConfig().universe}) == DeskConfig()


def test_a_preset_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "kanpan.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists already"):
        write_preset(tmp_path, path, "demo")
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    home = tmp_path / "file" / "home"
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        write_preset(home, home / "kanpan.toml", "demo")
