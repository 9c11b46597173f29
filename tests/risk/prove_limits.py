"""A machine of random desks and batches: no order breaks a limit, and no exit is ever blocked by a rule for entries.

usage: python -m tests.risk.prove_limits [--batches 100000] [--seed 1]; the suite runs the same proof over a few hundred batches
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import replace
from datetime import date
from typing import Any

from engine.core.decision import Decision, Intent
from engine.core.journal import TradingState
from engine.core.order import OrderType, Side
from engine.core.past import Past
from engine.core.units import PPM
from engine.exchange import quantity_problem
from engine.risk import RULES, Policy, Ruling, View, judge
from engine.risk.portfolio import correlation_ppm, historical_var_ppm, parametric_var_ppm, volatility_ppm
from tests.risk.test_rules import DAY, EQUITY, FEES, NAMES, WALL, holding, view

SYMBOLS = sorted(NAMES)
ENTRY_RULES = {rule.name for rule in RULES if rule.entries_only}


def some(draw: random.Random, low: int, high: int) -> int:
    """A number, often one of the ends."""
    return draw.choice((low, high, draw.randint(low, high), draw.randint(low, high)))


def policy(draw: random.Random) -> Policy:
    """Any policy that is one."""
    return Policy(
        max_position_ppm=some(draw, 0, PPM),
        max_gross_ppm=some(draw, 0, PPM),
        max_sector_ppm=some(draw, 0, PPM),
        max_daily_loss_ppm=some(draw, 0, PPM),
        max_weekly_loss_ppm=some(draw, 0, PPM),
        max_drawdown_ppm=some(draw, 0, PPM),
        max_losing_streak=some(draw, 0, 3),
        max_entries_cycle=some(draw, 0, 3),
        max_entries_day=some(draw, 0, 6),
        max_orders_minute=some(draw, 0, 5),
        max_leverage_ppm=some(draw, 0, PPM),
        max_cluster_ppm=some(draw, 0, PPM),
        max_volatility_ppm=some(draw, 0, 600_000),
        max_var_ppm=some(draw, 0, 60_000),
        max_volume_share_ppm=some(draw, 0, PPM),
        entry_band_ppm=some(draw, 0, 100_000),
        cash_reserve=some(draw, 0, EQUITY // 2),
        min_order=some(draw, 0, EQUITY // 50),
        reentry_cooldown=some(draw, 0, 3),
        blacklist=frozenset(draw.sample(SYMBOLS, draw.randint(0, 2))),
        sizing=draw.choice(("target", "fixed", "volatility")),
    )


def desk(draw: random.Random) -> View:
    """A desk that holds anything, has lost anything, and knows anything or nothing of how names move."""
    held = {name: draw.randint(0, 150) * 100 for name in SYMBOLS if draw.random() < 0.6}
    positions = {name: holding(name, quantity, today=draw.random() < 0.2) for name, quantity in held.items() if quantity}
    known = [name for name in SYMBOLS if draw.random() < 0.9]
    moves = {name: tuple(draw.randint(-100_000, 100_000) for _ in range(40)) for name in known}
    exited = {name: date(2026, 3, draw.randint(2, 4)) for name in draw.sample(SYMBOLS, draw.randint(0, 2))}
    past = Past(
        "demo",
        losing_streak=draw.randint(0, 4),
        lost_on=date(2026, 3, 3),
        entries_on=DAY,
        entries=draw.randint(0, 4),
        ordered_at=(WALL,) * draw.randint(0, 3),
        exited_on=exited,
        last_close=some(draw, EQUITY // 2, EQUITY * 2),
    )
    here = view(positions)
    return replace(
        here,
        equity_day_start=some(draw, EQUITY // 2, EQUITY * 2),
        equity_peak=some(draw, EQUITY, EQUITY * 2),
        cash_free=here.cash_free - draw.randint(0, max(0, here.cash_free) // 4),
        stale=frozenset(draw.sample(SYMBOLS, draw.randint(0, 1))),
        session_volume={name: some(draw, 0, 10**6) for name in SYMBOLS if draw.random() < 0.95},
        trading_state=draw.choice((TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING)),
        continuous=frozenset(draw.sample(SYMBOLS, draw.randint(0, 5))),
        returns=moves,
        past=past,
        as_of=WALL,
    )


def batch(draw: random.Random) -> list[Decision]:
    """Whatever a model might say, a name twice included."""
    return [
        Decision(
            draw.choice(SYMBOLS),
            draw.choice(list(Intent)),
            some(draw, 0, PPM),
            some(draw, 0, PPM),
            "any",
            0,
            some(draw, 0, 130_000),
        )
        for _ in range(draw.randint(0, 8))
    ]


def broken(here: View, terms: Policy, ruling: Ruling) -> str:
    """The first promise that a ruling breaks; '' when it keeps them all."""
    buys = [order for order in ruling.proposals if order.side is Side.BUY]
    worth = dict(here.values)
    for order in ruling.proposals:
        sellable = here.account.sellable(order.instrument, DAY) if order.side is Side.SELL else 0
        if quantity_problem(NAMES[order.instrument], order.side, order.quantity, sellable, OrderType.LIMIT, DAY):
            return f"the exchange would refuse {order}"
        if not 90_000 <= order.limit_price <= 110_000 or order.limit_price % 100:
            return f"beyond the limits or off the tick: {order}"
    for order in buys:
        worth[order.instrument] = worth.get(order.instrument, 0) + order.quantity * order.limit_price
        if worth[order.instrument] * PPM > terms.max_position_ppm * EQUITY:
            return f"a name beyond its limit: {order}"
    if not buys:
        return ""
    if here.trading_state is not TradingState.ACTIVE:
        return "a buy while reducing"
    return _whole(here, terms, worth, buys) or _throttled(here, terms, ruling, buys)


def _whole(here: View, terms: Policy, worth: dict[str, int], buys: list[Any]) -> str:
    total = sum(worth.values()) * PPM
    if total > terms.max_gross_ppm * EQUITY or (terms.max_leverage_ppm and total > terms.max_leverage_ppm * EQUITY):
        return "gross or leverage beyond its limit"
    if sum(order.reserved for order in buys) + terms.cash_reserve > here.cash_free:
        return "cash that is not there"
    for order in buys:
        inside = sum(value for name, value in worth.items() if NAMES[name].industry == NAMES[order.instrument].industry)
        if inside * PPM > terms.max_sector_ppm * EQUITY:
            return f"a sector beyond its limit: {order}"
        if terms.max_cluster_ppm and _cluster(here, terms, worth, order.instrument) > terms.max_cluster_ppm * EQUITY:
            return f"a cluster beyond its limit: {order}"
    return ""


def _cluster(here: View, terms: Policy, worth: dict[str, int], symbol: str) -> int:
    if sum(worth.values()) * PPM <= terms.max_cluster_ppm * EQUITY:
        return 0
    mates = [name for name in worth if worth[name] and (name == symbol or _together(here, terms, name, symbol))]
    return sum(worth[name] for name in mates) * PPM


def _together(here: View, terms: Policy, name: str, symbol: str) -> bool:
    return correlation_ppm(here.returns[name], here.returns[symbol]) >= terms.cluster_correlation_ppm


def _throttled(here: View, terms: Policy, ruling: Ruling, buys: list[Any]) -> str:
    if terms.max_entries_cycle and len(buys) > terms.max_entries_cycle:
        return "too many entries in a cycle"
    if terms.max_entries_day and len(buys) + here.past.entries > terms.max_entries_day:
        return "too many entries in a day"
    if terms.max_orders_minute and len(ruling.proposals) + len(here.past.ordered_at) > terms.max_orders_minute:
        return "too many orders in a minute"
    if any(order.instrument in terms.blacklist | here.stale for order in buys):
        return "a name that was not to be bought"
    if len(buys) == 1 and not _calm(here, terms, buys[0]):
        return "volatility or value at risk beyond its limit"
    return ""


def _calm(here: View, terms: Policy, order: Any) -> bool:
    """The statistical limits after one buy, at the price it may pay at most; a rounding of the weights is forgiven."""
    if not terms.max_volatility_ppm and not terms.max_var_ppm:
        return True
    worth = {**here.values, order.instrument: here.values.get(order.instrument, 0) + order.quantity * order.limit_price}
    total = [0] * 40
    for name, value in worth.items():
        if value:
            weight = value * PPM // EQUITY
            total = [sofar + weight * move for sofar, move in zip(total, here.returns[name], strict=True)]
    calm = not terms.max_volatility_ppm or volatility_ppm(total) <= terms.max_volatility_ppm + 20
    worst = max(historical_var_ppm(total), parametric_var_ppm(total))
    return calm and (not terms.max_var_ppm or worst <= terms.max_var_ppm + 20)


def exits_blocked(here: View, terms: Policy, ruling: Ruling, decisions: list[Decision]) -> str:
    """The first exit that a rule for entries denied; '' when there is none, and every sellable holding asked for is sold."""
    blocked = {v.instrument for v in ruling.verdicts if v.rule in ENTRY_RULES and v.result.value != "ALLOW"}
    ordered = {order.instrument for order in ruling.proposals}
    first: dict[str, Decision] = {}
    for decision in decisions:
        first.setdefault(decision.instrument, decision)
    for symbol, decision in first.items():
        alone = sum(1 for other in decisions if other.instrument == symbol) == 1
        if not alone or decision.intent is not Intent.EXIT:
            continue
        if symbol in blocked:
            return f"an exit of {symbol} met a rule for entries"
        if here.account.sellable(symbol, DAY) and symbol not in ordered:
            return f"an exit of {symbol} did not become an order"
    return ""


def prove(batches: int, seed: int) -> str:
    """Try so many batches; the first broken promise with its number, '' when none was broken."""
    draw = random.Random(seed)
    for number in range(batches):
        here, terms, decisions = desk(draw), policy(draw), batch(draw)
        ruling = judge(here, terms, decisions, FEES)
        problem = broken(here, terms, ruling) or exits_blocked(here, terms, ruling, decisions)
        if problem:
            return f"batch {number} of seed {seed}: {problem}"
    return ""


def main() -> int:
    """The proof as a command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batches", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    problem = prove(arguments.batches, arguments.seed)
    sys.stdout.write((problem or f"{arguments.batches} batches, no limit broken, no exit blocked") + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
