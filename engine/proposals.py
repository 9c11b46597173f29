"""An order that waits for a person, put into words and figures: everything that a yes or a no should be based on, in one row."""

from __future__ import annotations

from engine.core.person import ConfirmAsked, ProposedOrder
from engine.core.units import UNITS, Market, plain
from engine.state import DecisionRow, OrderRow, ProposalRow

A_LOT = 100


def proposal_row(
    asked: ConfirmAsked, proposed: ProposedOrder, order: OrderRow, decision: DecisionRow | None, market: Market
) -> ProposalRow:
    """The row of one proposed order; prices are empty where there is none, lots where the market trades in single units."""
    units = UNITS[market]
    lots = ""
    if market is Market.ASHARE:
        whole, odd = divmod(int(order.quantity), A_LOT)
        lots = str(whole) if not odd else f"{whole}+{odd}"
    return ProposalRow(
        order_id=order.order_id,
        cycle_id=order.cycle_id,
        desk=asked.desk,
        symbol=order.symbol,
        name=order.name,
        side=order.side,
        quantity=order.quantity,
        lots=lots,
        limit_price=order.limit_price,
        last=plain(proposed.price, units.price) if proposed.price else "",
        fee=plain(proposed.fee, units.money),
        limit_up=plain(proposed.limit_up, units.price) if proposed.limit_up else "",
        limit_down=plain(proposed.limit_down, units.price) if proposed.limit_down else "",
        reason=decision.reasoning if decision is not None else "",
        until=asked.until,
    )
