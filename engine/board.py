"""What every topic of a desk is worded with: its face, its status row, and the log that all desks share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from engine.brokers import PaperBroker
from engine.core.clock import Clock
from engine.core.instrument import Instrument
from engine.core.text import safe_text
from engine.core.units import Market
from engine.exchange import PerpTerms
from engine.state import EventRow, State, StatusView


@dataclass(slots=True)
class DeskFace:
    """What the publisher must know of a desk to word its rows; filled by the engine before the desk starts."""

    desk: str
    market: Market
    instruments: Mapping[str, Instrument]
    broker: PaperBroker
    source: str
    replay: bool
    offline: Mapping[str, bool]
    prompts: dict[str, str] = field(default_factory=dict)
    terms: PerpTerms | None = None

    def name_of(self, symbol: str) -> str:
        """The name of an instrument; its code where the desk no longer trades it and only the ledger remembers."""
        known = self.instruments.get(symbol)
        return known.name if known is not None else symbol.rpartition(".")[0]


class Board:
    """The status rows and the event log; its lock is held by whoever turns records into rows."""

    def __init__(self, state: State, wall: Clock) -> None:
        self.state = state
        self.lock = threading.RLock()
        self._wall = wall
        self._status: dict[str, StatusView] = {}
        self._events = 0

    def open(self, status: StatusView) -> None:
        """A desk begins to be shown."""
        self._status[status.desk] = status
        self._put_status(status.desk)

    def status(self, desk: str, **changes: object) -> None:
        """Change fields of a desk's status row."""
        with self.lock:
            self._status[desk] = replace(self._status[desk], **changes)  # type: ignore[arg-type]
            self._put_status(desk)

    def event(self, desk: str, code: str, *params: tuple[str, str], at: datetime | None = None) -> None:
        """One line of the log: a code with parameters, made safe here once for every face."""
        with self.lock:
            self._events += 1
            safe = tuple((name, safe_text(value, limit=400, one_line=True)) for name, value in params)
            when = at or self._status.get(desk, StatusView()).now or self._wall.now()
            self.state.events.put([(str(self._events), EventRow(self._events, when, desk, code, safe))])

    def now(self, desk: str) -> datetime:
        """Where the desk stands in time: its market's instant, the wall's before it has one."""
        return self._status[desk].now or self._wall.now()

    def trading_day(self, desk: str) -> date | None:
        """The session the desk is in; None before the first."""
        return self._status[desk].trading_day

    def _put_status(self, desk: str) -> None:
        self.state.status.put([(desk, self._status[desk])])
