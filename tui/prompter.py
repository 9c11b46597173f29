"""The conversation in the command row: a question that waits, or a line being typed; keys go there while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.core.clock import Clock
from tui.confirm import Confirm, Outcome
from tui.editor import Editor


class Row(Protocol):
    """What the prompter draws on."""

    def ask(self, question: str, typed: str | None = None) -> None: ...

    def edit(self, prompt: str, editor: Editor | None) -> None: ...


def _ignore(text: str) -> None:
    return


def _nothing() -> None:
    return


def _same(text: str) -> str:
    return text


Answered = Callable[[str, Outcome], None]
Entered = Callable[[str], None]


class Prompter:
    """At most one question or one line at a time."""

    def __init__(self, row: Row, clock: Clock, about: Callable[[], str], answered: Answered) -> None:
        self._row = row
        self._clock = clock
        self._about = about
        self._answered = answered
        self._confirm = Confirm()
        self._words = ""
        self._editor: Editor | None = None
        self._prompt = ""
        self._changed: Entered = _ignore
        self._entered: Entered = _ignore
        self._left: Callable[[], None] = _nothing
        self._complete: Callable[[str], str] = _same

    @property
    def busy(self) -> bool:
        """Whether keys belong to the prompter."""
        return self._confirm.question is not None or self._editor is not None

    def ask(self, action: str, words: str, *, word: str = "") -> None:
        """Put a question about an action; `word` is what must be typed, else y."""
        self.drop()
        self._confirm = self._confirm.ask(action, self._clock.now(), word=word, about=self._about())
        self._words = words
        self._show()

    def edit(
        self,
        prompt: str,
        text: str,
        *,
        entered: Entered,
        changed: Entered = _ignore,
        left: Callable[[], None] = _nothing,
        complete: Callable[[str], str] = _same,
    ) -> None:
        """Let a line be typed: `changed` hears every change, `entered` the line at enter, `left` that it was given up."""
        self.drop()
        self._prompt, self._editor = prompt, Editor(text, len(text))
        self._changed, self._entered, self._left, self._complete = changed, entered, left, complete
        self._row.edit(prompt, self._editor)

    def drop(self) -> None:
        """End whatever is open without an answer."""
        self._confirm, self._editor = Confirm(), None
        self._row.ask("")
        self._row.edit("", None)

    def key(self, key: str, character: str | None) -> None:
        """One key while busy."""
        if self._editor is not None:
            self._type(self._editor, key, character)
            return
        question = self._confirm.question
        self._confirm, outcome = self._confirm.key(key, character, self._clock.now(), self._about())
        self._show()
        if question is not None and outcome is not None:
            self._answered(question.action, outcome)

    def paste(self, text: str) -> None:
        """Pasted text goes into the line; a question is never answered by a paste."""
        if self._editor is not None:
            self._editor = self._editor.insert(text)
            self._row.edit(self._prompt, self._editor)
            self._changed(self._editor.text)

    def tick(self) -> None:
        """Let an old question lapse."""
        question = self._confirm.question
        self._confirm, outcome = self._confirm.tick(self._clock.now())
        if question is not None and outcome is not None:
            self._show()
            self._answered(question.action, outcome)

    def _type(self, editor: Editor, key: str, character: str | None) -> None:
        if key == "enter":
            self.drop()
            self._entered(editor.text)
        elif key in ("escape", "ctrl+c") or (key == "backspace" and not editor.text):
            self.drop()
            self._left()
        else:
            if key == "tab":
                text = self._complete(editor.text)
                self._editor = Editor(text, len(text))
            else:
                self._editor = editor.key(key, character)
            self._row.edit(self._prompt, self._editor)
            if self._editor.text != editor.text:
                self._changed(self._editor.text)

    def _show(self) -> None:
        question = self._confirm.question
        self._row.ask(self._words if question else "", self._confirm.typed if question and question.word else None)
