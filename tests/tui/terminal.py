"""A real pseudo-terminal around a real process: what it wrote and when, what it cost, how it ended."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """`fake_engine.py` with the given options, under a terminal of the given size."""

    def __init__(self, *options: str, size: tuple[int, int] = (120, 36), controlling: bool = True) -> None:
        self._main, tty = pty.openpty()
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("TEXTUAL", "NO_COLOR"))}
        environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
        environ["PYTHONPATH"] = str(HERE.parents[1])
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_engine.py"), *options],
            stdin=tty,
            stdout=tty,
            stderr=tty,
            env=environ,
            start_new_session=True,
            preexec_fn=_own_terminal if controlling else None,
        )
        os.close(tty)
        self._usage = psutil.Process(self.process.pid)
        self.written = b""

    def read(self, seconds: float) -> bytes:
        """Everything written within so many seconds."""
        until, got = time.monotonic() + seconds, b""
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._main], [], [], left)[0]:
                break
            try:
                chunk = os.read(self._main, 65_536)
            except OSError:
                break
            if not chunk:
                break
            got += chunk
        self.written += got
        return got

    def wait_for(self, text: str, seconds: float = 15.0) -> float:
        """Seconds from the start until `text` was written; raises TimeoutError with the tail of what was."""
        wanted = text.encode()
        until = time.monotonic() + seconds
        while wanted not in self.written:
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} not seen; the tail was {self.written[-400:]!r}")
            self.read(0.01)
        return time.monotonic() - self.started

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._main, keys.encode())

    def first_byte(self, seconds: float = 2.0) -> float:
        """Seconds until anything is written."""
        start = time.monotonic()
        select.select([self._main], [], [], seconds)
        return time.monotonic() - start

    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        """Resident memory in MB."""
        return float(self._usage.memory_info().rss) / 1e6

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def end(self, seconds: float = 10.0) -> int:
        """The exit code, reading on so that the process can write its last words; killed when it will not end."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.05)
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        self.read(0.1)
        os.close(self._main)
        return code

    def hang_up(self, seconds: float = 10.0) -> int:
        """The exit code after the terminal has gone away; killed when it will not end."""
        os.close(self._main)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
