"""The rules, in the order in which they are asked; each is one small function of a view of the desk and one wish.

gates      may this desk / this instrument trade at all     -> deny
(exits pass on from here)
locks      account-wide losses that stop new risk           -> deny
clamps     how much of it                                   -> cut the target weight; what is cut is handed to no other name
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from engine.core.account import Account
from engine.core.decision import Decision, Verdict, VerdictResult
from engine.core.instrument import Instrument
from engine.core.journal import TradingState
from engine.core.market import Quote
from engine.core.units import PPM, div_up, from_units
from engine.risk.policy import Policy


@dataclass(frozen=True, slots=True)
class View:
    """What the rules may look at: the account as booked, the snapshot's prices, the desk's state. Money in money units.

    `prices` are marks: the newest known price of each name, also of one that gives no quote today (then only exits wait for it).
    `planned` is money already committed by buys, of the same batch and still open, per instrument; a sell frees nothing before it
    fills. `open_orders` names every instrument with an order; `cash_free` is cash less every reservation.
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

    def mark(self, symbol: str) -> int:
        """The price a position is worth, price units; raises KeyError or ValueError where there is none, and the rule denies."""
        price = self.prices[symbol]
        if price <= 0:
            raise ValueError(f"no price for {symbol}")
        return price

    def value(self, symbol: str) -> int:
        """What is held and already planned in one instrument, in money units."""
        position = self.account.positions.get(symbol)
        held = 0
        if position is not None and position.quantity:
            held = self.instruments[symbol].units.notional(self.mark(symbol), position.quantity)
        return held + self.planned.get(symbol, 0)

    def weight(self, symbol: str) -> int:
        """`value` in ppm of equity."""
        return self.value(symbol) * PPM // self.equity if self.equity > 0 else 0

    def exposure(self) -> int:
        """Everything held and planned, in money units."""
        return sum(self.value(symbol) for symbol in {*self.account.positions, *self.planned})

    def committed(self, symbol: str, amount: int, cash: int) -> View:
        """The view after an order of the batch: `amount` more of `symbol` (0 for a sell), `cash` less to spend, the name taken."""
        planned = {**self.planned, symbol: self.planned.get(symbol, 0) + amount}
        return replace(self, planned=planned, cash_free=self.cash_free - cash, open_orders=self.open_orders | {symbol})


@dataclass(frozen=True, slots=True)
class Wish:
    """One decision on its way through the rules: where it stands now and where it may still go, in ppm of equity."""

    decision: Decision
    current_ppm: int
    target_ppm: int

    @property
    def symbol(self) -> str:
        """The instrument meant."""
        return self.decision.instrument

    @property
    def entry(self) -> bool:
        """Whether it adds risk."""
        return self.target_ppm > self.current_ppm


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule saw. `allowed_ppm` is the target it leaves; for a denial, where the instrument already stands."""

    code: str
    observed: str
    limit: str
    allowed_ppm: int
    result: VerdictResult

    def verdict(self, rule: Rule, wish: Wish) -> Verdict:
        """The finding as the ledger keeps it."""
        before, after = fraction(wish.target_ppm), fraction(self.allowed_ppm)
        return Verdict(wish.symbol, rule.name, rule.scope, self.result, self.code, self.observed, self.limit, before, after)


Check = Callable[[View, Policy, Wish], Finding | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named check; `entries_only` rules never stand in the way of an exit."""

    name: str
    scope: str
    entries_only: bool
    check: Check


def fraction(ppm: int) -> str:
    """Ppm as a decimal fraction, the way verdicts print weights."""
    return f"{from_units(ppm, PPM):f}"


def _deny(wish: Wish, code: str, observed: str, limit: str) -> Finding:
    return Finding(code, observed, limit, wish.current_ppm, VerdictResult.DENY)


def _clamp(wish: Wish, code: str, observed: str, limit: str, allowed_ppm: int) -> Finding | None:
    if allowed_ppm >= wish.target_ppm:
        return None
    if allowed_ppm <= wish.current_ppm:
        return _deny(wish, code, observed, limit)
    return Finding(code, observed, limit, allowed_ppm, VerdictResult.CLAMP)


def _state(view: View, policy: Policy, wish: Wish) -> Finding | None:
    if view.trading_state is TradingState.HALTED:
        return Finding("STATE_HALTED", "HALTED", "ACTIVE", wish.current_ppm, VerdictResult.HALT)
    if view.trading_state is TradingState.REDUCING and wish.entry:
        return Finding("STATE_REDUCING", "REDUCING", "ACTIVE", wish.current_ppm, VerdictResult.REDUCE_ONLY)
    return None


def _books(view: View, policy: Policy, wish: Wish) -> Finding | None:
    return None if view.books_reconciled else _deny(wish, "BOOKS_UNRECONCILED", "unreconciled", "reconciled")


def _known(view: View, policy: Policy, wish: Wish) -> Finding | None:
    if wish.symbol not in view.instruments or wish.symbol not in view.quotes:
        return _deny(wish, "INSTRUMENT_UNKNOWN", wish.symbol, "in the snapshot")
    return None


def _priced(view: View, policy: Policy, wish: Wish) -> Finding | None:
    quote = view.quotes[wish.symbol]
    if quote.suspended:
        return _deny(wish, "INSTRUMENT_SUSPENDED", "suspended", "trading")
    if quote.last <= 0:
        return _deny(wish, "PRICE_MISSING", "none", "a price")
    if quote.trading_day != view.trading_day:
        return _deny(wish, "PRICE_NOT_TODAY", quote.trading_day.isoformat(), view.trading_day.isoformat())
    return None


def _one_order(view: View, policy: Policy, wish: Wish) -> Finding | None:
    return _deny(wish, "ORDER_OPEN", "1", "0") if wish.symbol in view.open_orders else None


def _fresh(view: View, policy: Policy, wish: Wish) -> Finding | None:
    return _deny(wish, "DATA_STALE", "stale", "fresh") if wish.symbol in view.stale else None


def _blacklist(view: View, policy: Policy, wish: Wish) -> Finding | None:
    return _deny(wish, "INSTRUMENT_BLACKLISTED", wish.symbol, "not listed") if wish.symbol in policy.blacklist else None


def _special(view: View, policy: Policy, wish: Wish) -> Finding | None:
    instrument = view.instruments[wish.symbol]
    if instrument.delisting:
        return _deny(wish, "INSTRUMENT_DELISTING", "delisting", "listed")
    if instrument.special_treatment and not policy.allow_st:
        return _deny(wish, "INSTRUMENT_ST", "ST", "not ST")
    return None


def _daily_loss(view: View, policy: Policy, wish: Wish) -> Finding | None:
    if view.equity_day_start <= 0:
        return _deny(wish, "EQUITY_UNKNOWN", str(view.equity_day_start), "positive")
    lost = (view.equity_day_start - view.equity) * PPM // view.equity_day_start
    if lost >= policy.max_daily_loss_ppm:
        return _deny(wish, "LOSS_DAILY", fraction(lost), fraction(policy.max_daily_loss_ppm))
    return None


def _drawdown(view: View, policy: Policy, wish: Wish) -> Finding | None:
    if view.equity_peak <= 0:
        return _deny(wish, "EQUITY_UNKNOWN", str(view.equity_peak), "positive")
    down = (view.equity_peak - view.equity) * PPM // view.equity_peak
    if down >= policy.max_drawdown_ppm:
        return _deny(wish, "LOSS_DRAWDOWN", fraction(down), fraction(policy.max_drawdown_ppm))
    return None


def _per_name(view: View, policy: Policy, wish: Wish) -> Finding | None:
    limit = policy.max_position_ppm
    return _clamp(wish, "EXPOSURE_NAME", fraction(wish.target_ppm), fraction(limit), limit)


def _sector(view: View, policy: Policy, wish: Wish) -> Finding | None:
    sector = view.instruments[wish.symbol].industry
    if not sector:
        return None
    names = {*view.account.positions, *view.planned} - {wish.symbol}
    inside = sum(view.value(name) for name in names if view.instruments[name].industry == sector)
    others = div_up(inside * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return _clamp(wish, "EXPOSURE_SECTOR", observed, fraction(policy.max_sector_ppm), policy.max_sector_ppm - others)


def _gross(view: View, policy: Policy, wish: Wish) -> Finding | None:
    others = div_up((view.exposure() - view.value(wish.symbol)) * PPM, view.equity)
    observed = fraction(others + wish.target_ppm)
    return _clamp(wish, "EXPOSURE_GROSS", observed, fraction(policy.max_gross_ppm), policy.max_gross_ppm - others)


def _cash(view: View, policy: Policy, wish: Wish) -> Finding | None:
    spendable = max(0, view.cash_free - policy.cash_reserve)
    wanted = (wish.target_ppm - wish.current_ppm) * view.equity // PPM
    if wanted <= spendable:
        return None
    currency = view.instruments[wish.symbol].units
    observed, limit = f"{from_units(wanted, currency.money):f}", f"{from_units(spendable, currency.money):f}"
    return _clamp(wish, "CASH_RESERVE", observed, limit, wish.current_ppm + spendable * PPM // view.equity)


def _volume(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """No more than a share of the last whole session's volume, so that paper fills stay believable."""
    instrument = view.instruments[wish.symbol]
    volume = view.session_volume[wish.symbol]
    most = instrument.units.notional(view.mark(wish.symbol), volume * policy.max_volume_share_ppm // PPM)
    wanted = (wish.target_ppm - wish.current_ppm) * view.equity // PPM
    if wanted <= most:
        return None
    observed = f"{from_units(wanted, instrument.units.money):f}"
    limit = f"{from_units(most, instrument.units.money):f}"
    return _clamp(wish, "LIQUIDITY_VOLUME", observed, limit, wish.current_ppm + most * PPM // view.equity)


RULES: tuple[Rule, ...] = (
    Rule("trading_state", "desk", False, _state),
    Rule("books_reconciled", "desk", False, _books),
    Rule("instrument_known", "instrument", False, _known),
    Rule("instrument_priced", "instrument", False, _priced),
    Rule("one_open_order", "instrument", False, _one_order),
    Rule("data_fresh", "instrument", True, _fresh),
    Rule("blacklist", "instrument", True, _blacklist),
    Rule("special_treatment", "instrument", True, _special),
    Rule("max_daily_loss", "account", True, _daily_loss),
    Rule("max_drawdown", "account", True, _drawdown),
    Rule("max_position", "instrument", True, _per_name),
    Rule("max_sector", "sector", True, _sector),
    Rule("max_gross", "account", True, _gross),
    Rule("cash_reserve", "account", True, _cash),
    Rule("max_volume_share", "instrument", True, _volume),
)
"""Asked from top to bottom; the first denial ends the wish, a clamp passes the smaller wish on."""
