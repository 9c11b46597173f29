"""The pure steps of a cycle: what is seen, what is asked, what risk looks at. No clock, no disk, no network.

snapshot ──► quotes_seen · candidates ──► prompt_context ──► (models) ──► risk_view ──► judge
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from engine.analysis import Features, features, screen_market
from engine.brokers import Working
from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import OrderCreated
from engine.core.decision import Decision, Intent
from engine.core.ids import order_id
from engine.core.instrument import Instrument
from engine.core.journal import TradingState
from engine.core.market import Quote
from engine.core.order import Order, Side
from engine.core.past import Past
from engine.core.units import PPM, UNITS, Market, from_units, plain
from engine.cycle.mandate import Mandate
from engine.cycle.margin_shown import margin_shown
from engine.cycle.moves import average_ranges, daily_returns
from engine.exchange import PerpTerms, Phase, accepts_orders, calendar, exchange_of, fitted, price_limits
from engine.exchange.calendar import sessions_listed
from engine.llm import CandidateRow, HoldingRow, PromptContext
from engine.risk import Ruling, View, judge, triggers
from engine.store.snapshot import Snapshot
from engine.store.stretches import cells, spans


class Newest(NamedTuple):
    """The newest whole session of a name: its day, close in price units, volume in quantity units."""

    trading_day: date
    close: int
    volume: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What analysis made of a snapshot: features and prices of every name, and the names offered to the models, best first."""

    features: Mapping[str, Features]
    candidates: tuple[str, ...]
    stale: tuple[str, ...]
    newest: Mapping[str, Newest]
    prices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """The desk as risk must know it at the moment of the ruling; amounts in money units."""

    account: Account
    working: Mapping[str, Working]
    trading_state: TradingState
    equity_day_start: int
    equity_peak: int
    past: Past = field(default_factory=Past)


def analyze(snapshot: Snapshot, mandate: Mandate, account: Account, previous_session: date) -> Seen:
    """The screened candidates, with every holding that gives a quote; features of them and of what is held; who is stale."""
    chosen = _screened(snapshot, mandate)
    quoted = {quote.symbol: quote for quote in snapshot.quotes}
    held = tuple(symbol for symbol in sorted(account.held) if symbol not in chosen and symbol in quoted)
    figures = features(snapshot, {*chosen, *account.held})
    newest = newest_bars(snapshot)
    oldest = _oldest(snapshot, mandate)
    stale = tuple(
        symbol
        for symbol in sorted(quoted)
        if max(_last_day(newest, symbol), _printed_on(quoted[symbol])) < previous_session or quoted[symbol].known_at < oldest
    )
    return Seen(figures, chosen + held, stale, newest, prices_of(snapshot, newest))


def _screened(snapshot: Snapshot, mandate: Mandate) -> tuple[str, ...]:
    """The best of the universe; a snapshot may hold more than that where a name was taken off it and is still held."""
    beside = len({item.symbol for item in snapshot.instruments} - set(mandate.symbols)) if mandate.symbols else 0
    best = screen_market(snapshot, top=mandate.top + beside, by=mandate.by, order=mandate.order, filters=mandate.filters)
    return tuple(symbol for symbol in best if not beside or symbol in mandate.symbols)[: mandate.top]


def _oldest(snapshot: Snapshot, mandate: Mandate) -> datetime:
    """Before which a quote is too old for a desk on the wall's clock; only time in which the market trades makes it older."""
    days = calendar(mandate.market)
    never = datetime.min.replace(tzinfo=UTC)
    if not mandate.max_age_s or days.phase(snapshot.as_of) is not Phase.CONTINUOUS:
        return never
    session, limit = days.session(days.local_day(snapshot.as_of)), timedelta(seconds=mandate.max_age_s)
    oldest = snapshot.as_of - limit
    if session.lunch is not None and oldest < session.lunch[1] <= snapshot.as_of:
        oldest -= session.lunch[1] - session.lunch[0]
    return oldest if oldest >= session.opens or mandate.market is Market.CRYPTO else never


def _last_day(newest: Mapping[str, Newest], symbol: str) -> date:
    return newest[symbol].trading_day if symbol in newest else date.min


def _printed_on(quote: Quote) -> date:
    return quote.trading_day if quote.open else date.min


def newest_bars(snapshot: Snapshot) -> dict[str, Newest]:
    """Each name's newest daily bar; bars are sorted by symbol, interval and time, so it is the last of its run."""
    daily = spans(snapshot.stretches, "1d")
    last = (cells(snapshot.bars, column)[daily.ends - 1].tolist() for column in ("trading_day", "close", "volume"))
    return dict(zip(daily.symbols, map(Newest._make, zip(*last, strict=True)), strict=True))


def prices_of(snapshot: Snapshot, newest: Mapping[str, Newest]) -> dict[str, int]:
    """The newest price of each name, in price units: its quote's, else the close of its last bar."""
    closes = {symbol: bar.close for symbol, bar in newest.items()}
    return closes | {quote.symbol: quote.last for quote in snapshot.quotes if quote.last}


def worth(symbol: str, account: Account, prices: Mapping[str, int], instruments: Mapping[str, Instrument]) -> int:
    """What one holding is worth in money units; at cost where no price was ever known."""
    position = account.positions[symbol]
    price = prices.get(symbol, 0)
    return instruments[symbol].units.notional(price, position.quantity) if price else position.cost


def equity_of(account: Account, prices: Mapping[str, int], instruments: Mapping[str, Instrument]) -> int:
    """Cash and holdings at the given prices, in money units; of perpetuals their margin and what they would gain."""
    perps = sum(perp.worth(prices.get(symbol, 0)) for symbol, perp in account.perps.items())
    return account.cash + perps + sum(worth(symbol, account, prices, instruments) for symbol in account.positions)


def signed_worth(perp: PerpPosition, prices: Mapping[str, int]) -> int:
    """The notional of a perpetual in money units, below zero for a short one; as entered where no price was ever known."""
    price = prices.get(perp.instrument, 0)
    notional = UNITS[Market.CRYPTO].notional(price, abs(perp.quantity)) if price else perp.entry
    return notional if perp.quantity > 0 else -notional


def prompt_context(mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account) -> PromptContext:
    """Everything the prompt may say, already as text; nothing in it was known after the snapshot's as_of."""
    instruments = instruments_in(snapshot)
    quotes = {quote.symbol: quote for quote in snapshot.quotes}
    units = next(iter(instruments.values())).units
    prices = seen.prices
    equity = equity_of(account, prices, instruments)
    holdings = []
    for symbol, position in sorted(account.positions.items()):
        value = worth(symbol, account, prices, instruments)
        weight = value * PPM // equity if equity > 0 else 0
        gain = (value - position.cost) * PPM // position.cost if position.cost else 0
        sellable = plain(account.sellable(symbol, snapshot.trading_day), units.quantity, places=0)
        name = instruments[symbol].name
        holdings.append(HoldingRow(symbol, name, _fraction(weight), _fraction(gain), sellable))
    rows = [_candidate(symbol, quotes[symbol], instruments[symbol], seen.features.get(symbol)) for symbol in seen.candidates]
    notes = [f"{symbol}: data is stale" for symbol in seen.stale if symbol in seen.candidates]
    terms = terms_on(mandate, instruments)
    return PromptContext(
        as_of=snapshot.as_of,
        trading_day=snapshot.trading_day,
        market=mandate.market.value,
        currency=units.currency,
        cash=plain(account.cash, units.money),
        equity=plain(equity, units.money),
        max_position=_fraction(mandate.policy.max_position_ppm),
        max_gross=_fraction(mandate.policy.max_gross_ppm),
        holdings=tuple(holdings),
        candidates=tuple(rows),
        notes=tuple(notes),
        language=mandate.language,
        margin=margin_shown(terms, account, prices, equity, instruments, snapshot.fundings, snapshot.as_of) if terms else None,
    )


def _fraction(ppm: int) -> str:
    return f"{from_units(ppm, PPM).quantize(from_units(1, 10_000)):f}"


def _candidate(symbol: str, quote: Quote, instrument: Instrument, figures: Features | None) -> CandidateRow:
    named = {} if figures is None else {name: getattr(figures, name) for name in SHOWN}
    change = f"{quote.change_ppm / 10_000:.2f}"
    return CandidateRow(symbol, instrument.name, instrument.industry, plain(quote.last, instrument.units.price), change, named)


SHOWN: tuple[str, ...] = ("return_1", "return_5", "return_20", "rsi_14", "volatility_20", "volume_ratio", "high_20", "low_20")
"""The features put before a model: few enough for a table that a person reads too."""


def risk_view(
    mandate: Mandate,
    snapshot: Snapshot,
    seen: Seen,
    standing: Standing,
    names: Collection[str] | None = None,
    *,
    protecting: bool = False,
) -> View:
    """The desk and the market as the rules see them; pure, so that a replay sees the same.

    `names` are those to be ruled on; what is costly is looked up for them and for what is held, None for all of the snapshot.
    """
    quotes = {quote.symbol: quote for quote in snapshot.quotes}
    instruments = instruments_in(snapshot)
    prices = seen.prices
    account = standing.account
    planned: dict[str, int] = {}
    short: set[str] = set()
    for working in standing.working.values():
        order = working.order
        if _opens(order, account, mandate):
            amount = instruments[order.instrument].units.notional(order.limit_price, order.quantity - working.filled)
            planned[order.instrument] = planned.get(order.instrument, 0) + amount
            if order.side is Side.SELL:
                short.add(order.instrument)
    asked = set(quotes if names is None else names) & set(quotes)
    phases = {symbol: phase_of(instruments[symbol], snapshot.as_of) for symbol in asked}
    moved = asked | set(account.held) | set(planned)
    return View(
        account=account,
        instruments=instruments,
        quotes=quotes,
        prices=prices,
        limits={symbol: limits_of(instruments[symbol], quotes[symbol], snapshot.trading_day) for symbol in quotes},
        session_volume={symbol: bar.volume for symbol, bar in seen.newest.items()},
        stale=frozenset(seen.stale),
        open_orders=frozenset(working.order.instrument for working in standing.working.values()),
        trading_day=snapshot.trading_day,
        trading_state=standing.trading_state,
        books_reconciled=True,
        equity=equity_of(account, prices, instruments),
        equity_day_start=standing.equity_day_start,
        equity_peak=standing.equity_peak,
        planned=planned,
        cash_free=account.cash - account.reserved,
        past=standing.past,
        as_of=snapshot.as_of,
        closed=frozenset(name for name in asked if not accepts_orders(phases[name], exchange_of(instruments[name]))),
        continuous=frozenset(name for name in asked if phases[name] is Phase.CONTINUOUS),
        returns=daily_returns(snapshot, moved),
        ranges=average_ranges(snapshot, asked) if mandate.policy.sizing == "atr" else {},
        fees=mandate.fees,
        protecting=protecting,
        perps=terms_on(mandate, instruments),
        funding={item.symbol: item for item in snapshot.fundings},
        planned_short=frozenset(short),
    )


def terms_on(mandate: Mandate, instruments: Mapping[str, Instrument]) -> PerpTerms | None:
    """The desk's terms for perpetuals made whole for these instruments; None for a desk of anything else. Raises RuleUnknown."""
    return fitted(mandate.perps, instruments) if mandate.perps is not None else None


def _opens(order: Order, account: Account, mandate: Mandate) -> bool:
    """Whether an order adds to what is held: every buy, and on margin whatever does not go against the position."""
    if mandate.perps is None:
        return order.side is Side.BUY
    held = account.perps.get(order.instrument)
    return held is None or (held.quantity > 0) is (order.side is Side.BUY)


def phase_of(instrument: Instrument, at: datetime) -> Phase:
    """The phase of the session an instrument is in at an instant."""
    return calendar(instrument.market).phase(at, instrument)


def limits_of(instrument: Instrument, quote: Quote, day: date) -> tuple[int, int] | None:
    """(limit-up, limit-down) in price units; None on a day without limits."""
    if quote.limit_up and quote.limit_down:
        return quote.limit_up, quote.limit_down
    limits = price_limits(instrument, day, quote.pre_close, sessions_listed=sessions_listed(instrument, day))
    return None if limits is None else (limits.up, limits.down)


DUST_PPM = 100
"""A holding below a hundredth of a percent of equity is a rest that no order sells (fees taken in coins leave such)."""


def held_weights(account: Account, snapshot: Snapshot, seen: Seen) -> dict[str, int]:
    """Current weights in ppm of equity, for strategies that rebalance; short ones below zero; rests (DUST_PPM) are left out."""
    instruments = instruments_in(snapshot)
    prices = seen.prices
    equity = equity_of(account, prices, instruments)
    if equity <= 0:
        return {}
    weights = {symbol: worth(symbol, account, prices, instruments) * PPM // equity for symbol in account.positions}
    weights |= {symbol: signed_worth(perp, prices) * PPM // equity for symbol, perp in account.perps.items()}
    return {symbol: weight for symbol, weight in weights.items() if abs(weight) >= DUST_PPM}


def instruments_in(snapshot: Snapshot) -> dict[str, Instrument]:
    """The instruments as they were known then, by symbol."""
    return {item.symbol: item for item in snapshot.instruments}


def offered_in(snapshot: Snapshot, seen: Seen) -> dict[str, Instrument]:
    """What a model may name: the candidates, and nothing else."""
    listed = instruments_in(snapshot)
    return {symbol: listed[symbol] for symbol in seen.candidates}


def rule(
    mandate: Mandate,
    snapshot: Snapshot,
    seen: Seen,
    standing: Standing,
    decisions: Sequence[Decision],
    *,
    protecting: bool = False,
) -> Ruling:
    """Risk's ruling on a batch, from nothing but its arguments."""
    names = {decision.instrument for decision in decisions}
    view = risk_view(mandate, snapshot, seen, standing, names, protecting=protecting)
    return judge(view, mandate.policy, decisions, mandate.fees, mandate.rules)


OWN_TRIGGERS = frozenset({"protect", "flatten"})
"""Cycles that the engine begins itself to leave holdings: no model is asked, everything else is a cycle like any other."""


def own_decisions(trigger: str, mandate: Mandate, snapshot: Snapshot, account: Account, past: Past) -> tuple[Decision, ...]:
    """What the engine itself decides: to leave all (flatten), or what a protective rule wants out of at a price of today."""
    if trigger == "flatten":
        held = sorted((*(symbol for symbol, position in account.positions.items() if position.quantity), *account.perps))
        return tuple(Decision(symbol, Intent.EXIT, 0, PPM, "flatten", sources=("person",)) for symbol in held)
    prices = {quote.symbol: quote.last for quote in snapshot.quotes if traded_today(quote, snapshot.trading_day)}
    found = triggers(mandate.policy, past, account, prices, instruments_in(snapshot), snapshot.trading_day)
    return tuple(item.decision for item in found)


def traded_today(quote: Quote, day: date) -> bool:
    """Whether the newest price of a name was made in this session."""
    return quote.trading_day == day and bool(quote.open) and not quote.suspended


def orders_of(ruling: Ruling, mandate: Mandate, cycle_id: str, day: date, at: datetime) -> list[OrderCreated]:
    """The orders of a ruling, named by cycle, instrument and side: the same ruling always makes the same orders."""
    return [
        OrderCreated(
            Order(
                order_id=order_id(cycle_id, f"{proposal.instrument}:{proposal.side}"),
                desk=mandate.desk,
                cycle_id=cycle_id,
                instrument=proposal.instrument,
                side=proposal.side,
                order_type=proposal.order_type,
                quantity=proposal.quantity,
                limit_price=proposal.limit_price,
                trading_day=day,
                created_at=at,
            ),
            proposal.reserved,
        )
        for proposal in ruling.proposals
    ]
