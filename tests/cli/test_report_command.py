"""`kanpan report --risk`: the past played again on the desk's own tape with a rule left out, or a plain word why that cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tui.cli import main

SIMULATED = """
[desk.perp]
market   = "crypto"
feed     = ["sim"]
universe = { symbols = ["BTCUSDT.BINANCE"] }
bars     = ["1h:40"]
models   = ["offline"]
schedule = "every 240m in session"
cash     = "100000"
sim      = { seed = 7, sessions = 8 }
perps    = { leverage = 5, shorts = true }

[desk.perp.risk]
max_position = 0.20
max_net      = 1.00
cash_reserve = "1000"
min_order    = "100"
reentry_cooldown = 0
max_volatility = 2
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("KANPAN_"):
            monkeypatch.delenv(name)
    (tmp_path / "kanpan.toml").write_text(SIMULATED, encoding="utf-8")
    assert main(["--home", str(tmp_path), "--no-ui", "--speed", "0"]) == 0
    return tmp_path


def test_a_desk_of_perpetuals_is_played_again_on_its_own_tape(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["--home", str(home), "report", "perp", "--risk", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["adds_up"] is True
    assert told["ledger_pnl"] == told["simulated_pnl"] != "0.00"
    assert any(rule["cut"] for rule in told["rules"])


def test_of_a_live_desk_no_tape_is_kept_to_play_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    live = SIMULATED.replace('["sim"]', '["binance_um"]').replace("sim      = { seed = 7, sessions = 8 }\n", "")
    (home / "kanpan.toml").write_text(live, encoding="utf-8")
    capsys.readouterr()
    assert main(["--home", str(home), "report", "perp", "--risk"]) == 2
    assert "desk.perp.feed: what a live desk read is not kept as a tape" in capsys.readouterr().err
