"""The log of all that happened, newest first, worded here from codes; what needs a look stands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.state import EventRow, TopicView
from tui.face import Face
from tui.format import shortened, stamp
from tui.widgets.line_table import Column, LineTable

_STEP = "CYCLE_STATE"
_QUIET = frozenset({"SNAPSHOT", "COMMAND_DONE", "SESSION", "ALERT_DELIVERED", "DECISIONS_REUSED"})
_LOUD = frozenset(
    {
        "BARS_MISSING", "BOOKS_DIFFER", "BUDGET_NEAR", "BUDGET_STEP", "CANCEL_REFUSED", "CLOCK_JUMP", "COMMAND_REFUSED", "DATA_OLD",
        "DATA_STALE", "DECISION_REJECTED", "DESK_FAILED", "ENGINE_STOPPED", "FEED_DIED", "FEED_DOWN", "FEED_SWITCHED",
        "LEAGUE_FAILED", "LEDGER_FAILED", "MODEL_ABSTAINED", "MODEL_FAILING", "POSITION_MISMATCH", "RECOVERED", "RETENTION_FAILED",
        "RISK_DENY", "SHADOW_FAILED", "STATE_MOVED", "STRATEGY_REFUSED", "THREAD_SILENT", "TRADING_HALTED", "TRADING_REDUCING",
    }
)  # fmt: skip
_BAD_ENDS = frozenset({"SKIPPED", "ABSTAINED", "FAILED", "AMBIGUOUS"})


def ink_of_event(row: EventRow) -> str:
    """Loud, plain or quiet, by what happened."""
    if row.code in _LOUD or (row.code == "CYCLE_ENDED" and dict(row.params).get("state") in _BAD_ENDS):
        return "warning"
    return "dim" if row.code in _QUIET else "text"


COLUMNS: tuple[Column[EventRow], ...] = (
    Column("time", 14, lambda row, face: (stamp(row.at, face.market, "%m-%d %H:%M:%S"), "dim"), "left", lambda row: row.at),
    Column("event", 30, lambda row, face: (face.words.code(row.code, shortened(row.params)), ink_of_event(row)), "left", most=400),
)
DESK_COLUMNS: tuple[Column[EventRow], ...] = (
    COLUMNS[0],
    Column("desk", 7, lambda row, face: (row.desk, "dim"), "left", lambda row: row.desk, rank=1, most=16, snug=True),
    COLUMNS[1],
)
"""Where several desks run, whose event each is."""


class EventLog(LineTable[EventRow]):
    """The log, searched by the words a person reads as well as by its codes."""

    def __init__(self, face: Face) -> None:
        super().__init__(
            face,
            id="events",
            title_key="panel.events",
            columns=COLUMNS,
            haystack=self._words_of,
            empty_key="empty.events",
            newest=lambda row: row.number,
        )

    def apply(self, view: TopicView[EventRow], changed: frozenset[str] | None) -> None:
        """Show this version, with the desk's name where there are several; the steps of a cycle stand in the status row."""
        self.show_columns(DESK_COLUMNS if _several(view.rows) else COLUMNS)
        shown = {key: row for key, row in view.rows.items() if row.code != _STEP}
        super().apply(replace(view, rows=shown), changed)

    def _words_of(self, row: EventRow) -> str:
        return f"{row.desk} {row.code} {self.face.words.code(row.code, row.params)}"


def _several(rows: Mapping[str, EventRow]) -> bool:
    first = next(iter(rows.values()), None)
    return first is not None and any(row.desk != first.desk for row in rows.values())
