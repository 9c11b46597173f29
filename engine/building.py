"""From what a person configured to what a desk works with: its mandate in exact numbers, its models, its tape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from engine.config import Config, DeskConfig, ModelConfig, secret
from engine.config.budget import BudgetConfig
from engine.config.route import reuse_of
from engine.core.clock import Clock
from engine.core.errors import ConfigError
from engine.core.units import PPM, UNITS, to_units
from engine.cycle import Budget, Mandate, Purse
from engine.cycle.budget import NOBODY, PERIODS, SCALE
from engine.exchange import FeeSchedule, calendar
from engine.feeds.replay import ReplayTape
from engine.feeds.sim import SimTape
from engine.feeds.tape import Tape
from engine.llm import Model, ModelSpec, OfflineModel, Price, Rates, build_model
from engine.risk import Policy
from engine.store.bars import BarStore
from engine.store.sample import sample_dir


@runtime_checkable
class Closer(Protocol):
    """Something to be closed at the end."""

    def close(self) -> None:
        """Let it go."""
        ...


def build_named_model(
    name: str, config: Config, environ: Mapping[str, str], clock: Clock, closers: list[Closer], *, pace_s: float = 0.0
) -> Model:
    """The model a configuration calls `name`; what must be closed afterwards is added to `closers`. Raises KanpanError."""
    settings = config.model_named(name)
    if settings.provider == "offline":
        return OfflineModel(name=name, pace_s=pace_s)
    model = build_model(model_spec(name, settings, secret(name, settings, environ)), clock)
    if isinstance(model, Closer):
        closers.append(model)
    return model


MAX_AGE_NAMED_S, MAX_AGE_WHOLE_S = 90, 300
_FRACTIONS = (
    "max_weekly_loss", "max_leverage", "max_cluster", "cluster_correlation", "max_volatility", "max_var", "min_edge", "stop_loss",
    "take_profit", "trailing", "give_back", "size", "kelly_cap", "risk_per_trade", "volatility_target",
    "evidence_cap", "max_net", "min_liquidation_distance", "max_funding",
)  # fmt: skip
_COUNTS = (
    "max_losing_streak", "cooling_off", "max_entries_cycle", "max_entries_day", "reentry_cooldown", "min_holding",
    "max_orders_minute", "time_stop",
)  # fmt: skip


def budget_of(settings: BudgetConfig) -> Budget | None:
    """A desk's budget in exact numbers; None where it has no limit at all. Raises ValueError for an amount finer than 1e-12."""
    given = {period: getattr(settings, period) for period in PERIODS}
    limits = {period: to_units(amount, SCALE) for period, amount in given.items() if amount is not None}
    return Budget(settings.currency, limits, settings.ladder, settings.unknown == "deny") if limits else None


def mandate_of(name: str, desk: DeskConfig, language: str) -> Mandate:
    """A desk's configuration in exact numbers; raises ConfigError where an amount is finer than the market's money."""
    units = UNITS[desk.market]
    try:
        cash = to_units(desk.cash, units.money)
        policy = Policy(
            max_position_ppm=desk.risk.ppm("max_position"),
            max_gross_ppm=desk.risk.ppm("max_gross"),
            max_sector_ppm=desk.risk.ppm("max_sector"),
            max_daily_loss_ppm=desk.risk.ppm("max_daily_loss"),
            max_drawdown_ppm=desk.risk.ppm("max_drawdown"),
            cash_reserve=to_units(desk.risk.cash_reserve, units.money),
            min_order=to_units(desk.risk.min_order, units.money),
            max_volume_share_ppm=desk.risk.ppm("max_volume_share"),
            allow_st=desk.risk.allow_st,
            blacklist=frozenset(desk.risk.blacklist),
            **{f"{name}_ppm": desk.risk.ppm(name) for name in _FRACTIONS},
            **{name: getattr(desk.risk, name) for name in _COUNTS},
            sizing=desk.risk.sizing,
            on_daily_loss=desk.risk.on_daily_loss,
            on_weekly_loss=desk.risk.on_weekly_loss,
            on_drawdown=desk.risk.on_drawdown,
        )
        fees = FeeSchedule(
            commission_ppm=int(desk.fees.commission_rate * PPM),
            minimum=to_units(desk.fees.commission_min, units.money),
            all_in=desk.fees.all_in,
        )
        budget = budget_of(desk.budget)
    except ValueError as error:
        raise ConfigError(f"desk.{name}: {error}") from None
    if cash <= 0:
        raise ConfigError(f"desk.{name}.cash: must be positive")
    return Mandate(
        desk=name,
        market=desk.market,
        symbols=desk.universe.symbols,
        top=desk.universe.top,
        by=desk.universe.by,
        order=desk.universe.order,
        filters=desk.universe.filters(desk.market),
        strategy=desk.strategy,
        baseline=desk.baseline,
        baseline_turnover_ppm=int(desk.baseline_turnover * PPM),
        prompt_id=desk.prompt,
        schedule=desk.schedule,
        history_days=desk.history_days,
        deadline_s=desk.deadline_s,
        cash=cash,
        policy=policy,
        fees=fees,
        language=language,
        config_text=desk.canonical(),
        config_hash=desk.digest(),
        confirm_s=desk.confirm_s if desk.mode == "confirm" else 0,
        max_age_s=_max_age_s(desk) if desk.is_live else 0,
        fusion=desk.fusion.exact(desk.market),
        reuse=reuse_of(desk.decision_ttl_s, desk.reuse_band, live=desk.is_live),
        route=desk.route.exact(),
        gate=desk.rules.policy(),
        budget=budget,
        perps=desk.perps.terms(desk.universe.symbols) if desk.perps is not None else None,
    )


def build_panel(
    desk: DeskConfig, config: Config, environ: Mapping[str, str], clock: Clock, closers: list[Closer], *, pace_s: float = 0.0
) -> tuple[Model, ...]:
    """The models of a desk's panel, in their order; none where its strategy asks none."""
    if desk.strategy == "baseline":
        return ()
    return tuple(build_named_model(name, config, environ, clock, closers, pace_s=pace_s) for name in desk.models)


def build_purse(
    mandate: Mandate, desk: DeskConfig, config: Config, environ: Mapping[str, str], clock: Clock, closers: list[Closer]
) -> Purse | None:
    """A desk's money for its models, with those of the ladder that are not on its panel; None where it has no limit."""
    if mandate.budget is None:
        return None
    names = [name for name in mandate.budget.ladder if name != NOBODY and name not in desk.models]
    reserve = [build_named_model(name, config, environ, clock, closers) for name in names]
    return Purse(mandate.desk, mandate.budget, reserve, calendar(mandate.market).zone)


def _max_age_s(desk: DeskConfig) -> int:
    """From which age on a quote opens nothing: what a person said, else what a careful look at so many names can keep up."""
    return desk.live.max_age_s or (MAX_AGE_NAMED_S if desk.universe.symbols else MAX_AGE_WHOLE_S)


def model_spec(name: str, settings: ModelConfig, key: str) -> ModelSpec:
    """What the llm room needs to build a model; the key stays in memory."""
    price = None
    if settings.price is not None:
        listed = settings.price
        cached = listed.input if listed.cached is None else listed.cached
        rates = Rates(Decimal(listed.input), Decimal(cached), Decimal(listed.output), listed.per)
        price = Price(listed.currency, rates, listed.as_of.isoformat() if listed.as_of else "")
    return ModelSpec(
        name=name,
        provider=settings.provider,
        base_url=settings.base_url,
        model=settings.model,
        api_key=key or None,
        timeout_s=settings.timeout_s,
        price=price,
        extra_body=settings.extra_body,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
    )


def build_tape(desk: DeskConfig, home: Path, resume: date | None) -> Tape:
    """The tape a desk reads, from the day on which it left off. Raises KanpanError."""
    if desk.feed[0] == "sim":
        invented = desk.sim
        if desk.perps is not None:
            from engine.feeds.sim_perps import SimTerms, sim_perp_tape  # it needs the market store: the demo starts without

            contracts = desk.perps.terms(desk.universe.symbols).contracts
            terms = SimTerms(invented.seed, invented.start, invented.sessions)
            return sim_perp_tape(home, terms, contracts, desk.intervals, resume)
        return SimTape(seed=invented.seed, size=invented.size, start=invented.start, sessions=invented.sessions, begin=resume)
    if desk.feed[0] == "store":
        from engine.feeding import stored_tape  # the demo needs no market store: it starts without reading that room

        return stored_tape(desk, home, resume)
    start = max(desk.replay.start, resume or desk.replay.start)
    return ReplayTape(BarStore.load(sample_dir()), start=start, end=desk.replay.end)
