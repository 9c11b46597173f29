"""Orders that wait for a person, one after another on the command row, until each is answered or its time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.core.clock import Clock
from engine.state import ProposalRow, TopicView
from tui.ballot import Ballot
from tui.i18n import Words

Send = Callable[[str, str, str], None]
"""(verb, desk, argument)"""


class Row(Protocol):
    """What the question is drawn on."""

    def ask(self, question: str, typed: str | None = None) -> None: ...


class Proposing:
    """Shows the oldest order that waits whenever nothing else is asked; `words` is called for the language of the moment."""

    def __init__(self, row: Row, clock: Clock, words: Callable[[], Words], send: Send, *, busy: Callable[[], bool]) -> None:
        self._row = row
        self._clock = clock
        self._words = words
        self._send = send
        self._busy = busy
        self._waiting: list[ProposalRow] = []
        self._voted: set[str] = set()
        self._ballot: Ballot | None = None
        self._shown = False

    def follow(self, view: TopicView[ProposalRow], changed: frozenset[str] | None) -> None:
        """The orders that wait now."""
        self._waiting = list(view.rows.values())
        self._voted &= set(view.rows)
        self.tick()

    def takes(self, key: str, character: str | None) -> bool:
        """Whether a key is an answer to what is asked."""
        return self._ballot is not None and not self._busy() and self._ballot.takes(key, character)

    def key(self, key: str, character: str | None) -> None:
        """One key that is."""
        if self._ballot is None:
            return
        self._ballot, vote = self._ballot.key(key, character, self._clock.now())
        if vote is not None:
            row, self._ballot = self._ballot.row, None
            self._voted.add(row.order_id)
            self._send(vote.verb, row.desk, vote.argument)
        self.tick()

    def again(self) -> None:
        """The engine refused an answer: what still waits is asked again."""
        self._voted.clear()

    def tick(self) -> None:
        """Show what is to be asked now, or take away what is not."""
        now = self._clock.now()
        due = [row for row in self._waiting if row.order_id not in self._voted and now < row.until]
        if self._ballot is None or self._ballot.row not in due:
            self._ballot = Ballot(due[0], now) if due else None
        if self._busy():
            self._shown = False
        elif self._ballot is not None:
            self._shown = True
            self._row.ask(self._question(self._ballot, len(due)), self._ballot.typed or None)
        elif self._shown:
            self._shown = False
            self._row.ask("")

    def _question(self, ballot: Ballot, count: int) -> str:
        row, words = ballot.row, self._words()
        return words.t(
            "confirm.proposal",
            count=count,
            side=words.get("side", row.side),
            quantity=row.quantity,
            lots=words.t("confirm.lots", lots=row.lots) if row.lots else "",
            symbol=row.symbol,
            name=row.name,
            price=row.limit_price,
            last=row.last,
            fee=row.fee,
            down=row.limit_down or "-",
            up=row.limit_up or "-",
            seconds=max(0, int((row.until - self._clock.now()).total_seconds())),
            reason=row.reason,
        )
