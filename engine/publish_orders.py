"""From the records of orders to their rows: what was created, what waits for a person, what moved, what was filled."""

from __future__ import annotations

from dataclasses import replace

from engine.board import Board, DeskFace
from engine.core.bookkeeping import Filled, OrderCreated
from engine.core.person import ConfirmAsked
from engine.core.units import UNITS, plain
from engine.proposals import proposal_row
from engine.reports.fees import fees_told
from engine.rows import filled_row, order_row
from engine.state import OrderRow


class OrdersTopic:
    """The orders and the proposals of every desk, as shown; called under the board's lock."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._orders: dict[str, OrderRow] = {}
        self._filled: dict[str, tuple[int, int, int, int]] = {}

    def created(self, face: DeskFace, record: OrderCreated) -> None:
        """An order exists."""
        order = record.order
        self._orders[order.order_id] = order_row(order, face.name_of(order.instrument), UNITS[face.market])
        self._board.state.orders.put([(order.order_id, self._orders[order.order_id])])

    def proposed(self, face: DeskFace, record: ConfirmAsked) -> None:
        """The orders of a cycle wait for a person."""
        rows, decisions = [], self._board.state.decisions.view().rows
        for proposed in record.orders:
            order = self._orders.get(proposed.order_id)
            if order is not None:
                decision = decisions.get(f"{record.cycle_id}/{order.symbol}")
                row = proposal_row(record, proposed, order, decision, face.market)
                rows.append((row.order_id, row))
        self._board.state.proposals.put(rows)
        self._board.event(
            face.desk, "ORDERS_WAIT", ("count", str(len(rows))), ("until", record.until.isoformat(timespec="seconds"))
        )
        self._board.state.edge("order")

    def withdraw(self, order_id: str) -> None:
        """An order waits no longer."""
        waiting = self._board.state.proposals.view().rows
        if order_id in waiting:
            self._board.state.proposals.replace((key, row) for key, row in waiting.items() if key != order_id)

    def moved(self, face: DeskFace, order_id: str, status: str, code: str) -> None:
        """An order is in another state; it waits no longer."""
        self.withdraw(order_id)
        row = self._orders.get(order_id)
        if row is None:
            return
        row = self._orders[order_id] = replace(row, status=status, code=code)
        self._board.state.orders.put([(order_id, row)])
        self._board.state.edge("order")
        if status not in {"submitted"}:
            about = (("order", order_id), ("instrument", row.symbol), ("side", row.side), ("quantity", row.quantity))
            self._board.event(face.desk, "ORDER", *about, ("limit", row.limit_price), ("status", status), ("code", code))

    def filled(self, face: DeskFace, record: Filled) -> None:
        """An execution: the order's row counts all of them so far."""
        fill, units = record.fill, UNITS[face.market]
        quantity, notional, fees, coins = self._filled.get(fill.order_id, (0, 0, 0, 0))
        quantity, notional = quantity + fill.quantity, notional + fill.notional
        fees, coins = fees + fill.fees.total, coins + fill.fees.base
        self._filled[fill.order_id] = quantity, notional, fees, coins
        row = self._orders.get(fill.order_id)
        if row is not None:
            paid = fees_told(fees, coins, fill.instrument, units)
            row = filled_row(row, record.status.value, quantity, notional, paid, units)
            self._orders[fill.order_id] = row
            self._board.state.orders.put([(fill.order_id, row)])
        self._board.event(
            face.desk,
            "FILL",
            ("order", fill.order_id),
            ("instrument", fill.instrument),
            ("side", fill.side.value),
            ("quantity", plain(fill.quantity, units.quantity, places=0)),
            ("price", plain(fill.price, units.price)),
            ("fees", fees_told(fill.fees.total, fill.fees.base, fill.instrument, units)),
            at=fill.at,
        )
        self._board.state.edge("order")
