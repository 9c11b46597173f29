"""One proposed order before a person: y lets it leave, n does not, a smaller number and enter lets less leave. Pure.

A ballot that has just appeared counts nothing: the key was meant for something else. Every other key keeps its own meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.state import ProposalRow

TAKES_ROOM = timedelta(milliseconds=700)
"""For so long after it appeared a ballot swallows its keys without counting them."""
MAX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Vote:
    """What was decided, as the engine's verb with its argument."""

    verb: str
    argument: str


@dataclass(frozen=True, slots=True)
class Ballot:
    """An order on the command row, since when, and the smaller number typed so far."""

    row: ProposalRow
    since: datetime
    typed: str = ""

    def takes(self, key: str, character: str | None) -> bool:
        """Whether this key is an answer; all others go where they always go."""
        if key in ("y", "Y", "n", "N") or _digit(character):
            return True
        return bool(self.typed) and key in ("enter", "backspace", "escape")

    def key(self, key: str, character: str | None, now: datetime) -> tuple[Ballot, Vote | None]:
        """The ballot after a key that it takes, and the vote if that was one."""
        if now - self.since < TAKES_ROOM or now >= self.row.until:
            return self, None
        if _digit(character):
            return replace(self, typed=(self.typed + str(character))[:MAX_DIGITS]), None
        if key == "backspace":
            return replace(self, typed=self.typed[:-1]), None
        if self.typed:
            if key == "enter":
                return replace(self, typed=""), Vote("amend", f"{self.row.order_id} {self.typed}")
            return replace(self, typed=""), None  # escape; or y or n after a number: neither is clear, so neither counts
        return self, Vote("approve" if key in ("y", "Y") else "refuse", self.row.order_id)


def _digit(character: str | None) -> bool:
    return character is not None and len(character) == 1 and character in "0123456789"
