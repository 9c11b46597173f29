"""The help page, generated from the action table, so that it cannot forget a key."""

from __future__ import annotations

from rich.cells import set_cell_size

from engine.state import StatusView
from tui.actions import ActionDef, shown_key, why_not
from tui.commands import SETTINGS, vocabulary
from tui.face import Face
from tui.widgets.line_log import Block

GROUPS = ("look", "move", "engine")
_KEY_CELLS = 14


def help_blocks(
    face: Face, actions: tuple[ActionDef, ...], status: StatusView, unseen: int, *, themes: tuple[str, ...], readonly: bool
) -> list[Block]:
    """Every key by group, what it does, and why it cannot now; then the command line."""
    words = face.words
    blocks = [Block("", text=words.t("help.rule"), ink="accent")]
    if readonly:
        blocks.append(Block("", text=words.t("help.readonly"), ink="warning"))
    for group in GROUPS:
        members = [action for action in actions if action.group == group and action.keys]
        if members:
            blocks += _heading(words.t(f"help.{group}"))
        for action in members:
            why = why_not(action, status, unseen)
            text = words.t(f"help.{action.id}")
            if why:
                text = f"{text}  ({words.t('help.disabled', why=words.t(why))})"
            blocks.append(_entry(shown_key(action), text, "dim" if why else "text"))
    blocks += _heading(words.t("help.commands"))
    blocks += [_entry(f":{word}", _command_help(word, face, actions, themes), "text") for word in vocabulary(actions)]
    return blocks


def _entry(key: str, text: str, ink: str) -> Block:
    return Block("", text=text, ink=ink, gutter=(set_cell_size(f"  {key}", _KEY_CELLS), "key"))


def _heading(text: str) -> list[Block]:
    return [Block("", row=((" ", "text"),)), Block("", row=((text, "title-on"),))]


def _command_help(word: str, face: Face, actions: tuple[ActionDef, ...], themes: tuple[str, ...]) -> str:
    if word in SETTINGS:
        return face.words.t("help.language") if word == "lang" else " | ".join(themes)
    action = next(action for action in actions if action.command == word)
    return face.words.t(f"help.{action.id}")
