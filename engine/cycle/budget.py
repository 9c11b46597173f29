"""Money spent on models, and who may still be asked for it. Pure: the journal's costs in, a panel and the facts about it out.

costs of past calls by market hour, day, month ──► Spending ─┐
ceilings of the calls to be made ────────────────────────────┴─► panel_for ──► a rung of the ladder, BUDGET_STEP, BUDGET_NEAR

A call is made only where its ceiling still fits, so that no limit is overdrawn; a step down holds until the limit that forced it
begins anew. Amounts are integers in 1e-12 of the budget's currency: a token costs as little as 6e-9 of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from engine.core.journal import AlertRaised, Noted, Record, Severity
from engine.core.units import PPM, from_units

SCALE = 10**12
PERIODS = ("cycle", "hour", "day", "month")
FREE = frozenset({"offline", "local"})
"""Providers that charge nothing: their calls are known to cost 0, where another's without a price are unknown."""
NEAR_PPM = 800_000
STEP, NEAR = "BUDGET_STEP", "BUDGET_NEAR"
NOBODY = "none"

Cost = int | None
"""What a call costs in 1e-12 of the budget's currency, rounded up; None where it cannot be known."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A desk's limits by period (`cycle`, `hour`, `day`, `month`) in 1e-12 of `currency`; `ladder` may end with `none`."""

    currency: str
    limits: Mapping[str, int]
    ladder: tuple[str, ...] = ()
    deny_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Spending:
    """What is spent in the periods under way, by their keys (`day:2020-04-22`), and where on the ladder the desk stands.

    `unknown` counts calls whose cost nobody knows; `rung` holds while the period `until` lasts ('' holds nothing); `told` are the
    periods whose four fifths a person has heard of.
    """

    spent: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    rung: int = 0
    until: str = ""
    told: frozenset[str] = frozenset()

    def paid(self, keys: Iterable[str], cost: Cost) -> Spending:
        """With one more call, made in the periods `keys`."""
        if cost is None:
            return replace(self, unknown={**self.unknown, **{key: self.unknown.get(key, 0) + 1 for key in keys}})
        return replace(self, spent={**self.spent, **{key: self.spent.get(key, 0) + cost for key in keys}})

    def noted(self, code: str, params: Iterable[tuple[str, str]]) -> Spending:
        """With what the journal noted of an earlier cycle's budget; any other code changes nothing."""
        about = dict(params)
        if code == STEP:
            return replace(self, rung=int(about["rung"]), until=about["until"])
        return replace(self, told=self.told | {about["until"]}) if code == NEAR else self

    def within(self, keys: Iterable[str]) -> Spending:
        """With the periods under way only; what is over is forgotten."""
        now = frozenset(keys)
        return replace(
            self,
            spent={key: amount for key, amount in self.spent.items() if key in now},
            unknown={key: count for key, count in self.unknown.items() if key in now},
            told=self.told & now,
        )


@dataclass(frozen=True, slots=True)
class Rung:
    """Who may be asked: the models of one rung; none of them means no entry. `until` is the period that forced it down."""

    index: int
    models: tuple[str, ...]
    until: str = ""
    spent: int = 0
    limit: int = 0

    @property
    def entries(self) -> bool:
        """Whether anything may be entered: only where somebody is asked."""
        return bool(self.models)


def periods_at(cycle_id: str, slot: datetime, zone: tzinfo) -> dict[str, str]:
    """The keys of the periods in which the cycle of an instant lies, by the market's own clock."""
    local = slot.astimezone(zone)
    return {
        "cycle": f"cycle:{cycle_id}",
        "hour": f"hour:{local:%Y-%m-%dT%H}",
        "day": f"day:{local:%Y-%m-%d}",
        "month": f"month:{local:%Y-%m}",
    }


def cost_in(currency: str, provider: str, cost: str, cost_currency: str) -> Cost:
    """A recorded or estimated cost in 1e-12 of `currency`, rounded up; None where it is unknown or in another currency."""
    if provider in FREE:
        return 0
    if cost_currency != currency:
        return None
    try:
        scaled = Decimal(cost) * SCALE
        return int(scaled.to_integral_value(ROUND_CEILING)) if scaled.is_finite() and scaled >= 0 else None
    except InvalidOperation:
        return None


def rungs_of(panel: Sequence[str], ladder: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The panel, then each step of the ladder below it, then nobody; a ladder may name the panel's one model as its first step."""
    steps = [(name,) for name in ladder if name != NOBODY]
    whole = tuple(panel)
    return (whole, *(step for step in steps if step != whole), ())


def panel_for(
    budget: Budget,
    spending: Spending,
    periods: Mapping[str, str],
    rungs: Sequence[tuple[str, ...]],
    ceilings: Mapping[str, Cost],
) -> Rung:
    """The highest rung that no limit forbids; never higher than where the desk stands while that period lasts.

    `ceilings` are the most that everything asked of a model in this cycle can cost. A free rung is always within the limits.
    """
    held = spending.until and spending.until in periods.values()
    start = min(spending.rung, len(rungs) - 1) if held else 0
    forced = _Forced(spending.until, *_figures(budget, spending, periods, spending.until)) if held else _Forced()
    for index in range(start, len(rungs)):
        models = rungs[index]
        stopped = _stopped(budget, spending, periods, [ceilings[name] for name in models])
        if stopped is None:
            return Rung(index, models, forced.until, forced.spent, forced.limit)
        forced = forced if forced.until and _length(forced.until) > _length(stopped.until) else stopped
    return Rung(len(rungs) - 1, (), forced.until, forced.spent, forced.limit)


@dataclass(frozen=True, slots=True)
class _Forced:
    until: str = ""
    spent: int = 0
    limit: int = 0


def _stopped(budget: Budget, spending: Spending, periods: Mapping[str, str], costs: Sequence[Cost]) -> _Forced | None:
    """The longest period whose limit forbids these calls; None where all of them fit."""
    if not costs:
        return None
    if budget.deny_unknown and None in costs:
        return _Forced(periods["cycle"])
    total = sum(cost or 0 for cost in costs)
    for period in reversed(PERIODS):
        limit = budget.limits.get(period)
        spent = spending.spent.get(periods[period], 0)
        if limit is not None and total and spent + total > limit:
            return _Forced(periods[period], spent, limit)
    return None


def _figures(budget: Budget, spending: Spending, periods: Mapping[str, str], key: str) -> tuple[int, int]:
    period = next(name for name, value in periods.items() if value == key)
    return spending.spent.get(key, 0), budget.limits.get(period, 0)


def _length(key: str) -> int:
    return PERIODS.index(key.partition(":")[0])


def step_records(
    desk: str, cycle_id: str, budget: Budget, before: int, rungs: Sequence[tuple[str, ...]], rung: Rung
) -> list[Record]:
    """What is written when the desk changes its place on the ladder: a note, and downwards an alert; nothing where it stays."""
    if rung.index == before:
        return []
    about = (
        ("from", named(rungs[min(before, len(rungs) - 1)])),
        ("to", named(rung.models)),
        ("rung", str(rung.index)),
        ("until", rung.until),
        *_amounts(budget, rung.spent, rung.limit),
    )
    records: list[Record] = [Noted(desk, STEP, about)]
    if rung.index > before:
        severity = Severity.WARNING if rung.models else Severity.CRITICAL
        name = f"{desk}:{STEP}:{rung.until.removesuffix(cycle_id)}:{rung.index}"
        records.append(AlertRaised(name, desk, severity, STEP, about, cycle_id))
    return records


def near_records(desk: str, cycle_id: str, budget: Budget, spending: Spending, periods: Mapping[str, str]) -> list[Record]:
    """A note and an alert for each hour, day or month that has used four fifths of its limit and was not told of yet."""
    records: list[Record] = []
    for period in PERIODS[1:]:
        key, limit = periods[period], budget.limits.get(period)
        spent = spending.spent.get(key, 0)
        if limit is None or key in spending.told or spent * PPM < limit * NEAR_PPM or not spent:
            continue
        about = (("until", key), *_amounts(budget, spent, limit))
        records += [Noted(desk, NEAR, about), AlertRaised(f"{desk}:{NEAR}:{key}", desk, Severity.WARNING, NEAR, about, cycle_id)]
    return records


def named(models: Sequence[str]) -> str:
    """A rung as people read it."""
    return "+".join(models) or NOBODY


def amount(units: int) -> str:
    """1e-12 units as a plain decimal string without idle zeros."""
    text = f"{from_units(units, SCALE):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _amounts(budget: Budget, spent: int, limit: int) -> tuple[tuple[str, str], ...]:
    return (("observed", f"{amount(spent)} {budget.currency}"), ("limit", f"{amount(limit)} {budget.currency}"))
