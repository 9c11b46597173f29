"""The kill switch: files that any process can make and that are looked at before every order, for all desks or for one.

HALT ──► nothing leaves any desk          HALT.NAME ──► nothing leaves the desk NAME
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def halt_file(home: Path, desk: str = "") -> Path:
    """While this file exists nothing leaves the desk, or any desk where none is named."""
    return home / (f"HALT.{desk}" if desk else "HALT")


def halted(home: Path, desk: str) -> bool:
    """Whether a file halts the desk: its own, or the one that halts all."""
    return halt_file(home).exists() or halt_file(home, desk).exists()


def halted_by_file(home: Path, desk: str) -> Callable[[], bool]:
    """`halted` for a desk that asks again and again."""
    every, own = halt_file(home), halt_file(home, desk)
    return lambda: every.exists() or own.exists()


def lift(home: Path, desk: str, others: Iterable[str]) -> None:
    """Take away what halts a desk; what the file for all halted beside it stays halted, by files of their own. Raises OSError."""
    every = halt_file(home)
    if every.exists():
        for other in others:
            if other != desk:
                halt_file(home, other).touch(mode=0o600)
        every.unlink(missing_ok=True)
    halt_file(home, desk).unlink(missing_ok=True)
