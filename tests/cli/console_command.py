"""Runs the real `kanpan` command in a child process, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "tui")
Result = subprocess.CompletedProcess[str]


def environment(**extra: str) -> dict[str, str]:
    """Nothing of the caller's own kanpan variables; UTC and English unless said otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KANPAN_", "LC_", "LANG"))}
    return {**kept, "PYTHONPATH": str(ROOT), "TZ": "UTC", "LANG": "C.UTF-8", **extra}


def kanpan(home: Path, *arguments: str, root: Path = ROOT, **how: Any) -> Result:
    """`kanpan --home HOME ARGUMENTS`, finished, with what it printed."""
    env = {**environment(), "PYTHONPATH": str(root), **how.pop("env", {})}
    return subprocess.run(
        [*COMMAND, "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **how,
    )


def started(home: Path, *arguments: str, **how: Any) -> subprocess.Popen[str]:
    """The same, under way."""
    return subprocess.Popen(
        [*COMMAND, "--home", str(home), *arguments],
        stdout=how.pop("stdout", subprocess.PIPE),
        stderr=how.pop("stderr", subprocess.PIPE),
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment(),
        **how,
    )


def one_line(result: Result) -> str:
    """The single line on standard error; nothing on standard output, no traceback."""
    assert "Traceback" not in result.stderr, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]
