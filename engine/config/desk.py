"""`[desk.NAME]`: one mandate."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from engine.config.budget import BudgetConfig
from engine.config.fusion import FusionConfig
from engine.config.live import CACHE, FEEDS, RECORDED, LiveConfig, bars_of, feed_problem
from engine.config.perps import PerpsConfig
from engine.config.policy import FeePolicy, RiskPolicy
from engine.config.route import RouteConfig
from engine.config.rules import RulesPolicy
from engine.config.shadow import MARK, Shadows, shadow_name_problem, shadows_field
from engine.config.sim import SimConfig
from engine.config.strict import Amount, Fraction, Multiple, Strict
from engine.config.universe import Universe
from engine.core.units import UNITS, Market, to_units

PERPETUAL = ("store", "sim", "binance_um")
"""The feeds of a desk of perpetuals."""
STRATEGIES = ("panel", "fusion", "rules", "baseline")

_BY_MARKET: dict[str, dict[str, str]] = {
    Market.US.value: {"prompt": "us-daily", "schedule": "at 09:35"},
    Market.CRYPTO.value: {"prompt": "crypto-daily", "schedule": "every 30m in session"},
}


class ReplayConfig(Strict):
    """Which stretch the feeds `replay` and `store` play; `speed` is market seconds in one real second (0 = as fast as it can).

    A store is played whole where no stretch is named.
    """

    start: date = date(2020, 2, 4)
    end: date = date(2020, 6, 16)
    speed: float = Field(default=1_800, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _forwards(self) -> ReplayConfig:
        if self.start > self.end:
            raise ValueError(f"starts on {self.start}, after its end on {self.end}")
        return self


class DeskConfig(Strict):
    """One mandate: a market, a universe, a strategy, a panel of models, a schedule, a risk policy, a paper account."""

    market: Market = Market.ASHARE
    universe: Universe = Universe()
    feed: tuple[str, ...] = ("replay",)
    bars: tuple[str, ...] = ()
    strategy: str = "panel"
    baseline: Literal["equal", "momentum", "random", "hold", "trend"] = "equal"
    baseline_turnover: Multiple = Decimal(12)
    prompt: str = "ashare-daily"
    models: tuple[str, ...] = ("offline",)
    schedule: str = "at 09:20"
    mode: Literal["auto", "confirm"] = "auto"
    confirm_s: int = Field(default=120, ge=5, le=3_600)
    cash: Annotated[Amount, Field(gt=0)] = Decimal(1_000_000)
    history_days: int = Field(default=120, ge=30, le=1_000)
    deadline_s: float = Field(default=60, gt=0, le=1_800)
    decision_ttl_s: int | None = Field(default=None, ge=0, le=86_400)
    reuse_band: Fraction = Decimal("0.003")
    route: RouteConfig = RouteConfig()
    replay: ReplayConfig = ReplayConfig()
    live: LiveConfig = LiveConfig()
    sim: SimConfig = SimConfig()
    fees: FeePolicy = FeePolicy()
    risk: RiskPolicy = RiskPolicy()
    fusion: FusionConfig = FusionConfig()
    rules: RulesPolicy = RulesPolicy()
    budget: BudgetConfig = BudgetConfig()
    perps: PerpsConfig | None = None
    shadow: Shadows = shadows_field()

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

    @field_validator("bars")
    @classmethod
    def _known_bars(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [bars_of(text)[0] for text in value]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
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
        """What is left out follows the market: prompt and schedule, and 10 % a name where it is crypto; and its perpetuals."""
        if not isinstance(value, dict):
            return value
        risk, perps = value.get("risk", {}), value.get("perps")
        if perps is not None:
            value = {"prompt": "perp-daily", **value}
            leverage = perps.get("leverage", 1) if isinstance(perps, dict) else getattr(perps, "leverage", 1)
            risk = {"max_leverage": leverage, **risk} if isinstance(risk, dict) else risk
        value = {**_BY_MARKET.get(str(value.get("market")), {}), **value}
        if value.get("market") != Market.CRYPTO or not isinstance(risk, dict):
            return value
        return {**value, "risk": {"max_position": "0.10", **risk}}

    @model_validator(mode="after")
    def _possible(self) -> DeskConfig:
        plays = "A-shares" if self.perps is None else "perpetuals"
        if "sim" in self.feed and (len(self.feed) > 1 or (self.perps is None and self.market is not Market.ASHARE)):
            raise ValueError(f"the feed sim plays simulated {plays} only, and alone: nothing real stands in for it")
        if problem := self._margin_problem():
            raise ValueError(problem)
        if self.feed != ("sim",) and (problem := feed_problem(self.market, self.feed)):
            raise ValueError(problem)
        if self.strategy != "baseline" and not self.models:
            raise ValueError(f"models: the strategy {self.strategy} needs at least one")
        twice = [model for model in self.models if self.models.count(model) > 1]
        if twice:
            raise ValueError(f"models: {twice[0]} is named twice")
        if stranger := self.route.stranger(self.models):
            raise ValueError(f"route: {stranger} is not among models")
        amounts = {"cash": self.cash, "risk.cash_reserve": self.risk.cash_reserve, "risk.min_order": self.risk.min_order}
        for name, amount in {**amounts, "fees.commission_min": self.fees.commission_min}.items():
            try:
                to_units(amount, UNITS[self.market].money)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        self.universe.filters(self.market)
        return self

    def _margin_problem(self) -> str:
        """Why its perpetuals cannot be traded so, '' where they can or there are none."""
        most = 1 if self.perps is None else self.perps.leverage
        for name in ("max_position", "max_gross", "max_cluster", "max_net"):
            if getattr(self.risk, name) > most:
                return f"risk.{name}: must be between 0 and {most}"
        if self.perps is None:
            return ""
        if self.market is not Market.CRYPTO:
            return f"perps: the market {self.market} has none"
        if self.strategy == "rules":
            return "perps: the strategy rules knows no short position and no margin"
        if self.baseline == "trend" and not self.perps.shorts:
            return "baseline: trend goes short, which perps.shorts does not allow"
        foreign = [name for name in self.feed if name not in (*PERPETUAL, CACHE)]
        if foreign:
            return f"feed: {foreign[0]} has no perpetuals; there are {', '.join(PERPETUAL)}"
        return self.perps.problem(self.universe.symbols)

    @property
    def intervals(self) -> tuple[tuple[str, int], ...]:
        """The bars a snapshot carries besides daily ones, and how many of each; a fusion desk's channels are always among them."""
        named = [bars_of(text) for text in self.bars]
        terms = self.fusion.exact(self.market)
        channels = (terms.slow, terms.fast) if self.strategy == "fusion" else ()
        missing = [interval for interval in channels if interval != "1d" and interval not in {name for name, _ in named}]
        return (*named, *(bars_of(interval) for interval in dict.fromkeys(missing)))

    @property
    def is_live(self) -> bool:
        """Whether the desk looks at a market that goes on by itself."""
        return self.feed[0] not in RECORDED

    @model_validator(mode="after")
    def _shadows(self) -> DeskConfig:
        for name in self.shadow:
            if problem := shadow_name_problem(name):
                raise ValueError(problem)
            try:
                self.shadowed(name)
            except ValidationError as error:
                first = error.errors(include_input=False, include_url=False)[0]
                where = ".".join(str(part) for part in ("shadow", name, *first["loc"]))
                raise ValueError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None
        return self

    def shadowed(self, name: str) -> DeskConfig:
        """The mandate of one of its shadows."""
        return DeskConfig.model_validate(self.shadow[name].over(self.model_dump(mode="python")))

    def family(self, desk: str) -> dict[str, DeskConfig]:
        """The desk called `desk` and its shadows, by the names their records carry."""
        return {desk: self} | {f"{desk}{MARK}{name}": self.shadowed(name) for name in self.shadow}

    @property
    def named_models(self) -> tuple[str, ...]:
        """Every model the desk or a shadow of it may ask, the ladders of their budgets included; each once."""
        own = (*self.models, *self.budget.models)
        return tuple(dict.fromkeys((*own, *(name for shadow in self.shadow for name in self.shadowed(shadow).named_models))))

    def canonical(self) -> str:
        """Canonical JSON of everything that decides here, so not its shadows, for the journal and its hash; it holds no secret."""
        left_out = {"shadow"} if self.perps is not None else {"shadow", "perps"}
        return json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """SHA-256 of `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
