"""The alert row: the worst thing nobody has acknowledged yet, else the last thing that happened."""

from __future__ import annotations

from engine.state import AlertRow, EventRow, TopicView
from tui.face import Face
from tui.format import shortened, stamp
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row, span_width

_LOUDNESS = {"critical": 2, "warning": 1}
_ROW_INK = {"critical": "critical-row", "warning": "warning-row"}
ROOMY = 100
"""Cells from which on the row tells the time too, and what it counts."""
_QUIET = frozenset({"CYCLE_STATE", "COMMAND_DONE", "COMMAND_REFUSED"})


class AlertLine(Painted):
    """One row over the whole width, never a toast: its words cannot be covered."""

    def __init__(self, face: Face, *, id: str) -> None:
        super().__init__(face, id=id)
        self.unseen = 0
        self._worst: AlertRow | None = None
        self._event: EventRow | None = None

    def apply_alerts(self, view: TopicView[AlertRow], changed: frozenset[str] | None) -> None:
        """Find the loudest unacknowledged alert, the latest of equals."""
        waiting = [row for row in view.rows.values() if not row.acknowledged and row.severity in _LOUDNESS]
        self.unseen = len(waiting)
        self._worst = max(waiting, key=lambda row: (_LOUDNESS[row.severity], row.at), default=None)
        self.settle()

    def apply_events(self, view: TopicView[EventRow], changed: frozenset[str] | None) -> None:
        """Remember the last event worth a line."""
        self._event = next((view.rows[key] for key in reversed(list(view.rows)) if view.rows[key].code not in _QUIET), None)
        self.settle()

    def compose_row(self, y: int, width: int) -> Row:
        """The alert with its level and time, or the last event in quiet ink."""
        words, glyphs = self.face.words, self.face.glyphs
        alert = self._worst
        if alert is not None:
            ink = _ROW_INK[alert.severity]
            mark = glyphs.critical if alert.severity == "critical" else glyphs.warning
            count = words.t("alert.unseen", count=self.unseen)
            at = stamp(alert.at, self.face.market, "%H:%M:%S")
            text = words.code(alert.code, shortened(alert.params))
            level = words.get("severity", alert.severity)
            if width >= ROOMY:
                head = f" {mark} {count} {glyphs.bar} {level} {at}  {text}"
            else:
                head = f" {mark} {self.unseen} {level}  {text}"
            tail = f" {glyphs.bar} {words.t('alert.acknowledge')} "
            room = width - span_width(((tail, ink),))
            return (*exactly(((head, ink),), room, ink), (tail, ink)) if room > 20 else exactly(((head, ink),), width, ink)
        if self._event is not None:
            at = stamp(self._event.at, self.face.market, "%H:%M:%S")
            said = f" {glyphs.info} {at}  {words.code(self._event.code, shortened(self._event.params))}"
        else:
            said = f" {glyphs.info} {words.t('alert.none')}"
        return exactly(((said, "quiet-row"),), width, "quiet-row")
