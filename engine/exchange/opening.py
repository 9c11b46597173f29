"""What an order that opens a perpetual can cost in cash: the margin it sets aside and its fees."""

from __future__ import annotations

from datetime import date

from engine.core.instrument import Instrument
from engine.core.order import Side
from engine.exchange.contracts import Contract
from engine.exchange.fees import ROUNDING_ROOM, FeeSchedule, order_fees
from engine.exchange.perps import initial_margin


def opening_cost(
    instrument: Instrument,
    contract: Contract,
    leverage: int,
    entered: int,
    side: Side,
    quantity: int,
    price: int,
    day: date,
    schedule: FeeSchedule,
) -> int:
    """The most that opening `quantity` at `price` takes from cash in money units, beside a position entered at `entered` notional.

    Margins and notionals are rounded fill by fill; there is room for half a unit in each of ROUNDING_ROOM × 2 fills. Raises
    RuleUnknown where the brackets allow no such leverage at that size.
    """
    notional = instrument.units.notional(price, quantity)
    held = initial_margin(contract, entered, leverage) if entered else 0
    margin = initial_margin(contract, entered + notional, leverage) - held
    return margin + order_fees(instrument, side, quantity, notional, day, schedule).total + ROUNDING_ROOM
