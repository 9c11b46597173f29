"""Kill a real sync at random, again and again, and see that it ends in the same bytes: `python -m tests.store.kill_sync -n 20`.

A child runs `kanpan data sync bars` against a Binance on loopback; a kill falls at a random moment or right upon a change on disk.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.console_command import COMMAND, ROOT, environment
from tests.feeds.feed_server import ANY, Exchange, FeedServer

PAIRS = 40
STEP_MS = 4 * 3_600_000
LISTED_MS = int(datetime(2024, 1, 5, tzinfo=UTC).timestamp() * 1000)
NAMES = tuple(f"COIN{number:02d}USDT" for number in range(PAIRS))
ARGUMENTS = (
    *("data", "sync", "bars", "--market", "crypto", "--interval", "4h", "--from", "2024-01-01", "--to", "2024-02-19", "--json"),
    *("--symbols", ",".join(NAMES)),
)


@contextmanager
def exchange() -> Iterator[FeedServer]:
    """A server whose every pair was listed on 2024-01-05 and has had a candle each four hours since."""
    server = FeedServer()
    server.set(ANY, _klines)
    try:
        yield server
    finally:
        server.close()


def _klines(asked: Exchange) -> None:
    params = asked.seen.params
    first = max(-(-int(params["startTime"]) // STEP_MS) * STEP_MS, LISTED_MS)
    opens = range(first, int(params["endTime"]) + 1, STEP_MS)[: int(params["limit"])]
    place = NAMES.index(params["symbol"])
    asked.send(json.dumps([_candle(place, start) for start in opens]).encode())


def _candle(place: int, start: int) -> list[object]:
    price = f"{100 + place + start // STEP_MS % 7}.5"
    amount = f"{2 * float(price):.8f}"
    return [start, price, price, price, price, "2", start + STEP_MS - 1, amount, 1, "0", "0", "0"]


def start(home: Path, server: FeedServer) -> subprocess.Popen[str]:
    """The real command, under way."""
    env = {**environment(), "KANPAN_FEED_HOSTS": server.base_url}
    command = [*COMMAND, "--home", str(home), *ARGUMENTS]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(home: Path, server: FeedServer) -> dict[str, object]:
    """Run the command to its end; returns what it said."""
    child = start(home, server)
    said, told = child.communicate(timeout=120)
    assert child.returncode == 0, told
    answer: dict[str, object] = json.loads(said)[0]
    return answer


def contents(home: Path) -> dict[str, bytes]:
    """Every file of the store and its bytes, but the lock."""
    files = (path for path in sorted((home / "market").rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def kill_once(home: Path, server: FeedServer, chance: random.Random, whole_s: float) -> str:
    """Start a sync, kill it, and say when that was; a sync that was faster than its murderer is told as such."""
    child = start(home, server)
    began = time.monotonic()
    if chance.random() < 0.5:
        deadline, what = began + chance.uniform(0.2, 1.0) * whole_s, "a moment"
        while time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.002)
    else:
        changes, what = chance.randint(1, 12), "a change on disk"
        seen = _stamps(home)
        while changes and child.poll() is None:
            now = _stamps(home)
            changes, seen = changes - (now != seen), now
    ended = child.poll() is not None
    child.kill()
    child.communicate()
    return f"{time.monotonic() - began:5.2f} s, {'it had ended' if ended else what}"


def _stamps(home: Path) -> frozenset[tuple[str, int]]:
    stamps = set()
    for path in (home / "market").rglob("*"):
        try:
            stamps.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:
            stamps.add((path.name, 0))
    return frozenset(stamps)


def prove(directory: Path, kills: int, seed: int) -> list[str]:
    """One sync left alone, one killed `kills` times and finished; returns when it was killed. Raises AssertionError."""
    chance, told = random.Random(seed), []
    with exchange() as server:
        began = time.monotonic()
        first = finish(directory / "alone", server)
        whole_s = time.monotonic() - began
        assert first["kept"] == PAIRS * 6 * 46, first
        for _ in range(kills):
            told.append(kill_once(directory / "killed", server, chance, whole_s))
        finish(directory / "killed", server)
        one, two = contents(directory / "alone"), contents(directory / "killed")
        assert one.keys() == two.keys(), one.keys() ^ two.keys()
        assert one == two, [name for name in one if one[name] != two[name]]
        again = finish(directory / "killed", server)
        assert (again["kept"], again["refused"]) == (0, 0), again
    return told


def main(argv: list[str]) -> int:
    """Kill as often as asked, in rounds of five kills to one store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=20, help="kills in all")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    done = 0
    while done < chosen.n:
        kills = min(5, chosen.n - done)
        with tempfile.TemporaryDirectory() as directory:
            for line in prove(Path(directory), kills, chosen.seed + done):
                done += 1
                print(f"kill {done:3}: {line}; resumed to the same bytes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
