"""One line of text being typed: pure, so that the command row is a picture of it and nothing more."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Editor:
    """The text and where the next character goes."""

    text: str = ""
    at: int = 0

    def key(self, key: str, character: str | None) -> Editor:
        """The line after a key; keys that mean nothing here change nothing."""
        text, at = self.text, self.at
        match key:
            case "backspace":
                return Editor(text[: at - 1] + text[at:], at - 1) if at else self
            case "delete":
                return Editor(text[:at] + text[at + 1 :], at)
            case "left" | "ctrl+b":
                return replace(self, at=max(0, at - 1))
            case "right" | "ctrl+f":
                return replace(self, at=min(len(text), at + 1))
            case "home" | "ctrl+a":
                return replace(self, at=0)
            case "end" | "ctrl+e":
                return replace(self, at=len(text))
            case "ctrl+u":
                return Editor(text[at:], 0)
            case "ctrl+w":
                kept = text[:at].rstrip()
                start = kept.rfind(" ") + 1
                return Editor(text[:start] + text[at:], start)
        return self.insert(character) if character is not None else self

    def insert(self, typed: str) -> Editor:
        """The line with `typed` put in, one line and printable only."""
        clean = "".join(char for char in typed if char.isprintable())[: MAX_CHARS - len(self.text)]
        return Editor(self.text[: self.at] + clean + self.text[self.at :], self.at + len(clean))
