"""A person's commands, from this process or another, through one queue that the ledger keeps.

console ──ask()──► queue ─┐
`kanpan halt` ──inbox file─┴──► commands thread ──► effect + CommandQueued + CommandDone, one transaction ──► state.events
A halt file is the kill switch that works even when this thread does not: it is looked at before every order (halting.py).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import KanpanError
from engine.core.journal import (
    PauseMoved,
    Record,
    TradingState,
    TradingStateMoved,
)
from engine.core.order import Order
from engine.core.person import AlertAcknowledged, CommandDone, CommandQueued, OrderAnswered
from engine.core.text import safe_text
from engine.cycle import Runner
from engine.cycle.confirming import answer
from engine.halting import halt_file, halted, lift
from engine.publish import Publisher
from engine.store import Ledger

POLL_S = 0.05
"""How soon the HALT file ends a model call under way; orders look at the file themselves."""
MAX_WAITING = 256
MAX_INBOX_BYTES = 10_000
MAX_PART = 2_000
ANSWERS = ("approve", "refuse", "amend")


def inbox(home: Path) -> Path:
    """Where another process leaves its commands."""
    return home / "inbox"


@dataclass(frozen=True, slots=True)
class Command:
    """One request: a verb, the desk it is for, an argument, and who asks."""

    command_id: str
    verb: str
    desk: str
    argument: str
    by: str


def leave(home: Path, command: Command) -> None:
    """Leave a command in the inbox of a running engine, whole or not at all."""
    folder = inbox(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    text = json.dumps([command.command_id, command.verb, command.desk, command.argument, command.by])
    temporary = folder / f".{command.command_id}"
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(folder / f"{command.command_id}.json")


def effects(command: Command, unacknowledged: tuple[str, ...]) -> tuple[list[Record], str]:
    """What a command does to the ledger, and its outcome code; pure."""
    desk = command.desk
    match command.verb:
        case "halt":
            reason = safe_text(command.argument or "no reason given", limit=200, one_line=True)
            return [TradingStateMoved(desk, TradingState.HALTED, reason, "person")], "done"
        case "resume":
            return [TradingStateMoved(desk, TradingState.ACTIVE, "", "person"), PauseMoved(desk, False, "person")], "done"
        case "pause" | "resume_schedule":
            return [PauseMoved(desk, command.verb == "pause", "person")], "done"
        case "acknowledge":
            wanted = unacknowledged if command.argument == "all" else (command.argument,)
            seen: list[Record] = [AlertAcknowledged(alert, "person") for alert in wanted if alert in unacknowledged]
            return seen, "done" if seen else "NOTHING_TO_ACKNOWLEDGE"
        case "run" | "cancel" | "flatten":
            return [], "done"
        case "approve" | "refuse" | "amend":
            return [], "NOTHING_WAITS"  # what waits, waits in a running engine; see Commands
        case _:
            return [], "UNKNOWN_VERB"


class Commands:
    """The thread that carries commands out; `ask` may be called from any thread and returns at once."""

    def __init__(
        self,
        home: Path,
        ledger: Ledger,
        publisher: Publisher,
        runners: Mapping[str, Runner],
        cancelled: Mapping[str, threading.Event],
        fatal: Callable[[str], None],
    ) -> None:
        self._home = home
        self._ledger = ledger
        self._publisher = publisher
        self._runners = runners
        self._cancelled = cancelled
        self._fatal = fatal
        self._waiting: queue.Queue[Command] = queue.Queue(MAX_WAITING)
        self._numbers = itertools.count(ledger.head.seq + 1)
        self._stopping = threading.Event()
        self._heeded: set[str] = set()
        self.beat = time.monotonic()
        self.idle: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the command under way and end."""
        self._stopping.set()
        self._thread.join(1.0)

    def ask(self, verb: str, desk: str, argument: str = "") -> str:
        """Queue a command of this process; a halt takes effect on the desk's model calls before this returns."""
        name = f"c{next(self._numbers)}"
        if verb == "halt":
            self._stop_asking(desk)
        self._waiting.put_nowait(Command(name, verb, desk, argument, "console"))
        return name

    def _run(self) -> None:
        try:
            self._listen()
        except BaseException as error:  # noqa: BLE001 - an engine that no longer hears a halt must stop
            self._fatal(f"commands: {type(error).__name__}: {error}")

    def _listen(self) -> None:
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            try:
                self._do(self._waiting.get(timeout=POLL_S))
            except queue.Empty:
                self._heed_file()
                self.idle()
                for command in self._left_by_others():
                    self._do(command)

    def _heed_file(self) -> None:
        """A halt file that appeared stops the model calls at once and is written down, so that only a person undoes it."""
        present = {desk for desk in self._runners if halted(self._home, desk)}
        appeared = sorted(present - self._heeded)
        for desk in appeared:
            self._stop_asking(desk)
        with contextlib.suppress(KanpanError):  # a ledger that cannot be written stops the desks by itself
            for desk in appeared:
                self._write_down(desk)
        self._heeded = present

    def _write_down(self, desk: str) -> None:
        with self._ledger.reader() as books:
            state = books.trading_state(desk).state
        if state is not TradingState.HALTED:
            moved = TradingStateMoved(desk, TradingState.HALTED, "HALT file", "person")
            self._ledger.write([moved])
            self._publisher.recorded(desk, [moved])

    def _left_by_others(self) -> list[Command]:
        folder = inbox(self._home)
        if not folder.is_dir():
            return []
        found: list[Command] = []
        for path in sorted(folder.glob("[!.]*.json")):
            try:
                if path.stat().st_size <= MAX_INBOX_BYTES:
                    parts = json.loads(path.read_text(encoding="utf-8"))
                    found.append(Command(*(safe_text(str(part), limit=MAX_PART, one_line=True) for part in parts)))
            except (OSError, ValueError, TypeError):
                pass  # not a command; it leaves the inbox all the same
            with contextlib.suppress(OSError):  # a directory, say: it stays, and is no command at the next look either
                path.unlink(missing_ok=True)
        return found

    def _do(self, command: Command) -> None:
        runner = self._runners.get(command.desk)
        claimed, written = "", False
        try:
            records: list[Record] = []
            if runner is None:
                outcome = "UNKNOWN_DESK"
            else:
                with self._ledger.reader() as books:
                    waiting = tuple(book.alert.alert_id for book in books.unacknowledged(command.desk))
                    orders = [book.order for book in books.open_orders(command.desk)] if command.verb in ANSWERS else []
                records, outcome = effects(command, waiting)
                outcome = self._act(command, runner, outcome)
                if command.verb in ANSWERS:
                    records, outcome = self._answered(command, runner, orders)
                    claimed = next((item.order_id for item in records if isinstance(item, OrderAnswered)), "")
            queued = CommandQueued(command.command_id, command.verb, command.desk, command.argument, command.by)
            whole: list[Record] = [queued, *records, CommandDone(command.command_id, outcome)]
            self._ledger.write(whole, key=f"command/{command.command_id}")
            shown = command.desk if runner is not None else next(iter(self._runners))
            self._publisher.recorded(shown, whole)
        except KanpanError as error:
            shown = command.desk if runner is not None else next(iter(self._runners))
            about = (("id", command.command_id), ("verb", command.verb), ("outcome", str(error)))
            self._publisher.event(shown, "COMMAND_REFUSED", *about)
        else:
            written = True
        finally:
            if claimed and runner is not None:
                runner.desk.equipment.approvals.release(claimed, answered=written)

    def _answered(self, command: Command, runner: Runner, orders: Sequence[Order]) -> tuple[list[Record], str]:
        """A person's word on an order that waits; claimed before it is written, so that no deadline passes in between."""
        approvals, desk = runner.desk.equipment.approvals, runner.desk
        open_now = approvals.waiting()
        waiting = [order for order in orders if order.order_id in open_now]
        said = answer(command.verb, command.argument, waiting, desk.instruments, command.by)
        if isinstance(said, str):
            return [], said
        return ([said], "done") if approvals.claim(said.order_id) else ([], "NOTHING_WAITS")

    def _act(self, command: Command, runner: Runner, outcome: str) -> str:
        """The part of a command that is not a record."""
        match command.verb:
            case "halt":
                self._stop_asking(command.desk)
                with contextlib.suppress(OSError):  # on a full disk the state in the ledger must do
                    halt_file(self._home, command.desk).touch(mode=0o600)
            case "resume":
                self._cancelled[command.desk].clear()
                try:
                    lift(self._home, command.desk, self._runners)
                except OSError:
                    return "HALT_FILE_REMAINS"
            case "run":
                if not runner.post(lambda desk: desk.run(desk.now, "manual")):
                    return "TOO_MANY_WAITING"
            case "flatten":
                if not runner.post(lambda desk: desk.flatten()):
                    return "TOO_MANY_WAITING"
            case "cancel":
                if not runner.post(lambda desk: desk.cancel_orders()):
                    return "TOO_MANY_WAITING"
            case _:
                pass
        return outcome

    def _stop_asking(self, desk: str) -> None:
        if desk in self._cancelled:
            self._cancelled[desk].set()
