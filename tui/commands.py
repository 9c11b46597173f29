"""The command line: `:word argument` to a request, or to the words that say what is wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tui.actions import ACTIONS, ActionDef


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks for: an action of the table, or a setting with its value."""

    action: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A command line that asks for nothing we know; `key` and `params` word it."""

    key: str
    params: tuple[tuple[str, str], ...]


_ALIASES = {"quit": "q", "exit": "q", "kill": "halt", "h": "help"}
SETTINGS = ("lang", "theme")


def vocabulary(actions: tuple[ActionDef, ...] = ACTIONS) -> tuple[str, ...]:
    """Every word that may begin a command line, for completion and for help."""
    return (*(action.command for action in actions if action.command), *SETTINGS)


def parse(line: str, themes: tuple[str, ...], actions: tuple[ActionDef, ...] = ACTIONS) -> Request | Wrong | None:
    """What `line` (without its colon) asks for; None for an empty line."""
    words = line.split()
    if not words:
        return None
    word = _ALIASES.get(words[0].lower(), words[0].lower())
    rest = words[1:]
    if word in SETTINGS:
        choices = ("en", "zh") if word == "lang" else themes
        if len(rest) != 1 or rest[0] not in choices:
            return Wrong("wrong.argument", (("command", word), ("wanted", " | ".join(choices))))
        return Request(word, rest[0])
    for action in actions:
        if action.command == word:
            if rest:
                return Wrong("wrong.no_argument", (("command", word),))
            return Request(action.id)
    return Wrong("wrong.command", (("text", line.strip()),))


def complete(line: str, themes: tuple[str, ...], actions: tuple[ActionDef, ...] = ACTIONS) -> str:
    """`line` with its last word completed to the first match, or as it was."""
    head, space, tail = line.partition(" ")
    if not space:
        choices: tuple[str, ...] = vocabulary(actions)
    elif head in SETTINGS:
        choices = ("en", "zh") if head == "lang" else themes
    else:
        return line
    part = tail if space else head
    for choice in choices:
        if part and choice.startswith(part):
            return f"{head} {choice}" if space else choice
    return line
