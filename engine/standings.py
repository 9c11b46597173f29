"""The league as a face shows it: computed on a thread of its own, only while somebody looks, and only after a session has closed.

heartbeat ──► looked at? closed since? ──► thread: reports.league of every desk ──► state.league
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from engine.core.errors import DataError, KanpanError
from engine.core.units import PPM
from engine.reports.league import Entrant, League, league
from engine.reports.statistics import Interval
from engine.state import Estimate, LeagueRow, State
from engine.store import Books

LOOKING_S = 3.0
"""A face that shows the league says so a few times a second; after this silence nobody looks."""
SPACING_S = 10.0
"""Between two tables at least this passes, however fast a replay closes its sessions."""
_POINTS = 240
_BASIS = 10_000


class Standings:
    """One per engine. `reader` opens the books for reading; `failed(reason)` hears once of each reason why there is no table."""

    def __init__(
        self,
        state: State,
        snapshots: Path,
        desks: Sequence[str],
        reader: Callable[[], AbstractContextManager[Books]],
        failed: Callable[[str], None],
    ) -> None:
        self._state = state
        self._snapshots = snapshots
        self._desks = tuple(desks)
        self._reader = reader
        self._failed = failed
        self._closed: tuple[object, ...] = ()
        self._ended_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._told: set[str] = set()

    def beat(self, now_s: float) -> None:
        """Begin a table if one is wanted now; called once a second by the alarm, to which it costs nothing."""
        busy = self._thread is not None and self._thread.is_alive()
        if busy or not self._state.league_demand.within(now_s, LOOKING_S) or now_s - self._ended_s < SPACING_S:
            return
        self._thread = threading.Thread(target=self._run, name="league", daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Whether no table is being made any more after `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._make()
        except KanpanError as error:
            self._tell(str(error))
        except BaseException as error:  # noqa: BLE001 - a table must never be missing without a word
            self._tell(f"{type(error).__name__}: {error}")
        self._ended_s = time.monotonic()

    def _make(self) -> None:
        with self._reader() as books:
            closed = tuple((book.desk, _newest_close(books, book.desk)) for book in books.desks())
            if closed == self._closed:
                return
            rows: list[tuple[str, LeagueRow]] = []
            for desk in self._desks:
                try:
                    table = league(books, self._snapshots, desk)
                except DataError:
                    continue  # no session of it has closed yet
                rows += [(f"{desk} {row.name}", league_row(table, row)) for row in table.entrants]
        self._state.league.replace(rows)
        self._closed = closed

    def _tell(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._failed(reason)


def _newest_close(books: Books, desk: str) -> object:
    return max((point.trading_day for point in books.equity(desk, limit=200) if not point.cycle_id), default=None)


def league_row(table: League, row: Entrant) -> LeagueRow:
    """One line of a league, as published; the curve thinned to as many points as a screen can show."""
    found = row.confidence
    return LeagueRow(
        desk=table.desk,
        name=row.name,
        kind=row.kind,
        until=table.last,
        cycles=row.cycles,
        sessions=row.sessions,
        return_ppm=round(row.total * PPM),
        drawdown_ppm=round(row.drawdown * PPM),
        sharpe=_estimate(row.sharpe, 1),
        against_desk=_estimate(row.against_desk, _BASIS),
        against_hold=_estimate(row.against_hold, _BASIS),
        equity=row.equity,
        fees=row.fees,
        fees_in_coin=row.fees_in_coin,
        currency=row.currency,
        model_cost=" ".join(f"{amount.normalize():f} {currency}" for currency, amount in row.costs),
        forecasts=found.n if found else 0,
        hits_ppm=round(found.hit_rate * PPM) if found else 0,
        stated_ppm=round(found.confidence * PPM) if found else 0,
        notes=row.notes,
        growth=_thinned(row.growth),
        compared=table.compared,
    )


def _estimate(found: Interval | None, scale: int) -> Estimate | None:
    if found is None:
        return None
    low, high = (None if edge is None else edge * scale for edge in (found.low, found.high))
    return Estimate(found.mean * scale, low, high)


def _thinned(values: Sequence[float]) -> tuple[float, ...]:
    """At most _POINTS of the values, evenly taken, the last one always among them."""
    step = -(-len(values) // _POINTS) or 1
    return tuple(values[(len(values) - 1) % step :: step])
