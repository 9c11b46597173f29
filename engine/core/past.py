"""What a desk has lately done, folded from its journal: holdings since they were opened, trades that lost, orders of the minute.

records in order ──► Past.after ──► what the throttles, the locks and the protective exits may look at, after a restart as before it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from engine.core.bookkeeping import (
    Adjusted,
    DeskOpened,
    Filled,
    FundingSettled,
    Liquidated,
    LotChange,
    Marked,
    OrderCreated,
    PerpChange,
    Posting,
)
from engine.core.ids import order_id
from engine.core.journal import DecisionsMade, Noted, Record
from engine.core.order import Side
from engine.core.strategy import StrategyJudged, StrategyProposed
from engine.core.units import UNITS, Market

HIGH_WATER = "HIGH_WATER"
"""The code under which a new best price of a holding is noted; parameters `instrument` and `price` (price units)."""
MARGIN_LOT = "margin"
"""What the one lot of a perpetual is named by: its quantity, whichever way it goes."""
MINUTE = timedelta(minutes=1)
HEARD = (
    *("DeskOpened", "DecisionsMade", "StrategyProposed", "StrategyJudged", "OrderCreated", "Filled", "Adjusted", "Marked", "Noted"),
    *("FundingSettled", "Liquidated"),
)
"""The kinds of record that `Past.after` listens to; every other leaves it as it is."""
_E8 = 10**8


@dataclass(frozen=True, slots=True)
class Holding:
    """A name since its position was opened. Prices in price units (0 = none), `result` and `paid` in money units.

    `high` is the highest price known since; `stop` and `target` are those of the last decision that bought; `result` is what sales
    have realised so far less every fee since the opening, with the funding of a perpetual. A short one (`way` -1) is guarded by
    `low`, the lowest price known since, with a stop above it and a target below.
    """

    opened_on: date
    opened_at: datetime
    lots: Mapping[str, int]
    high: int
    stop: int
    target: int
    result: int
    way: int = 1
    low: int = 0

    @property
    def quantity(self) -> int:
        """What is held, in quantity units, long or short."""
        return sum(self.lots.values())


@dataclass(frozen=True, slots=True)
class Past:
    """One desk's recent past, immutable; `after` gives the past one record later. Other desks and kinds change nothing."""

    desk: str = ""
    price_scale: int = 1
    holdings: Mapping[str, Holding] = field(default_factory=dict)
    exited_on: Mapping[str, date] = field(default_factory=dict)
    losing_streak: int = 0
    lost_on: date = date.min
    entries_on: date = date.min
    entries: int = 0
    ordered_at: tuple[datetime, ...] = ()
    last_close: int = 0
    week: tuple[int, int] = (0, 0)
    week_began_with: int = 0
    wanted: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    proposed: str = ""
    proposals: int = 0
    following: str = ""
    review_on: date = date.min
    ask_on: date = date.min
    """The strategy last proposed and the one last accepted (canonical JSON, core/strategy.py), until when it opens positions, and
    from when a model may be asked for another."""

    def equity_week_start(self, day: date) -> int:
        """Equity at the last close before the ISO week of `day`, in money units; 0 while no desk was opened."""
        return self.week_began_with if week_of(day) == self.week else self.last_close

    def after(self, record: Record) -> Past:
        """The past when `record` is in the journal too."""
        match record:
            case DeskOpened(desk=self.desk):
                return replace(self, price_scale=UNITS[Market(record.market)].price, last_close=record.cash)
            case DecisionsMade(desk=self.desk):
                said = {one.instrument: (one.stop_loss, one.take_profit) for one in record.decisions}
                return replace(self, wanted={name: prices for name, prices in said.items() if any(prices)})
            case StrategyProposed(desk=self.desk):
                return replace(self, proposed=record.text, proposals=record.version)
            case StrategyJudged(desk=self.desk, accepted=True):
                return replace(self, following=self.proposed, review_on=record.review_on, ask_on=record.review_on)
            case StrategyJudged(desk=self.desk):
                return replace(self, ask_on=record.review_on)
            case OrderCreated() if record.order.desk == self.desk:
                return self._ordered(record)
            case Filled() if record.fill.desk == self.desk:
                return self._filled(record)
            case FundingSettled(desk=self.desk) if record.instrument in self.holdings:
                return self._funded(record)
            case Liquidated(desk=self.desk) if record.instrument in self.holdings:
                held = self.holdings[record.instrument]
                gone = replace(held, lots={}, result=held.result - sum(p.amount for p in record.postings if _is_result(p)))
                return self._with(record.instrument, gone, record.trading_day)
            case Adjusted(desk=self.desk) if record.instrument in self.holdings:
                return self._adjusted(record)
            case Adjusted(desk=self.desk) if record.lots:
                return self._found(record)
            case Marked(desk=self.desk):
                return self._marked(record)
            case Noted(desk=self.desk, code="HIGH_WATER"):
                terms = dict(record.params)
                return self._seen({terms["instrument"]: int(terms["price"])})
            case _:
                return self

    def _ordered(self, record: OrderCreated) -> Past:
        order = record.order
        if order.order_id == order_id(order.cycle_id, f"{order.instrument}:{order.side}", 1):
            return self  # in place of one that a person amended and that never left: it is counted already
        recent = tuple(at for at in self.ordered_at if at > order.created_at - MINUTE)
        past = replace(self, ordered_at=(*recent, order.created_at))
        covering = order.instrument in self.holdings and self.holdings[order.instrument].way < 0
        if not record.reserved and (order.side is Side.SELL or covering):
            return past  # what opens a position holds cash back for it
        before = past.entries if past.entries_on == order.trading_day else 0
        return replace(past, entries_on=order.trading_day, entries=before + 1)

    def _filled(self, record: Filled) -> Past:
        fill = record.fill
        name, gain = fill.instrument, -sum(item.amount for item in record.postings if item.account.startswith("realized:"))
        held = self.holdings.get(name)
        buying = 1 if fill.side is Side.BUY else -1
        if held is None:
            held = Holding(fill.trading_day, fill.at, {}, 0, 0, 0, 0, buying if record.perps else 1)
        stop, target = held.stop, held.target
        if buying == held.way and name in self.wanted:
            # A stop beyond the price paid, or a target short of it, would leave at once what was just entered: it is none.
            loss, gains = self.wanted[name]
            stop = loss if not loss or held.way * (fill.price - loss) > 0 else stop
            target = gains if gains and held.way * (gains - fill.price) > 0 else target
        held = replace(
            held,
            lots=_margined(record.perps) if record.perps else changed(held.lots, record.lots),
            high=max(held.high, fill.price),
            low=min(held.low or fill.price, fill.price) if record.perps else held.low,
            stop=stop,
            target=target,
            result=held.result + gain - fill.fees.total,
        )
        return self._with(name, held, fill.trading_day)

    def _with(self, name: str, held: Holding, day: date) -> Past:
        """The past with a holding as it now stands; one of which nothing is left was a trade that gained or lost."""
        if held.quantity:
            return replace(self, holdings={**self.holdings, name: held})
        left = {symbol: item for symbol, item in self.holdings.items() if symbol != name}
        lost = held.result < 0
        return replace(
            self,
            holdings=left,
            exited_on={**self.exited_on, name: day},
            losing_streak=self.losing_streak + 1 if lost else 0,
            lost_on=day if lost else self.lost_on,
        )

    def _funded(self, record: FundingSettled) -> Past:
        held = self.holdings[record.instrument]
        paid = sum(posting.amount for posting in record.postings if posting.account.startswith("funding:"))
        return replace(self, holdings={**self.holdings, record.instrument: replace(held, result=held.result - paid)})

    def _adjusted(self, record: Adjusted) -> Past:
        """A distribution lowers the price by itself; the prices that guard the holding go down with it."""
        held, terms = self.holdings[record.instrument], record.terms
        if terms.ex_date:
            paid = terms.cash_e8 * self.price_scale // _E8
            more = _E8 + terms.bonus_e8 + terms.transfer_e8
            before = (held.high, held.stop, held.target)
            high, stop, target = (max(0, price - paid) * _E8 // more for price in before)
            held = replace(held, high=high, stop=stop, target=target)
        held = replace(held, lots=changed(held.lots, record.lots))
        others = {symbol: item for symbol, item in self.holdings.items() if symbol != record.instrument}
        return replace(self, holdings={**others, record.instrument: held} if held.quantity else others)

    def _found(self, record: Adjusted) -> Past:
        """A correction booked what nobody had bought: it is guarded from then on like any holding."""
        opened = min(lot.bought_on for lot in record.lots)
        at = datetime.combine(opened, time(), UTC)
        held = Holding(opened, at, changed({}, record.lots), 0, 0, 0, 0)
        return replace(self, holdings={**self.holdings, record.instrument: held}) if held.quantity else self

    def _marked(self, record: Marked) -> Past:
        past = self._seen(dict(record.marks))
        if record.cycle_id:
            return past
        week = week_of(record.trading_day)
        if week != past.week:
            past = replace(past, week=week, week_began_with=past.last_close)
        return replace(past, last_close=record.equity)

    def _seen(self, prices: Mapping[str, int]) -> Past:
        higher = {name: replace(held, high=prices[name]) for name, held in self.holdings.items() if prices.get(name, 0) > held.high}
        lower = {
            name: replace(held, low=prices[name]) for name, held in self.holdings.items() if 0 < prices.get(name, 0) < held.low
        }
        return replace(self, holdings={**self.holdings, **higher, **lower}) if higher or lower else self


def week_of(day: date) -> tuple[int, int]:
    """The ISO year and week of a day."""
    year, week, _ = day.isocalendar()
    return year, week


def _is_result(posting: Posting) -> bool:
    return posting.account.startswith(("realized:", "fees:"))


def _margined(changes: tuple[PerpChange, ...]) -> dict[str, int]:
    """The lots of a perpetual after a record's change: one, or none once it is closed."""
    return {f"{MARGIN_LOT}:{change.instrument}": abs(change.quantity) for change in changes if change.quantity}


def changed(lots: Mapping[str, int], changes: tuple[LotChange, ...]) -> dict[str, int]:
    """Quantities by lot after a record's changes."""
    after = {**lots, **{change.lot_id: change.quantity for change in changes}}
    return {lot: quantity for lot, quantity in after.items() if quantity}
