"""A desk on the simulated market, end to end and without a console: it trades, it says that nothing is real, a seed is a ledger."""

from pathlib import Path
from typing import Any

import pytest

from engine.config import load_config
from engine.config.desk import DeskConfig
from engine.core.errors import ConfigError
from engine.store import books
from engine.store.snapshot import read
from tui.cli import main

NAMES, SESSIONS = 300, 5
TOML = f"""
[desk.demo]
feed = ["sim"]
universe = {{ top = 10 }}
models = ["offline"]
schedule = "at 09:20, 14:30"
history_days = 60

[desk.demo.sim]
seed = %d
size = {NAMES}
sessions = {SESSIONS}
"""


def run(home: Path, seed: int, cycles: int = 100) -> int:
    home.mkdir()
    (home / "kanpan.toml").write_text(TOML % seed, encoding="utf-8")
    return main(["--home", str(home), "--no-ui", "--speed", "0", "--cycles", str(cycles)])


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sim")
    found = {name: root / name for name in ("one", "same", "other")}
    for name, home in found.items():
        assert run(home, *((2, 1) if name == "other" else (1, 100))) == 0
    return found


def story(home: Path) -> list[Any]:
    with books(home) as view:
        return [
            [(cycle.cycle_id, cycle.state) for cycle in view.cycles("demo", limit=1_000)],
            view.fills("demo", limit=10_000),
            [(point.equity, point.cash) for point in view.equity("demo", limit=1_000)],
            view.account("demo").cash,
            sorted(path.name for path in (home / "snapshots").rglob("*.snapshot")),
        ]


def test_a_desk_trades_through_every_session(homes: dict[str, Path]) -> None:
    with books(homes["one"]) as view:
        cycles = [cycle for cycle in view.cycles("demo", limit=100) if cycle.trigger == "schedule"]
        fills = view.fills("demo", limit=1_000)
    assert len(cycles) == 2 * SESSIONS
    assert {cycle.state for cycle in cycles} == {"COMPLETED"}
    assert fills


def test_the_same_seed_gives_the_same_ledger_and_another_does_not(homes: dict[str, Path]) -> None:
    assert story(homes["one"]) == story(homes["same"])
    seen = [set(story(homes[name])[-1]) for name in ("one", "other")]
    assert not seen[0] & seen[1]


def test_what_it_decided_on_says_that_it_is_simulated(homes: dict[str, Path]) -> None:
    with books(homes["one"]) as view:
        fills = view.fills("demo", limit=1_000)
    assert {fill.source for fill in fills} == {"sim"}
    path = next((homes["one"] / "snapshots").rglob("*.snapshot"))
    snapshot = read(homes["one"] / "snapshots", path.stem)
    assert snapshot.source == "sim"
    assert all("模拟" in item.name for item in snapshot.instruments)
    assert len(snapshot.instruments) > NAMES * 0.9


def test_its_cycles_replay_to_the_same_decisions(homes: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["replay", "--all", "--home", str(homes["one"])]) == 0
    assert "0 differ" in capsys.readouterr().out


def test_a_stopped_desk_goes_on_where_it_stood(tmp_path: Path, homes: dict[str, Path]) -> None:
    home = tmp_path / "halves"
    home.mkdir()
    (home / "kanpan.toml").write_text(TOML % 1, encoding="utf-8")
    for cycles in ("3", "100"):
        assert main(["--home", str(home), "--no-ui", "--speed", "0", "--cycles", cycles]) == 0
    assert story(home)[1:] == story(homes["one"])[1:]


def test_nothing_real_stands_in_for_it() -> None:
    for feed in (["sim", "replay"], ["replay", "sim"]):
        with pytest.raises(ValueError, match="sim plays simulated A-shares only"):
            DeskConfig.model_validate({"feed": feed})
    with pytest.raises(ValueError, match="A-shares only"):
        DeskConfig.model_validate({"feed": ["sim"], "market": "us"})


def test_a_market_that_cannot_be_is_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "kanpan.toml"
    path.write_text('[desk.demo]\nfeed = ["sim"]\n[desk.demo.sim]\nsize = 0\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"desk\.demo\.sim\.size"):
        load_config(path, {})
