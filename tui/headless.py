"""The engine without a console: one line per event on standard output, until it is told to stop. Imports no Textual."""

from __future__ import annotations

import json
import signal
import sys
import threading
from types import FrameType

from engine.core.errors import LedgerError
from engine.engine import Engine
from engine.state import EventRow
from tui.i18n import Words

POLL_S = 0.1
STOP_S = 3.0


class Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into one event; the first one names the exit code (128 + its number)."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.exit_code = 0

    def install(self, *, hangup: bool) -> None:
        """Listen; with `hangup` false a lost terminal is not a reason to stop."""
        signal.signal(signal.SIGINT, self._caught)
        signal.signal(signal.SIGTERM, self._caught)
        signal.signal(signal.SIGHUP, self._caught if hangup else signal.SIG_IGN)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if not self.exit_code:
            self.exit_code = 128 + number
        self.asked.set()


def run(engine: Engine, words: Words, *, as_json: bool, hangup_stops: bool) -> int:
    """Start `engine`, print what happens, stop it; the exit code of the contract. Raises KanpanError when it cannot start."""
    signals = Signals()
    signals.install(hangup=hangup_stops)
    engine.start()
    printer = Printer(words, as_json=as_json, after=engine.restored)
    try:
        while not signals.asked.is_set() and not engine.wait(timeout_s=POLL_S):
            printer.print_new(engine)
    finally:
        stopped = engine.stop(STOP_S)
        printer.print_new(engine)
    if engine.failed:
        raise LedgerError(engine.failed)
    if not stopped:
        sys.stderr.write("kanpan: a thread did not end in time; the books are safe\n")
    return signals.exit_code


class Printer:
    """Prints each event after number `after` once, as words or as one JSON object a line; a closed pipe ends it quietly."""

    def __init__(self, words: Words, *, as_json: bool, after: int) -> None:
        self._words = words
        self._as_json = as_json
        self._version = 0
        self._printed = after

    def print_new(self, engine: Engine) -> None:
        """Everything since the last call."""
        view = engine.state.events.view()
        if view.version == self._version:
            return
        self._version = view.version
        lines = [self._line(row) for row in view.rows.values() if row.number > self._printed]
        self._printed = max((row.number for row in view.rows.values()), default=self._printed)
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()

    def _line(self, row: EventRow) -> str:
        if self._as_json:
            # An order's or a verdict's own code says why; under its own name it would hide what happened.
            params = {"reason" if name == "code" else name: value for name, value in row.params}
            record = {"number": row.number, "at": row.at.isoformat(), "desk": row.desk, "code": row.code, **params}
            return json.dumps(record, ensure_ascii=False)
        return f"{row.at.astimezone():%Y-%m-%d %H:%M:%S} {row.desk} {self._words.code(row.code, row.params)}"
