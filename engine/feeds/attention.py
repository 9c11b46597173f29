"""Which names of a large market matter: those a desk holds or has chosen, and those its screening would choose from the last look.

desk ──told──► held, working, chosen ─┐
look at all ──screened──► the best    ─┴─► names, the desk's own first, bounded ──► quotes at the pace, bars as they close
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import date

import polars as pl

from engine.feeds.tape import Told

MOST_BARS_NAMES = 200
"""Daily bars come one name a request: so many are some four minutes of a careful guest, once a day."""
MOST_INTRADAY_NAMES = 60
"""Bars shorter than a day come one name a request whenever one closes."""
MOST_NAMED = 300
"""A desk that looks at more names has all of them fetched seldom, and those that matter at its pace."""
SHOWN = 5

Screen = Callable[[pl.DataFrame], Sequence[str]]
"""QUOTE_TABLE of a whole market ──► the names a desk would look at, best first."""


class Attention:
    """What matters of `names`. Safe from any thread; `told` hears, once a session, that names a desk decides on have no daily bars,
    and once that they have them."""

    def __init__(self, names: Sequence[str], screen: Screen, told: Told, held: Sequence[str] = ()) -> None:
        self._all = tuple(names)
        self._screen = screen
        self._told = told
        self._lock = threading.Lock()
        self._wanted = tuple(held)
        self._screened: tuple[str, ...] = ()
        self._barred: set[str] = set()
        self._waits = False
        self._said: date | None = None

    @property
    def large(self) -> bool:
        """Whether there are too many names to look at all of them each time."""
        return len(self._all) > MOST_NAMED

    @property
    def everything(self) -> tuple[str, ...]:
        """All names."""
        return self._all

    def names(self) -> tuple[str, ...]:
        """Those that matter, the desk's own first; all of them where they are few, and none before anything is known."""
        with self._lock:
            first = dict.fromkeys((*self._wanted, *self._screened))
        if len(self._all) <= MOST_BARS_NAMES:
            first.update(dict.fromkeys(self._all))
        return tuple(first)[: MOST_NAMED if self.large else len(self._all)]

    def looked(self, table: pl.DataFrame) -> None:
        """A look at all of them came in (QUOTE_TABLE)."""
        if len(self._all) <= MOST_BARS_NAMES:
            return
        chosen = tuple(self._screen(table))[:MOST_BARS_NAMES]
        if chosen:
            with self._lock:
                self._screened = chosen

    def want(self, names: Collection[str], day: date) -> None:
        """A desk decides on these on the session `day`, what it holds first; called in its thread as each cycle freezes them."""
        with self._lock:
            self._wanted = tuple(names)
            lacking = [name for name in names if name not in self._barred]
            waited, self._waits = self._waits, bool(lacking) and (self._waits or self._said != day)
            begins = self._waits and not waited
            if begins:
                self._said = day
        if begins:
            shown = ", ".join(lacking[:SHOWN]) + (" …" if len(lacking) > SHOWN else "")
            self._told("BARS_LACKING", (("count", str(len(lacking))), ("total", str(len(names))), ("names", shown)))
        elif waited and not lacking:
            self._told("BARS_COMPLETE", (("total", str(len(names))),))

    def have(self, names: Collection[str]) -> None:
        """Daily bars of these are there."""
        with self._lock:
            self._barred.update(names)
