"""Runs the real `kanpan` with one thing in it broken on purpose, for tests that look at the process from outside.

    python tests/faults/broken_life.py WHAT --home HOME --no-ui …

A broken thread has a secret in a local variable when it dies; nothing of it may be seen anywhere.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import engine.engine
import engine.store.connect
import engine.store.snapshot
from engine.commands import Commands
from engine.cycle import Desk
from engine.cycle.alarm import Alarm
from engine.llm import OfflineModel
from engine.store import Ledger
from engine.store.projections import Projector

CANARY = "sk-canary-7d1e52aa90"


def _breaks(owner: Any, name: str, *, after: int = 0, error: type[BaseException] = RuntimeError) -> Callable[[], None]:
    """`owner.name` works `after` times and raises from then on."""

    def breaking() -> None:
        whole = getattr(owner, name)
        calls = [0]

        def broken(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] > after:
                api_key = CANARY
                raise error(f"boom {len(api_key)}")
            return whole(*args, **kwargs)

        setattr(owner, name, broken)

    return breaking


def _short_lock_wait() -> None:
    engine.store.connect.LOCK_WAIT_S = 1.0


def _snapshots_on_a_full_disk() -> None:
    """The second snapshot meets a disk with no room for it, and only that one: a real EFBIG from a real write."""
    write, written = engine.store.snapshot.replace_file, [0]

    def full(target: Path, parts: Any) -> None:
        written[0] += 1
        if written[0] != 2:
            return write(target, parts)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
        try:
            return write(target, parts)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    engine.store.snapshot.replace_file = full


BREAKS: dict[str, Callable[[], None]] = {
    "desk": _breaks(Desk, "step", after=3),
    "desk-exit": _breaks(Desk, "step", after=3, error=SystemExit),
    "commands": _breaks(Commands, "_left_by_others"),
    "heartbeat": _breaks(engine.engine.Engine, "_beat"),
    "heartbeat-exit": _breaks(engine.engine.Engine, "_beat", error=SystemExit),
    "alarm": _breaks(Alarm, "_ring", after=1),
    "writer": _breaks(Projector, "apply", after=12),
    "opening": _breaks(Ledger, "_append"),
    "retention": _breaks(engine.engine, "let_go"),
    "panel": _breaks(OfflineModel, "ask", after=1),
    "locked": _short_lock_wait,
    "snapshots": _snapshots_on_a_full_disk,
    "nothing": lambda: None,
}

if __name__ == "__main__":
    BREAKS[sys.argv[1]]()
    from tui.cli import entry

    sys.argv[1:] = sys.argv[2:]
    entry()
