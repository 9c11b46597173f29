"""The one table of what a person can do: keys, the key row, help and the command line are all read from it.

Lower case only looks; upper case changes the engine. `verb` names the engine command an action leaves at the door.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.state import StatusView


@dataclass(frozen=True, slots=True)
class ActionDef:
    """One action: its keys (the first is shown), its group in help, what must be answered first, where it shows in the key row.

    `changes` marks what a read-only console drops; `row` is the place in the key row (0: none), low numbers stay longest.
    `confirm` names the question asked first, if any; `command` is the word for the command line.
    """

    id: str
    keys: tuple[str, ...]
    group: str
    changes: bool = False
    verb: str = ""
    confirm: str = ""
    row: int = 0
    command: str = ""


ACTIONS: tuple[ActionDef, ...] = (
    ActionDef("overview", ("1",), "look", row=12),
    ActionDef("decisions", ("3",), "look", row=9, command="decisions"),
    ActionDef("league", ("6",), "look", row=10, command="league"),
    ActionDef("events", ("0",), "look", row=11, command="log"),
    ActionDef("next_panel", ("tab",), "look", row=4),
    ActionDef("previous_panel", ("shift+tab",), "look"),
    ActionDef("open", ("enter",), "look", row=5),
    ActionDef("back", ("escape",), "look"),
    ActionDef("zoom", ("z",), "look", row=14),
    ActionDef("filter", ("/", "slash"), "look", row=6),
    ActionDef("next_match", ("n",), "look"),
    ActionDef("previous_match", ("N",), "look"),
    ActionDef("sort", ("s",), "look", row=16),
    ActionDef("reverse", ("r",), "look", row=18),
    ActionDef("copy", ("y",), "look"),
    ActionDef("theme", ("t",), "look", row=17),
    ActionDef("command", (":", "colon", "ctrl+p"), "look", row=15),
    ActionDef("help", ("?", "question_mark", "f1"), "look", row=3, command="help"),
    ActionDef("down", ("j", "down"), "move"),
    ActionDef("up", ("k", "up"), "move"),
    ActionDef("start", ("g", "home"), "move"),
    ActionDef("end", ("G", "end"), "move"),
    ActionDef("half_down", ("ctrl+d", "pagedown"), "move"),
    ActionDef("half_up", ("ctrl+u", "pageup"), "move"),
    ActionDef("acknowledge", ("a",), "engine", changes=True, verb="acknowledge", row=13, command="ack"),
    ActionDef("run", ("R",), "engine", changes=True, verb="run", confirm="run", row=7, command="run"),
    ActionDef("pause", ("P",), "engine", changes=True, verb="pause", row=8, command="pause"),
    ActionDef("halt", ("K",), "engine", changes=True, verb="halt", confirm="halt", row=2, command="halt"),
    ActionDef("resume", (), "engine", changes=True, verb="resume", confirm="resume", command="resume"),
    ActionDef("quit", ("q", "ctrl+c", "ctrl+q"), "engine", confirm="quit", row=1, command="q"),
)
BY_ID = {action.id: action for action in ACTIONS}
_SHOWN = {"escape": "esc", "shift+tab": "S-tab", "ctrl+d": "^d", "ctrl+u": "^u"}


def available(*, readonly: bool) -> tuple[ActionDef, ...]:
    """The actions of this console; a read-only one has none that change the engine."""
    return tuple(action for action in ACTIONS if not (readonly and action.changes))


def shown_key(action: ActionDef) -> str:
    """The key as a person reads it; empty for an action that only the command line has."""
    return _SHOWN.get(action.keys[0], action.keys[0]) if action.keys else ""


def label_of(action: ActionDef, status: StatusView) -> str:
    """The key of the action's label, which for P says what pressing it would do now."""
    return "action.resume_schedule" if action.id == "pause" and status.paused else f"action.{action.id}"


def why_not(action: ActionDef, status: StatusView, unseen: int) -> str:
    """The key of the reason why this action cannot be done now; empty when it can."""
    if action.id == "acknowledge" and not unseen:
        return "why.no_alerts"
    if action.id == "run" and status.replay_finished:
        return "why.finished"
    if action.id == "resume" and status.trading_state == "ACTIVE":
        return "why.active"
    if action.verb and action.id != "acknowledge" and not status.desk:
        return "why.no_desk"
    return ""
