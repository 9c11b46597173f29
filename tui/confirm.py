"""The confirm machine: one question at a time, answered by y, by a typed word, by escape, or by the clock. Pure.

    quiet ──ask──► asked ──answer──► quiet     (accepted, refused, expired, changed)

An answer counts only for the state that was asked about: a question carries a stamp, and a different stamp voids it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ANSWER_WITHIN = timedelta(seconds=30)


class Outcome(StrEnum):
    """How a question ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the action it would allow, the word to type (empty: y or n), when it lapses, and the state it is about."""

    action: str
    word: str
    expires_at: datetime
    about: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """The machine at one moment; every step returns the next one."""

    question: Question | None = None
    typed: str = ""

    def ask(self, action: str, now: datetime, *, word: str = "", about: str = "") -> Confirm:
        """Put a question; an earlier one that was still open is dropped, which is the safe answer."""
        return Confirm(Question(action, word, now + ANSWER_WITHIN, about))

    def key(self, key: str, character: str | None, now: datetime, about: str = "") -> tuple[Confirm, Outcome | None]:
        """The machine after a key, and the outcome if that key ended the question."""
        question = self.question
        if question is None:
            return self, None
        if now >= question.expires_at:
            return Confirm(), Outcome.EXPIRED
        if key in ("escape", "ctrl+c"):
            return Confirm(), Outcome.REFUSED
        if not question.word:
            return self._yes_or_no(question, key, about)
        return self._typed(question, key, character, about)

    def tick(self, now: datetime) -> tuple[Confirm, Outcome | None]:
        """The machine after time has passed."""
        if self.question is not None and now >= self.question.expires_at:
            return Confirm(), Outcome.EXPIRED
        return self, None

    def _yes_or_no(self, question: Question, key: str, about: str) -> tuple[Confirm, Outcome | None]:
        if key in ("y", "Y"):
            return Confirm(), Outcome.ACCEPTED if about == question.about else Outcome.CHANGED
        if key in ("n", "N", "q"):
            return Confirm(), Outcome.REFUSED
        return self, None

    def _typed(self, question: Question, key: str, character: str | None, about: str) -> tuple[Confirm, Outcome | None]:
        if key == "enter":
            if self.typed != question.word:
                return Confirm(), Outcome.REFUSED
            return Confirm(), Outcome.ACCEPTED if about == question.about else Outcome.CHANGED
        if key == "backspace":
            return Confirm(question, self.typed[:-1]), None
        if character is not None and character.isprintable() and len(self.typed) < 32:
            return Confirm(question, self.typed + character), None
        return self, None
