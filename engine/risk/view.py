"""What a rule is and what it may look at: a view of the desk, one wish, and the finding it comes back with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from operator import mul
from typing import Any, NamedTuple

from engine.core.account import Account
from engine.core.decision import Decision, Verdict, VerdictResult
from engine.core.instrument import Instrument
from engine.core.journal import TradingState
from engine.core.market import Funding, Quote
from engine.core.past import Past
from engine.core.units import PPM
from engine.exchange import FeeSchedule, PerpTerms
from engine.risk.policy import Policy


@dataclass(frozen=True)
class View:
    """What the rules may look at: the account as booked, the snapshot's prices, the desk's state. Money in money units.

    `prices` are marks: the newest known price of each name, also of one that gives no quote today (then only exits wait for it).
    `planned` is money already committed by buys, of the same batch and still open, per instrument; a sell frees nothing before it
    fills. `open_orders` names every instrument with an order; `cash_free` is cash less every reservation. `returns` are daily
    returns in ppm, adjusted, all names over the same sessions, oldest first; `ranges` the average true range in price units.
    `ordered` and `entered` count the orders and the buys of this batch; `closed` are names whose session takes no order now,
    `continuous` those in continuous trading, where the cage binds; `protecting` says that the engine's own protection asks.
    `perps` are the terms of a desk of perpetuals, `funding` the last settlement known of each; what is planned in the names of
    `planned_short` goes short. Values are magnitudes, whichever way a position goes.
    """

    account: Account
    instruments: Mapping[str, Instrument]
    quotes: Mapping[str, Quote]
    prices: Mapping[str, int]
    limits: Mapping[str, tuple[int, int] | None]
    session_volume: Mapping[str, int]
    stale: frozenset[str]
    open_orders: frozenset[str]
    trading_day: date
    trading_state: TradingState
    books_reconciled: bool
    equity: int
    equity_day_start: int
    equity_peak: int
    planned: Mapping[str, int]
    cash_free: int
    halt_file: bool = False
    past: Past = field(default_factory=Past)
    as_of: datetime | None = None
    closed: frozenset[str] = frozenset()
    continuous: frozenset[str] = frozenset()
    returns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ranges: Mapping[str, int] = field(default_factory=dict)
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    ordered: int = 0
    entered: int = 0
    policy_problem: str = ""
    protecting: bool = False
    perps: PerpTerms | None = None
    funding: Mapping[str, Funding] = field(default_factory=dict)
    planned_short: frozenset[str] = frozenset()

    def mark(self, symbol: str) -> int:
        """The price a position is worth, price units; raises KeyError or ValueError where there is none, and the rule denies."""
        price = self.prices[symbol]
        if price <= 0:
            raise ValueError(f"no price for {symbol}")
        return price

    def value(self, symbol: str) -> int:
        """What is held and already planned in one instrument, in money units; of a perpetual its notional, long or short."""
        held = self.worths.get(symbol)
        if held is None:
            held = self.worths[symbol] = self._worth(symbol)
        return held + self.planned.get(symbol, 0)

    def _worth(self, symbol: str) -> int:
        position = self.account.positions.get(symbol)
        if position is None:
            perp = self.account.perps.get(symbol)
            quantity = abs(perp.quantity) if perp is not None else 0
        else:
            quantity = position.quantity
        return self.instruments[symbol].units.notional(self.mark(symbol), quantity) if quantity else 0

    @cached_property
    def worths(self) -> dict[str, int]:
        """What is held of each name in money units, filled in as they are asked for: no order of the batch changes it."""
        return {}

    def weight(self, symbol: str) -> int:
        """`value` in ppm of equity."""
        return self.value(symbol) * PPM // self.equity if self.equity > 0 else 0

    @cached_property
    def values(self) -> Mapping[str, int]:
        """`value` of every name held or planned; raises where one of them has no price."""
        return {symbol: self.value(symbol) for symbol in {*self.account.positions, *self.account.perps, *self.planned}}

    @cached_property
    def shorts(self) -> frozenset[str]:
        """The names that are held or planned short."""
        return self.planned_short.union(symbol for symbol, perp in self.account.perps.items() if perp.quantity < 0)

    @cached_property
    def total(self) -> int:
        """The sum of `values`."""
        return sum(self.values.values())

    def exposure(self) -> int:
        """Everything held and planned, in money units."""
        return self.total

    @cached_property
    def sectors(self) -> Mapping[str, int]:
        """`values` summed by industry; names without one are in none."""
        found: dict[str, int] = {}
        for symbol, value in self.values.items():
            sector = self.instruments[symbol].industry
            found[sector] = found.get(sector, 0) + value
        return found

    @cached_property
    def portfolio(self) -> tuple[int, ...]:
        """Returns of everything held and planned at today's weights, ppm² a session; raises KeyError where a name has none.

        What is short gains where its name falls.
        """
        held = [(value * PPM // self.equity, self.returns[symbol]) for symbol, value in self.values.items() if value]
        if self.shorts:
            ways = [-1 if symbol in self.shorts else 1 for symbol, value in self.values.items() if value]
            held = [(way * weight, moves) for way, (weight, moves) in zip(ways, held, strict=True)]
        weights = [weight for weight, _ in held]
        return tuple([sum(map(mul, weights, session)) for session in zip(*(moves for _, moves in held), strict=True)])

    @cached_property
    def moments(self) -> dict[str, Any]:
        """Moments of the names' returns (portfolio.py), filled in as they are asked for."""
        return {}

    @cached_property
    def wished(self) -> dict[tuple[str, int], Any]:
        """Moments of `portfolio` with one name at another weight, filled in as they are asked for."""
        return {}

    def committed(self, symbol: str, amount: int, cash: int, way: int = 1) -> View:
        """The view after an order of the batch: `amount` more of `symbol` (0 for an exit), `cash` less to spend, the name taken.

        `way` is -1 where what is more goes short.

        What was already computed and changes by one name only is carried over instead of being computed again.
        """
        after = object.__new__(View)
        fresh, known = after.__dict__, self.__dict__
        fresh.update(known)
        fresh["cash_free"] = self.cash_free - cash
        fresh["open_orders"] = self.open_orders | {symbol}
        fresh["ordered"] = self.ordered + 1
        if not amount:
            return after
        before = self.value(symbol)
        fresh.pop("wished", None)
        fresh["planned"] = {**self.planned, symbol: self.planned.get(symbol, 0) + amount}
        fresh["entered"] = self.entered + 1
        if way < 0:
            fresh.pop("shorts", None)
            fresh["planned_short"] = self.planned_short | {symbol}
        if "values" in known:
            fresh["values"] = {**self.values, symbol: before + amount}
        if "total" in known:
            fresh["total"] = self.total + amount
        if "sectors" in known:
            sector = self.instruments[symbol].industry
            fresh["sectors"] = {**self.sectors, sector: self.sectors.get(sector, 0) + amount}
        if "portfolio" in known:
            more = (before + amount) * PPM // self.equity - before * PPM // self.equity
            fresh["portfolio"] = self._with(symbol, way * more)
        return after

    def _with(self, symbol: str, weight: int) -> tuple[int, ...]:
        """The portfolio's returns with so much more of a name."""
        moves = self.returns[symbol]
        whole = self.portfolio or (0,) * len(moves)
        return tuple([total + weight * move for total, move in zip(whole, moves, strict=True)])


class Wish(NamedTuple):
    """One decision on its way through the rules: where it stands now and where it may still go, in ppm of equity.

    Both are magnitudes; `way` is -1 where they are of a short position. `crossing_ppm` is what was asked for on the other side of
    nothing, 0 where nothing was.
    """

    decision: Decision
    current_ppm: int
    target_ppm: int
    way: int = 1
    crossing_ppm: int = 0

    @property
    def symbol(self) -> str:
        """The instrument meant."""
        return self.decision.instrument

    @property
    def entry(self) -> bool:
        """Whether it adds risk."""
        return self.target_ppm > self.current_ppm


class Finding(NamedTuple):
    """What a rule saw. `allowed_ppm` is the target it leaves; for a denial, where the instrument already stands."""

    code: str
    observed: str
    limit: str
    allowed_ppm: int
    result: VerdictResult

    def verdict(self, rule: Rule, wish: Wish) -> Verdict:
        """The finding as the ledger keeps it; weights of a short position are below zero."""
        before, after = fraction(wish.way * wish.target_ppm), fraction(wish.way * self.allowed_ppm)
        return Verdict(wish.symbol, rule.name, rule.scope, self.result, self.code, self.observed, self.limit, before, after)


Check = Callable[[View, Policy, Wish], Finding | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named check; `entries_only` rules never stand in the way of an exit.

    `once` is a check that looks at nothing but the desk and the direction of the wish, and at nothing that an order of the batch
    changes: what it let pass once it lets pass for the whole batch, and it is not asked again. `perps` is a check that only desks
    of perpetuals are asked.
    """

    name: str
    scope: str
    entries_only: bool
    check: Check
    once: bool = False
    perps: bool = False


@lru_cache(maxsize=8_192)
def fraction(ppm: int) -> str:
    """Ppm as a decimal fraction, the way verdicts print weights."""
    whole, rest = divmod(abs(ppm), PPM)
    return f"{'-' if ppm < 0 else ''}{whole}.{rest:06d}"


def deny(wish: Wish, code: str, observed: str, limit: str) -> Finding:
    """The wish ends here."""
    return Finding(code, observed, limit, wish.current_ppm, VerdictResult.DENY)


def clamp(wish: Wish, code: str, observed: str, limit: str, allowed_ppm: int) -> Finding | None:
    """No finding where the target fits, a denial where nothing is left, else a smaller target."""
    if allowed_ppm >= wish.target_ppm:
        return None
    if allowed_ppm <= wish.current_ppm:
        return deny(wish, code, observed, limit)
    return Finding(code, observed, limit, allowed_ppm, VerdictResult.CLAMP)
