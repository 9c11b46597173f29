"""USD-M perpetuals on paper: isolated margin, mark-price liquidation and funding, booked to the last unit.

A position is a signed quantity with the notional it was entered at and the margin set aside for it. Money moves between `cash` and
`margin:SYMBOL`; the gain or loss appears when the position is reduced. Sources: Binance USD-M rules as in market_rules §10.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.core.account import Account, PerpPosition
from engine.core.bookkeeping import PerpChange, Posting
from engine.core.errors import RuleUnknown
from engine.core.order import Fill, Side
from engine.core.units import PPM, UNITS, Market, div_half_up, div_up
from engine.exchange.booking import Booking, BookingRefused, cash_of, fee_postings
from engine.exchange.contracts import E8, Contract, MarginTier

_UNITS = UNITS[Market.CRYPTO]
INTEREST_E8 = 10_000
"""0.01 % per eight hours."""
CLAMP_E8 = 50_000
"""±0.05 %."""
_FUNDING_HOURS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class PerpBooking:
    """What an event does: the position as it stands after (None when closed), and the postings."""

    position: PerpPosition | None
    booking: Booking


def tier_at(contract: Contract, notional: int) -> MarginTier:
    """The bracket a notional falls into. Raises RuleUnknown beyond the table, or without one."""
    for tier in contract.tiers:
        if notional <= tier.cap:
            return tier
    raise RuleUnknown(f"{contract.symbol}: no margin tier covers a notional of {notional // _UNITS.money} {_UNITS.currency}")


def initial_margin(contract: Contract, notional: int, leverage: int) -> int:
    """Margin to set aside for `notional` at `leverage`, rounded up. Raises RuleUnknown when the bracket forbids that leverage."""
    tier = tier_at(contract, notional)
    if not 1 <= leverage <= tier.max_leverage:
        raise RuleUnknown(f"{contract.symbol}: leverage {leverage} is not allowed at this size, at most {tier.max_leverage}")
    return div_up(notional, leverage)


def maintenance_margin(contract: Contract, notional: int) -> int:
    """Margin below which the position is liquidated: notional × rate - cum, rounded up."""
    return _maintenance(tier_at(contract, notional), notional)


def _maintenance(tier: MarginTier, notional: int) -> int:
    return div_up(notional * tier.mmr_ppm, PPM) - tier.cum


def must_liquidate(position: PerpPosition, contract: Contract, mark: int) -> bool:
    """Whether margin plus unrealized gain no longer exceeds maintenance at the mark price.

    A position that has grown beyond the brackets is held to the last of them. Raises RuleUnknown for a contract without any.
    """
    notional = _UNITS.notional(mark, abs(position.quantity))
    tier = tier_at(contract, min(notional, contract.tiers[-1].cap if contract.tiers else notional))
    return position.margin + position.unrealized(mark) <= _maintenance(tier, notional)


def liquidation_price(position: PerpPosition, contract: Contract) -> int:
    """(margin + cum - s·qty·entry) / (qty·MMR - s·qty), with the bracket that holds at that price; s is 1 long, -1 short.

    In price units, half-up; 0 where no price liquidates the position.
    """
    sign, size = (1, position.quantity) if position.quantity > 0 else (-1, -position.quantity)
    floor = 0
    for tier in contract.tiers:
        numerator = (position.margin + tier.cum - sign * position.entry) * PPM * E8
        denominator = size * (tier.mmr_ppm - sign * PPM)
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        price = div_half_up(numerator, denominator)
        if price > 0 and floor < _UNITS.notional(price, size) <= tier.cap:
            return price
        floor = tier.cap
    return 0


def book_perp_fill(account: Account, position: PerpPosition | None, fill: Fill, contract: Contract, leverage: int) -> PerpBooking:
    """Book a fill: what goes against the position reduces it and realizes its gain, the rest opens at `leverage`.

    A reduction releases its share of the margin, rounded down, and the last one all of it. Raises BookingRefused when cash does not
    cover margin and fees, and RuleUnknown for leverage or size beyond the brackets.
    """
    signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
    held = position.quantity if position is not None else 0
    closing = min(abs(held), fill.quantity) if held * signed < 0 else 0
    closing_value = fill.notional * closing // fill.quantity
    postings: list[Posting] = []
    gain = 0
    left = position
    if position is not None and closing:
        left, gain, released = _reduced(position, closing, closing_value)
        postings += [Posting("cash", released + gain), Posting(f"margin:{fill.instrument}", -released)]
        postings.append(Posting(f"realized:{fill.instrument}", -gain))
    opening = fill.quantity - closing
    if opening:
        value = fill.notional - closing_value
        base = left or PerpPosition(fill.instrument, 0, 0, 0)
        margin = initial_margin(contract, base.entry + value, leverage) - initial_margin(contract, base.entry, leverage)
        way = 1 if signed > 0 else -1
        left = PerpPosition(fill.instrument, base.quantity + way * opening, base.entry + value, base.margin + margin)
        postings += [Posting("cash", -margin), Posting(f"margin:{fill.instrument}", margin)]
    postings += [Posting("cash", -fill.fees.total), *fee_postings(fill.fees)]
    booking = Booking((), _nonzero(postings), gain, (_change(fill.instrument, left),))
    if account.cash + cash_of(booking.postings) < 0:
        raise BookingRefused(f"{fill.fill_id}: cash does not cover margin and fees")
    return PerpBooking(left, booking)


def _nonzero(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)


def _change(instrument: str, after: PerpPosition | None) -> PerpChange:
    return (
        PerpChange(instrument, after.quantity, after.entry, after.margin) if after is not None else PerpChange(instrument, 0, 0, 0)
    )


def _reduced(position: PerpPosition, size: int, value: int) -> tuple[PerpPosition | None, int, int]:
    """What is left after closing `size` for `value`, the gain, and the margin released."""
    total = abs(position.quantity)
    entry = position.entry * size // total
    released = position.margin * size // total
    gain = value - entry if position.quantity > 0 else entry - value
    if size == total:
        return None, gain, released
    rest = position.quantity - size if position.quantity > 0 else position.quantity + size
    return replace(position, quantity=rest, entry=position.entry - entry, margin=position.margin - released), gain, released


def liquidate(position: PerpPosition, contract: Contract, mark: int) -> PerpBooking:
    """Close the whole position at the mark price and charge the liquidation fee; the loss stops at the isolated margin.

    What the exchange's insurance fund bears beyond the margin is not our money and is not booked: the loss booked is the margin.
    """
    value = _UNITS.notional(mark, abs(position.quantity))
    equity = max(0, position.margin + position.unrealized(mark))
    fee = min(div_half_up(value * contract.liquidation_fee_ppm, PPM), equity)
    gain = equity - position.margin
    postings = (
        Posting("cash", equity - fee),
        Posting(f"margin:{position.instrument}", -position.margin),
        Posting(f"realized:{position.instrument}", -gain),
        Posting("fees:liquidation", fee),
    )
    return PerpBooking(None, Booking((), _nonzero(postings), gain, (_change(position.instrument, None),)))


def funding_rate(premium_e8: int, hours: int, *, cap_e8: int = 0) -> int:
    """[P + clamp(I - P, ±0.05 %)] / (8 / N) in 1e-8, half-up; `cap_e8` is the symbol's own cap from fundingInfo, 0 for none."""
    if hours not in _FUNDING_HOURS:
        raise RuleUnknown(f"funding every {hours} h is not in the rulebook: {_FUNDING_HOURS}")
    rate = premium_e8 + max(-CLAMP_E8, min(CLAMP_E8, INTEREST_E8 - premium_e8))
    rate = div_half_up(rate * hours, 8)
    return max(-cap_e8, min(cap_e8, rate)) if cap_e8 else rate


def funding_payment(position: PerpPosition, mark: int, rate_e8: int) -> int:
    """What the settlement adds to cash (below zero: pays), in money units: longs pay shorts while the rate is positive."""
    return -div_half_up(position.quantity * mark * rate_e8, E8 * E8)


def book_funding(account: Account, position: PerpPosition, mark: int, rate_e8: int) -> PerpBooking:
    """Settle funding of the whole position (see book_payment)."""
    booking = book_payment(account, position, funding_payment(position, mark, rate_e8))
    (after,) = booking.perps
    return PerpBooking(replace(position, margin=after.margin), booking)


def book_payment(account: Account, position: PerpPosition, amount: int) -> Booking:
    """`amount` (below zero: to pay) into cash; what cash cannot pay comes out of the margin, what neither can is forgiven."""
    from_cash = max(amount, -account.cash)
    from_margin = max(amount - from_cash, -position.margin)
    postings = (
        Posting("cash", from_cash),
        Posting(f"margin:{position.instrument}", from_margin),
        Posting(f"funding:{position.instrument}", -from_cash - from_margin),
    )
    kept = replace(position, margin=position.margin + from_margin)
    return Booking((), _nonzero(postings), perps=(_change(kept.instrument, kept),))


def funding_times(hours: int, after: datetime, until: datetime) -> list[datetime]:
    """The settlements in (after, until] on the grid from 00:00 UTC; a position opened and closed between two of them pays none."""
    if hours not in _FUNDING_HOURS:
        raise RuleUnknown(f"funding every {hours} h is not in the rulebook: {_FUNDING_HOURS}")
    start = after.astimezone(UTC)
    at = start.replace(hour=start.hour - start.hour % hours, minute=0, second=0, microsecond=0)
    times: list[datetime] = []
    while at <= until:
        if at > start:
            times.append(at)
        at += timedelta(hours=hours)
    return times
