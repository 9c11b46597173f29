"""Between cycles: the same protection as risk rules on, looked at after every instant of the tape, and what it remembers.

prices of today ──► new highs noted · locks move the trading state · triggers ──► exits due now, or an alert why not
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.journal import AlertRaised, Noted, Record, TradingState
from engine.core.order import Side
from engine.core.past import HIGH_WATER, Holding
from engine.core.units import PPM
from engine.cycle.alerting import protect_alert
from engine.cycle.cycle import Scene
from engine.cycle.steps import limits_of, phase_of
from engine.exchange import accepts_orders, exchange_of
from engine.risk import Trigger, triggers

HIGH_STEP_PPM = 1_000
"""A new high is noted once it is this much above the last: a quote storm is no write storm, a trailing exit off by a thousandth."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look found: facts for the ledger, alerts told today (by id), names whose exit can be sent now."""

    records: tuple[Record, ...]
    told: frozenset[str]
    exits: tuple[Trigger, ...]


def look(scene: Scene, prices: Mapping[str, int], told: frozenset[str]) -> Watched:
    """Look at the holdings at the prices of today (price units); `told` are alerts that were raised already."""
    records: list[Record] = [*_highs(scene, prices)]
    account = scene.broker.account()
    if prices:
        records += _locks(scene)
    found = triggers(scene.mandate.policy, scene.past, account, prices, scene.instruments, scene.trading_day)
    exits: list[Trigger] = []
    alerts: list[AlertRaised] = []
    for trigger in found:
        code, until = _hindrance(scene, trigger, told)
        if not code:
            exits.append(trigger)
        if code and code != "LATER":
            alerts.append(protect_alert(scene.mandate.desk, scene.trading_day, code, trigger, until))
        if not code and _sealed(scene, trigger.instrument, prices[trigger.instrument]):
            alerts.append(protect_alert(scene.mandate.desk, scene.trading_day, "PROTECT_SEALED", trigger, ""))
    fresh = [alert for alert in alerts if alert.alert_id not in told]
    return Watched((*records, *fresh), frozenset(alert.alert_id for alert in fresh), tuple(exits))


def _highs(scene: Scene, prices: Mapping[str, int]) -> list[Record]:
    policy = scene.mandate.policy
    if not policy.trailing_ppm and not policy.give_back_ppm:
        return []
    bettered = [(symbol, price) for symbol, price in sorted(prices.items()) if _better(scene.past.holdings[symbol], price)]
    return [Noted(scene.mandate.desk, HIGH_WATER, (("instrument", symbol), ("price", str(price)))) for symbol, price in bettered]


def _better(held: Holding, price: int) -> bool:
    """Whether a price is a step better than the best one known: higher, or lower where the holding is short."""
    best = held.high if held.way > 0 else held.low
    return held.way * (price - best) * PPM >= best * HIGH_STEP_PPM


def _locks(scene: Scene) -> list[Record]:
    """The account's locks at this instant's prices; the ledger is asked for the state only where a lock bites."""
    account, broker = scene.broker.account(), scene.broker
    equity = account.cash + sum(perp.worth(broker.mark_price(symbol)) for symbol, perp in account.perps.items())
    for symbol, position in account.positions.items():
        price = broker.last_price(symbol)
        equity += scene.instruments[symbol].units.notional(price, position.quantity) if price else position.cost
    if not scene.escalated(equity, TradingState.ACTIVE):
        return []
    with scene.equipment.ledger.reader() as books:
        return scene.escalated(equity, books.trading_state(scene.mandate.desk).state)


def _hindrance(scene: Scene, trigger: Trigger, told: frozenset[str]) -> tuple[str, str]:
    """Why an exit cannot be sent at this instant, and until when: '' when it can, LATER where nobody need hear of it."""
    symbol, account = trigger.instrument, scene.broker.account()
    if f"denied:{symbol}:{scene.trading_day}" in told:
        return "LATER", ""
    instrument, position, perp = scene.instruments[symbol], account.positions.get(symbol), account.perps.get(symbol)
    closing = Side.BUY if perp is not None and perp.quantity < 0 else Side.SELL
    if any(item.order.instrument == symbol and item.order.side is closing for item in scene.broker.working().values()):
        return "LATER", ""
    if position is not None and not account.sellable(symbol, scene.trading_day):
        return "PROTECT_WAITS", min(lot.sellable_on for lot in position.lots).isoformat()
    if not accepts_orders(phase_of(instrument, scene.now), exchange_of(instrument)):
        return "LATER", ""
    if scene.standing().trading_state is TradingState.HALTED:
        return "PROTECT_HALTED", ""
    return "", ""


def _sealed(scene: Scene, symbol: str, price: int) -> bool:
    """At the limit-down nobody buys: the order queues."""
    quote = scene.broker.newest(symbol)
    band = None if quote is None else limits_of(scene.instruments[symbol], quote, scene.trading_day)
    return band is not None and price <= band[1]
