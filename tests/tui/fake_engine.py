"""A stand-in for an engine, with real threads: it fills a State at a chosen number of changes a second and obeys commands.

    PYTHONPATH=. python tests/tui/fake_engine.py [--changes 500] [--rows 5400] [--stream] [--lang zh] [--theme dark] [--bare]

runs the console over it in this terminal; `--bare` runs an empty Textual app instead, to measure against.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import replace

from console_fixture import NOW, TAPE, busy_state, model, quote, status

from engine.core.clock import SimulatedClock
from engine.state import EventRow, State, StatusView

STEP_S = 0.02


class FakeEngine:
    """One thread writes quotes and a growing reply, another answers commands, as the real one's threads would."""

    def __init__(self, *, changes: int, rows: int, stream: bool) -> None:
        self.state = busy_state()
        self._changes = changes
        self._rows = rows
        self._stream = stream
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._number = 10_000
        self._lock = threading.Lock()

    def start(self) -> None:
        """Publish the whole tape, then let it move."""
        state = self.state
        if self._rows > len(TAPE):
            many = [
                (f"{index:06d}.SZ", quote(f"{index:06d}.SZ", f"股票{index}", 5 + index % 90, 0.5, 10_000 + index))
                for index in range(self._rows)
            ]
            state.quotes.replace(many)
        state.models.put([("m2", model("m2", 1))])
        if self._changes or self._stream:
            thread = threading.Thread(target=self._write, name="fake-feed", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Stop the thread within its time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads)

    def command(self, verb: str, desk: str, argument: str = "") -> str:
        """Obey at once and publish the answer."""
        with self._lock:
            self._number += 1
            number = self._number
        changed = {
            "pause": {"paused": True},
            "resume_schedule": {"paused": False},
            "halt": {"trading_state": "HALTED"},
            "resume": {"trading_state": "ACTIVE"},
        }
        view: StatusView = self.state.status.view().rows["demo"]
        self.state.status.put([("demo", replace(view, **changed.get(verb, {})))])
        params = (("id", str(number)), ("verb", verb), ("outcome", "done"))
        self.state.events.put([(str(number), EventRow(number, NOW, desk, "COMMAND_DONE", params))])
        self.state.edge("cycle")
        return str(number)

    def _write(self) -> None:
        state: State = self.state
        keys = list(state.quotes.view().rows)
        rows = dict(state.quotes.view().rows)
        turn, reply, due = 0, "", time.monotonic()
        while not self._stop.is_set():
            batch = []
            for _ in range(max(1, int(self._changes * STEP_S)) if self._changes else 0):
                key = keys[(turn * 7919) % len(keys)]
                row = rows[key]
                step = 100 if turn % 3 else -100
                rows[key] = replace(row, last=row.last + step, change_ppm=row.change_ppm + step, volume=row.volume + 100)
                batch.append((key, rows[key]))
                turn += 1
            state.quotes.put(batch)
            if self._stream:
                reply = (reply + '"4 小时趋势向上", ')[-4_000:]
                state.models.put([("m2", model("m2", 1, outcome="", streaming=True, reply=reply))])
            due += STEP_S
            self._stop.wait(max(0.0, due - time.monotonic()))


def main() -> int:
    """Run the console, or a bare app, until it is quit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=0)
    parser.add_argument("--rows", type=int, default=len(TAPE))
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--crash", action="store_true")
    arguments = parser.parse_args()
    if arguments.bare:
        from textual.app import App

        bare: App[None] = App()
        bare.run()
        return 0
    from tui.app import KanpanApp

    engine = FakeEngine(changes=arguments.changes, rows=arguments.rows, stream=arguments.stream)
    engine.state.status.put([("demo", status(offline_model=True))])

    def ready() -> None:
        engine.start()
        if arguments.crash:
            app.call_from_thread(app.set_timer, 0.1, _crash)

    app = KanpanApp(engine, language=arguments.lang, theme=arguments.theme, clock=SimulatedClock(NOW), on_ready=ready)
    app.run()
    engine.stop(1.0)
    return app.return_code or 0


def _crash() -> None:
    api_key = "sk-secret-value"
    raise RuntimeError(f"crashed with a key of {len(api_key)} letters in hand")


if __name__ == "__main__":
    raise SystemExit(main())
