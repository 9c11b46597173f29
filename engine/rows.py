"""One record, one row: how facts of the ledger and the tape look in a table; pure, without a word of any language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import FundingSettled, Liquidated
from engine.core.decision import Verdict
from engine.core.instrument import Instrument
from engine.core.journal import DecisionsMade, ModelAsked
from engine.core.market import Quote
from engine.core.order import Order
from engine.core.strategy import StrategyJudged, StrategyProposed, strategy_of
from engine.core.text import safe_text
from engine.core.units import PPM, UNITS, Market, Units, from_units, plain
from engine.exchange import PerpTerms, liquidation_price
from engine.reports.protection import protection_told
from engine.reports.verdicts import seen_and_limit
from engine.state import DecisionRow, FindingRow, ModelRow, OrderRow, PositionRow, QuoteRow

REFUSED = "REFUSED"
CENT_TICK = 100
"""A-shares tick by 0.01, funds by 0.001, in 1e-4 CNY."""


def quote_row(instrument: Instrument, quote: Quote, held: bool, now: datetime | None = None) -> QuoteRow:
    """One line of the tape, as old as it is at `now`; None where the market is a replay and nothing ages."""
    units = instrument.units
    return QuoteRow(
        symbol=quote.symbol,
        name=instrument.name,
        scale=units.price,
        places=3 if instrument.tick < CENT_TICK and instrument.market is Market.ASHARE else 2,
        last=quote.last,
        change_ppm=quote.change_ppm,
        volume=quote.volume,
        amount=quote.amount,
        money_scale=units.money,
        quantity_scale=units.quantity,
        limit_up=quote.limit_up,
        limit_down=quote.limit_down,
        known_at=quote.known_at,
        held=held,
        suspended=quote.suspended,
        stale=False,
        source=quote.source,
        age_s=-1 if now is None else shown_age((now - quote.known_at).total_seconds()),
    )


def shown_age(seconds: float) -> int:
    """An age as a screen shows it: to five seconds within a minute, then to the minute, so that standing still is no repaint."""
    whole = max(0, int(seconds))
    return whole // 5 * 5 if whole < 60 else whole // 60 * 60


def position_row(instrument: Instrument, account: Account, price: int, day: date | None) -> PositionRow:
    """One holding at `price` (price units, 0 = none known: then at cost); sellable on `day`."""
    units, position = instrument.units, account.positions[instrument.symbol]
    value = units.notional(price, position.quantity) if price else position.cost
    gain = value - position.cost
    return PositionRow(
        symbol=instrument.symbol,
        name=instrument.name,
        quantity=plain(position.quantity, units.quantity, places=0),
        sellable=plain(account.sellable(instrument.symbol, day), units.quantity, places=0) if day else "0",
        average=_average(position.cost, position.quantity, units),
        last=plain(price, units.price),
        market_value=plain(value, units.money),
        unrealized=plain(gain, units.money),
        unrealized_ppm=gain * PPM // position.cost if position.cost else 0,
    )


def perp_row(instrument: Instrument, perp: PerpPosition, price: int, terms: PerpTerms) -> PositionRow:
    """One perpetual at `price` (price units, 0 = none known): all of it can be closed; what it is worth is margin and gain."""
    units, size = instrument.units, abs(perp.quantity)
    gain = perp.unrealized(price) if price else 0
    dies = liquidation_price(perp, terms.contracts[instrument.symbol])
    quantity = plain(perp.quantity, units.quantity, places=0)
    return PositionRow(
        symbol=instrument.symbol,
        name=instrument.name,
        quantity=quantity,
        sellable=quantity,
        average=_average(perp.entry, size, units),
        last=plain(price, units.price),
        market_value=plain(perp.worth(price), units.money),
        unrealized=plain(gain, units.money),
        unrealized_ppm=gain * PPM // perp.entry if perp.entry else 0,
        side="long" if perp.quantity > 0 else "short",
        leverage=f"{terms.leverage}x",
        margin=plain(perp.margin, units.money),
        liquidation=plain(dies // instrument.tick * instrument.tick, units.price) if dies else "",
    )


def order_row(order: Order, name: str, units: Units) -> OrderRow:
    """An order as it was created."""
    return OrderRow(
        order_id=order.order_id,
        cycle_id=order.cycle_id,
        at=order.created_at,
        symbol=order.instrument,
        name=name,
        side=order.side.value,
        quantity=plain(order.quantity, units.quantity, places=0),
        limit_price=plain(order.limit_price, units.price) if order.limit_price else "",
        status="initialized",
        filled="0",
        average="",
        fees="0.00",
        code="",
    )


def filled_row(row: OrderRow, status: str, quantity: int, notional: int, fees: str, units: Units) -> OrderRow:
    """The row after its fills so far: totals in quantity and money units, fees as people read them."""
    return replace(
        row,
        status=status,
        filled=plain(quantity, units.quantity, places=0),
        average=_average(notional, quantity, units),
        fees=fees,
    )


def model_row(asked: ModelAsked, at: datetime, prompt: str, *, offline: bool) -> ModelRow:
    """A call that has just left."""
    return ModelRow(
        key=f"{asked.cycle_id}#{asked.call}",
        cycle_id=asked.cycle_id,
        at=at,
        provider=asked.provider,
        model=asked.model,
        prompt_id=asked.prompt_id,
        prompt_version=asked.prompt_version,
        outcome="asking",
        latency_ms=0,
        tokens_in=0,
        tokens_out=0,
        cost="0",
        currency="",
        prompt=prompt,
        reply="",
        streaming=True,
        offline=offline,
    )


def decision_rows(made: DecisionsMade, instruments: Mapping[str, Instrument], market: Market, at: datetime) -> list[DecisionRow]:
    """A cycle's decisions, before risk has ruled, and the items of its replies that were not accepted."""
    refused = [
        DecisionRow(
            key=f"{made.cycle_id}/{item.instrument}#{number}",
            cycle_id=made.cycle_id,
            symbol=item.instrument,
            name=instruments[item.instrument].name if item.instrument in instruments else "",
            intent="",
            target_weight_ppm=0,
            confidence_ppm=0,
            reasoning="",
            verdict=REFUSED,
            rule="reply",
            code=item.code,
            at=at,
            findings=(FindingRow(REFUSED, "reply", item.code, item.observed, "", "", ""),),
        )
        for number, item in enumerate(made.rejected)
    ]
    return refused + [
        DecisionRow(
            key=f"{made.cycle_id}/{item.instrument}",
            cycle_id=made.cycle_id,
            symbol=item.instrument,
            name=instruments[item.instrument].name if item.instrument in instruments else "",
            intent=item.intent.value,
            target_weight_ppm=item.target_weight_ppm,
            confidence_ppm=item.confidence_ppm,
            reasoning=safe_text(protection_told(item, UNITS[market]), limit=600),
            verdict="",
            rule="",
            code="",
            unverified=safe_text(", ".join(item.unverified), limit=200, one_line=True),
            at=at,
            sources=safe_text(", ".join(item.sources), limit=200, one_line=True),
        )
        for item in made.decisions
    ]


def ruled_row(row: DecisionRow, verdict: Verdict, units: Units) -> DecisionRow:
    """The row after one more rule spoke; the last one that did is the one it is known by."""
    observed, limit = seen_and_limit(verdict, units)
    result = verdict.result.value
    finding = FindingRow(result, verdict.rule, verdict.code, observed, limit, verdict.before, verdict.after)
    return replace(row, verdict=result, rule=verdict.rule, code=verdict.code, findings=(*row.findings, finding))


def margin_told(record: FundingSettled | Liquidated) -> tuple[str, *tuple[tuple[str, str], ...]]:
    """What the log says of a settlement or a liquidation: an event's code and its parameters."""
    units, name = UNITS[Market.CRYPTO], ("instrument", record.instrument)
    mark = ("mark", plain(record.mark, units.price))
    if isinstance(record, FundingSettled):
        received = sum(posting.amount for posting in record.postings if posting.account.partition(":")[0] in ("cash", "margin"))
        rate = ("rate", f"{from_units(record.rate_e8, 1_000_000):.4f} %")
        return "FUNDING", name, ("amount", plain(received, units.money)), rate, mark
    lost = sum(posting.amount for posting in record.postings if posting.account.startswith(("realized:", "fees:")))
    return "LIQUIDATION", name, mark, ("lost", plain(lost, units.money))


def strategy_told(record: StrategyProposed | StrategyJudged) -> tuple[str, tuple[str, str], *tuple[tuple[str, str], ...]]:
    """What the log says of a strategy: an event's code and its parameters, fractions as percentages."""
    version = ("version", str(record.version))
    if isinstance(record, StrategyProposed):
        written = strategy_of(record.text)
        symbols = ", ".join(written.symbols)
        return "STRATEGY_PROPOSED", version, ("model", record.model), ("name", written.name), ("symbols", symbols)
    figures = (
        ("sessions", str(record.sessions)),
        ("return", f"{from_units(record.return_ppm, 10_000):.2f} %"),
        ("drawdown", f"{from_units(record.max_drawdown_ppm, 10_000):.2f} %"),
        ("sharpe", f"{from_units(record.sharpe_milli, 1_000):.2f}"),
        ("failed", ", ".join(record.failed)),
        ("review", record.review_on.isoformat()),
    )
    return "STRATEGY_ACCEPTED" if record.accepted else "STRATEGY_REFUSED", version, *figures


def _average(amount: int, quantity: int, units: Units) -> str:
    return plain(amount * units.price * units.quantity // (quantity * units.money), units.price)
