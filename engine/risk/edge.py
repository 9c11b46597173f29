"""Whether a decision expects more than its round trip costs, as far as it says what it expects."""

from __future__ import annotations

from engine.core.order import Side
from engine.core.units import PPM, div_up
from engine.exchange import order_fees, tick_of
from engine.risk.policy import Policy
from engine.risk.sizing import stakes
from engine.risk.view import Finding, View, Wish, deny, fraction


def expected_edge(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Confidence times the gain to the target less the rest times the loss to the stop, against fees both ways and a tick each way.

    A decision that states no target claims no edge, and is not held to one.
    """
    if not policy.min_edge_ppm or not wish.decision.take_profit:
        return None
    gain, loss = stakes(view, policy, wish)
    chance = wish.decision.confidence_ppm
    edge = (chance * gain - (PPM - chance) * loss) // PPM
    needed = round_trip_ppm(view, wish) * policy.min_edge_ppm // PPM
    return deny(wish, "EDGE_BELOW_COST", fraction(max(edge, -PPM)), fraction(needed)) if edge < needed else None


def round_trip_ppm(view: View, wish: Wish) -> int:
    """What buying the wish and selling it again costs, in ppm of its value."""
    instrument, price = view.instruments[wish.symbol], view.mark(wish.symbol)
    units = instrument.units
    amount = (wish.target_ppm - wish.current_ppm) * view.equity // PPM
    quantity = amount * units.price * units.quantity // (price * units.money)
    value = units.notional(price, quantity)
    if value <= 0:
        raise ValueError("nothing to trade")
    paid = sum(order_fees(instrument, side, quantity, value, view.trading_day, view.fees).total for side in (Side.BUY, Side.SELL))
    return div_up(paid * PPM, value) + 2 * tick_of(instrument, view.trading_day) * PPM // price
