"""Each preset of `kanpan init` is a configuration this version accepts, written once, privately, and never over another file."""

from __future__ import annotations

import re
import stat
from datetime import date
from pathlib import Path

import pytest

from engine.building import mandate_of
from engine.config import DeskConfig, load_config
from engine.core.errors import ConfigError
from engine.cycle.schedule import slots
from engine.exchange import Phase, calendar
from engine.feeds.lineup import lineup
from engine.store.market import market_of
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


LIVE = {"ashare": "ashare", "crypto-fusion": "crypto", "us": "us"}


@pytest.mark.parametrize("preset", sorted(LIVE))
def test_a_live_preset_names_sources_of_its_market_and_fits_its_calendar(tmp_path: Path, preset: str) -> None:
    config = load_config(write_preset(tmp_path, tmp_path / "kanpan.toml", preset), {})
    ((_, desk),) = config.desk.items()
    assert desk.market.value == LIVE[preset]
    assert desk.is_live and lineup(desk.market, desk.feed).quotes, "every feed it names is a source of that market"
    assert all(market_of(symbol) is desk.market for symbol in desk.universe.symbols)
    days = calendar(desk.market)
    assert all(days.phase(slot) is Phase.CONTINUOUS for slot in slots(desk.schedule, days, date(2026, 11, 20)))
    assert mandate_of("it", desk, "en").max_age_s > 0


@pytest.mark.parametrize("preset", sorted(LIVE))
def test_what_stands_in_a_live_preset_as_a_comment_is_accepted_too(tmp_path: Path, preset: str) -> None:
    """Every commented table, and confirm mode, taken at its word."""
    path = write_preset(tmp_path, tmp_path / "kanpan.toml", preset)
    desk, _, tail = path.read_text(encoding="utf-8").partition("# [alerts]")
    assert '# mode   = "confirm"' in desk
    said = re.sub(r"^# (\[\w+\]|[a-z_]+ *= )", r"\1", tail, flags=re.MULTILINE)
    path.write_text(f"{desk.replace('# mode   =', 'mode =')}[alerts]{said}", encoding="utf-8")
    config = load_config(path, {"EM_COOKIE": "x"})
    assert config.alerts.channels == ("log",) and config.feeds.em_cookie == "env:EM_COOKIE"
    assert {desk.mode for desk in config.desk.values()} == {"confirm"}
