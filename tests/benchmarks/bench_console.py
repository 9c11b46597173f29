"""What the console costs in a real terminal: first paint against a bare app, idle, a quote storm, keys, memory.

    .venv/bin/python tests/benchmarks/bench_console.py

Runs tests/tui/fake_engine.py under a pseudo-terminal of 120x36, so processor figures include the stand-in engine's own thread.
Times depend on the machine; trust the ratios and the byte counts.
"""

from __future__ import annotations

import signal
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tui"), str(Path(__file__).resolve().parents[2])]

from terminal import Terminal  # noqa: E402

ROUNDS = 5
WATCH_S = 8.0
KEYS = 40


def first_paint(*options: str, ready: str) -> float:
    """Median seconds from the start of the process to the first picture."""
    taken = []
    for _ in range(ROUNDS):
        terminal = Terminal(*options)
        if ready:
            taken.append(terminal.wait_for(ready))
        else:
            while len(terminal.written) < 3_000:
                terminal.read(0.005)
            taken.append(time.monotonic() - terminal.started)
        terminal.signal(signal.SIGKILL)
        terminal.end()
    return statistics.median(taken)


def watch(*options: str) -> tuple[float, float, float, float, float]:
    """CPU %, bytes a second, key p50 and p95 in ms, and resident MB over a while of the console running."""
    terminal = Terminal(*options)
    terminal.wait_for("持仓")
    terminal.read(2.0)
    cpu, start = terminal.cpu_s(), time.monotonic()
    written = len(_read_for(terminal, WATCH_S))
    elapsed = time.monotonic() - start
    share = (terminal.cpu_s() - cpu) / elapsed * 100
    delays = []
    for turn in range(KEYS):
        _read_for(terminal, 0.12)
        terminal.type("j" if turn % 20 < 10 else "k")
        delays.append(terminal.first_byte() * 1000)
    rss = terminal.rss_mb()
    terminal.signal(signal.SIGTERM)
    terminal.end()
    ordered = sorted(delays)
    return share, written / elapsed, statistics.median(ordered), ordered[int(len(ordered) * 0.95)], rss


def _read_for(terminal: Terminal, seconds: float) -> bytes:
    until, got = time.monotonic() + seconds, b""
    while (left := until - time.monotonic()) > 0:
        got += terminal.read(left)
    return got


def main() -> None:
    """Measure and print one line each."""
    bare = first_paint("--bare", ready="")
    ours = first_paint(ready="贵州茅台")
    print(
        f"first paint: bare app {bare * 1000:.0f} ms, console with data {ours * 1000:.0f} ms, ratio {ours / bare:.2f} (goal <= 2)"
    )
    for name, options in (
        ("idle", ()),
        ("500 changes/s over 5,400 rows", ("--changes", "500", "--rows", "5400")),
        ("500 changes/s, all in view", ("--changes", "500")),
        ("reply streaming, 50 writes/s", ("--stream",)),
    ):
        share, rate, p50, p95, rss = watch(*options)
        keys = f"key to first byte p50 {p50:.0f} ms p95 {p95:.0f} ms"
        print(f"{name}: {share:.1f} % of a core, {rate:,.0f} B/s, {keys}, {rss:.0f} MB resident")


if __name__ == "__main__":
    main()
