"""The league of a desk: itself, its shadows and the market it looks at, over the same sessions, with how sure one may be.

ledger ──► closes of each book · cycles · forecasts · what models cost ─┐
snapshots ──► closes of every name ──► buy and hold · what came true   ─┴─► League: returns, paired differences, calibration

A forecast is a model's decision to open or add (up), reduce or exit (down). It came true when the name's close-to-close return over
the session after the decision's own had that sign; holding forecasts nothing, and what the engine itself wants is no forecast.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from engine.backtest.metrics import PERIODS, max_drawdown
from engine.core.decision import Decision, Intent
from engine.core.errors import DataError
from engine.core.journal import CycleState
from engine.core.units import PPM, UNITS, Market, plain
from engine.cycle.budget import FREE
from engine.cycle.steps import OWN_TRIGGERS
from engine.reports.fees import coins_told
from engine.reports.statistics import Calibration, Forecast, Interval, calibration, daily_returns, interval, paired, sharpe_interval
from engine.store import Books, CycleBook
from engine.store.snapshot import kept, read

SEED = 20_200_422
"""Fixed, so that the same books always give the same table."""
MARK = "~"
HOLD = "buy-and-hold"
FEW_SESSIONS, FEW_FORECASTS = 60, 100
"""Below these a person should not conclude anything, and the table says so."""
_UP, _DOWN = frozenset({Intent.OPEN, Intent.ADD}), frozenset({Intent.REDUCE, Intent.EXIT})
_MOST = 10_000

Prices = Mapping[str, tuple[tuple[date, ...], tuple[int, ...]]]
"""By name: its sessions, ascending, and its closes adjusted for distributions, in price units × factor."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One line of the table. Returns are fractions; `against_desk` and `against_hold` are differences of daily returns.

    `costs` are decimal amounts by currency, `unpriced` counts calls whose cost nobody knows. `notes` are codes with a figure.
    `growth` is what one became, by session, beginning with the 1; `sharpe` is a year's. `equity` at the last close and `fees` paid
    are decimal strings in `currency`, '' for the market; `fees_in_coin` is what an exchange took in the coins that were bought.
    """

    name: str
    kind: str
    cycles: int
    sessions: int
    total: float
    against_desk: Interval | None
    against_hold: Interval | None
    costs: tuple[tuple[str, Decimal], ...]
    calls: int
    unpriced: int
    confidence: Calibration | None
    notes: tuple[tuple[str, int], ...]
    growth: tuple[float, ...] = ()
    drawdown: float = 0.0
    sharpe: Interval | None = None
    equity: str = ""
    fees: str = ""
    currency: str = ""
    fees_in_coin: str = ""


@dataclass(frozen=True, slots=True)
class League:
    """The table, the trading desk first, then its shadows by name, then the market; `compared` counts its intervals."""

    desk: str
    first: date
    last: date
    entrants: tuple[Entrant, ...]
    compared: int


def league(books: Books, snapshots: Path, desk: str, *, seed: int = SEED) -> League:
    """The league of a desk as its ledger stands. Raises DataError where no session of it has closed."""
    names = [desk, *sorted(book.desk for book in books.desks() if book.desk.startswith(desk + MARK))]
    curves = {name: _curve(books, name) for name in names}
    own = curves[desk]
    if not own:
        raise DataError(f"desk {desk} has no session behind it")
    cycles = {name: _cycles(books, name) for name in names}
    prices = _prices(books, snapshots, cycles[desk], min(own), max(own))
    hold = _hold(prices, sorted(own))
    rows = [_entrant(books, name, desk, curves, cycles, prices, hold, seed) for name in names]
    market = _market(hold, own, seed, _periods(books, desk))
    shown = [one for row in (*rows, market) for one in (row.sharpe, row.against_desk, row.against_hold)]
    compared = sum(1 for one in shown if one is not None and one.low is not None)
    return League(desk, min(own), max(own), (*rows, market), compared)


def _curve(books: Books, name: str) -> dict[date, float]:
    """Returns of a book by session, from one close to the next, the first from the opening cash."""
    closes = [(point.trading_day, point.equity) for point in books.equity(name, limit=_MOST) if not point.cycle_id]
    return daily_returns(closes, next((book.cash for book in books.desks() if book.desk == name), 0))


def _cycles(books: Books, name: str) -> dict[str, CycleBook]:
    """Cycles that asked for decisions, by their name without the desk's, oldest first."""
    found = reversed(books.cycles(name, limit=_MOST))
    return {item.cycle_id.removeprefix(name): item for item in found if item.trigger not in OWN_TRIGGERS}


def _entrant(
    books: Books,
    name: str,
    desk: str,
    curves: Mapping[str, dict[date, float]],
    cycles: Mapping[str, dict[str, CycleBook]],
    prices: Prices,
    hold: dict[date, float],
    seed: int,
) -> Entrant:
    curve, mine = curves[name], cycles[name]
    done = [item for item in mine.values() if item.state is CycleState.COMPLETED]
    found = calibration(_forecasts(books, done, prices))
    against = None if name == desk else interval(paired(curve, curves[desk]), seed=seed)
    calls = books.model_costs(name)
    costs: dict[str, Decimal] = {}
    for call in calls:
        if call.currency:
            costs[call.currency] = costs.get(call.currency, Decimal(0)) + Decimal(call.cost)
    notes = [("FEW_SESSIONS", len(curve))] if len(curve) < FEW_SESSIONS else []
    if found is not None and found.n < FEW_FORECASTS:
        notes.append(("FEW_FORECASTS", found.n))
    if name != desk:
        notes += _apart(books, mine, cycles[desk])
    account, money = books.account(name), UNITS[_traded(books, desk)].money
    closes = [point.equity for point in books.equity(name, limit=_MOST) if not point.cycle_id]
    return Entrant(
        name=name,
        kind="desk" if name == desk else "shadow",
        cycles=len(done),
        sessions=len(curve),
        total=_grown(curve),
        against_desk=against,
        against_hold=interval(paired(curve, hold), seed=seed) if hold else None,
        costs=tuple(sorted(costs.items())),
        calls=len(calls),
        unpriced=sum(1 for call in calls if not call.currency and call.provider not in FREE),
        confidence=found,
        notes=tuple(notes),
        growth=_growth(curve),
        drawdown=max_drawdown(_in_order(curve)),
        sharpe=sharpe_interval(_in_order(curve), periods=_periods(books, desk), seed=seed),
        equity=plain(closes[-1] if closes else account.initial_cash, money),
        fees=plain(account.fees, money),
        currency=account.currency,
        fees_in_coin=coins_told(books.fees_in_coin(name), UNITS[_traded(books, desk)]),
    )


def _apart(books: Books, mine: Mapping[str, CycleBook], desks: Mapping[str, CycleBook]) -> list[tuple[str, int]]:
    """Where a shadow and its desk cannot be compared: cycles that only the desk decided, and pictures that differ."""
    begun = min((item.slot for item in mine.values()), default=None)
    if begun is None:
        return [("NO_CYCLES", 0)]
    seen = {key: books.snapshot_of(item.cycle_id) for key, item in desks.items() if item.slot >= begun}
    frozen = {key: snapshot.hash for key, snapshot in seen.items() if snapshot is not None}
    notes = []
    missing = sum(1 for key in frozen if key not in mine)
    if missing:
        notes.append(("CYCLES_MISSING", missing))
    other = [books.snapshot_of(mine[key].cycle_id) for key in frozen if key in mine]
    told = [frozen[key] for key in frozen if key in mine]
    differing = sum(1 for one, digest in zip(other, told, strict=True) if one is not None and one.hash != digest)
    if differing:
        notes.append(("SNAPSHOTS_DIFFER", differing))
    return notes


def _traded(books: Books, desk: str) -> Market:
    return Market(next(book.market for book in books.desks() if book.desk == desk))


def _periods(books: Books, desk: str) -> int:
    return PERIODS[_traded(books, desk)]


def _market(hold: dict[date, float], own: dict[date, float], seed: int, periods: int) -> Entrant:
    """Every name the desk looked at first, bought with equal money before its first session and never touched, free of cost."""
    against = interval(paired(hold, own), seed=seed) if hold else None
    notes = (("NO_COSTS", 0), *((("FEW_SESSIONS", len(hold)),) if len(hold) < FEW_SESSIONS else ()))
    returns = _in_order(hold)
    ratio = sharpe_interval(returns, periods=periods, seed=seed) if returns else None
    fall = max_drawdown(returns)
    return Entrant(HOLD, "market", 0, len(hold), _grown(hold), against, None, (), 0, 0, None, notes, _growth(hold), fall, ratio)


def _in_order(curve: Mapping[date, float]) -> list[float]:
    return [curve[day] for day in sorted(curve)]


def _growth(curve: Mapping[date, float]) -> tuple[float, ...]:
    return tuple(itertools.accumulate(_in_order(curve), lambda worth, change: worth * (1 + change), initial=1.0))


def _grown(curve: Mapping[date, float]) -> float:
    return _growth(curve)[-1] - 1


# -- what prices did --------------------------------------------------------------------------------------------------------------


def _prices(books: Books, snapshots: Path, cycles: Mapping[str, CycleBook], first: date, last: date) -> Prices:
    """Adjusted closes of every name, from as few frozen markets as reach back to before `first`; what retention let go is missed.

    The newest is read first, and each older one only for the sessions that those after it do not reach.
    """
    tables: list[pl.DataFrame] = []
    reach = date.max
    for cycle in sorted(cycles.values(), key=lambda item: item.slot, reverse=True):
        if reach < first:
            break
        frozen = books.snapshot_of(cycle.cycle_id) if cycle.trading_day <= reach else None
        if frozen is None or not kept(snapshots, frozen.hash):
            continue
        bars = read(snapshots, frozen.hash).bars
        daily = bars.filter(pl.col("interval") == "1d", pl.col("trading_day") < reach)
        if daily.height:
            tables.append(daily.select("symbol", "trading_day", "close", "factor_ppm"))
            reach = min(reach, daily["trading_day"].min())  # type: ignore[type-var, assignment]
    if not tables:
        return {}
    whole = pl.concat(tables).filter(pl.col("trading_day") <= last).sort("symbol", "trading_day")
    found: dict[str, tuple[tuple[date, ...], tuple[int, ...]]] = {}
    for (symbol,), rows in whole.group_by("symbol", maintain_order=True):
        closes = [close * factor for close, factor in zip(rows["close"], rows["factor_ppm"], strict=True)]
        found[str(symbol)] = tuple(rows["trading_day"]), tuple(closes)
    return found


def _hold(prices: Prices, days: Sequence[date]) -> dict[date, float]:
    """Daily returns of equal money in every name that had a close before the first of `days`; one without a print stands still."""
    held = {name: series for name, series in prices.items() if series[0] and series[0][0] < days[0]}
    if not held:
        return {}
    worth = {}
    for day in days:
        worth[day] = sum(_at(series, day) / _before(series, days[0]) for series in held.values())
    covered = [day for day in days if day <= max(series[0][-1] for series in held.values())]
    scaled = [(day, round(worth[day] * PPM)) for day in covered]
    return daily_returns(scaled, len(held) * PPM)


def _at(series: tuple[tuple[date, ...], tuple[int, ...]], day: date) -> int:
    """The newest close on or before a day."""
    return series[1][bisect.bisect_right(series[0], day) - 1]


def _before(series: tuple[tuple[date, ...], tuple[int, ...]], day: date) -> int:
    return series[1][bisect.bisect_left(series[0], day) - 1]


def _forecasts(books: Books, cycles: Sequence[CycleBook], prices: Prices) -> list[Forecast]:
    found: list[Forecast] = []
    sessions = sorted({day for days, _ in prices.values() for day in days})
    for cycle in cycles:
        made = books.decisions(cycle.cycle_id)
        place = bisect.bisect_right(sessions, cycle.trading_day)
        if made is None or place >= len(sessions):
            continue
        for decision in made.decisions:
            moved = _moved(prices.get(decision.instrument), cycle.trading_day, sessions[place])
            if moved is not None and _forecasts_something(decision):
                came_true = moved > 0 if decision.intent in _UP else moved < 0
                found.append(Forecast(decision.confidence_ppm / PPM, came_true))
    return found


def _forecasts_something(decision: Decision) -> bool:
    """A model said it: a benchmark's weights are no opinion."""
    return decision.intent in _UP | _DOWN and not any(source.startswith("baseline") for source in decision.sources)


def _moved(series: tuple[tuple[date, ...], tuple[int, ...]] | None, day: date, after: date) -> int | None:
    """How a name's close moved from one session to the next; None where either close is not known."""
    if series is None:
        return None
    place = bisect.bisect_left(series[0], day)
    if series[0][place : place + 2] != (day, after):
        return None
    return series[1][place + 1] - series[1][place]
