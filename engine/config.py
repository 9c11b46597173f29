"""Settings and desks, from kanpan.toml, the environment and the command line; anything unknown or out of range is one clear line.

defaults ◄── kanpan.toml ◄── KANPAN_… variables ──► Config (frozen) ──► desks
Secrets never stand in the file: a model's `api_key` names where the key is (`env:NAME`), and `secret()` fetches it when needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.alert_settings import AlertsConfig
from engine.core.errors import ConfigError
from engine.core.units import PPM, UNITS, Market, to_units

ENV_PREFIX = "KANPAN_"
ENV_RESERVED = frozenset({"KANPAN_HOME", "KANPAN_CONFIG", "KANPAN_LANG"})

Fraction = Annotated[Decimal, Field(ge=0, le=1, max_digits=12, decimal_places=6)]
Multiple = Annotated[Decimal, Field(ge=0, le=1_000, max_digits=12, decimal_places=6)]
Sessions = Annotated[int, Field(ge=0, le=10_000)]
Amount = Annotated[Decimal, Field(ge=0, le=10**10)]
"""In the desk's currency; ten thousand million keeps every sum of the ledger within 64 bits in every market's units."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Universe(_Strict):
    """Which instruments a desk looks at: named `symbols`, or the `top` of the market `by` a metric."""

    symbols: tuple[str, ...] = ()
    top: int = Field(default=50, ge=1, le=6_000)
    by: Literal["amount", "volume", "change"] = "amount"


class RiskPolicy(_Strict):
    """Limits no model can talk to; fractions of equity, amounts in the desk's currency, waiting times in sessions; 0 is off.

    `max_position` left out is 30 % of equity, and 10 % where the market is crypto.
    """

    max_position: Fraction = Decimal("0.30")
    max_gross: Fraction = Decimal("0.80")
    max_sector: Fraction = Decimal("0.40")
    max_daily_loss: Fraction = Decimal("0.05")
    max_drawdown: Fraction = Decimal("0.15")
    cash_reserve: Amount = Decimal(10_000)
    stop_loss: Fraction = Decimal("0.08")
    min_order: Amount = Decimal(1_000)
    max_volume_share: Fraction = Decimal("0.01")
    allow_st: bool = False
    blacklist: tuple[str, ...] = ()
    max_weekly_loss: Fraction = Decimal("0.10")
    max_losing_streak: int = Field(default=5, ge=0, le=1_000)
    cooling_off: Sessions = 1
    max_entries_cycle: int = Field(default=10, ge=0, le=10_000)
    max_entries_day: int = Field(default=20, ge=0, le=10_000)
    reentry_cooldown: Sessions = 1
    min_holding: Sessions = 0
    max_orders_minute: int = Field(default=60, ge=0, le=10_000)
    max_leverage: Multiple = Decimal(1)
    max_cluster: Fraction = Decimal("0.60")
    cluster_correlation: Fraction = Decimal("0.80")
    max_volatility: Multiple = Decimal("0.60")
    max_var: Fraction = Decimal("0.06")
    min_edge: Multiple = Decimal(1)
    take_profit: Fraction = Decimal(0)
    trailing: Fraction = Decimal(0)
    give_back: Fraction = Decimal(0)
    time_stop: Sessions = 0
    sizing: Literal["target", "fixed", "kelly", "atr", "volatility"] = "target"
    size: Fraction = Decimal("0.10")
    kelly_cap: Fraction = Decimal("0.25")
    risk_per_trade: Fraction = Decimal("0.01")
    volatility_target: Multiple = Decimal("0.15")
    on_daily_loss: Literal["lock", "reduce", "halt"] = "reduce"
    on_weekly_loss: Literal["lock", "reduce", "halt"] = "lock"
    on_drawdown: Literal["lock", "reduce", "halt"] = "reduce"

    def ppm(self, name: str) -> int:
        """A fraction of the policy in parts per million."""
        return int(getattr(self, name) * PPM)


class FeePolicy(_Strict):
    """The broker's own terms; what the exchange and the state take follows from market and date."""

    commission_rate: Fraction = Decimal("0.00025")
    commission_min: Amount = Decimal(5)
    all_in: bool = True


class ModelPrice(_Strict):
    """What a provider charges, per `per` tokens, as of a date."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(default=None, ge=0)
    currency: str = Field(default="USD", min_length=3, max_length=4)
    per: int = Field(default=1_000_000, ge=1)
    as_of: date | None = None


class ModelConfig(_Strict):
    """One language model behind an OpenAI-compatible endpoint, or the built-in `offline` and `local` ones."""

    provider: str = "openai"
    base_url: str = ""
    model: str = ""
    api_key: str = ""
    timeout_s: float = Field(default=30, gt=0, le=600)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int = Field(default=2_048, ge=16, le=200_000)
    price: ModelPrice | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @field_validator("api_key")
    @classmethod
    def _named_not_written(cls, value: str) -> str:
        if value and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError('a key is never written here; name its variable: api_key = "env:NAME"')
        return value

    @property
    def key_variable(self) -> str:
        """The name of the environment variable holding the key, or empty."""
        return self.api_key.removeprefix("env:")


class ReplayConfig(_Strict):
    """Which stretch of the store a `replay` feed plays; `speed` is market seconds in one real second (0 = as fast as it can)."""

    start: date = date(2020, 2, 4)
    end: date = date(2020, 6, 16)
    speed: float = Field(default=1_800, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _forwards(self) -> ReplayConfig:
        if self.start > self.end:
            raise ValueError(f"starts on {self.start}, after its end on {self.end}")
        return self


class DeskConfig(_Strict):
    """One mandate: a market, a universe, a strategy, a panel of models, a schedule, a risk policy, a paper account."""

    market: Market = Market.ASHARE
    universe: Universe = Universe()
    feed: tuple[str, ...] = ("replay",)
    strategy: str = "panel"
    prompt: str = "ashare-daily"
    models: tuple[str, ...] = ("offline",)
    schedule: str = "at 09:20"
    mode: Literal["auto", "confirm"] = "auto"
    confirm_s: int = Field(default=120, ge=5, le=3_600)
    cash: Annotated[Amount, Field(gt=0)] = Decimal(1_000_000)
    history_days: int = Field(default=120, ge=30, le=1_000)
    deadline_s: float = Field(default=60, gt=0, le=1_800)
    replay: ReplayConfig = ReplayConfig()
    fees: FeePolicy = FeePolicy()
    risk: RiskPolicy = RiskPolicy()

    @field_validator("schedule")
    @classmethod
    def _readable(cls, value: str) -> str:
        if not re.fullmatch(r"at \d\d:\d\d(, ?\d\d:\d\d)*|every \d{1,3}m in session|manual", value):
            raise ValueError('must read "at 09:20, 14:50", "every 5m in session" or "manual"')
        if value.startswith("every") and int(re.sub(r"\D", "", value)) == 0:
            raise ValueError("every 0 minutes is not a schedule")
        for moment in re.findall(r"\d\d:\d\d", value):
            try:
                time.fromisoformat(moment)
            except ValueError:
                raise ValueError(f"{moment} is not a time of day") from None
        return value

    @field_validator("feed")
    @classmethod
    def _known_feed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in FEEDS]
        if unknown or not value:
            raise ValueError(f"unknown feed {unknown[0] if unknown else '(none)'}; this version has: {', '.join(FEEDS)}")
        return value

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        if value not in STRATEGIES:
            raise ValueError(f"unknown strategy {value}; this version has: {', '.join(STRATEGIES)}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _by_market(cls, value: Any) -> Any:
        """What a policy leaves out follows the market: 10 % a name where it is crypto."""
        if not isinstance(value, dict) or value.get("market") != Market.CRYPTO:
            return value
        risk = value.get("risk", {})
        return {**value, "risk": {"max_position": "0.10", **risk}} if isinstance(risk, dict) else value

    @model_validator(mode="after")
    def _possible(self) -> DeskConfig:
        if self.market is not Market.ASHARE and "replay" in self.feed:
            raise ValueError(f"market {self.market}: the feed replay plays A-shares only")
        if self.strategy == "panel" and not self.models:
            raise ValueError("models: the strategy panel needs at least one")
        twice = [model for model in self.models if self.models.count(model) > 1]
        if twice:
            raise ValueError(f"models: {twice[0]} is named twice")
        amounts = {"cash": self.cash, "risk.cash_reserve": self.risk.cash_reserve, "risk.min_order": self.risk.min_order}
        for name, amount in {**amounts, "fees.commission_min": self.fees.commission_min}.items():
            try:
                to_units(amount, UNITS[self.market].money)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return self

    def canonical(self) -> str:
        """Canonical JSON of everything that decides, for the journal and its hash; it holds no secret."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """SHA-256 of `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


FEEDS = ("replay",)
STRATEGIES = ("panel", "baseline")


class RetentionPolicy(_Strict):
    """For how many days texts and snapshots are kept, by the machine's clock; 0 keeps them for ever. The journal always stays."""

    prompts_days: int = Field(default=365, ge=0, le=36_500)
    snapshots_days: int = Field(default=365, ge=0, le=36_500)


class Config(_Strict):
    """Everything a person set: desks, models and the few settings of the engine itself."""

    desk: dict[str, DeskConfig] = Field(default_factory=lambda: {"demo": DeskConfig()}, min_length=1)
    model: dict[str, ModelConfig] = Field(default_factory=dict)
    alerts: AlertsConfig = AlertsConfig()
    language: Literal["en", "zh", ""] = ""
    theme: str = "dark"
    colours: Literal["market", "red-up", "green-up"] = "market"
    on_hangup: Literal["stop-after-cycle", "continue-headless"] = "stop-after-cycle"
    ascii: bool = False
    retention: RetentionPolicy = RetentionPolicy()

    def model_named(self, name: str) -> ModelConfig:
        """The configuration of a model; `offline` exists without any."""
        if name in self.model:
            return self.model[name]
        if name == "offline":
            return ModelConfig(provider="offline", model="offline")
        if name == "local":
            return ModelConfig(provider="local", model="local", timeout_s=300)
        raise ConfigError(f"model {name} is not configured: add [model.{name}] to kanpan.toml")


def load_config(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and validate. `path` None or absent means the demo. Raises ConfigError: `FILE:LINE key.path: what is wrong`."""
    text, where = "", "kanpan.toml"
    if path is not None:
        where = path.name
        if path.exists():
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{where}: cannot be read ({type(error).__name__})") from None
    try:
        tree: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(_unreadable(error, where)) from None
    sources = _overlay(tree, environ)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, text, where, sources)) from None
    for name, desk in config.desk.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
            raise ConfigError(f"{where}:{_line_of(text, ('desk', name))} desk.{name}: a desk is named with a-z, 0-9, - and _")
        for model in desk.models:
            try:
                config.model_named(model)
            except ConfigError as error:
                raise ConfigError(f"{where}:{_line_of(text, ('desk', name, 'models'))} desk.{name}.models: {error}") from None
    return config


def secret(model: str, settings: ModelConfig, environ: Mapping[str, str]) -> str:
    """The key of a model, from the environment or `.env`; raises ConfigError naming the missing variable, never a value."""
    if not settings.api_key:
        return ""
    value = environ.get(settings.key_variable, "").strip()
    if not value:
        raise ConfigError(f"model.{model}.api_key: the variable {settings.key_variable} is not set; export it or put it in .env")
    return value


def environment(config_path: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The process environment over a `.env` beside the configuration (KEY=VALUE lines, # comments, optional quotes)."""
    merged: dict[str, str] = {}
    dotenv = config_path.parent / ".env" if config_path is not None else None
    if dotenv is not None and dotenv.is_file():
        try:
            text = dotenv.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f".env: cannot be read ({type(error).__name__})") from None
        for number, line in enumerate(text.splitlines(), 1):
            line = line.strip().removeprefix("export ").strip()
            if not line or line.startswith("#"):
                continue
            name, separator, value = line.partition("=")
            if not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
                raise ConfigError(f".env:{number}: expected NAME=VALUE")
            merged[name.strip()] = value.strip().strip("'\"")
    merged.update(environ)
    return merged


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Write KANPAN_A__B=value into the tree; returns which variable set which path. A typo is an unknown key, hence an error."""
    sources: dict[tuple[str, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable in ENV_RESERVED:
            continue
        node, path = tree, []
        parts = variable.removeprefix(ENV_PREFIX).lower().split("__")
        for part in parts[:-1]:
            key = next((k for k in node if k.replace("-", "_") == part), part)
            path.append(key)
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ConfigError(f"environment {variable}: {'.'.join(path)} is not a table")
        leaf = next((k for k in node if k.replace("-", "_") == parts[-1]), parts[-1])
        node[leaf] = _scalar(environ[variable])
        sources[(*path, leaf)] = variable
    return sources


def _scalar(text: str) -> Any:
    if text.startswith(("[", "{", '"')) or text in ("true", "false"):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _unreadable(error: Exception, where: str) -> str:
    """TOML's own complaint with its line where the contract wants it; what it is not prepared for, without a traceback."""
    if isinstance(error, RecursionError):
        return f"{where}: nested too deeply"
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
    if found is None:
        return f"{where}: not readable as TOML ({type(error).__name__})"
    return f"{where}:{found[2]} {found[1]}" if found[2] else f"{where}: {found[1]} (at the end of the file)"


def _explain(error: ValidationError, text: str, where: str, sources: Mapping[tuple[str, ...], str]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    message = "unknown key" if first["type"] == "extra_forbidden" else str(first["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    bounds = re.fullmatch(r"input should be (greater|less) than or equal to (0|1)", message)
    if bounds and path[-1] in RiskPolicy.model_fields:
        message = "must be between 0 and 1"
    for length in range(len(path), 0, -1):
        if path[:length] in sources:
            return f"environment {sources[path[:length]]} {'.'.join(path)}: {message}"
    return f"{where}:{_line_of(text, path)} {'.'.join(path)}: {message}"


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line where the longest known part of `path` stands; 1 when the file does not mention it."""
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    here: tuple[str, ...]
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        header = re.match(r"\[\[?([^\]]+)\]\]?", line)
        if header:
            table = tuple(part.strip().strip("\"'") for part in header.group(1).split("."))
            here = table
        else:
            key = re.match(r"([A-Za-z0-9_.\"'-]+)\s*=", line)
            if not key:
                continue
            here = (*table, *(part.strip("\"'") for part in key.group(1).split(".")))
        depth = len(here)
        if here == path[:depth] and depth > best_depth:
            best, best_depth = number, depth
    return best
