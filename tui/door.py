"""The one door through which the console reaches an engine, of this process or another's."""

from __future__ import annotations

from typing import Protocol

from engine.state import State


class Door(Protocol):
    """What the console needs of an engine: a state to read, commands to leave, and a way to stop it.

    Verbs: run, pause, resume_schedule, halt (argument: reason), cancel, resume, acknowledge (argument: alert id or "all").
    `command` returns the command's id at once, or raises a KanpanError; the outcome arrives as a row of `state.events` with code
    COMMAND_DONE or COMMAND_REFUSED.
    """

    @property
    def state(self) -> State: ...

    def command(self, verb: str, desk: str, argument: str = "") -> str: ...

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> bool: ...
