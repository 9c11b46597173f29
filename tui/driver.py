"""The terminal underneath, lost or found: when it goes away (a dropped connection, a closed window) the console leaves in order.

Textual's own writer thread dies on the first failed write, and everyone who writes after that waits for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


class PatientFile:
    """A terminal to write to; once a write fails it swallows the rest and tells of it once."""

    def __init__(self, file: IO[str], lost: Callable[[], None]) -> None:
        self._file = file
        self._tell = lost
        self._lost = threading.Event()

    def write(self, text: str) -> int:
        """Write, or swallow."""
        if not self._lost.is_set():
            try:
                return self._file.write(text)
            except (OSError, ValueError):
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Flush, or nothing."""
        if not self._lost.is_set():
            try:
                self._file.flush()
            except (OSError, ValueError):
                self._give_up()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it was a terminal."""
        return self._file.isatty()

    def _give_up(self) -> None:
        self._lost.set()
        self._tell()


class TerminalDriver(LinuxDriver):
    """Textual's driver for POSIX terminals over a PatientFile; a terminal that cannot be read any more is lost as well."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._console: Any = app
        self._file: Any = PatientFile(self._file, self._lost)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._lost()

    def _lost(self) -> None:
        self._console.terminal_lost()
