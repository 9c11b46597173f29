"""Measures the demo against the numbers of issue 2: cycle time without model time, the whole headless process, resident memory.

python tests/benchmarks/bench_demo.py [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.store import books  # noqa: E402

CYCLES = 20


def whole_process(home: Path) -> tuple[float, float]:
    """(seconds, MB resident at most) of `kanpan --no-ui --cycles 20` in a fresh home."""
    command = [sys.executable, "-m", "tui", "--home", str(home), "--no-ui", "--cycles", str(CYCLES), "--json"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("KANPAN_")}
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    assert sum(json.loads(line)["code"] == "CYCLE_ENDED" for line in done.stdout.splitlines()) == CYCLES
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def cycle_times(home: Path) -> list[float]:
    """Milliseconds from claim to ending of each cycle, less the recorded latency of its models."""
    found: list[float] = []
    with books(home) as view:
        for cycle in view.cycles("demo", limit=10_000):
            whole: datetime = cycle.moved_at
            asked = sum(call.replied.latency_ms for call in view.model_calls(cycle.cycle_id) if call.replied)
            found.append((whole - cycle.claimed_at).total_seconds() * 1_000 - asked)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    seconds: list[float] = []
    cycles: list[float] = []
    memory = 0.0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            took, memory = whole_process(home)
            seconds.append(took)
            cycles += cycle_times(home)
    slices = statistics.quantiles(cycles, n=20)
    rows = (
        ("demo cycle without model time, p50", f"{statistics.median(cycles):.1f} ms", "60 ms"),
        ("demo cycle without model time, p95", f"{slices[18]:.1f} ms", "60 ms"),
        (f"kanpan --no-ui --cycles {CYCLES}, best of {runs}", f"{min(seconds):.2f} s", "5 s"),
        (f"kanpan --no-ui --cycles {CYCLES}, median", f"{statistics.median(seconds):.2f} s", "5 s"),
        ("resident memory of that process, peak", f"{memory:.0f} MB", "150 MB"),
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    for name, value, wanted in rows:
        print(f"{name:<48} {value:>10}   (issue 2: at most {wanted})")
    print(f"{len(cycles)} cycles, {os.cpu_count()} cores, load average {load}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
