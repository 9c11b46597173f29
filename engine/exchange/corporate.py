"""Dividends, bonus shares, rights and splits: the ex reference price, what they do to an account, and the tax held back at sale.

Sources: SZSE/SSE trading rules 4.3 (ex reference price), 财税〔2012〕85号 and 财税〔2015〕101号 (dividend tax by holding period).
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.core.account import Account, Lot
from engine.core.bookkeeping import LotChange, Posting
from engine.core.errors import RuleUnknown
from engine.core.units import UNITS, Market, Units, div_half_up
from engine.exchange.booking import Booking, BookingRefused, cash_of
from engine.exchange.dated import since

E8 = 10**8
"""Amounts and ratios per share are kept in 1e-8, because announcements per ten shares run to seven decimals."""


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """What one share gets on `ex_date`, in 1e-8: cash (currency), bonus (送股, taxed at par), transfer (转增) and rights.

    A split is a transfer: 4 for 1 is 3e8; a reverse split is negative: 1 for 10 is -9e7. `rights_price` is in price units.
    """

    symbol: str
    ex_date: date
    cash_e8: int = 0
    bonus_e8: int = 0
    transfer_e8: int = 0
    rights_e8: int = 0
    rights_price: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for an action that would pay a negative amount or leave no share."""
        if min(self.cash_e8, self.bonus_e8, self.rights_e8, self.rights_price) < 0 or self.transfer_e8 + self.bonus_e8 <= -E8:
            raise ValueError(f"impossible corporate action: {self}")

    @property
    def new_shares_e8(self) -> int:
        """Shares added per share held, without rights."""
        return self.bonus_e8 + self.transfer_e8


def ex_reference(action: CorporateAction, previous_close: int, tick: int, units: Units = UNITS[Market.ASHARE]) -> int:
    """The exchange's reference price of the ex day in price units: (prev - cash + rights_price × rights) / (1 + bonus + rights).

    Rounded half-up to the tick. Raises RuleUnknown when the cash exceeds the price: no such day is in the rulebook.
    """
    value = previous_close * E8 - action.cash_e8 * units.price + action.rights_price * action.rights_e8
    if value <= 0:
        raise RuleUnknown(f"{action.symbol}: the cash paid on {action.ex_date} exceeds the price {previous_close}")
    return div_half_up(value, (E8 + action.new_shares_e8 + action.rights_e8) * tick) * tick


def book_dividend(account: Account, action: CorporateAction, units: Units = UNITS[Market.ASHARE]) -> Booking:
    """Carry an action into an account before the open of the ex date: cash in full, new shares, cost unchanged.

    Holders of lots bought before the ex date are entitled. Cash is rounded half-up to the cent on the whole holding; new shares are
    rounded down on the whole holding and spread over the lots by largest remainder, sellable with their lot (bonus shares are taken
    to trade from the ex date [?]). Rights are not taken up: that is a person's decision.
    """
    position = account.positions.get(action.symbol)
    lots = tuple(lot for lot in position.lots if lot.bought_on < action.ex_date) if position is not None else ()
    held = sum(lot.quantity for lot in lots)
    if held == 0:
        return Booking((), ())
    cash = div_half_up(held * action.cash_e8 * units.money, E8 * units.quantity * units.cent) * units.cent
    postings = (Posting("cash", cash), Posting(f"dividend:{action.symbol}", -cash)) if cash else ()
    return Booking(_grown(action, lots, held), postings)


def _grown(action: CorporateAction, lots: tuple[Lot, ...], held: int) -> tuple[LotChange, ...]:
    ratio = E8 + action.new_shares_e8
    if ratio == E8:
        return ()
    target = held * ratio // E8
    if target == 0:
        raise BookingRefused(f"{action.symbol}: {held} units do not survive the reverse split of {action.ex_date}")
    sizes = [lot.quantity * ratio // E8 for lot in lots]
    by_remainder = sorted(range(len(lots)), key=lambda n: (-(lots[n].quantity * ratio % E8), n))
    for n in by_remainder[: target - sum(sizes)]:
        sizes[n] += 1
    # A lot that a reverse split wipes out leaves its cost to the first lot that survives: cost is never lost.
    orphaned = sum(lot.cost for lot, size in zip(lots, sizes, strict=True) if size == 0)
    heir = next(n for n, size in enumerate(sizes) if size)
    return tuple(
        LotChange(
            lot.lot_id,
            action.symbol,
            size,
            (lot.cost if size else 0) + (orphaned if n == heir else 0),
            lot.bought_on,
            lot.sellable_on,
        )
        for n, (lot, size) in enumerate(zip(lots, sizes, strict=True))
    )


@dataclass(frozen=True, slots=True)
class _TaxRates:
    """Percent of the dividend by holding period: up to a month, up to a year, longer."""

    month: int
    year: int
    longer: int


_TAX = since(
    "dividend tax",
    ("2005-06-13", _TaxRates(10, 10, 10)),
    ("2013-01-01", _TaxRates(20, 10, 5)),
    ("2015-09-08", _TaxRates(20, 10, 0)),
)
"""Personal income tax on A-share dividends, by the ex date of the payment (the record date is one session earlier)."""


def dividend_tax(bought_on: date, quantity: int, sold_on: date, actions: Sequence[CorporateAction]) -> int:
    """The tax due, in 1e-4 CNY, when `quantity` A shares of a lot bought on `bought_on` are sold; rounded half-up to the cent.

    Every payment between purchase and sale is taxed at the rate of the whole holding period: 20 % up to one month, 10 % up to one
    year, nothing after; bonus shares count at their par of one yuan. A month ends on the same day of the next month, included.
    """
    due = Fraction(0)
    held = Fraction(quantity)
    for action in sorted(actions, key=lambda action: action.ex_date, reverse=True):
        if not bought_on < action.ex_date <= sold_on:
            continue
        # What is held after the action was less before it: the payment was made on those shares.
        held = held * E8 / (E8 + action.new_shares_e8)
        rates = _TAX.on(action.ex_date)
        percent = rates.month if sold_on <= later(bought_on, 1) else rates.year if sold_on <= later(bought_on, 12) else rates.longer
        due += held * (action.cash_e8 + action.bonus_e8) * percent / (100 * E8)
    units = UNITS[Market.ASHARE]
    cents = due * units.money / units.cent
    return div_half_up(cents.numerator, cents.denominator) * units.cent


def later(day: date, months_later: int) -> date:
    """The same day of a later month, or that month's last day where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months_later, 12)
    return date(year, month + 1, min(day.day, months.monthrange(year, month + 1)[1]))


def book_sale_tax(before: Account, sale: Booking, symbol: str, sold_on: date, actions: Iterable[CorporateAction]) -> Booking:
    """The tax held back with a sale: `before` is the account as it was, `sale` what book_fill made of the fill.

    Returns an empty booking when nothing is due. Part of the same event as the sale: apply it right after. Tax beyond all free
    cash stays a claim of the broker's outside the books, which never show cash below zero or below what open orders reserve.
    """
    mine = [action for action in actions if action.symbol == symbol]
    position = before.positions.get(symbol)
    if position is None or not mine:
        return Booking((), ())
    left = {change.lot_id: change.quantity for change in sale.lots}
    tax = sum(
        dividend_tax(lot.bought_on, lot.quantity - left[lot.lot_id], sold_on, mine) for lot in position.lots if lot.lot_id in left
    )
    tax = min(tax, before.cash - before.reserved + cash_of(sale.postings))
    return Booking((), (Posting("cash", -tax), Posting("tax:dividend", tax)) if tax > 0 else ())
