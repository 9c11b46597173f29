"""From the records of alerts to their rows: raised, counted where one is raised again, acknowledged, kept over a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.board import Board, DeskFace
from engine.core.journal import AlertRaised
from engine.core.text import safe_text
from engine.core.units import UNITS
from engine.reports.protection import protection_params
from engine.reports.verdicts import readable
from engine.state import AlertRow
from engine.store import AlertBook


class AlertsTopic:
    """The alerts of every desk, as shown; called under the board's lock."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._alerts: dict[str, AlertRow] = {}

    def raised(self, face: DeskFace, record: AlertRaised) -> None:
        """One more alert, or a known one once more; its figures in decimals, its words made safe."""
        units = UNITS[face.market]
        told = protection_params(record.code, readable(record.params, units), units)
        params = tuple((name, safe_text(value, limit=200, one_line=True)) for name, value in told)
        known = self._alerts.get(record.alert_id)
        count, at = known.count + 1 if known else 1, self._board.now(face.desk)
        self._put(AlertRow(record.alert_id, at, record.severity.value, record.code, params, record.cycle_id, False, count))
        self._board.state.edge("alert")

    def acknowledged(self, alert_id: str) -> None:
        """A person has seen it."""
        row = self._alerts.get(alert_id)
        if row is not None:
            self._put(replace(row, acknowledged=True))

    def kept(self, face: DeskFace, alerts: Sequence[AlertBook]) -> None:
        """What the ledger holds, newest first: the alerts of long ago too, each as often as it was raised."""
        for book in reversed(alerts):
            if book.alert.alert_id not in self._alerts:
                self.raised(face, book.alert)
            self._put(replace(self._alerts[book.alert.alert_id], count=book.count, acknowledged=book.acknowledged))

    def _put(self, row: AlertRow) -> None:
        self._alerts[row.alert_id] = row
        self._board.state.alerts.put([(row.alert_id, row)])
