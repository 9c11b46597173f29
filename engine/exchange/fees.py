"""Fees and taxes of a fill, by market, product and date, rounded as the cashier rounds.

Every item is charged on the order's running total less what was charged before, so an order costs the same in one fill or in ten,
and the five-yuan minimum falls due once. Sources: MOF/STA 2023 No. 39 (stamp duty), ChinaClear 2015 and 2022 (transfer),
CSRC 2002 No. 21 (commission), SEC and FINRA notices; market_rules §6, §10, §11. Whether the cashier rounds handling and regulatory
fees by fill or by order is [?]: by order here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from engine.core.errors import RuleUnknown
from engine.core.instrument import Instrument
from engine.core.order import Fees, Fill, Side
from engine.core.units import PPM, Market, div_half_up, div_up
from engine.exchange.boards import Exchange, Product, exchange_of, product_of
from engine.exchange.dated import since

COMMISSION_CAP_PPM = 3_000
"""0.3 % of the amount, 证监发〔2002〕21号."""
_BILLION = 1_000_000_000
ROUNDING_ROOM = 100
"""Money units: one US cent, a millionth of a dollar in crypto."""

_STAMP = since("stamp duty", ("2008-09-19", 1_000), ("2023-08-28", 500))
"""On sales of stocks, ppm."""
_TRANSFER = since("transfer fee", ("2015-08-01", 20), ("2022-04-29", 10))
"""On both sides of stocks, ppm."""
_HANDLING = {
    # The rate before 2023-08-28 is sourced; the day it began is not, so the rulebook starts with the transfer fee's.
    Exchange.SSE: since("handling fee, SSE", ("2015-08-01", 48_700), ("2023-08-28", 34_100)),
    Exchange.SZSE: since("handling fee, SZSE", ("2015-08-01", 48_700), ("2023-08-28", 34_100)),
    Exchange.BSE: since("handling fee, BSE", ("2022-12-01", 250_000), ("2023-08-28", 125_000)),
}
"""On both sides, parts per billion."""
_REGULATORY_PPB = 20_000
_SEC = since(
    "SEC section 31 fee",
    ("2022-05-14", 22_900),
    ("2023-02-27", 8_000),
    ("2024-05-22", 27_800),
    ("2025-05-14", 0),
    ("2026-04-04", 20_600),
)
"""On sales, parts per billion of the amount: 20.60 USD per million from 2026-04-04. Rates before 2025-05-14 are [K]."""


@dataclass(frozen=True, slots=True)
class _Taf:
    per_share: int
    cap: int


_TAF = since(
    "FINRA trading activity fee",
    ("2022-01-01", _Taf(per_share=130, cap=64_900)),
    ("2023-01-01", _Taf(per_share=145, cap=72_700)),
    ("2024-01-01", _Taf(per_share=166, cap=83_000)),
    ("2026-01-01", _Taf(per_share=195, cap=97_900)),
    ("2027-01-01", _Taf(per_share=232, cap=116_100)),
)
"""On sales: 1e-6 USD per share, capped per order in 1e-4 USD. A TAF holiday late in 2026 is rumoured [?]: charged all the same."""


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What the broker charges; the rest is law. Rates in ppm of the amount, `minimum` in money units (1e-4 CNY).

    `all_in`: the commission already contains handling and regulatory fees, as most retail contracts have it. `us_fees_of`: charge
    SEC and FINRA fees at the rates of this day instead of the fill's, a person's choice for histories older than the rulebook.
    """

    commission_ppm: int = 250
    minimum: int = 50_000
    all_in: bool = True
    us_commission_ppm: int = 0
    spot_ppm: int = 1_000
    perp_taker_ppm: int = 500
    perp_maker_ppm: int = 200
    us_fees_of: date | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a commission beyond the legal 0.3 % or a negative charge."""
        if not 0 <= self.commission_ppm <= COMMISSION_CAP_PPM:
            raise ValueError(f"commission must lie between 0 and {COMMISSION_CAP_PPM} ppm: {self.commission_ppm}")
        if min(self.minimum, self.us_commission_ppm, self.spot_ppm, self.perp_taker_ppm, self.perp_maker_ppm) < 0:
            raise ValueError("fees cannot be negative")


@dataclass(frozen=True, slots=True)
class Charged:
    """What an order has traded and paid so far."""

    quantity: int = 0
    notional: int = 0
    fees: Fees = field(default_factory=Fees)


NOTHING_CHARGED = Charged()


def charged_by(fills: Iterable[Fill]) -> Charged:
    """What earlier fills of one order add up to."""
    total = NOTHING_CHARGED
    for fill in fills:
        total = Charged(total.quantity + fill.quantity, total.notional + fill.notional, plus(total.fees, fill.fees))
    return total


def plus(left: Fees, right: Fees) -> Fees:
    """The sum of two charges, item by item."""
    return Fees(
        commission=left.commission + right.commission,
        stamp=left.stamp + right.stamp,
        transfer=left.transfer + right.transfer,
        handling=left.handling + right.handling,
        regulatory=left.regulatory + right.regulatory,
        base=left.base + right.base,
    )


def as_maker(schedule: FeeSchedule) -> FeeSchedule:
    """The schedule for a fill that rested in the book: perpetuals pay the maker rate."""
    return replace(schedule, perp_taker_ppm=schedule.perp_maker_ppm)


def fees(
    instrument: Instrument,
    side: Side,
    price: int,
    quantity: int,
    day: date,
    schedule: FeeSchedule,
    charged: Charged = NOTHING_CHARGED,
) -> Fees:
    """The fees of ONE fill, given what its order has traded and paid before; money units, rounded to the cent (half-up; US up).

    A perpetual is charged as taker (see as_maker). Raises RuleUnknown for B shares (another currency) and for dates before the
    rulebook.
    """
    notional = instrument.units.notional(price, quantity)
    due = order_fees(instrument, side, charged.quantity + quantity, charged.notional + notional, day, schedule)
    before = charged.fees
    return Fees(
        commission=due.commission - before.commission,
        stamp=due.stamp - before.stamp,
        transfer=due.transfer - before.transfer,
        handling=due.handling - before.handling,
        regulatory=due.regulatory - before.regulatory,
        base=due.base - before.base,
    )


def order_fees(instrument: Instrument, side: Side, quantity: int, notional: int, day: date, schedule: FeeSchedule) -> Fees:
    """What an order owes in all once `quantity` has traded for `notional`."""
    if quantity <= 0 or notional < 0:
        return Fees()
    product = product_of(instrument)
    if product is Product.B_SHARE:
        raise RuleUnknown(f"{instrument.symbol}: B shares trade in USD or HKD; a paper account in CNY cannot hold them")
    if instrument.market is Market.ASHARE:
        return _ashare(instrument, product, side, notional, day, schedule)
    if instrument.market is Market.US:
        return _us(side, quantity, notional, day, schedule, instrument.units.cent)
    if product is Product.PERP:
        return Fees(commission=div_half_up(notional * schedule.perp_taker_ppm, PPM))
    if side is Side.BUY:
        return Fees(base=div_half_up(quantity * schedule.spot_ppm, PPM))
    return Fees(commission=div_half_up(notional * schedule.spot_ppm, PPM))


def _ashare(instrument: Instrument, product: Product, side: Side, notional: int, day: date, schedule: FeeSchedule) -> Fees:
    cent = instrument.units.cent

    def share(per_billion: int) -> int:
        return div_half_up(notional * per_billion, _BILLION * cent) * cent

    stock = product is Product.STOCK
    handling = regulatory = 0
    if not schedule.all_in:
        if not stock:
            raise RuleUnknown(f"{instrument.symbol}: handling fees of {product} are not in the rulebook; use an all-in commission")
        handling = share(_HANDLING[exchange_of(instrument)].on(day))
        regulatory = share(_REGULATORY_PPB)
    return Fees(
        commission=max(schedule.minimum, share(schedule.commission_ppm * 1_000)),
        stamp=share(_STAMP.on(day) * 1_000) if stock and side is Side.SELL else 0,
        transfer=share(_TRANSFER.on(day) * 1_000) if stock else 0,
        handling=handling,
        regulatory=regulatory,
    )


def _us(side: Side, quantity: int, notional: int, day: date, schedule: FeeSchedule, cent: int) -> Fees:
    commission = div_half_up(notional * schedule.us_commission_ppm, PPM * cent) * cent
    if side is Side.BUY:
        return Fees(commission=commission)
    rates_of = schedule.us_fees_of or day
    taf = _TAF.on(rates_of)
    activity = min(div_up(quantity * taf.per_share, 10_000 * PPM) * cent, taf.cap)
    return Fees(commission=commission, regulatory=div_up(notional * _SEC.on(rates_of), _BILLION * cent) * cent, handling=activity)


def worst_case_cost(instrument: Instrument, quantity: int, limit_price: int, day: date, schedule: FeeSchedule) -> int:
    """What a buy can cost at most: the notional at `limit_price` (limit-up for a market order) and all its fees, in money units.

    Because fees are charged on running totals, no way of splitting the order into fills at or below the limit can cost more. Where
    the notional of a fill is rounded (US, crypto) there is room for half a unit in each of ROUNDING_ROOM × 2 fills.
    """
    notional = instrument.units.notional(limit_price, quantity)
    rounding = 0 if instrument.market is Market.ASHARE else ROUNDING_ROOM
    return notional + order_fees(instrument, Side.BUY, quantity, notional, day, schedule).total + rounding
